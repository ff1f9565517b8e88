"""Rows of a spec that compile would convert, from the files as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toolspec.specs.problem import ProblemError

if TYPE_CHECKING:
    from toolspec.backends.verl.compile import Compiled


def laid_out(compiled: Compiled, split: str, most: int) -> tuple[dict[str, Any], ...]:
    """The first rows of a split as they will be laid out.

    Raises NotKnownError for files that are not at hand, and ProblemError for rows that cannot be converted.
    """
    from toolspec.backends.verl.convert import row_settings, row_source
    from toolspec.backends.verl.lint.not_known import NotKnownError
    from toolspec.backends.verl.rows.conversion import preview

    sources = getattr(compiled.facts.data, split)
    missing = [source.pattern for source in sources if not source.files]
    if missing:
        raise NotKnownError(f"the file of data.{split} ({', '.join(missing)})")
    settings = row_settings(compiled.facts, compiled.plan, split)
    found = preview([row_source(source) for source in sources], settings, most)
    errors = [one for one in found.problems if one.severity == "error"]
    if errors:
        raise ProblemError(tuple(one._replace(span=one.span or compiled.place(one.path)) for one in errors))
    return found.rows
