"""`toolspec resubmit`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from toolspec.cli.document import print_json
from toolspec.cli.forced import FORCE, Forced, admitted, show
from toolspec.cli.options import FORMAT, SET
from toolspec.cli.output import paint
from toolspec.specs.problem import Problem, ProblemError

if TYPE_CHECKING:
    from toolspec.backends.launch.runs import Run


@click.command("resubmit")
@click.argument("word", metavar="RUN")
@click.option(
    "--from-checkpoint",
    "step",
    type=click.IntRange(1),
    metavar="N",
    help="Go on from this step's checkpoint.",
)
@FORCE
@SET
@click.option("--dry-run", is_flag=True, help="Show what sbatch would be given; send and write nothing.")
@FORMAT
def resubmit(
    *,
    word: str,
    step: int | None,
    forced: tuple[Forced, ...],
    sets: tuple[str, ...],
    dry_run: bool,
    form: str,
) -> int:
    """Start a run that is over once more: it goes on from its newest whole checkpoint.

    \b
    Example:
      toolspec resubmit calculator-7f3a10
      toolspec resubmit calculator-7f3a10 --from-checkpoint 200 --set rollout.gpu_memory=0.5

    The bundle stays as it is; what --set changes must be verl's configuration alone. A changed reward, tool or model
    is a new run.
    """
    from toolspec.backends.launch import resubmit as again
    from toolspec.backends.launch.create import nonce
    from toolspec.backends.launch.found import find
    from toolspec.backends.launch.ready import ready_for_slurm, ready_here
    from toolspec.backends.launch.runs import read_run, root
    from toolspec.backends.launch.submit import Submission, script_of
    from toolspec.backends.launch.submit import submit as make
    from toolspec.backends.verl.doctor.needs import needs_of_plan
    from toolspec.backends.verl.side import side_of_bundle
    from toolspec.specs.excerpt import to_json

    run = read_run(find(word, root()).absolute())
    _over(run)
    again.find_rows(run)
    bundle = side_of_bundle(run.folder / "bundle", "bundle")
    kind = run.newest.kind if run.newest else "slurm"
    needs = needs_of_plan(bundle.plan)
    before = tuple(run.newest.overrides) if run.newest else ()
    overrides = (*before, *again.overrides(run, sets))
    if kind == "local":
        ready = ready_here(bundle.plan, needs, lambda _: None, run.folder)
    else:
        ready = ready_for_slurm(bundle.plan, needs, lambda _: None, run.folder, dry_run)
    found = admitted(ready.problems, forced)
    number = run.newest.number + 1 if run.newest else 1
    resume = str(step) if step is not None else "auto"
    submission = Submission(number, nonce(), kind, ready.options, overrides, again.settings(step, {}), resume)
    if dry_run:
        show(found.shown)
        script = script_of(run.folder, submission)
        print_json({"version": 1, "run": run.id, "script": script}) if form == "json" else print(
            script, end=""
        )
        return int(found.errors)
    if found.errors:
        raise ProblemError(found.shown)
    show(found.shown)
    done = make(run.folder, submission)
    if form == "json":
        told = {"run": run.id, "folder": str(run.folder), "kind": kind, "job": done.job, "submission": number}
        print_json({"version": 1, **told, "findings": to_json(found.shown)})
        return 0
    what = f"job {done.job}" if kind == "slurm" else f"process {done.job}"
    print(
        f"{paint('submitted', '32')}  {paint(run.id, '1')}  {what}, submission {number}, from {_from(step)}"
    )
    print(f"  next      toolspec status {run.id}")
    return 0


def _from(step: int | None) -> str:
    return f"step {step}" if step is not None else "its newest whole checkpoint"


def _over(run: Run) -> None:
    """Raises ProblemError while a job of the run may still write into its folder."""
    from toolspec.backends.launch.look import look  # what Slurm and the run's files say together

    (looked,) = look([run.folder])
    if looked.state.active:
        message = f"{run.id} is {looked.state.phase}: two jobs would write into one folder"
        raise ProblemError((Problem("TS952", "not-over", message, fix=f"toolspec cancel {run.id}"),))
