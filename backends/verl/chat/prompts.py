"""The first prompts of a run's rows, as verl's dataset hands them to the chat template: one at a time, never all."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from toolspec.backends.verl.chat.subject import Subject
from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.backends.verl.lint.view import View
from toolspec.backends.verl.rows.findings import CODES, Findings, Kind, Place
from toolspec.backends.verl.rows.reading import Reader, count_rows
from toolspec.compiler.facts.data import LAYOUT_VERSION
from toolspec.compiler.facts.row_files import FORMATS, content_hash, schema
from toolspec.specs.nearest import nearest
from toolspec.specs.problem import Problem, ProblemError, Span
from toolspec.specs.reads import note, stamp

if TYPE_CHECKING:
    from toolspec.backends.verl.compile import Compiled
    from toolspec.backends.verl.rows.layout import RowSettings, RowSource

Split = Literal["train", "val"]
MEDIA = frozenset({"images", "videos", "audios"})
"""Columns of which verl's dataset puts something into the messages (rl_dataset.py _build_messages of each release)."""
TRUTH = "reward_model"


class Prompt(NamedTuple):
    """Where a row stands, and its accepted answer as text, "" without one."""

    place: Place
    truth: str


class PromptRows(Protocol):
    """Rows of a split, in the order of the files. Raises ProblemError: TS047 where they are not at hand."""

    def content(self) -> str:
        """What names the rows: the same text means the same prompts."""

    def identity(self) -> str:
        """Another text for other prompts, as far as sizes and times of files tell."""

    def about(self) -> int:
        """How many there are, as far as that is known without reading them."""

    def rows(self) -> Iterator[tuple[Prompt, Any]]:
        """The place of each, and its messages. Raises ProblemError at the end for rows that cannot be read."""


def prompt_rows(subject: Subject, split: Split) -> PromptRows:
    """The rows of a subject. Raises ProblemError where they are not at hand, or the files are none of rows."""
    view = subject.view
    span = Span(subject.file, 1, 1)
    key = f"data.{split}_files"
    try:
        if view.value("data.custom_cls.path"):
            raise NotKnownError("rows as data.custom_cls makes them")
        column = view.text("data.prompt_key") or "prompt"
        compiled = view.run.spec
        if compiled is not None and compiled.config.settings[key].plan != "overrides":
            return _of_spec(compiled, split, column)
        named = view.value(key)
        span = view.span(key)
        files = []
        for name in named if isinstance(named, list) else [named]:
            path = view.path(str(name)) if name else None
            if path is None or not path.is_file():
                raise NotKnownError(f"the file of {key} ({name or 'none is named'})")
            if path.suffix.lower() not in FORMATS:
                raise NotKnownError(f"rows in {', '.join(FORMATS)} ({name} of {key})")
            files.append(path)
        if not files:
            raise NotKnownError(f"files in {key}")
    except NotKnownError as error:
        raise _error("TS047", "rows-not-at-hand", f"this needs {error}", span) from None
    return _Written(tuple(files), column, span, media(view))


def media(view: View) -> frozenset[str]:
    """The columns of the run's rows that hold images, videos and sounds."""
    named = (view.value(f"data.{one.removesuffix('s')}_key") for one in MEDIA)
    return frozenset(one for one in named if isinstance(one, str))


def prompts(subject: Subject, split: Split) -> Iterator[Any]:
    """The messages alone. Raises ProblemError, as prompt_rows and its rows do."""
    return (messages for _, messages in prompt_rows(subject, split).rows())


def _of_spec(compiled: Compiled, split: Split, column: str) -> PromptRows:
    """The rows of a spec, as compile would write them. Raises NotKnownError where their files are not at hand."""
    from toolspec.backends.verl.convert import row_settings, row_source

    sources = getattr(compiled.facts.data, split)
    missing = [source.pattern for source in sources if not source.files]
    if missing or not sources:
        raise NotKnownError(f"the file of data.{split} ({', '.join(missing) or 'none is named'})")
    if not compiled.facts.data.reasons:  # verl reads them as they are
        files = tuple(file for source in sources for file in source.files)
        return _Written(
            files, column, compiled.place(f"data.{split}") or Span(str(compiled.loaded.file), 1, 1)
        )
    settings = row_settings(compiled.facts, compiled.plan, split)
    return _Converted(compiled, [row_source(source) for source in sources], settings)


