"""Rows into one parquet file: equal rows give equal bytes under one pyarrow, and one hash under any."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

GROUP_ROWS = 1024
GROUP_BYTES = 64 << 20
"""A row group ends at whichever comes first, in whole batches of BATCH_ROWS: it depends on the rows alone."""
BATCH_ROWS = 64


def batches(rows: Iterable[dict[str, Any]], schema: Any) -> Iterator[Any]:
    """Record batches of BATCH_ROWS rows."""
    import pyarrow as pa

    waiting: list[dict[str, Any]] = []
    for row in rows:
        waiting.append(row)
        if len(waiting) == BATCH_ROWS:
            yield pa.RecordBatch.from_pylist(waiting, schema=schema)
            waiting = []
    if waiting:
        yield pa.RecordBatch.from_pylist(waiting, schema=schema)


def rebatched(tables: Iterable[Any]) -> Iterator[Any]:
    """Record batches of BATCH_ROWS rows out of tables of any length; the last may be shorter."""
    import pyarrow as pa

    rest: Any = None
    for table in tables:
        whole = table if rest is None else pa.concat_tables([rest, table])
        full = whole.num_rows - whole.num_rows % BATCH_ROWS
        for start in range(0, full, BATCH_ROWS):
            yield whole.slice(start, BATCH_ROWS).combine_chunks().to_batches()[0]
        rest = whole.slice(full)
    if rest is not None and rest.num_rows:
        yield rest.combine_chunks().to_batches()[0]


class RowFile:
    """A parquet file under way. rows: written so far; sources: data_source → rows."""

    def __init__(self, file: Path, schema: Any) -> None:
        import pyarrow.parquet as pq

        self._schema = schema
        self._group: list[Any] = []
        self._waiting, self._bytes = 0, 0
        self._digest = hashlib.sha256()
        self.rows = 0
        self.sources: dict[str, int] = {}
        # pyarrow takes paths in UTF-8 alone.
        self._stream = file.open("wb")
        self._writer = pq.ParquetWriter(
            self._stream, schema, compression="zstd", version="2.6", write_statistics=False
        )

    def write(self, batch: Any, count: bool = True) -> None:
        """Adds a batch. count: whether it enters the sum and the numbers."""
        self._group.append(batch)
        self._waiting += batch.num_rows
        self._bytes += batch.nbytes
        if count:
            for row in batch.to_pylist():
                self._digest.update(canonical(row))
                self.sources[row["data_source"]] = self.sources.get(row["data_source"], 0) + 1
            self.rows += batch.num_rows
        if self._waiting >= GROUP_ROWS or self._bytes >= GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa

        if self._waiting:
            table = pa.Table.from_batches(self._group, schema=self._schema)
            self._writer.write_table(table, row_group_size=self._waiting)
        self._group, self._waiting, self._bytes = [], 0, 0

    def close(self) -> str:
        """Ends the file; the logical hash."""
        self._flush()
        self._writer.close()
        self._stream.close()
        return self._digest.hexdigest()

    def abandon(self) -> None:
        """Lets go of the file, whose content does not matter any more."""
        with suppress(Exception):
            self._writer.close()
        with suppress(OSError):
            self._stream.close()


def canonical(row: dict[str, Any]) -> bytes:
    """One line a row: JSON with sorted keys, bytes as hexadecimal."""
    return (
        json.dumps(row, sort_keys=True, ensure_ascii=True, separators=(",", ":"), default=bytes.hex).encode()
        + b"\n"
    )


@contextmanager
def unfinished(out: Path) -> Iterator[Path]:
    """A path beside `out` to write to; becomes `out` at the end, or is removed if the block raises."""
    out.parent.mkdir(parents=True, exist_ok=True)
    file = out.with_name(f".{out.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    try:
        yield file
        with file.open("rb") as stream:
            os.fsync(stream.fileno())
        file.replace(out)
    finally:
        file.unlink(missing_ok=True)
