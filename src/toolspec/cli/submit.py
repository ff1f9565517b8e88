"""`toolspec submit`."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from toolspec.cli.document import print_json
from toolspec.cli.forced import FORCE, Forced, admitted, show
from toolspec.cli.options import FORMAT, SET, TARGET
from toolspec.cli.output import paint, progress
from toolspec.specs.problem import Problem, ProblemError, Span

if TYPE_CHECKING:
    from toolspec.backends.launch.bundle import RunBundle
    from toolspec.backends.launch.ready import Ready
    from toolspec.backends.launch.submit import Submission
    from toolspec.backends.verl.doctor.needs import Needs
    from toolspec.compiler.plan.decision import Plan


class Source(NamedTuple):
    """What is to be run: its plan, what it asks of a machine, places in the spec, and how its bundle is made."""

    plan: Plan
    needs: Needs
    place: Callable[[str], Span | None]
    make: Callable[[], RunBundle]
    problems: tuple[Problem, ...]
    smoke: tuple[str, ...]


def _exists(context: click.Context, option: click.Parameter, text: str) -> str:
    from toolspec.cli.options import given
    from toolspec.cli.spec_file import check_file

    if (name := given(context, option, text)) is not None and not Path(name).is_dir():
        check_file(name)
    return text


@click.command("submit")
@click.argument("what", metavar="SPEC|BUNDLE", type=click.Path(path_type=str), callback=_exists)
@click.option("--slurm", "kind", flag_value="slurm", help="As a job of Slurm.")
@click.option("--local", "kind", flag_value="local", help="On this machine, in the background.")
@click.option("--dry-run", is_flag=True, help="Show what sbatch would be given; send and write nothing.")
@click.option("--smoke", is_flag=True, help="First two steps of a small batch; the run goes on if they pass.")
@click.option("--validate-only", is_flag=True, help="Evaluate the model as it is, and train nothing.")
@FORCE
@click.option("--parallel", type=click.IntRange(1), metavar="N", help="Of a sweep: points that run at once.")
@click.option("--extend", metavar="SWEEP", help="Send the points that this sweep does not have yet.")
@click.option("--pack", is_flag=True, help="Put the rows into the bundle.")
@SET
@TARGET
@FORMAT
def submit(
    *,
    what: str,
    kind: str | None,
    dry_run: bool,
    smoke: bool,
    validate_only: bool,
    forced: tuple[Forced, ...],
    parallel: int | None,
    extend: str | None,
    pack: bool,
    sets: tuple[str, ...],
    target: str | None,
    form: str,
) -> int:
    """Check a spec or a bundle and the cluster, and start the run.

    \b
    Example:
      toolspec submit exp.yaml --slurm --dry-run
      toolspec submit exp.yaml --slurm --smoke
      toolspec submit build/calculator --local

    Of the spec only `cluster.slurm.setup` is run here, to look at the Python that the job will have. Runs lie in
    $TOOLSPEC_RUNS, or else in ./runs.
    """
    if kind is None:
        raise click.UsageError("say where: --slurm or --local")
    if smoke and validate_only:
        raise click.UsageError("--validate-only trains nothing, so there is no step to try with --smoke")
    if _is_sweep(what, sets):
        from toolspec.cli.submit_sweep import Call, refuse_local, submit_sweep

        refuse_local(kind)
        return submit_sweep(
            Call(
                *(what, sets, target, forced, pack, dry_run),
                *(smoke, validate_only, parallel, extend, form),
            )
        )
    if parallel is not None or extend is not None:
        raise click.UsageError("--parallel and --extend are for a spec with a sweep")
    from toolspec.backends.launch.create import nonce
    from toolspec.backends.launch.runs import root
    from toolspec.backends.launch.submit import VALIDATE_ONLY, Submission, write_run
    from toolspec.backends.launch.submit import submit as make
    from toolspec.specs.excerpt import to_json

    place = root().absolute()
    run, source = _source(what, place, sets, target, pack, smoke)
    ready = _ready(kind, source, place, dry_run)
    found = admitted((*source.problems, *ready.problems), forced)
    extra = {"TOOLSPEC_SMOKE": _json(source.smoke)} if smoke else {}
    overrides = VALIDATE_ONLY if validate_only else ()
    submission = Submission(1, nonce(), kind, ready.options, overrides, extra, "auto", smoke, validate_only)
    if dry_run:
        show(found.shown)
        _show_dry(run, submission, ready, found.shown, form)
        return int(found.errors)
    if found.errors:
        raise ProblemError(found.shown)
    show(found.shown)
    with _folder(run):
        bundle = source.make()
        submission = submission._replace(overrides=(*bundle.overrides, *overrides))
        write_run(run, bundle, found.forced, None)
        done = make(run, submission)
    if form == "json":
        told = {"run": run.name, "folder": str(run), "kind": kind, "job": done.job}
        print_json({"version": 1, **told, "findings": to_json(found.shown)})
        return 0
    if done.cancelled:
        return cancelled_meanwhile(run.name)
    _print(run, done.job, kind, source.plan, ready)
    return 0


def _is_sweep(what: str, sets: tuple[str, ...]) -> bool:
    """Whether a spec has points. Raises ProblemError for one that cannot be read."""
    if Path(what).is_dir():
        return False
    from toolspec.specs.loading import load

    sweep = load(Path(what), sets).spec.sweep
    return sweep is not None and any(True for _ in sweep.paths)


def _source(
    what: str, place: Path, sets: tuple[str, ...], target: str | None, pack: bool, smoke: bool
) -> tuple[Path, Source]:
    """The folder of the run to be, and what goes into it. Raises ProblemError."""
    from toolspec.backends.launch.create import free_folder

    if Path(what).is_dir():
        if sets or target is not None or pack:
            raise click.UsageError("a bundle is compiled already: --set, --target and --pack are for a spec")
        from toolspec.backends.launch.bundle import copied_into, edited
        from toolspec.backends.launch.smoke import of_bundle
        from toolspec.backends.verl.doctor.needs import needs_of_plan
        from toolspec.backends.verl.side import side_of_bundle

        bundle = Path(what)
        plan = side_of_bundle(bundle, what).plan
        run = free_folder(place, plan.name)
        problems = (*_linted(str(bundle / "config.yaml"), (), plan.target), *edited(bundle))
        tried = of_bundle(plan) if smoke else ()
        return run, Source(
            plan, needs_of_plan(plan), lambda _: None, lambda: copied_into(run, bundle), problems, tried
        )
    from toolspec.backends.launch.bundle import compile_for, write_into
    from toolspec.backends.launch.smoke import of_spec
    from toolspec.backends.verl.doctor.needs import needs_of
    from toolspec.specs.loading import load

    problems = _linted(what, sets, target)
    run = free_folder(place, load(Path(what), sets).spec.name)
    compiled = compile_for(run, Path(what), sets, target, pack, progress)
    tried = of_spec(compiled, sets) if smoke else ()
    return run, Source(
        compiled.plan,
        needs_of(compiled),
        compiled.place,
        lambda: write_into(run, compiled, progress),
        problems,
        tried,
    )


def _linted(file: str, sets: Sequence[str], target: str | None) -> tuple[Problem, ...]:
    """Lint's findings, as `toolspec lint` would tell them under the project's settings."""
    from toolspec.cli.lint import run
    from toolspec.cli.lint_options import parse

    words = [
        file,
        *(word for one in sets for word in ("--set", one)),
        *(("--target", target) if target else ()),
    ]
    asked = parse(words)
    assert asked is not None
    progress("lint")
    return run(asked).findings


def _ready(kind: str, source: Source, place: Path, dry_run: bool) -> Ready:
    from toolspec.backends.launch.ready import ready_for_slurm, ready_here

    if kind == "local":
        return ready_here(source.plan, source.needs, source.place, place)
    return ready_for_slurm(source.plan, source.needs, source.place, place, dry_run)


@contextmanager
def _folder(run: Path) -> Iterator[None]:
    """The run's folder, made now, and gone again where the run could not be submitted."""
    from toolspec.backends.launch.create import no_place

    try:
        run.parent.mkdir(parents=True, exist_ok=True)
        run.mkdir()
    except OSError as error:
        raise ProblemError((no_place(run.parent, error),)) from None
    try:
        yield
    except OSError as error:
        _remove_unsubmitted(run)
        raise ProblemError((no_place(run.parent, error),)) from None
    except BaseException:
        _remove_unsubmitted(run)
        raise


