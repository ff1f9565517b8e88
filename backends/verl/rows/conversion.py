"""The user's files as one parquet file in verl's layout: one pass finds the types, the other writes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from toolspec.backends.verl.rows.findings import CODES, Findings
from toolspec.backends.verl.rows.layout import RowSettings, RowSource
from toolspec.backends.verl.rows.reading import count_rows
from toolspec.backends.verl.rows.sorting import in_order
from toolspec.backends.verl.rows.survey import Survey
from toolspec.backends.verl.rows.writing import RowFile, batches, rebatched, unfinished
from toolspec.specs.problem import Problem, ProblemError


class RowsReport(NamedTuple):
    """What was written. rows: with repeats. logical_hash: sha256 over the rows, not the bytes of the file.

    data_sources: name → rows, by name. columns_left_out: those that the mapping of their file does not name.
    answers_are_lists: ground_truth is a list of accepted texts in every row; verl's scorers compare one text.
    problems: warnings.
    """

    rows: int
    logical_hash: str
    data_sources: dict[str, int]
    columns_left_out: tuple[str, ...]
    answers_are_lists: bool
    problems: tuple[Problem, ...]


def convert(sources: Sequence[RowSource], settings: RowSettings, out: Path) -> RowsReport:
    """Writes the rows of one split to the parquet file `out`, which appears whole or not at all.

    Memory does not grow with the files, but for a number and the key of each row if `order_by` is set. A file
    that changes meanwhile is refused. Raises ProblemError: at most 20 kinds of problem, each with its rows.
    """
    import pyarrow as pa

    findings = Findings()
    survey = Survey(sources, settings, findings)
    survey.run()
    findings.refuse()
    if not survey.rows:
        findings.whole("no-rows", "data", "there are no rows")
        findings.refuse()
    table, order = survey.schema(), survey.keys.order() if survey.keys else None
    try:
        with unfinished(out) as part:
            second = Findings()
            rows = survey.written_rows(second)
            report = _write(part, table, rows, order)
            if second.failed or report[0] != survey.rows:
                raise _changed()
    except (OSError, pa.ArrowException, OverflowError) as error:
        said = (getattr(error, "strerror", None) or str(error) or type(error).__name__).splitlines()[0]
        problem = Problem(
            CODES["unreadable-rows"], "unreadable-rows", f"cannot write {out.name}: {said}", path="data"
        )
        raise ProblemError((problem,)) from None
    count, digest, names = report
    survey.warn()
    return RowsReport(
        rows=count,
        logical_hash=digest,
        data_sources=dict(sorted(names.items())),
        columns_left_out=tuple(sorted(survey.left_out)),
        answers_are_lists=survey.lists,
        problems=findings.problems("warning"),
    )


@dataclass(frozen=True)
class Preview:
    """rows: the first, as they would be written. count: of all rows, with repeats. problems: of those read."""

    rows: tuple[dict[str, Any], ...]
    count: int
    problems: tuple[Problem, ...]


def preview(sources: Sequence[RowSource], settings: RowSettings, most: int) -> Preview:
    """What `convert` would write of the first `most` rows, without writing."""
    findings = Findings()
    survey = Survey(sources, settings, findings)
    rows, whole = survey.first_rows(most)
    count = survey.rows if whole else sum(count_rows(f) * s.repeat for s in sources for f in s.files)
    return Preview(tuple(rows), count, findings.problems("error", "warning"))


def _changed() -> ProblemError:
    message = "a file of rows changed while it was read"
    problem = Problem(CODES["unreadable-rows"], "unreadable-rows", message, path="data", fix="compile again")
    return ProblemError((problem,))


def _write(
    part: Path, table: Any, rows: Iterator[dict[str, Any]], order: Any | None
) -> tuple[int, str, dict[str, int]]:
    """(rows, logical hash, data_source → rows). Sorted rows take a second file beside the first."""
    if order is None:
        return _file(part, table, batches(rows, table))
    unsorted = part.with_suffix(".unsorted")
    try:
        _file(unsorted, table, batches(rows, table), count=False)
        return _file(part, table, rebatched(in_order(unsorted, order)))
    finally:
        unsorted.unlink(missing_ok=True)


def _file(
    path: Path, table: Any, parts: Iterator[Any], count: bool = True
) -> tuple[int, str, dict[str, int]]:
    file = RowFile(path, table)
    try:
        for batch in parts:
            file.write(batch, count)
        return file.rows, file.close(), file.sources
    except BaseException:
        file.abandon()
        raise
