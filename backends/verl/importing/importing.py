"""A run of verl as a spec: read, said by the inverse table, compiled back and compared."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from toolspec.backends.verl.importing.account import Line, lines_of
from toolspec.backends.verl.importing.closing import Closed, Closing
from toolspec.backends.verl.importing.inverse import BY_PATH
from toolspec.backends.verl.importing.places import Places
from toolspec.backends.verl.importing.refusals import no_run, refusals
from toolspec.backends.verl.importing.spec_text import spec_text
from toolspec.backends.verl.importing.surroundings import surroundings
from toolspec.backends.verl.importing.wanted import Wanted
from toolspec.backends.verl.lint.lint import choose_release, kind_of
from toolspec.backends.verl.lint.view import View
from toolspec.backends.verl.releases import release
from toolspec.backends.verl.written.files import Files
from toolspec.backends.verl.written.run import ARGUMENTS, Run
from toolspec.backends.verl.written.runs import (
    Read,
    read_argument_list,
    read_script_file,
    read_yaml,
)
from toolspec.backends.verl.written.value import Said
from toolspec.specs.problem import Problem, ProblemError, Span

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
LONGEST = 72
# What stands for a path that is not known, or that a spec cannot name.
PLACEHOLDERS = ("$TRAIN_FILE.parquet", "$VAL_FILE.parquet", "$MODEL_PATH")


@dataclass(frozen=True)
class Imported:
    """text: of the spec, "" for a run that is refused. files: those to be written beside it, by name.

    lines: what became of each key. launches: where each launch of a script stands. notes: for the reader.
    further: why keys may be given that are not here, "" where none can be. refused: why the run is outside the
    language. findings: what compile says against the spec.
    """

    release: str
    lines: tuple[Line, ...]
    text: str = ""
    files: dict[str, str] = field(default_factory=dict)
    closed: Closed | None = None
    launches: tuple[Span, ...] = ()
    notes: tuple[str, ...] = ()
    refused: tuple[Problem, ...] = ()
    findings: tuple[Problem, ...] = ()
    sources: dict[str, tuple[str, ...]] = field(default_factory=dict)
    further: str = ""

    @property
    def open(self) -> bool:
        """Whether a value, or whether further keys are given, is not known."""
        return bool(self.further) or any(line.fate == "unknown" for line in self.lines)


def read_input(path: Path | None, arguments: Sequence[str], files: Files) -> Read:
    """The runs of a file, or of `key=value …`. Raises ProblemError."""
    if path is None:
        return read_argument_list(arguments, files, Path())
    data = files.read(path)
    if data is None:
        message = f"cannot read {path}: there is no such file, or it is no regular file of at most 4 MiB"
        raise ProblemError((Problem("TS020", "unreadable-file", message),))
    kind = kind_of(path, data)
    if kind == "spec":
        message = f"{path} is a spec already"
        raise ProblemError((Problem("TS045", "nothing-to-import", message, Span(str(path), 1, 1)),))
    return read_script_file(data, path, files) if kind == "script" else read_yaml(data, path, files)


def import_run(
    read: Read, target: str | None, file: Path, files: Files, launch: int = 1, *, inline: bool = False
) -> Imported:
    """The spec that `file` will be. launch: which one of a script, from 1. inline: schemas stay in the spec.

    Raises ProblemError where there is no such launch.
    """
    if not read.runs:
        raise ProblemError((no_run(read),))
    if not 1 <= launch <= len(read.runs):
        message = f"there are {len(read.runs)} launches, and no launch {launch}"
        raise ProblemError((Problem("TS045", "nothing-to-import", message, read.runs[0].span),))
    run = read.runs[launch - 1]
    version, assumed = choose_release(target, run.folder, files)
    view = View(run, release(version), files)
    wanted = Wanted(view, Places(run.folder, file.parent))
    launches = tuple(one.span for one in read.runs)
    errors = tuple(problem for problem in run.problems if problem.severity == "error")
    outside = (*errors, *refusals(view))
    notes = (*_open(run), *run.assumed, *assumed)
    if outside:
        return Imported(
            version,
            lines_of(wanted, None),
            launches=launches,
            notes=notes,
            refused=outside,
            sources=read.sources,
            further=run.open,
        )
    closed = Closing(wanted, _name(wanted, file), file).close()
    around = {path: (value, line) for path, value, line in surroundings(run)}
    values = {**closed.values, **{path: value for path, (value, _) in around.items()}}
    side = {} if inline else _schemas(values)
    lines = lines_of(wanted, closed)
    comments = _comments(values, closed, wanted) | {
        path: f"{Path(run.file).name}:{line}" for path, (_, line) in around.items()
    }
    text = spec_text(values, comments, _head(run, lines, wanted))
    return Imported(
        version,
        lines,
        text,
        side,
        closed,
        launches,
        (*notes, *closed.carried.notes),
        (),
        closed.findings,
        read.sources,
        run.open,
    )


def _open(run: Run) -> tuple[str, ...]:
    lost = (
        f"{len(run.launch.lost)} arguments that bash drops are taken as meant"
        if run.launch and run.launch.lost
        else ""
    )
    return tuple(note for note in (run.open, lost) if note)


def _name(wanted: Wanted, file: Path) -> str:
    for candidate in (wanted.or_("trainer.experiment_name", ""), file.stem):
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", str(candidate)).strip("-._")[:100]
        if _NAME.fullmatch(name):
            return name
    return "imported"


def _schemas(values: dict[str, Any]) -> dict[str, str]:
    """Inline schemas taken out of the spec into files beside it."""
    side = {}
    for path, tool in list(values.items()):
        if path.startswith("tools.") and isinstance(tool.get("schema"), dict):
            name = f"{path.removeprefix('tools.')}.json"
            side[name] = json.dumps(tool["schema"], indent=2, ensure_ascii=False) + "\n"
            values[path] = {**tool, "schema": name}
    return side


def _head(run: Run, lines: Sequence[Line], wanted: Wanted) -> list[str]:
    origin = "arguments of main_ppo" if run.file == ARGUMENTS else Path(run.file).name
    head = [f"From {origin}, by toolspec import. A comment says where its line comes from."]
    unsaid = [line for line in lines if line.fate in ("unknown", "left")]
    if unsaid:
        head.append("Not said here, since only the run knows it or no spec can say it:")
    for line in unsaid:
        head.append(
            f"  {line.key}: {_short(line.value)} ({_place(line.span) or 'given'}): {_short(line.why)}"
        )
    if (
        "actor_rollout_ref.rollout.name" in wanted.unknown
        and wanted.view.said("actor_rollout_ref.rollout.name") is None
    ):
        head.append(
            "verl needs actor_rollout_ref.rollout.name, and nothing gives it: toolspec's default is taken."
        )
    return head


def _short(value: Any) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _comments(values: dict[str, Any], closed: Closed, wanted: Wanted) -> dict[str, str]:
    comments: dict[str, str] = {}
    for path, value in values.items():
        if path.startswith("overrides."):
            found = [s for s in [wanted.view.final.get(path.removeprefix("overrides."))] if s is not None]
        else:
            keys = closed.carried.sources.get(path) or (BY_PATH[path].keys if path in BY_PATH else ())
            found = wanted.said(*keys)
        comment = _places(found)
        if not found and (path.startswith("overrides.") or path in BY_PATH):
            comment = "verl's default"
        if path in ("data.train", "data.val", "model.path") and value in PLACEHOLDERS:
            comment = (
                "stands for what is in overrides" if path in closed.banned else "not known: set the variable"
            )
        if path in ("toolspec", "name", "target", "reward") and not found:
            comment = ""
        comments[path] = comment
    return comments


def _places(found: Sequence[Said]) -> str:
    """`run.sh:12, 14` for what was said there."""
    by_file: dict[str, list[int]] = {}
    for said in found:
        if said.span.file != ARGUMENTS:
            by_file.setdefault(Path(said.span.file).name, []).append(said.span.line)
    return "; ".join(
        f"{name}:{', '.join(map(str, dict.fromkeys(numbers)))}" for name, numbers in by_file.items()
    )


def _place(span: Span) -> str:
    return "" if span.file == ARGUMENTS else f"{Path(span.file).name}:{span.line}"