def _remove_unsubmitted(run: Path) -> None:
    """Keeps a run of which a submission is noted: its job may have been taken."""
    if not list((run / "submissions").glob("*.json")):
        shutil.rmtree(run, ignore_errors=True)


def _json(value: object) -> str:
    import json

    return json.dumps(value)


def _show_dry(run: Path, submission: Submission, ready: Ready, told: Sequence[Problem], form: str) -> None:
    from toolspec.backends.launch.submit import script_of
    from toolspec.specs.excerpt import to_json

    script = script_of(run, submission) if submission.kind == "slurm" else f"bash {run}/bundle/launch.sh\n"
    if form == "json":
        print_json(
            {
                "version": 1,
                "run": run.name,
                "script": script,
                "cluster": ready.summary,
                "findings": to_json(told),
            }
        )
        return
    print(script, end="")


def cancelled_meanwhile(name: str) -> int:
    """Says so of a run, also one that was submitted again; the exit code."""
    print(f"{paint('cancelled', '2')}  {paint(name, '1')}  by another command, while it was submitted")
    return 1


def _print(run: Path, job: str, kind: str, plan: Plan, ready: Ready) -> None:
    """What was done, and what one does next."""
    size = f"{plan['cluster.nodes']} × {plan['cluster.gpus']} GPUs"
    what = f"job {job}" if kind == "slurm" else f"process {job}"
    print(f"{paint('submitted', '32')}  {paint(run.name, '1')}  {what}, {size}{_bound(plan, kind)}")
    if ready.cluster is not None:
        print(f"  cluster   {ready.summary}")
    print(f"  folder    {os.path.relpath(run) if run.is_relative_to(Path.cwd()) else run}")
    name = shlex.quote(run.name)
    print(f"  next      toolspec status {name}")
    print(f"            toolspec logs -f {name}")
    print(f"            toolspec cancel {name}")


def _bound(plan: Plan, kind: str) -> str:
    """The time limit and the most GPU-hours that a start may take, against the budget."""
    seconds = plan["cluster.time_seconds"]
    if kind != "slurm" or not seconds:
        return ""
    from toolspec.backends.launch.slurm.asked import time_text

    hours = plan["cluster.nodes"] * plan["cluster.gpus"] * seconds / 3600
    budget = plan["budget.gpu_hours"]
    of = f" of {budget:g}" if budget else ""
    return f", {time_text(-(-seconds // 60))}, ≤ {hours:.4g} GPU-hours{of}"
