"""The first prompts of a run's rows, as verl's dataset hands them to the chat template."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from toolspec.backends.verl.chat.subject import Subject
from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.specs.problem import Problem, ProblemError, Span

Split = Literal["train", "val"]


def prompts(subject: Subject, split: Split) -> Iterator[list[Any]]:
    """Messages of each row, in the order of the files. Raises ProblemError where no rows are at hand."""
    view = subject.view
    try:
        if view.value("data.custom_cls.path"):
            raise NotKnownError("rows as data.custom_cls makes them")
        if view.run.spec is not None and view.run.spec.facts.data.reasons:
            return _converted(subject, split)
        named = view.value(f"data.{split}_files")
        column = view.text("data.prompt_key") or "prompt"
        files = []
        for name in named if isinstance(named, list) else [named]:
            path = view.path(str(name)) if name else None
            if path is None or not path.is_file():
                raise NotKnownError(f"the file of data.{split}_files ({name})")
            files.append(path)
    except NotKnownError as error:
        raise _none(subject, str(error)) from None
    return _read(subject, files, column)


def _converted(subject: Subject, split: Split) -> Iterator[list[Any]]:
    """Rows of a spec as compile would write them."""
    from toolspec.backends.verl.convert import row_settings, row_source
    from toolspec.backends.verl.rows.conversion import preview

    compiled = subject.view.run.spec
    sources = getattr(compiled.facts.data, split)
    missing = [source.pattern for source in sources if not source.files]
    if missing or not sources:
        raise NotKnownError(f"the file of data.{split} ({', '.join(missing)})")
    settings = row_settings(compiled.facts, compiled.plan, split)
    found = preview([row_source(source) for source in sources], settings, 1 << 62)
    if found.problems:
        raise ProblemError(
            tuple(one._replace(span=one.span or compiled.place(one.path)) for one in found.problems)
        )
    return (row["prompt"] for row in found.rows)


def _read(subject: Subject, files: list[Path], column: str) -> Iterator[list[Any]]:
    from toolspec.backends.verl.lint.facts.rows import read_column

    for file in files:
        try:
            yield from read_column(file, column)
        except (OSError, ValueError, KeyError, RecursionError) as error:
            said = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise _none(subject, f"readable rows in {file.name} ({said[:80]})") from None


def _none(subject: Subject, what: str) -> ProblemError:
    message = f"this needs {what}"
    return ProblemError((Problem("TS047", "rows-not-at-hand", message, Span(subject.file, 1, 1)),))
