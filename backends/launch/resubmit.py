"""A further submission of a run that is over: its own folder, its own checkpoints, a new job."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from toolspec.backends.launch.bundle import NAME, quoted
from toolspec.backends.launch.create import DATA
from toolspec.backends.launch.look import Looked
from toolspec.backends.launch.runs import Run
from toolspec.backends.launch.submit import Submission
from toolspec.backends.launch.sweep import Member
from toolspec.backends.launch.values import inner, texts
from toolspec.backends.verl.compile import compile_spec
from toolspec.backends.verl.emit.job_files import options
from toolspec.backends.verl.side import Side, side_of_bundle, side_of_spec
from toolspec.compiler.plan.decision import Plan
from toolspec.specs.problem import Problem, ProblemError

Options = Mapping[str, str | int | bool]
TABLES = (
    "config.yaml",
    "plan.json",
    "launch.sh",
    "batch.sh",
    "job.sbatch",
    "ts_job.json",
    "requirements.txt",
)
"""Files of a bundle that what is set may change: all but the first are made anew of the plan, or do not matter."""


class Change(NamedTuple):
    """What --set changes of a run. overrides: of verl. settings: of ts_job.json. options: of sbatch, False for one that
    is left out. plan: of the spec as it is now to be; None where nothing is set."""

    overrides: tuple[str, ...] = ()
    settings: Mapping[str, Any] = MappingProxyType({})
    options: Options = MappingProxyType({})
    plan: Plan | None = None

    def kept(self) -> dict[str, Any]:
        """For the submission's file: the next one goes on from it."""
        return {"settings": dict(self.settings), "options": dict(self.options)}


def variables(step: int | None, change: Change) -> dict[str, str]:
    """TOOLSPEC_SETTINGS: what of ts_job.json is otherwise here. step: the checkpoint to go on from."""
    told = {**change.settings, **({} if step is None else {"resume_step": step})}
    return {"TOOLSPEC_SETTINGS": json.dumps(told)} if told else {}


def as_changed(submission: Submission, change: Change, step: int | None = None) -> Submission:
    """step: the checkpoint to go on from."""
    return submission._replace(
        options={**submission.options, **change.options} if submission.kind == "slurm" else {},
        overrides=change.overrides,
        extra={**submission.extra, **variables(step, change)},
        changed=change.kept(),
    )


class Alike(NamedTuple):
    """Points of a sweep that one array can hold: they ask the same of Slurm, and were changed alike."""

    bundle: Side
    change: Change
    members: list[Member]


def alike(runs: Iterable[Run]) -> dict[str, Alike]:
    """Raises ProblemError."""
    groups: dict[str, Alike] = {}
    for run in runs:
        find_rows(run)
        bundle, kept = side_of_bundle(run.folder / NAME, "bundle"), change(run, ())
        number = run.newest.number + 1 if run.newest else 1
        point = run.sweep.point if run.sweep else run.name
        key = json.dumps([options(bundle.plan), kept.overrides, kept.kept()], sort_keys=True)
        member = Member(point, run.folder.absolute(), {}, number)
        groups.setdefault(key, Alike(bundle, kept, []))[2].append(member)
    return groups


def rare_checkpoints(looked: Looked, plan: Plan) -> Iterator[Problem]:
    """That a time limit passes without a checkpoint, by the time that this run's own steps took."""
    seconds, every = plan["cluster.time_seconds"], plan["checkpoint.every"]
    step = looked.progress.step_seconds
    if not seconds or every == "never" or step is None:
        return
    if every * step > seconds:
        message = (
            f"{every} steps of {step:.0f} s, after which a checkpoint comes, are {every * step / 3600:.1f} h, longer "
            f"than the time limit of {seconds / 3600:g} h: no restart would get further"
        )
        most = max(1, int(seconds * 0.5 / step))
        fix = f"a new run with checkpoint.every: {most}, or --set checkpoint.every={most}"
        yield Problem(
            "TS946", "checkpoints-rare", message, None, "checkpoint.every", fix=fix, severity="warning"
        )


def find_rows(run: Run) -> None:
    """Mends the link to the store of rows of a folder that was moved. Raises ProblemError where the rows are gone."""
    link = run.folder / DATA
    if not link.is_symlink() or link.exists():
        return
    store = run.fields.get("store")
    if isinstance(store, str) and Path(store).is_dir():
        link.unlink()
        link.symlink_to(store)
        return
    message = f"the rows of {run.id} are gone: {link} leads to {link.readlink()}"
    fix = "move the store along, or submit the spec anew (--pack keeps rows in the bundle)"
    raise ProblemError((Problem("TS950", "rows-gone", message, fix=fix),))


