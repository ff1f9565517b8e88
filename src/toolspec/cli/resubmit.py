"""`toolspec resubmit`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from toolspec.cli.document import print_json
from toolspec.cli.forced import FORCE, Forced, admitted, show
from toolspec.cli.options import FORMAT, SET, given
from toolspec.cli.output import paint
from toolspec.specs.problem import Problem, ProblemError

if TYPE_CHECKING:
    from toolspec.backends.launch.look import Looked
    from toolspec.backends.launch.ready import Ready
    from toolspec.backends.launch.runs import Run
    from toolspec.backends.verl.side import Side
    from toolspec.compiler.plan.decision import Plan


@click.command("resubmit")
@click.argument("word", metavar="[RUN]", required=False)
@click.option(
    "--sweep",
    metavar="ID",
    callback=given,
    help="The points of a sweep that failed, as one array.",
)
@click.option(
    "--from-checkpoint",
    "step",
    type=click.IntRange(1),
    metavar="N",
    help="Go on from step N.",
)
@FORCE
@SET
@click.option("--dry-run", is_flag=True, help="Show what sbatch would be given; send and write nothing.")
@FORMAT
def resubmit(
    *,
    word: str | None,
    sweep: str | None,
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
      toolspec resubmit --sweep weights-3fa2c1

    The bundle stays as it is; what --set changes must be verl's configuration, or what the job asks of Slurm (time,
    memory, partition, restarts, budget). A changed reward, tool, model or number of GPUs is a new run.
    """
    if (word is None) == (sweep is None):
        raise click.UsageError("name a run, or a sweep with --sweep")
    if sweep is not None:
        if step is not None or sets:
            raise click.UsageError("--from-checkpoint and --set are for one run")
        return _sweep(sweep, forced, dry_run, form)
    assert word is not None
    return _run(word, step, forced, sets, dry_run, form)


def _run(
    word: str, step: int | None, forced: tuple[Forced, ...], sets: tuple[str, ...], dry_run: bool, form: str
) -> int:
    from toolspec.backends.launch import resubmit as again
    from toolspec.backends.launch.create import nonce
    from toolspec.backends.launch.found import find
    from toolspec.backends.launch.look import look
    from toolspec.backends.launch.runs import root
    from toolspec.backends.launch.submit import Submission, script_of
    from toolspec.backends.launch.submit import submit as make
    from toolspec.specs.excerpt import to_json

    (looked,) = look([find(word, root()).absolute()])
    run = looked.run
    _over(looked)
    again.find_rows(run)
    bundle = _bundle(run)
    kind = run.newest.kind if run.newest else "slurm"
    change = again.change(run, sets)
    plan = change.plan if change.plan is not None else bundle.plan
    ready = _ready(kind, plan, run, dry_run)
    found = admitted((*ready.problems, *again.rare_checkpoints(looked, plan)), forced)
    number = run.newest.number + 1 if run.newest else 1
    resume = str(step) if step is not None else "auto"
    submission = again.as_changed(
        Submission(number, nonce(), kind, ready.options, (), {}, resume), change, step
    )
    show(found.shown)
    if dry_run:
        script = script_of(run.folder, submission)
        print_json({"version": 1, "run": run.id, "script": script}) if form == "json" else print(
            script, end=""
        )
        return int(found.errors)
    if found.errors:
        raise ProblemError(tuple(one for one in found.shown if one.severity == "error"))
    done = make(run.folder, submission)
    if form == "json":
        told = {"run": run.id, "folder": str(run.folder), "kind": kind, "job": done.job, "submission": number}
        print_json({"version": 1, **told, "findings": to_json(found.shown)})
        return 0
    what = f"job {done.job}" if kind == "slurm" else f"process {done.job}"
    start = f"step {step}" if step is not None else "its newest whole checkpoint"
    if done.cancelled:
        from toolspec.cli.submit import cancelled_meanwhile

        return cancelled_meanwhile(run.id)
    print(f"{paint('submitted', '32')}  {paint(run.id, '1')}  {what}, submission {number}, from {start}")
    print(f"  next      toolspec status {run.id}")
    return 0


def _bundle(run: Run) -> Side:
    from toolspec.backends.verl.side import side_of_bundle

    return side_of_bundle(run.folder / "bundle", "bundle")


def _ready(kind: str, plan: Plan, run: Run, dry_run: bool) -> Ready:
    from toolspec.backends.launch.ready import ready_for_slurm, ready_here
    from toolspec.backends.verl.doctor.needs import needs_of_plan

    needs = needs_of_plan(plan)
    if kind == "local":
        return ready_here(plan, needs, lambda _: None, run.folder)
    return ready_for_slurm(plan, needs, lambda _: None, run.folder, dry_run)


def _over(looked: Looked) -> None:
    """Raises ProblemError while a job of the run may still write into its folder."""
    if looked.state.active:
        message = f"{looked.run.id} is {looked.state.phase}: two jobs would write into one folder"
        raise ProblemError((Problem("TS952", "not-over", message, fix=f"toolspec cancel {looked.run.id}"),))


def _sweep(word: str, forced: tuple[Forced, ...], dry_run: bool, form: str) -> int:
    """The points that failed, one array for all that ask the same of Slurm."""
    from toolspec.backends.launch import resubmit as again
    from toolspec.backends.launch.found import of_sweep
    from toolspec.backends.launch.look import look
    from toolspec.backends.launch.ready import largest_array
    from toolspec.backends.launch.runs import root
    from toolspec.backends.launch.sweep import arrays, open_sweep, send
    from toolspec.cli.submit_sweep import array_submission

    place = root().absolute()
    failed = [
        one for one in look(of_sweep(word, place)) if one.state.phase in ("failed", "lost", "unsubmitted")
    ]
    if not failed:
        print_json({"version": 1, "runs": [], "arrays": []}) if form == "json" else print(
            f"no point of {word} failed"
        )
        return 0
    first = failed[0].run
    assert first.sweep is not None
    sweep = open_sweep(place, first.sweep.id)
    groups = again.alike(one.run for one in failed)
    ready = {key: _ready("slurm", group.bundle.plan, first, dry_run) for key, group in groups.items()}
    found = admitted(tuple(dict.fromkeys(p for each in ready.values() for p in each.problems)), forced)
    show(found.shown)
    if found.errors:
        raise ProblemError(tuple(one for one in found.shown if one.severity == "error"))
    runs = [member.run.name for group in groups.values() for member in group.members]
    sent = []
    if not dry_run:
        members = {key: group.members for key, group in groups.items()}
        for part in arrays(members, sweep.parallel, largest_array(ready.values())):
            submission = again.as_changed(array_submission(ready[part.key]), groups[part.key].change)
            sent.append(send(sweep, part.members, submission, part.at_once))
    if form == "json":
        print_json({"version": 1, "sweep": sweep.id, "runs": runs, "arrays": sent})
        return 0
    word = "would be submitted" if dry_run else f"{paint('submitted', '32')}, array {', '.join(sent)}"
    print(f"{paint(sweep.id, '1')}  {len(runs)} points that failed {word}")
    for name in runs:
        print(f"  {name}")
    return 0
