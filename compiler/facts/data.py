"""The data files of a spec: which they are, whether their rows must be converted, and under which name."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from toolspec.compiler.facts.row_files import (
    FORMATS,
    RowFiles,
    content_hash,
    looks_like_verl,
    row_files,
    schema,
)
from toolspec.specs.data import Columns, OrderBy, Source
from toolspec.specs.loading import LoadedSpec, spec_path
from toolspec.specs.named_file import UnreadableError, located, named, read_text
from toolspec.specs.problem import Problem, ProblemError
from toolspec.specs.reads import note

LAYOUT_VERSION = 1
"""Raised when the conversion writes other rows for the same input: it is part of the folder's name."""
MAX_SYSTEM_BYTES = 1 << 20


class SourceFacts(NamedTuple):
    """One entry of `data.train` or `data.val`. columns: spec name → column, empty for rows in verl's layout."""

    path: str
    split: str
    name: str
    pattern: str
    files: tuple[Path, ...]
    columns: Mapping[str, str]
    source: str | None
    repeat: int = 1


class DataFacts(NamedTuple):
    """reasons: why the rows must be written anew; empty when verl reads the files as they are.

    hash: names the folder of converted rows: content of the files and everything that decides the rows.
    """

    train: tuple[SourceFacts, ...] = ()
    val: tuple[SourceFacts, ...] = ()
    reasons: tuple[str, ...] = ()
    hash: str = ""
    system: str | None = None
    packed: bool = False
    notes: tuple[Problem, ...] = ()


NOT_HASHED = "0" * 16
"""In place of the hash of the rows, where nothing is written: to hash them, all files are read to their end."""


def data_facts(loaded: LoadedSpec, pack: bool = False, writing: bool = True) -> DataFacts:
    """Facts of `data`. pack: the rows go into the bundle, so they are written anew in any case.

    writing: whether a bundle will be written. If not, rows are not hashed, which reads all of them, and files that must
    be read and are not at hand may be elsewhere: a note. Raises ProblemError for files that certainly are not there.
    """
    spec = loaded.spec
    if spec.data.class_ is not None:
        # What the class reads is its own affair: a folder, a name of a data set, anything.
        return DataFacts(
            tuple(SourceFacts("", "train", "", s.path, (), {}, s.source) for s in spec.data.train),
            tuple(
                SourceFacts("", "val", name, s.path, (), {}, s.source) for name, s in spec.data.val_sources
            ),
        )
    problems: list[Problem] = []
    sources: list[tuple[SourceFacts, RowFiles]] = []
    for arguments in _sources(loaded):
        try:
            sources.append(_one(loaded, *arguments))
        except ProblemError as error:
            problems += error.problems
    system = None
    try:
        system = _system(loaded)
    except ProblemError as error:
        problems += error.problems
    if problems:
        raise ProblemError(tuple(problems))
    reasons = tuple(
        dict.fromkeys([*_reasons(loaded, sources), *(["they go into the bundle"] if pack else [])])
    )
    problems = [p for one in sources for p in _missing(loaded, *one, bool(reasons), writing)]
    if any(problem.severity == "error" for problem in problems):
        raise ProblemError(tuple(problems))
    notes = tuple(problems)
    train = tuple(source for source, _ in sources if source.split == "train")
    val = tuple(source for source, _ in sources if source.split == "val")
    if not reasons:
        problems = [p for source, files in sources for p in _not_in_layout(loaded, source, files)]
        if problems:
            raise ProblemError(tuple(problems))
    digest = (_digest(loaded, train + val, system) if writing else NOT_HASHED) if reasons else ""
    return DataFacts(train, val, reasons, digest, system, pack, notes)


def _sources(loaded: LoadedSpec) -> Iterator[tuple[Source, str, str, str, int]]:
    """(source, split, name, path, repeat) of each entry, in the order written."""
    data = loaded.spec.data
    for number, source in enumerate(data.train):
        yield source, "train", "", f"data.train.{number}", 1
    named = isinstance(data.val, dict)
    _, repeats = loaded.spec.evaluation.samples_of(name for name, _ in data.val_sources)
    for number, (name, source) in enumerate(data.val_sources):
        path = f"data.val.{name}" if named else f"data.val.{number}"
        yield source, "val", name, path, repeats.get(name, 1)


def _one(
    loaded: LoadedSpec, source: Source, split: str, name: str, path: str, repeat: int
) -> tuple[SourceFacts, RowFiles]:
    base = loaded.base(spec_path(path))
    files = row_files(source.path, base, loaded.span(spec_path(path)))
    mapping = source.columns if source.columns is not None else loaded.spec.data.columns
    facts = SourceFacts(path, split, name, source.path, files.files, _mapping(mapping), source.source, repeat)
    return facts, files


