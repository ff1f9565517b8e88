"""`toolspec submit` of a spec with a sweep: all points in one array, or those that a sweep does not have yet."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from toolspec.cli.document import print_json
from toolspec.cli.forced import Admitted, Forced, admitted, show
from toolspec.cli.output import paint
from toolspec.cli.progress import Progress
from toolspec.specs.problem import Problem, ProblemError, Span

if TYPE_CHECKING:
    from toolspec.backends.launch.ready import Ready
    from toolspec.backends.launch.submit import Submission
    from toolspec.backends.launch.sweep import Array, Member, SweepFolder
    from toolspec.backends.verl.doctor.needs import Needs
    from toolspec.backends.verl.sweep.expand import SweptPoint
    from toolspec.backends.verl.sweep.listing import Listing
    from toolspec.compiler.plan.decision import Plan


class Call(NamedTuple):
    """What the command line says. extend: a sweep that the points join."""

    spec: str
    sets: tuple[str, ...]
    target: str | None
    forced: tuple[Forced, ...]
    pack: bool
    dry_run: bool
    smoke: bool
    validate_only: bool
    parallel: int | None
    extend: str | None
    form: str


class Group(NamedTuple):
    """Points that ask the same of Slurm, which makes them one array. place: of a spec path, in the first of them."""

    plan: Plan
    needs: Needs
    members: list[Member]
    place: Callable[[str], Span | None]


def submit_sweep(call: Call) -> int:
    """Compiles, checks and sends every point that the sweep does not have yet; the exit code. Raises ProblemError."""
    from toolspec.backends.launch.create import check_place
    from toolspec.backends.launch.runs import root
    from toolspec.backends.launch.sweep import SweepFolder, open_sweep, remove
    from toolspec.specs.loading import load

    place = root().absolute()
    check_place(place)
    loaded = load(Path(call.spec), call.sets)
    if call.extend is not None:
        sweep = open_sweep(place, call.extend)
        _check_name(sweep, loaded.spec.name)
    else:
        sweep = SweepFolder(place, f"{loaded.spec.name}-{secrets.token_hex(3)}", {})
    made: list[Member] = []
    try:
        if not call.dry_run:
            place.mkdir(parents=True, exist_ok=True)
        return _submit(call, sweep, made)
    except OSError as error:
        remove(sweep, made)
        from toolspec.backends.launch.create import no_place

        raise ProblemError((no_place(place, error),)) from None
    except BaseException:
        remove(sweep, made)
        raise


def _check_name(sweep: SweepFolder, name: str) -> None:
    """Raises ProblemError for a spec of another name, by which its points are known."""
    if sweep.name and sweep.name != name:
        message = f"the sweep {sweep.id} is of the spec `{sweep.name}`, and this one is named `{name}`"
        why = "its points would all be new, and run again"
        fix = f"name: {sweep.name}, or leave --extend out"
        raise ProblemError((Problem("TS951", "not-this-run", message, path="name", why=why, fix=fix),))


def _submit(call: Call, sweep: SweepFolder, made: list[Member]) -> int:
    from toolspec.backends.launch.ready import largest_array, ready_for_slurm
    from toolspec.backends.launch.sweep import arrays, send, write_sweep

    groups: dict[str, Group] = {}
    changed: list[str] = []
    found = _written(call, sweep, made, groups, changed)
    if not groups:
        return _nothing(call, sweep, found, changed)
    problems = [*_problems(found), *_other_now(sweep, changed)]
    ready: dict[str, Ready] = {}
    for key, group in groups.items():
        ready[key] = ready_for_slurm(group.plan, group.needs, group.place, sweep.place, call.dry_run)
        problems += ready[key].problems
    seen = admitted(tuple(dict.fromkeys(problems)), call.forced)
    if seen.errors and not call.dry_run:
        raise ProblemError(seen.shown)
    show(seen.shown)
    parallel = call.parallel or found.parallel
    members = {key: group.members for key, group in groups.items()}
    parts = arrays(members, parallel, largest_array(ready.values()))
    if call.dry_run:
        return _dry(call, sweep, parts, ready, seen)
    spec = {"name": found.name, "spec": str(Path(call.spec).resolve()), "set": list(call.sets)}
    write_sweep(sweep, {**spec, "parallel": parallel}, made)
    os.sync()
    sent = [send(sweep, each.members, _submission(call, ready[each.key]), each.at_once) for each in parts]
    _told(call, sweep, made, sent, found, ready, seen)
    return 0


def _other_now(sweep: SweepFolder, changed: Sequence[str]) -> list[Problem]:
    """That the spec has changed beside its sweep since points of it were sent."""
    if not changed:
        return []
    message = (
        f"{len(changed)} of the {len(sweep.members)} points that {sweep.id} has were sent of another spec: compiled "
        f"now, {changed[0]} is another run"
    )
    why = "they are left as they are, and the new points cannot be compared with them"
    fix = "the spec as it was, or a sweep of its own without --extend"
    return [Problem("TS951", "not-this-run", message, why=why, fix=fix, severity="warning")]


def _written(
    call: Call, sweep: SweepFolder, made: list[Member], groups: dict[str, Group], changed: list[str]
) -> Listing:
    """Every point compiled and linted; those that are new written, and grouped by what they ask of Slurm.

    changed: gets the names of points that have run and would be another run now.
    """
    from toolspec.backends.launch.sweep import Member, write_point
    from toolspec.backends.verl.doctor.needs import needs_of
    from toolspec.backends.verl.emit.job_files import options
    from toolspec.backends.verl.sweep.expand import expand
    from toolspec.backends.verl.sweep.listing import listing
    from toolspec.cli.sweep import choice_beside
    from toolspec.specs.loading import load

    spec = Path(call.spec)
    expanded = expand(
        load(spec, call.sets),
        call.target,
        lambda point: sweep.run_of(point.name) / "bundle",
        choice_beside(spec),
        call.pack,
        writing=not call.dry_run,
        known={each.identity: each.point for each in sweep.members.values() if each.identity},
    )
    refused = {each.code for each in call.forced}

    def write(swept: SweptPoint) -> None:
        before = sweep.members.get(swept.point.name)
        if before and before.identity and swept.identity and before.identity != swept.identity:
            changed.append(before.point)
        failed = any(one.severity == "error" and one.code not in refused for one in swept.findings)
        if swept.compiled is None or swept.same_as or failed or swept.point.name in sweep.members:
            return
        if call.dry_run:
            member = Member(swept.point.name, sweep.run_of(swept.point.name), swept.point.values)
        else:
            forced = [each._asdict() for each in call.forced]
            member = write_point(sweep, swept, forced, spec.resolve(), call.sets)
            made.append(member)
        plan = swept.compiled.plan
        key = json.dumps(options(plan), sort_keys=True)
        if key not in groups:
            groups[key] = Group(plan, needs_of(swept.compiled), [], swept.compiled.place)
        groups[key].members.append(member)

    with Progress("points") as progress:
        return listing(expanded, progress, write)


def _problems(found: Listing) -> list[Problem]:
    """Findings of all points, and those of some with the values of the first such point before them."""
    alike: dict[tuple[str, str, Span | None], list[Problem]] = {}
    for point in found.points:
        at = ", ".join(f"{path}={json.dumps(value)}" for path, value in point.values.items())
        for one in () if point.same_as else point.findings:
            told = one._replace(message=f"at {at}: {one.message}")
            alike.setdefault((one.severity, one.code, one.span), []).append(told)
    problems = list(found.common)
    for first, *more in alike.values():
        also = f"; and so at {len(more)} more points (toolspec sweep lists them)" if more else ""
        problems.append(first._replace(message=first.message + also))
    return problems


def array_submission(ready: Ready, smoke: bool = False, validate_only: bool = False) -> Submission:
    """The submission that all members of an array have; the number is each member's own."""
    from toolspec.backends.launch.create import nonce
    from toolspec.backends.launch.smoke import ALWAYS
    from toolspec.backends.launch.submit import VALIDATE_ONLY, Submission

    extra = {"TOOLSPEC_SMOKE": json.dumps(ALWAYS)} if smoke else {}
    overrides = VALIDATE_ONLY if validate_only else ()
    return Submission(1, nonce(), "slurm", ready.options, overrides, extra, "auto", smoke, validate_only)


