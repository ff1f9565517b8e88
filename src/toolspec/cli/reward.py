"""`toolspec reward`."""

from __future__ import annotations

from pathlib import Path

import click

from toolspec.cli.document import print_json
from toolspec.cli.options import FORMAT, SET, SPEC, TARGET, given
from toolspec.cli.output import progress


@click.command("reward")
@SPEC
@TARGET
@SET
@click.option("--sweep", is_flag=True, help="Judge every point of the spec's sweep.")
@click.option(
    "--html", type=click.Path(path_type=str), metavar="FILE", callback=given, help="Write a page as well."
)
@FORMAT
def reward(
    spec: str, target: str | None, sets: tuple[str, ...], *, sweep: bool, html: str | None, form: str
) -> int:
    """Say what the reward pays for, over every trajectory that the budget allows, in exact arithmetic.

    \b
    Example:
      toolspec reward exp.yaml
      toolspec reward exp.yaml --set reward.bad_call.cap=-0.9
      toolspec reward exp.yaml --sweep
      toolspec reward exp.yaml --html reward.html

    Each property is proved, or refuted by two trajectories that break it, or unknown. docs/reward.md has the formulas.
    Trajectories that are shown are written in the run's format, with the model's chat template where it is at hand, and
    scored by the bundle's own reward, in a process with limits.

    Exit codes: 0 the best-paid trajectory is an honest solution, 1 it is not, or the file has errors, 2 wrong usage or
    a fault of toolspec's own.
    """
    from toolspec.backends.verl.compile import compile_spec
    from toolspec.backends.verl.reward.subject import report_of

    if sweep:
        from toolspec.cli.reward_sweep import run_sweep

        return run_sweep(Path(spec), sets, target, form)
    if html is not None:
        from toolspec.cli.page_place import check_place
        from toolspec.cli.reward_page import MARK

        check_place(Path(html), MARK)
    compiled = compile_spec(Path(spec), sets, target, writing=False, counting=False, progress=progress)
    report = report_of(compiled)
    from toolspec.backends.verl.reward.frame import Frame, NoFrameError, frame_of
    from toolspec.backends.verl.reward.transcript import transcripts

    try:
        frame: Frame | str = frame_of(compiled)
    except NoFrameError as error:
        frame = str(error)
    shown = transcripts(report, frame)
    if html is not None:
        from toolspec.cli.reward_page import write_page

        write_page(Path(html), report, shown)
    if form == "json":
        from toolspec.cli.reward_document import document

        print_json(document(report, shown))
    else:
        from toolspec.cli.reward_text import lines

        print("\n".join(lines(report, shown)))
        if html is not None:
            print(f"page  {html}")
    return 1 if report.analysis is not None and report.analysis.broken("error") else 0