def _mapping(mapping: Columns | None) -> dict[str, str]:
    return mapping.model_dump(exclude_none=True) if mapping is not None else {}


def _reasons(loaded: LoadedSpec, sources: list[tuple[SourceFacts, RowFiles]]) -> Iterator[str]:
    spec = loaded.spec
    for source, files in sources:
        if source.columns:
            yield "a column mapping is given"
        if any(
            given.source is not None for given in (*spec.data.train, *(s for _, s in spec.data.val_sources))
        ):
            yield "a data source is named"
        if files.format in ("json", "jsonl"):
            yield f"{files.format} files"
        if source.repeat > 1:
            yield "evaluation.samples differ by set"
    if isinstance(spec.data.val, dict):
        yield "validation sets are named"
    if spec.data.system is not None:
        yield "a system message is given"
    if isinstance(spec.data.order, OrderBy):
        yield "rows are sorted by a column"
    if any(tool.per_row for tool in spec.tools.values()):
        yield "tools take state from the row"


def _missing(
    loaded: LoadedSpec, source: SourceFacts, files: RowFiles, must_read: bool, writing: bool
) -> Iterator[Problem]:
    if source.files or not must_read:
        return
    span = loaded.span(spec_path(source.path))
    certain = writing or _beside_others(loaded, source)
    what = "is not on this machine's disk" if files.remote or not certain else "does not exist"
    yield Problem(
        "TS601",
        "no-data-file",
        f"{source.pattern} {what}, and compile must write its rows in verl's layout",
        span,
        source.path,
        fix="a list of files has brackets: [FILE, FILE]"
        if "," in source.pattern
        else "compile where the file is, or give rows in verl's layout",
        why="" if certain else "the rows are not looked at here",
        severity="error" if certain else "note",
    )


def _beside_others(loaded: LoadedSpec, source: SourceFacts) -> bool:
    """Whether the folder of a file that is missing has other data files, so that it is the one that is meant."""
    try:
        folder = located(source.pattern, loaded.base(spec_path(source.path))).parent
        note(folder, "names")
        return any(name.endswith(tuple(FORMATS)) for name in os.listdir(folder))  # noqa: PTH208
    except (OSError, UnreadableError):
        return False


def _not_in_layout(loaded: LoadedSpec, source: SourceFacts, files: RowFiles) -> Iterator[Problem]:
    """Files at hand whose rows verl could not read: without `prompt`, or with something else than messages in it."""
    for file in source.files:
        head = schema(file)
        if looks_like_verl(head):
            continue
        name = source.pattern if len(source.files) == 1 else file.name
        if "prompt" in head.names:
            code = ("TS606", "prompt-not-messages")
            what = f"the column `prompt` of {name} holds {head.field('prompt').type}, not messages"
            fix = "data.columns: {prompt: prompt}, and compile writes the rows in verl's layout"
        else:
            code = ("TS602", "no-prompt-column")
            what = f"{name} has no column `prompt` (it has {', '.join(head.names[:12])})"
            fix = "data.columns: {prompt: NAME, answer: NAME}"
        why = "verl reads the question from `prompt`, a list of {role, content} messages"
        span = loaded.span(spec_path(source.path))
        yield Problem(*code, what, span, source.path, why, fix)
        return


def _system(loaded: LoadedSpec) -> str | None:
    text = loaded.spec.data.system
    if text is None or not text.endswith((".txt", ".md")) or "\n" in text:
        return text
    path = ("data", "system")
    return named(
        lambda: read_text(located(text, loaded.base(path)), MAX_SYSTEM_BYTES).strip(),
        text,
        loaded.span(path),
        "data.system",
        fix="text that ends in .txt or .md is read as a file; end a message otherwise",
    )


def _digest(loaded: LoadedSpec, sources: tuple[SourceFacts, ...], system: str | None) -> str:
    spec = loaded.spec
    order = spec.data.order
    decides: dict[str, Any] = {
        "layout": LAYOUT_VERSION,
        "sources": [
            [
                s.split,
                s.name,
                content_hash(s.files),
                sorted(s.columns.items()),
                s.source,
                s.repeat,
                [f.stem for f in s.files],
            ]
            for s in sources
        ],
        "system": system,
        "order": order.by if isinstance(order, OrderBy) else None,
        "tools": list(spec.tools),
        "per_row": {name: dict(tool.per_row) for name, tool in spec.tools.items()},
        "agent": [spec.agent.name, spec.agent.class_ is not None],
    }
    text = json.dumps(decides, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
