"""The first prompts of a run's rows, as verl's dataset hands them to the chat template."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from toolspec.backends.verl.chat.subject import Subject
from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.specs.problem import Problem, ProblemError, Span
from toolspec.specs.reads import note, stamp

if TYPE_CHECKING:
    from toolspec.backends.verl.rows.layout import RowSettings, RowSource

Split = Literal["train", "val"]


class PromptRows(NamedTuple):
    """Where the rows of a split are. sources, settings: of rows that compile lays out anew; else `column` is read."""

    files: tuple[Path, ...]
    column: str = "prompt"
    sources: tuple[RowSource, ...] = ()
    settings: RowSettings | None = None

    @property
    def identity(self) -> str:
        """Another text for other prompts, as far as sizes and times of files tell."""
        return repr((self, [stamp(str(file)) for file in self.files]))


def prompts(subject: Subject, split: Split) -> Iterator[list[Any]]:
    """Messages of each row, in the order of the files, copies left out.

    Raises ProblemError where no rows are at hand, or they cannot be read.
    """
    return read_prompts(subject, prompt_rows(subject, split))


def prompt_rows(subject: Subject, split: Split) -> PromptRows:
    """Raises ProblemError (TS047) where there are none at hand."""
    view = subject.view
    try:
        if view.value("data.custom_cls.path"):
            raise NotKnownError("rows as data.custom_cls makes them")
        if _is_the_specs_own(subject, split):
            found = _of_spec(subject, split)
        else:
            found = PromptRows(_named(subject, split), view.text("data.prompt_key") or "prompt")
    except NotKnownError as error:
        raise _none(subject, str(error)) from None
    for file in found.files:
        note(file, "stamp")
    return found


def read_prompts(subject: Subject, rows: PromptRows) -> Iterator[list[Any]]:
    """Messages of each row. Raises ProblemError for rows that cannot be read, or laid out."""
    if rows.settings is None:
        return _read(subject, rows)
    from toolspec.backends.verl.rows.conversion import preview

    found = preview(rows.sources, rows.settings, 1 << 62)
    errors = [one for one in found.problems if one.severity == "error"]
    if errors:
        place = subject.view.run.spec.place
        raise ProblemError(tuple(one._replace(span=one.span or place(one.path)) for one in errors))
    return (row["prompt"] for row in found.rows)


def _named(subject: Subject, split: Split) -> tuple[Path, ...]:
    view = subject.view
    named = view.value(f"data.{split}_files")
    files = []
    for name in named if isinstance(named, list) else [named]:
        path = view.path(str(name)) if name else None
        if path is None or not path.is_file():
            raise NotKnownError(f"the file of data.{split}_files ({name})")
        files.append(path)
    return tuple(files)


def _is_the_specs_own(subject: Subject, split: Split) -> bool:
    """Whether `data` of a spec says the rows, and no override does."""
    compiled = subject.view.run.spec
    return compiled is not None and compiled.config.settings[f"data.{split}_files"].plan != "overrides"


def _of_spec(subject: Subject, split: Split) -> PromptRows:
    """Rows of a spec as compile would write them, or its files where verl reads them as they are."""
    from toolspec.backends.verl.convert import row_settings, row_source

    compiled = subject.view.run.spec
    sources = getattr(compiled.facts.data, split)
    missing = [source.pattern for source in sources if not source.files]
    if missing or not sources:
        raise NotKnownError(f"the file of data.{split} ({', '.join(missing)})")
    files = tuple(file for source in sources for file in source.files)
    if not compiled.facts.data.reasons:
        return PromptRows(files, subject.view.text("data.prompt_key") or "prompt")
    settings = row_settings(compiled.facts, compiled.plan, split)
    return PromptRows(files, sources=tuple(row_source(source) for source in sources), settings=settings)


def _read(subject: Subject, rows: PromptRows) -> Iterator[list[Any]]:
    from toolspec.backends.verl.lint.facts.rows import read_column

    for file in rows.files:
        try:
            yield from read_column(file, rows.column)
        except (OSError, ValueError, KeyError, RecursionError) as error:
            said = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise _none(subject, f"readable rows in {file.name} ({said[:80]})") from None


def _none(subject: Subject, what: str) -> ProblemError:
    message = f"this needs {what}"
    return ProblemError((Problem("TS047", "rows-not-at-hand", message, Span(subject.file, 1, 1)),))
