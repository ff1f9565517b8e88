"""Rows of parquet, jsonl and json files as plain Python mappings, a bounded piece at a time.

Whatever the format, a row comes out the same: missing is missing or None, numbers are int or float, text is
str, maps are mappings. A float32 is the double of its shortest decimal (0.1, not 0.10000000149011612).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import IO, Any

from toolspec.backends.verl.rows.findings import Findings, Place
from toolspec.backends.verl.rows.json_array import elements, starts_like_an_array
from toolspec.compiler.facts.row_files import FORMATS, MAX_ROW_BYTES
from toolspec.specs.named_file import UnreadableError, open_regular

Row = dict[str, Any]
_BATCH_BYTES = 16 << 20
_BATCH_ROWS = 1024
_NAMES = 1000


class Reader:
    """Rows of one file. seen: names of all columns met (the first 1,000), asked for or not."""

    def __init__(
        self, file: Path, path: str, findings: Findings, wanted: frozenset[str] | None = None
    ) -> None:
        """wanted: top-level columns to read, None for all."""
        self.file, self.path, self.findings, self.wanted = file, path, findings, wanted
        self.seen: dict[str, None] = {}

    def rows(self) -> Iterator[tuple[Place, Row]]:
        """(place, row) in file order. What cannot be read is a finding, and left out."""
        format_ = FORMATS[self.file.suffix.lower()]
        try:
            if format_ == "parquet":
                yield from self._parquet()
                return
            with open_regular(self.file) as stream:
                if format_ == "json" and starts_like_an_array(stream):
                    yield from self._json(stream)
                else:  # a .json file of JSON lines, as many are published, is read as what it is
                    yield from self._jsonl(stream)
        except _errors(format_) as error:
            reason = (getattr(error, "strerror", None) or str(error) or "no memory").splitlines()[0]
            self.findings.whole("unreadable-rows", self.path, f"cannot read {self.file.name}: {reason}")

    def _at(self, number: int, unit: str) -> Place:
        return Place(self.file, number, "line" if unit == "line" else "row", self.path)

    def _jsonl(self, stream: IO[bytes]) -> Iterator[tuple[Place, Row]]:
        for number in count(1):
            line = stream.readline(MAX_ROW_BYTES + 1)
            if not line:
                return
            place = self._at(number, "line")
            if len(line) > MAX_ROW_BYTES:
                message = f"the line is longer than {MAX_ROW_BYTES:,} bytes"
                self.findings.row("not-json", place, "long", message, fix="write one row a line")
                return
            if number == 1:
                line = line.removeprefix(b"\xef\xbb\xbf")
            if line.isspace() or not line:
                continue
            try:
                value = json.loads(line.decode("utf-8"), parse_constant=_refuse_constant)
            except UnicodeDecodeError as error:
                byte = f"byte {error.start + 1} is 0x{line[error.start]:02x}"
                self.findings.row(
                    "not-json", place, "utf-8", f"{byte}, which is not UTF-8", fix="save it as UTF-8"
                )
                continue
            except (ValueError, RecursionError) as error:
                message = f"not JSON: {_json_fault(error)}"
                if number == 1 and self.file.suffix.lower() == ".json":
                    fix = "a .json file is one array of rows, or one row a line"
                    self.findings.row("not-json", place, "array", message, fix=fix)
                    return
                self.findings.row("not-json", place, _json_kind(error), message)
                continue
            yield from self._mapping(place, value)

    def _json(self, stream: IO[bytes]) -> Iterator[tuple[Place, Row]]:
        number = 0
        try:
            for number, value in enumerate(elements(stream, _refuse_constant), 1):
                yield from self._mapping(self._at(number, "row"), value)
        except UnicodeDecodeError:
            message = "the bytes after the row before are not UTF-8"
            self.findings.row(
                "not-json", self._at(number + 1, "row"), "utf-8", message, fix="save it as UTF-8"
            )
        except (ValueError, RecursionError) as error:
            place = self._at(number + 1, "row")
            self.findings.row("not-json", place, "json", f"not JSON: {_json_fault(error)}")

    def _mapping(self, place: Place, value: Any) -> Iterator[tuple[Place, Row]]:
        if not isinstance(value, dict):
            message = f"a row is an object of column: value, not {type(value).__name__}"
            self.findings.row("not-json", place, "object", message)
            return
        if len(self.seen) < _NAMES:
            self.seen.update(dict.fromkeys(value))
        yield place, value

    def _parquet(self) -> Iterator[tuple[Place, Row]]:
        import pyarrow.parquet as pq

        with pq.ParquetFile(self.file, buffer_size=1 << 20, pre_buffer=False) as file:
            fields = file.schema_arrow
            self.seen.update(dict.fromkeys(fields.names[:_NAMES]))
            names = [name for name in fields.names if self.wanted is None or name in self.wanted]
            convert = {name: step for name in names if (step := _plain_map(fields.field(name).type))}
            rows, size = file.metadata.num_rows, 0
            for group in range(file.metadata.num_row_groups):
                size += file.metadata.row_group(group).total_byte_size
            at_once = max(1, min(_BATCH_ROWS, _BATCH_BYTES * rows // max(size, 1)))
            numbers = count(1)
            for batch in file.iter_batches(batch_size=at_once, columns=names):
                for value in self._values(batch, numbers):
                    if value is None:
                        continue
                    place, row = value
                    for name, step in convert.items():
                        row[name] = step(row[name])
                    yield place, row

    def _values(self, batch: Any, numbers: Iterator[int]) -> Iterator[tuple[Place, Row] | None]:
        batch = _doubles(batch)
        try:
            values = batch.to_pylist() if batch.num_columns else [{} for _ in range(batch.num_rows)]
        except UnicodeDecodeError:  # find the row; parquet does not check its text
            values = [self._one(batch.slice(i, 1)) for i in range(batch.num_rows)]
        for value, number in zip(values, numbers, strict=False):
            place = self._at(number, "row")
            if value is None:
                self.findings.row(
                    "row-value", place, "utf-8", "holds text that is not UTF-8", fix="save it as UTF-8"
                )
                yield None
            else:
                yield place, value

    @staticmethod
    def _one(batch: Any) -> Row | None:
        try:
            row: Row = batch.to_pylist()[0]
        except UnicodeDecodeError:
            return None
        return row


def count_rows(file: Path) -> int:
    """Rows of a file, of JSON by its lines; 0 where it cannot be read."""
    format_ = FORMATS[file.suffix.lower()]
    try:
        if format_ == "parquet":
            from pyarrow import parquet

            rows: int = parquet.read_metadata(file).num_rows
            return rows
        with open_regular(file) as stream:
            if format_ == "json" and starts_like_an_array(stream):
                return sum(1 for _ in elements(stream, _refuse_constant))
            return sum(piece.count(b"\n") for piece in iter(lambda: stream.read(1 << 20), b""))
    except (ValueError, RecursionError, *_errors(format_)):  # type: ignore[misc]
        return 0


def _errors(format_: str) -> tuple[type[BaseException], ...]:
    """What reading raises. pyarrow, which takes a tenth of a second to import, is only asked for its own files."""
    plain = (UnreadableError, OSError, MemoryError)
    if format_ != "parquet":
        return plain
    from pyarrow import ArrowException

    return (*plain, ArrowException)


def _refuse_constant(word: str) -> Any:
    raise ValueError(f"{word} is not JSON; write null or leave the key out")


def _json_kind(error: Exception) -> str:
    return error.msg if isinstance(error, json.JSONDecodeError) else str(error)


def _json_fault(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at character {error.pos + 1}"
    return "nested too deep" if isinstance(error, RecursionError) else str(error)


def _doubles(batch: Any) -> Any:
    """float32 and float16 columns as the doubles that their shortest decimals name."""
    import pyarrow as pa

    for index, field in enumerate(batch.schema):
        if pa.types.is_float32(field.type) or pa.types.is_float16(field.type):
            text = batch.column(index).cast(pa.string())
            batch = batch.set_column(index, field.name, text.cast(pa.float64()))
    return batch


def _plain_map(kind: Any) -> Callable[[Any], Any] | None:
    """What turns pyarrow's list of pairs into a mapping, at any depth; None where a type holds no map."""
    import pyarrow as pa

    if pa.types.is_map(kind):
        inner = _plain_map(kind.item_type)
        return lambda pairs: None if pairs is None else {str(k): inner(v) if inner else v for k, v in pairs}
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        item = _plain_map(kind.value_type)
        return None if item is None else lambda values: None if values is None else [item(v) for v in values]
    if pa.types.is_struct(kind):
        steps: Mapping[str, Callable[[Any], Any]] = {f.name: s for f in kind if (s := _plain_map(f.type))}
        if steps:
            return lambda value: (
                None if value is None else {k: steps[k](v) if k in steps else v for k, v in value.items()}
            )
    return None
