"""`toolspec budget`."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from toolspec.cli.document import print_json
from toolspec.cli.options import FORMAT, TARGET
from toolspec.cli.output import paint
from toolspec.cli.terminal import width

if TYPE_CHECKING:
    from toolspec.backends.verl.chat.length_limits import Limits
    from toolspec.backends.verl.chat.subject import Subject
    from toolspec.compiler.chat.distribution import Distribution

BARS = 10
MOST_ROWS = 5


@click.command("budget")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option(
    "--split", type=click.Choice(["train", "val"]), default="train", help="Which rows. Default: train."
)
@TARGET
@FORMAT
def budget(*, file: Path, split: Literal["train", "val"], target: str | None, form: str) -> int:
    """Count the tokens of every prompt, tools and template among them, and say what the limits leave for a trajectory.

    \b
    Example:
      toolspec budget exp.yaml
      toolspec budget run_qwen.sh --split val --format json

    FILE is a spec, a verl config or a run script. Counts are those of the model's own tokenizer.json and chat template.

    Exit codes: 0 every prompt fits, 1 one does not, or the file has errors, 2 wrong usage or a fault of toolspec's own.
    """
    from toolspec.backends.verl.chat.length_limits import read_limits
    from toolspec.backends.verl.chat.prompt_lengths import prompt_lengths
    from toolspec.backends.verl.chat.subject import missing, read_subject
    from toolspec.compiler.chat.process import ChatError

    subject = read_subject(file, target, counting=True)
    try:
        lengths = prompt_lengths(subject, split)
        limits = read_limits(subject)
    except ChatError as error:
        raise missing(file, f"a template and a tokenizer that answer ({error})", "") from None
    fits = bool(lengths.lengths) and not lengths.over(limits.prompt) and not lengths.refused
    if form == "json":
        print_json(_document(subject, lengths, limits, split))
    else:
        print("\n".join(_lines(subject, lengths, limits, split)))
    return 0 if fits else 1


def _lines(subject: Subject, lengths: Distribution, limits: Limits, split: str) -> Iterator[str]:
    from toolspec.compiler.chat.distribution import rounded_up

    total = len(lengths.lengths) + len(lengths.refused)
    yield f"{paint('budget', '1')} of {subject.file} → verl {subject.view.version} · tokens of {subject.owner}"
    yield paint(f"prompts of {total:,} rows ({split})", "1")
    shown = [(name, lengths.quantile(share)) for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99))]
    yield "  " + "   ".join(f"{name} {value:,}" for name, value in [*shown, ("longest", lengths.longest)])
    yield from _chart(lengths, limits.prompt)
    over = lengths.over(limits.prompt)
    if over:
        yield paint(
            f"  {len(over):,} rows are longer than {limits.prompt:,} tokens, {limits.prompt_name}", "31"
        )
        for row, length in over[:MOST_ROWS]:
            yield f"    row {row}: {length:,} tokens"
        yield f"  fix: {limits.prompt_key}: {rounded_up(lengths.longest)}   every row fits"
    elif lengths.lengths:
        spare = limits.prompt - lengths.longest
        fitting = f"every prompt fits in {limits.prompt:,} tokens, {limits.prompt_name}"
        yield f"  {fitting}; the longest leaves {spare:,}"
    if limits.prompt_why:
        yield from textwrap.wrap(
            f"the limit: {limits.prompt_why}", width() - 2, initial_indent="  ", subsequent_indent="  "
        )
    if lengths.refused:
        row, why = lengths.refused[0]
        yield paint(
            f"  {len(lengths.refused):,} rows are refused by the template, the first is row {row}: {why}",
            "31",
        )
    yield paint("trajectory", "1")
    yield f"  {limits.response:,} tokens for all turns and tool answers, {limits.response_name}"
    if limits.rounds:
        used = limits.rounds * (limits.answer + limits.around)
        each = f"{limits.answer:,} + {limits.around} tokens (answer and marks)"
        yield f"  {limits.rounds} tool rounds of at most {each}: {used:,}"
        left = limits.response - used
        turns = limits.rounds + 1
        if left > 0:
            yield f"  {left:,} are left for {turns} turns of the policy, {left // turns:,} each"
        else:
            yield paint(
                "  the answers alone can fill it: such a trajectory ends without an answer of the policy's",
                "33",
            )
    elif subject.tools:
        yield "  the number of tool rounds has no limit"


def _chart(lengths: Distribution, limit: int) -> Iterator[str]:
    bins = lengths.bins(BARS)
    most = max((number for *_, number in bins), default=0)
    columns = width() - 34
    for start, end, number in bins:
        bar = "█" * max(1 if number else 0, round(columns * number / most))
        yield f"  {start:>7,}-{end:<7,} {paint(bar, '31' if end > limit else '32')} {number:,}"


def _document(subject: Subject, lengths: Distribution, limits: Limits, split: str) -> dict[str, Any]:
    return {
        "version": 1,
        "verl": subject.view.version,
        "model": subject.owner,
        "split": split,
        "rows": len(lengths.lengths) + len(lengths.refused),
        "prompt_tokens": {
            "limit": limits.prompt,
            "limit_from": limits.prompt_why or None,
            "p50": lengths.quantile(0.5),
            "p90": lengths.quantile(0.9),
            "p99": lengths.quantile(0.99),
            "longest": lengths.longest,
            "over": [{"row": row, "tokens": length} for row, length in lengths.over(limits.prompt)],
            "bins": [{"from": start, "to": end, "rows": number} for start, end, number in lengths.bins(BARS)],
            "refused": [{"row": row, "why": why} for row, why in lengths.refused],
        },
        "trajectory_tokens": {
            "limit": limits.response,
            "rounds": limits.rounds,
            "tool_response": limits.answer,
            "around_a_tool_response": limits.around,
        },
        "assumed": list(subject.assumed),
    }