class _Written:
    """Rows that verl reads as they are."""

    def __init__(
        self, files: tuple[Path, ...], column: str, span: Span, media: frozenset[str] = MEDIA
    ) -> None:
        self._files, self._column, self._span, self._media = files, column, span, media
        for file in files:
            note(file, "stamp")

    def identity(self) -> str:
        return repr((self._column, self._files, [stamp(str(file)) for file in self._files]))

    def content(self) -> str:
        names = [file.name for file in self._files]  # they say the format, and where a row stands
        return f"as they are\n{self._column}\n{names!r}\n{content_hash(self._files, self._span)}"

    def about(self) -> int:
        return sum(map(count_rows, self._files))

    def rows(self) -> Iterator[tuple[Prompt, Any]]:
        findings = Findings()
        for file in self._files:
            self._check(file)
            met = False
            reader = Reader(file, "data", findings, frozenset({self._column, TRUTH}))
            for place, row in reader.rows():
                if not met:
                    self._refuse_media(file, reader.seen)
                met = True
                yield Prompt(place, _truth(row)), row.get(self._column)
            if met and self._column not in reader.seen:
                raise self._absent(file, list(reader.seen))
        self._refuse(findings)

    def _check(self, file: Path) -> None:
        if FORMATS[file.suffix.lower()] == "parquet":
            names = list(schema(file, self._span).names)
            if self._column not in names:
                raise self._absent(file, names)
            self._refuse_media(file, names)

    def _refuse_media(self, file: Path, names: Iterable[str]) -> None:
        found = self._media.intersection(names)
        if found:
            message = f"this needs rows of text alone, and {file.name} has `{min(found)}`"
            raise _error("TS047", "rows-not-at-hand", message, self._span)

    def _absent(self, file: Path, names: list[str]) -> ProblemError:
        kind: Kind = "missing-column"
        shown = ", ".join(f"`{name}`" for name in names[:12]) + (", …" if len(names) > 12 else "")
        close = nearest(self._column, names)
        message = f"{file.name} has no column `{self._column}` (it has {shown or 'none'})"
        fix = f"data.prompt_key={close[0]}" if close else "name the column: data.prompt_key=…"
        return _error(CODES[kind], kind, message, self._span, fix)

    def _refuse(self, findings: Findings) -> None:
        try:
            findings.refuse()
        except ProblemError as error:
            raise ProblemError(tuple(p._replace(span=self._span, path="") for p in error.problems)) from None


class _Converted:
    """Rows that compile writes anew."""

    def __init__(self, compiled: Compiled, sources: list[RowSource], settings: RowSettings) -> None:
        self._compiled, self._sources, self._settings = compiled, sources, settings
        self._files = [file for source in sources for file in source.files]
        for file in self._files:
            note(file, "stamp")

    def identity(self) -> str:
        return repr((self._sources, self._settings, [stamp(str(file)) for file in self._files]))

    def content(self) -> str:
        digest = hashlib.sha256()
        for source in self._sources:
            names = [file.name for file in source.files]
            told = (names, sorted(source.columns.items()), source.data_source, source.split, source.name)
            digest.update(f"{told!r}\n{content_hash(source.files)}\n".encode())
        return f"layout {LAYOUT_VERSION}\n{self._settings!r}\n{digest.hexdigest()}"

    def about(self) -> int:
        return sum(map(count_rows, self._files))

    def rows(self) -> Iterator[tuple[Prompt, Any]]:
        from toolspec.backends.verl.rows.survey import Survey

        findings = Findings()
        survey = Survey(self._sources, self._settings, findings)
        for place, columns in survey.laid_out():
            yield Prompt(place, _truth(columns)), columns["prompt"]
        try:
            findings.refuse()
        except ProblemError as error:
            placed = (p._replace(span=p.span or self._compiled.place(p.path)) for p in error.problems)
            raise ProblemError(tuple(placed)) from None


def _truth(row: dict[str, Any]) -> str:
    held = row.get(TRUTH)
    value = held.get("ground_truth") if isinstance(held, dict) else None
    if isinstance(value, list) and value:
        value = value[0]
    return str(value) if isinstance(value, str | int | float) else ""


def _error(code: str, name: str, message: str, span: Span, fix: str = "") -> ProblemError:
    return ProblemError((Problem(code, name, message, span, fix=fix),))
