"""Rows in the order of a column: keys are held in memory, the rows themselves in bounded pieces."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from toolspec.backends.verl.rows.findings import Findings, Kind, Place
from toolspec.backends.verl.rows.layout import MISSING, cell
from toolspec.backends.verl.rows.shape import word

_PIECE_BYTES = 32 << 20
_SORTABLE = {"bool": "truth values", "int": "numbers", "float": "numbers", "str": "text"}


class SortKeys:
    """The value of the column `column` for every row kept, in file order."""

    def __init__(self, column: str, findings: Findings) -> None:
        self.column, self._findings = column, findings
        self._keys: list[Any] = []
        self._family, self._first = "", ""

    def add(self, place: Place, row: Mapping[str, Any], times: int) -> bool:
        """Whether the row can be sorted; a finding says why it cannot."""
        from datetime import date

        value = cell(row, self.column)
        family = _SORTABLE.get(type(value).__name__, type(value).__name__)
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return self._refuse(place, "null", f"`{self.column}` is {'null' if value is None else 'NaN'}")
        if value is MISSING:
            return self._refuse(place, "missing", f"there is no column `{self.column}` to sort by")
        if type(value).__name__ not in _SORTABLE and not isinstance(value, date):
            return self._refuse(place, "kind", f"`{self.column}` is {word(value)}, which has no order")
        if not self._family:
            self._family, self._first = family, f"{place.unit} {place.number} of {place.file.name}"
        elif family != self._family:
            message = f"`{self.column}` is {word(value)}, but {self._family} are in {self._first}"
            return self._refuse(place, "mixed", message)
        self._keys.extend([value] * times)
        return True

    def _refuse(self, place: Place, subject: str, message: str) -> bool:
        kinds: dict[str, Kind] = {"missing": "missing-column", "mixed": "mixed-types"}
        kind = kinds.get(subject, "row-value")
        fix = "fill it in, or take `order` out"
        self._findings.row(kind, place, f"order:{subject}", message, why="data.order sorts by it", fix=fix)
        return False

    def order(self) -> array[int]:
        """Numbers of the rows, from 0, in ascending order of their keys; equal keys in file order."""
        keys, self._keys = self._keys, []
        return array("q", sorted(range(len(keys)), key=keys.__getitem__))


def in_order(file: Path, order: array[int]) -> Iterator[Any]:
    """Tables of the rows of a parquet file in the order given, by as many scans as its size makes pieces."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(file) as rows:
        groups = [rows.metadata.row_group(number) for number in range(rows.metadata.num_row_groups)]
        size = sum(group.total_byte_size for group in groups)
        at_once = max(1024, len(order) * _PIECE_BYTES // max(size, 1))
        for start in range(0, len(order), at_once):
            piece = order[start : start + at_once]
            wanted = sorted(piece)
            taken, first, next_ = [], 0, 0
            for number, group in enumerate(groups):
                last = next_
                while last < len(wanted) and wanted[last] < first + group.num_rows:
                    last += 1
                if last > next_:
                    inside = pa.array([row - first for row in wanted[next_:last]], pa.int64())
                    taken.append(rows.read_row_group(number).take(inside))
                next_, first = last, first + group.num_rows
            at = {row: number for number, row in enumerate(wanted)}
            table = pa.concat_tables(taken)
            del taken
            yield table.take(pa.array([at[row] for row in piece], pa.int64()))
