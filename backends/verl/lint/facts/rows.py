"""Rows of a data file as far as a linter reads them: how many, which columns, and the first of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeVar

from toolspec.backends.verl.lint.not_known import NothingError, NotKnownError
from toolspec.backends.verl.lint.view import View
from toolspec.specs.reads import stamp

MOST_ROWS = 20_000
"""Rows that are looked into; real sets of tool tasks are of this size, and reading them takes under a second."""
MOST_BYTES = 256 << 20
MOST_MADE = 64
"""Results over all rows that are kept beside them."""
Split = Literal["train", "val"]
SPLITS: tuple[Split, ...] = ("train", "val")
T = TypeVar("T")


class Rows:
    """count: of all files. columns: of the first file. sample: the first rows, as verl's dataset would have them.

    complete: whether the sample is all rows.
    """

    def __init__(
        self,
        files: tuple[Path, ...],
        count: int,
        columns: tuple[str, ...],
        sample: tuple[dict[str, Any], ...],
    ) -> None:
        self.files = files
        self.count = count
        self.columns = columns
        self.sample = sample
        self._made: dict[str, Any] = {}

    def once(self, what: str, make: Callable[[], T]) -> T:
        """What `make` works out over all rows, also for other runs on them. what: all else that decides it."""
        if what not in self._made:
            while len(self._made) >= MOST_MADE:
                del self._made[next(iter(self._made))]
            self._made[what] = make()
        value: T = self._made[what]
        return value

    @property
    def complete(self) -> bool:
        return len(self.sample) == self.count

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The columns of all files: JSON rows may have others than the first."""
        return tuple(dict.fromkeys((*self.columns, *(name for row in self.sample for name in row))))

    def values(self, column: str) -> Iterator[Any]:
        """The column's values in the sample; `a.b` looks into a mapping; None where it is not there."""
        first, *rest = column.split(".")
        for row in self.sample:
            value = row.get(first)
            for name in rest:
                value = value.get(name) if isinstance(value, dict) else None
            yield value


def read_rows(view: View, key: str) -> Rows:
    """The rows that a key's files hold. Raises NotKnownError: a custom dataset, files that are not at hand or odd."""
    if view.value("data.custom_cls.path"):
        raise NotKnownError("rows as data.custom_cls makes them")
    split = "val" if key == "data.val_files" else "train"
    if view.run.rows is not None and split in view.run.rows.splits:
        rows: Rows = view.run.rows.rows(split)
        return rows
    named = view.value(key)
    if view.run.rows is not None and split == "val" and named == view.value("data.train_files"):
        raise NothingError("rows of data.val, which are those of data.train")
    names = named if isinstance(named, list) else [named]
    files: list[Path] = []
    for name in names:
        path = view.path(str(name)) if name else None
        if path is None or not path.is_file() or path.suffix not in (".parquet", ".jsonl", ".json"):
            raise NotKnownError(f"the file of {key} ({name})")
        files.append(path)
        status = path.stat()
        view.files.depends(path)
        if status.st_size > MOST_BYTES:
            raise NotKnownError(f"a smaller file than {name}, which has {status.st_size >> 20} MiB")
    if not files:
        raise NotKnownError(f"files in {key}")
    asked = repr([(str(file), stamp(str(file))) for file in files])
    return view.files.recently(f"rows {asked}", lambda: _read(key, files))


def rows_at_hand(view: View) -> Iterator[tuple[Split, Rows]]:
    """(split, rows) of the training and validation rows that are at hand; else as each_split."""
    return each_split(view.facts.rows)


def each_split(read: Callable[[Split], T]) -> Iterator[tuple[Split, T]]:
    """(split, what is read of it) of those that can be read.

    Raises NotKnownError, behind those that can, where a split cannot.
    """
    unknown: NotKnownError | None = None
    for split in SPLITS:
        try:
            found = read(split)
        except NotKnownError as error:
            unknown = unknown or error
            continue
        yield split, found
    if unknown is not None:
        raise unknown


def _read(key: str, files: list[Path]) -> Rows:
    count = 0
    columns: tuple[str, ...] = ()
    sample: list[dict[str, Any]] = []
    for file in files:
        try:
            number, names, rows = _parquet(file) if file.suffix == ".parquet" else _json(file)
        except (OSError, ValueError, KeyError, RecursionError) as error:
            said = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise NotKnownError(f"readable rows in {file.name} ({said[:80]})") from None
        count += number
        columns = columns or names
        sample += rows[: MOST_ROWS - len(sample)]
    return Rows(tuple(files), count, columns, tuple(sample))


def _parquet(file: Path) -> tuple[int, tuple[str, ...], list[dict[str, Any]]]:
    """Raises OSError, ValueError (pyarrow's errors are of these kinds)."""
    from pyarrow import parquet

    with parquet.ParquetFile(file) as opened:
        rows: list[dict[str, Any]] = []
        for batch in opened.iter_batches(batch_size=1024):
            rows += batch.to_pylist()
            if len(rows) >= MOST_ROWS:
                break
        return opened.metadata.num_rows, tuple(opened.schema_arrow.names), rows


def _json(file: Path) -> tuple[int, tuple[str, ...], list[dict[str, Any]]]:
    text = file.read_text("utf-8")
    rows = (
        json.loads(text)
        if text.lstrip().startswith("[")
        else [json.loads(line) for line in text.splitlines() if line.strip()]
    )
    if not all(isinstance(row, dict) for row in rows):
        raise ValueError("a row is no object")
    return len(rows), tuple(rows[0]) if rows else (), rows[:MOST_ROWS]


def drawn(view: View, split: str) -> int:
    """Rows that a split has after `data.<split>_max_samples`; filtering may leave fewer.

    Source: utils/dataset/rl_dataset.py _read_files_and_tokenize: 0 and -1 take all. Raises NotKnownError.
    """
    rows = view.facts.rows(split).count
    most = view.value(f"data.{split}_max_samples")
    return min(rows, most) if isinstance(most, int) and most > 0 else rows
