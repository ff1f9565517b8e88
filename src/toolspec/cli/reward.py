"""`toolspec reward`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from toolspec.cli.document import print_json
from toolspec.cli.options import FORMAT, HTML, SET, SPEC, TARGET, rows_option, trial_options
from toolspec.cli.output import progress

if TYPE_CHECKING:
    from toolspec.cli.reward_probe import Told

ROWS = 4
MOST_ROWS = 64
PROBE = "With --probe: "


@click.command("reward")
@SPEC
@TARGET
@SET
@click.option("--sweep", is_flag=True, help="Judge every point of the spec's sweep.")
@click.option("--probe", is_flag=True, help="Run the reward against policies that cheat as well.")
@rows_option(MOST_ROWS, ROWS, PROBE)
@click.option("--seed", type=int, default=0, show_default=True, help="With --probe: of the rows.")
@trial_options("the reward imports", "Of the score of one trajectory. Default: 10.", "the reward", PROBE)
@click.option("--network", is_flag=True, help="With --probe: the reward may use the network.")
@HTML
@FORMAT
def reward(
    spec: str,
    target: str | None,
    sets: tuple[str, ...],
    *,
    sweep: bool,
    probe: bool,
    rows: int,
    seed: int,
    split: str,
    text: bool,
    python: str | None,
    timeout: float | None,
    memory: int | None,
    network: bool,
    html: str | None,
    form: str,
) -> int:
    """Say what the reward pays for, over every trajectory that the budget allows, in exact arithmetic.

    \b
    Example:
      toolspec reward exp.yaml
      toolspec reward exp.yaml --set reward.bad_call.cap=-0.9
      toolspec reward exp.yaml --sweep
      toolspec reward exp.yaml --html reward.html
      toolspec reward exp.yaml --probe
      toolspec reward run_qwen.sh --probe --python ~/verl/bin/python

    Each property is proved, or refuted by two trajectories that break it, or unknown. docs/reward.md has the formulas.
    Trajectories that are shown are written in the run's format, with the model's chat template where it is at hand, and
    scored by the bundle's own reward, in a process with limits.

    --probe scores scripted policies that seek pay without doing what is asked, beside honest ones. It runs the code of
    the reward, and no tool: in a process with limits of time and memory, and without network. SPEC may then be a config
    or a run script of verl's, whose reward is called as verl's naive manager calls it.

    Exit codes: 0 the best-paid trajectory is an honest solution, 1 it is not, or the file has errors, 2 wrong usage or
    a fault of toolspec's own.
    """
    from toolspec.backends.verl.compile import compile_spec
    from toolspec.backends.verl.reward.subject import report_of
    from toolspec.cli.reward_probe import is_run, nothing_to_prove

    if is_run(Path(spec)):
        if sets:
            raise click.UsageError("--set is of specs")
        if not probe:
            raise nothing_to_prove(Path(spec))
    if sweep and probe:
        raise click.UsageError("--probe is of one reward, and --sweep of many")

    if sweep:
        from toolspec.cli.reward_sweep import run_sweep

        return run_sweep(Path(spec), sets, target, form)
    if probe:
        from toolspec.backends.verl.probe.prober import LIMITS, PLAYED
        from toolspec.backends.verl.rehearsal.rehearse import Asked
        from toolspec.cli.reward_probe import Wanted, told_of
    if html is not None:
        from toolspec.cli.page_place import check_place
        from toolspec.cli.reward_page import MARK

        check_place(Path(html), MARK)
    if probe:
        limits = LIMITS if timeout is None else LIMITS._replace(score_seconds=timeout)
        limits = limits if memory is None else limits._replace(memory=memory << 30)
        asked = Asked(rows, PLAYED, seed, python or sys.executable, limits)
        told = told_of(Path(spec), sets, target, Wanted(asked, split, network, text))
        return _shown(told, html, form)
    compiled = compile_spec(Path(spec), sets, target, writing=False, counting=False, progress=progress)
    report = report_of(compiled)
    from toolspec.backends.verl.reward.frame import frame_or_reason
    from toolspec.backends.verl.reward.transcript import transcripts

    shown = transcripts(report, frame_or_reason(compiled))
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


def _shown(told: Told, html: str | None, form: str) -> int:
    """Prints a probe, and writes its page. The exit code."""
    if html is not None:
        from toolspec.cli.reward_page import write_page

        write_page(Path(html), told.report, told.shown, told)
    if form == "json":
        from toolspec.cli.reward_document import probe_document

        print_json(probe_document(told))
    else:
        from toolspec.cli.reward_probe_text import lines as probe_lines
        from toolspec.cli.reward_text import lines

        proved = [*lines(told.report, told.shown, brief=True), ""] if told.report.subject.settings else []
        print("\n".join([*proved, *probe_lines(told)]))
        if html is not None:
            print(f"page  {html}")
    return int(told.fails)
