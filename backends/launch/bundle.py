"""The bundle of a new run: compiled into its folder from a spec, or copied there from a bundle on disk."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from toolspec.backends.launch.create import DATA, share_rows
from toolspec.backends.verl.compile import Compiled, Progress, compile_spec, write
from toolspec.backends.verl.emit.bundle import MANIFEST
from toolspec.backends.verl.emit.write import edited_files
from toolspec.backends.verl.releases import leaves
from toolspec.backends.verl.side import side_of_bundle
from toolspec.compiler.plan.decision import Plan
from toolspec.specs.problem import Problem
from toolspec.specs.yaml_tree import parse

NAME = "bundle"


class RunBundle(NamedTuple):
    """A bundle that stands in a run's folder.

    overrides: of verl's keys, for paths that were relative to where the bundle stood before. spec: the file that it was
    compiled from, None where only the bundle is known. steps: planned, where the rows are counted.
    """

    plan: Plan
    digest: str
    overrides: tuple[str, ...]
    spec: Path | None
    sets: tuple[str, ...]
    steps: int | None
    notes: tuple[Problem, ...] = ()


def compile_for(
    run: Path, spec: Path, sets: tuple[str, ...], target: str | None, pack: bool, progress: Progress
) -> Compiled:
    """The spec compiled as for the run's folder, which need not be there. Raises ProblemError."""
    return compile_spec(spec, sets, target, run / NAME, pack, progress=progress)


def write_into(
    run: Path, compiled: Compiled, progress: Progress = lambda _: None, durable: bool = True
) -> RunBundle:
    """Writes the bundle; converted rows go to the store that all runs beside it share. Raises ProblemError, OSError."""
    share_rows(run, run.parent / DATA)
    outcome = write(compiled, progress=progress, durable=durable)
    steps = planned_steps(compiled.plan, _manifest(run / NAME))
    loaded = compiled.loaded
    return RunBundle(
        compiled.plan,
        outcome.bundle.digest,
        (),
        loaded.file.resolve(),
        tuple(loaded.sets),
        steps,
        outcome.warnings,
    )


def edited(source: Path) -> tuple[Problem, ...]:
    """That files of a bundle are not those of its manifest."""
    changed = edited_files(source)
    if not changed:
        return ()
    shown = ", ".join(changed[:3]) + (f" and {len(changed) - 3} more" if len(changed) > 3 else "")
    message = f"{source} is not as it was compiled: {shown} differ from its manifest"
    why = "what runs would not be what its spec says"
    return (
        Problem("TS940", "bundle-edited", message, None, "", why, "compile it, or --force 'TS940=REASON'"),
    )


def copied_into(run: Path, source: Path) -> RunBundle:
    """Copies a bundle into the run's folder. Raises ProblemError, OSError."""
    side = side_of_bundle(source, str(source))
    shutil.copytree(source, run / NAME, ignore=shutil.ignore_patterns("__pycache__"))
    if (source.parent / DATA).is_dir():
        share_rows(run, source.parent / DATA)
    manifest = _manifest(source)
    steps = planned_steps(side.plan, manifest)
    sets = tuple(str(one) for one in manifest.get("set", ()))
    overrides = tuple(_rebased(source))
    return RunBundle(side.plan, str(manifest.get("bundle", "")), overrides, None, sets, steps)


def _manifest(bundle: Path) -> Mapping[str, Any]:
    value = json.loads((bundle / MANIFEST).read_text("utf-8"))
    return value if isinstance(value, dict) else {}


def _rebased(source: Path) -> Iterator[str]:
    """Paths outside of the bundle, relative to it, that the copy would look for at another place."""
    config = parse((source / "config.yaml").read_bytes(), str(source / "config.yaml")).value
    for key, value in leaves(
        {name: part for name, part in config.items() if name not in ("hydra", "defaults")}
    ):
        entries = value if isinstance(value, list) else [value]
        if any(_outside(entry) for entry in entries):
            moved = [
                quoted(str((source / entry).resolve())) if _outside(entry) else quoted(entry)
                for entry in entries
            ]
            yield f"{key}=[{','.join(moved)}]" if isinstance(value, list) else f"{key}={moved[0]}"


def _outside(entry: object) -> bool:
    return isinstance(entry, str) and entry.startswith("../") and not entry.startswith(f"../{DATA}/")


def quoted(text: object) -> str:
    """A text as a value of Hydra's override grammar, in which a backslash is itself, save in a row before a quote."""
    inside = re.sub(r"(\\*)('|$)", lambda row: row[1] * 2 + (row[2] and "\\'"), str(text))
    return f"'{inside}'"


def planned_steps(plan: Plan, manifest: Mapping[str, Any]) -> int | None:
    """Steps of the run: what the spec says, else the batches of all epochs; None where the rows are not counted."""
    if plan["budget.steps"]:
        return int(plan["budget.steps"])
    files = (manifest.get("data") or {}).get("files") or {}
    rows = sum(int(told.get("rows", 0)) for name, told in files.items() if name.startswith("train"))
    return rows // max(1, int(plan["algorithm.batch"])) * int(plan["budget.epochs"]) or None