def change(run: Run, sets: Sequence[str]) -> Change:
    """What `--set` changes, over what earlier submissions of the run changed; its bundle stays as it is.

    Raises ProblemError where what is set changes more than verl's configuration and the job: that is another run.
    """
    newest = run.newest
    before = inner(newest.fields, "changed") if newest is not None else {}
    kept = Change(
        newest.overrides if newest is not None else (),
        inner(before, "settings"),
        {name: value for name, value in inner(before, "options").items() if isinstance(value, str | int)},
    )
    if not sets:
        return kept
    spec = Path(run.spec) if run.spec else None
    if spec is None or not spec.is_file():
        where = f"{spec} is not there" if spec else "it was submitted as a bundle"
        message = f"--set needs the spec of {run.id}, and {where}"
        raise ProblemError((Problem("TS951", "not-this-run", message, fix="submit a new run"),))
    told = texts(run.fields, "set")
    bundle = run.folder / NAME
    now = side_of_spec(compile_spec(spec, told, run.verl, bundle), "now")
    _same_spec(side_of_bundle(bundle, "run"), now, spec)
    then = side_of_spec(compile_spec(spec, [*told, *sets], run.verl, bundle), "set")
    _same_run(now, then, sets)
    return Change(
        (*kept.overrides, *_changes(now, then)),
        {**kept.settings, **_otherwise(_job(now), _job(then))},
        {**kept.options, **_otherwise(options(now.plan), options(then.plan))},
        then.plan,
    )


def _same_run(now: Side, then: Side, sets: Sequence[str]) -> None:
    """Raises ProblemError where the run would be another, or what is set would have no effect on this one."""
    others = sorted(
        path
        for path in {*now.files, *then.files}
        if path not in TABLES and not path.startswith("spec/") and now.files.get(path) != then.files.get(path)
    )
    others = [path for path in others if path != "manifest.json"]
    why = "steps of one run would be trained by different rules"
    if not others:
        # The bundle's own scripts start the job, and stay: setup, container, env.
        others = [name for name in ("batch.sh", "launch.sh") if _lines(now, name) != _lines(then, name)]
        why = "the bundle stays as it is"
    if others:
        message = (
            f"{', '.join(sets)} changes {', '.join(others[:3])} of the bundle, not only verl's configuration"
        )
        raise ProblemError((Problem("TS951", "not-this-run", message, None, "", why, "submit a new run"),))
    ranks = [side.plan["cluster.nodes"] * side.plan["cluster.gpus"] for side in (now, then)]
    if ranks[0] != ranks[1]:
        message = (
            f"{', '.join(sets)} makes it {ranks[1]} GPUs, and the run's checkpoints are shards of {ranks[0]}"
        )
        why = "verl loads a checkpoint on as many GPUs as wrote it"
        raise ProblemError((Problem("TS951", "not-this-run", message, None, "", why, "submit a new run"),))


def _lines(side: Side, name: str) -> list[bytes]:
    """A script without what names the run of the configuration."""
    return [
        line
        for line in side.files.get(name, b"").splitlines()
        if not line.startswith(b"export TOOLSPEC_RUN_DIR=")
    ]


def _job(side: Side) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(side.files["ts_job.json"])
    return found


def _otherwise(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """What is otherwise after; False for what is not there any more."""
    return {
        name: after.get(name, False)
        for name in (*before, *(name for name in after if name not in before))
        if before.get(name) != after.get(name)
    }


def _same_spec(run: Side, now: Side, spec: Path) -> None:
    """Raises ProblemError where the spec has changed since the run was submitted."""
    if run.files.get("config.yaml") != now.files.get("config.yaml"):
        message = f"{spec} has changed since the run was submitted"
        fix = "submit it as a new run, or put it back"
        raise ProblemError((Problem("TS951", "not-this-run", message, fix=fix),))


def _changes(now: Side, then: Side) -> Iterator[str]:
    for key in sorted({*now.keys, *then.keys}):
        before, after = now.keys.get(key), then.keys.get(key)
        if before is not None and after is not None and before[0] == after[0]:
            continue
        name = then.name(key)
        value = after[0] if after is not None else then.raw_default(key)
        yield f"{name}={_text(value)}"


def _text(value: Any) -> str:
    """A value in Hydra's override grammar."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list | tuple):
        return f"[{','.join(map(_text, value))}]"
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{name}:{_text(part)}" for name, part in value.items()) + "}"
    return quoted(value)