def _submission(call: Call, ready: Ready) -> Submission:
    return array_submission(ready, call.smoke, call.validate_only)


def _nothing(call: Call, sweep: SweepFolder, found: Listing, changed: Sequence[str]) -> int:
    """No point is left to send: each has its run, or an error."""
    seen = admitted((*_problems(found), *_other_now(sweep, changed)), call.forced)
    if seen.errors:
        raise ProblemError(seen.shown)
    show(seen.shown)
    if call.form == "json":
        print_json({"version": 1, "sweep": sweep.id, "runs": [], "arrays": []})
    else:
        print(f"{sweep.id} has a run for each of the {len(found.points)} points already")
    return 0


def _dry(
    call: Call,
    sweep: SweepFolder,
    parts: Sequence[Array],
    ready: dict[str, Ready],
    seen: Admitted,
) -> int:
    from toolspec.backends.launch.slurm.script import array_script
    from toolspec.specs.excerpt import to_json

    scripts = []
    for number, part in enumerate(parts, start=1):
        submission = _submission(call, ready[part.key])
        options = {"job-name": sweep.id, **submission.options}
        folder = sweep.folder / "arrays"
        scripts.append(array_script(options, folder, number, submission, len(part.members), part.at_once))
    if call.form == "json":
        runs = [each.run.name for part in parts for each in part.members]
        print_json({"version": 1, "runs": runs, "scripts": scripts, "findings": to_json(seen.shown)})
    else:
        print("\n".join(scripts), end="")
    return int(seen.errors)


def _told(
    call: Call,
    sweep: SweepFolder,
    made: Sequence[Member],
    arrays: Sequence[str],
    found: Listing,
    ready: dict[str, Ready],
    seen: Admitted,
) -> None:
    if call.form == "json":
        from toolspec.specs.excerpt import to_json

        runs = [{"point": each.point, "run": each.run.name, "values": each.values} for each in made]
        told = {"sweep": sweep.id, "runs": runs, "arrays": list(arrays)}
        print_json({"version": 1, **told, "findings": to_json(seen.shown)})
        return
    same = sum(point.same_as is not None for point in found.points)
    left = len(found.points) - len(made) - same
    print(
        f"{paint('submitted', '32')}  {paint(sweep.id, '1')}  {len(made)} point{'s' * (len(made) != 1)}, "
        f"{'array' if len(arrays) == 1 else 'arrays'} {', '.join(arrays)}"
    )
    for words in (
        f"{same} come to the same run as another" if same else "",
        f"{left} have their run already" if left else "",
        f"{call.parallel or found.parallel} at once" if call.parallel or found.parallel else "",
    ):
        if words:
            print(f"  {words}")
    print(f"  cluster   {next(iter(ready.values())).summary}")
    print(f"  next      toolspec status --sweep {sweep.id}")
    print(f"            toolspec cancel --sweep {sweep.id}")


def refuse_local(kind: str) -> None:
    """Raises UsageError: the points of a sweep would take each other's GPUs here."""
    if kind == "local":
        raise click.UsageError(
            "a sweep is sent to Slurm: --slurm, or one point at a time with --set sweep={}"
        )
