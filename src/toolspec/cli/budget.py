"""`toolspec budget`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from toolspec.cli.document import print_json
from toolspec.cli.options import FORMAT, HTML, TARGET

MOST_SAMPLED = 100_000
"""Rows of a sample are held in memory."""


@click.command("budget")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option(
    "--split", type=click.Choice(["train", "val"]), default="train", help="Which rows. Default: train."
)
@click.option("--quick", is_flag=True, help="Only whether all fit: what bytes settle is not counted.")
@click.option(
    "--sample",
    type=click.IntRange(1, MOST_SAMPLED),
    metavar="N",
    help="Count N rows, drawn the same way each time, and say what follows for all.",
)
@HTML
@click.option("--no-cache", is_flag=True, help="Count again what was counted before.")
@TARGET
@FORMAT
def budget(
    *,
    file: Path,
    split: Literal["train", "val"],
    quick: bool,
    sample: int | None,
    html: str | None,
    no_cache: bool,
    target: str | None,
    form: str,
) -> int:
    """Count the tokens of every prompt, tools and template among them, and say which limits hold and what they cost.

    \b
    Example:
      toolspec budget exp.yaml
      toolspec budget exp.yaml --html budget.html
      toolspec budget run_qwen.sh --split val --format json
      toolspec budget run_qwen.sh --sample 2000

    FILE is a spec, a verl config or a run script. Counts are those of the model's own tokenizer.json and chat template.
    They are kept in the user's cache folder for as long as rows, tools, template and tokenizer are the same.

    Exit codes: 0 every prompt fits, 1 one does not, or the file has errors, 2 wrong usage or a fault of toolspec's own.
    """
    from toolspec.backends.verl.chat.length_report import Asked, read_report
    from toolspec.backends.verl.chat.subject import read_subject
    from toolspec.cli.progress import Progress

    if quick and sample is not None:
        raise click.UsageError("--quick looks at every row and --sample at some: give one of them.")
    if html is not None:
        from toolspec.cli.budget_page import MARK
        from toolspec.cli.page_place import check_place

        check_place(Path(html), MARK)
    subject = read_subject(file, target, counting=True)
    with Progress(f"prompts of {split}") as progress:
        report = read_report(subject, Asked(split, quick, sample), not no_cache, progress)
    if html is not None:
        from toolspec.cli.budget_page import write_page

        write_page(Path(html), report)
    if form == "json":
        from toolspec.cli.budget_document import document

        print_json(document(report))
    else:
        from toolspec.cli.budget_text import lines

        print("\n".join(lines(report)))
        if html is not None:
            print(f"page  {html}")
    return 0 if report.fits else 1
