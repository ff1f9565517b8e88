"""Files of rows: which a pattern means, and what their head says. Rows themselves are not read here."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from glob import has_magic
from pathlib import Path
from typing import IO, Any, Literal

from toolspec.compiler.facts.row_pattern import matching_files
from toolspec.specs.named_file import (
    UnreadableError,
    explained,
    is_folder,
    located,
    named,
    open_regular,
    unreadable,
)
from toolspec.specs.problem import Problem, ProblemError, Span

Format = Literal["parquet", "jsonl", "json"]

MAX_ROW_BYTES = 32 << 20
"""Longest row of a jsonl or json file: one row is held in memory whole."""

# Endings that verl takes (utils/dataset/rl_dataset.py, _read_files_and_tokenize, all releases).
FORMATS: dict[str, Format] = {".parquet": "parquet", ".jsonl": "jsonl", ".json": "json"}
_REMOTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_BLANK = " \t\r\n"


@dataclass(frozen=True, slots=True)
class RowFiles:
    """What one `path` of the spec means.

    files: absolute, sorted by name, links not resolved; empty where nothing is there or it is elsewhere.
    format: None where neither the pattern nor a file tells. remote: an address (`hdfs://…`).
    """

    pattern: str
    files: tuple[Path, ...]
    format: Format | None
    remote: bool = False

    @property
    def exists(self) -> bool:
        return bool(self.files)


def row_files(pattern: str, base: Path, span: Span | None = None) -> RowFiles:
    """The files that `pattern` means, seen from the folder `base`; `~` is the home folder.

    A file of exactly this name wins over reading the pattern as a glob. A remote address (`s3://…`) is never
    contacted. Raises ProblemError: no regular file, an ending that verl does not read, several formats in one glob,
    a glob that means too many files, a name that is not UTF-8.
    """
    if _REMOTE.match(pattern):
        return RowFiles(pattern, (), _format(Path(pattern), pattern, span), remote=True)
    fix = "give a shorter way to the files"
    written = named(lambda: located(pattern, base.absolute()), repr(pattern), span)
    try:
        open_regular(written).close()
        return RowFiles(pattern, (written,), _format(written, pattern, span))
    except UnreadableError as error:
        if is_folder(written):
            fix = f"name the files: {pattern.rstrip('/')}/*.parquet"
            raise unreadable(error, pattern, span, fix=fix) from None
        if not (error.missing or has_magic(pattern)):
            raise unreadable(error, pattern, span) from None
    if not has_magic(pattern):
        return RowFiles(pattern, (), _format(written, pattern, span))
    found = named(lambda: matching_files(written, base.absolute()), pattern, span, fix=fix)
    for file in found:
        if not _is_text(file.name):
            raise _problem(f"the name of {file.name} is not UTF-8, and rows carry it", span, "rename it")
    if not found:
        return RowFiles(pattern, (), None)
    formats = sorted({_format(file, pattern, span) for file in found})
    if len(formats) > 1:
        fix = "one entry a format: [" + ", ".join(f"{pattern}.{name}" for name in formats) + "]"
        raise _problem(f"{pattern} matches {' and '.join(formats)} files", span, fix)
    return RowFiles(pattern, found, formats[0])


def _is_text(name: str) -> bool:
    """Whether every byte of a file's name is part of a character."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _format(file: Path, pattern: str, span: Span | None) -> Format:
    if file.suffix.lower() not in FORMATS:
        what = pattern if file.name in pattern else f"{file.name} of {pattern}"
        message = f"{what} ends in {file.suffix or 'nothing'}; rows are read from .parquet, .jsonl and .json"
        fix = "convert the file, or rename it if it is one of these"
        if not file.suffix and pattern.count("/") == 1:
            fix = f'a data set of the hub is saved as a file first: load_dataset("{pattern}")["train"].to_parquet(…)'
        raise _problem(message, span, fix)
    return FORMATS[file.suffix.lower()]


def content_hash(files: Sequence[Path], span: Span | None = None) -> str:
    """sha256 (hex) over the bytes of the files in the order given; names, times and rights do not count.

    Raises ProblemError where a file cannot be read.
    """
    digest = hashlib.sha256()
    for file in files:
        part, size = hashlib.sha256(), 0
        try:
            with open_regular(file) as stream:
                while block := stream.read(1 << 20):
                    part.update(block)
                    size += len(block)
        except UnreadableError as error:
            raise unreadable(error, str(file), span) from None
        except OSError as error:
            raise unreadable(explained(error), str(file), span) from None
        digest.update(f"{size} {part.hexdigest()}\n".encode())
    return digest.hexdigest()


def columns(file: Path, span: Span | None = None) -> tuple[str, ...]:
    """Column names: the schema of a parquet file, the keys of the first row of a jsonl or json file.

    () for a file without rows. Raises ProblemError where the file cannot be read or is not of its format.
    """
    if _format(file, str(file), span) == "parquet":
        return tuple(schema(file, span).names)
    try:
        with open_regular(file) as stream:
            row = _first_row(stream)
    except UnreadableError as error:
        raise unreadable(error, str(file), span) from None
    except OSError as error:
        raise unreadable(explained(error), str(file), span) from None
    except UnicodeDecodeError:
        raise _problem(f"{file} is not UTF-8", span, "save it as UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise _problem(f"{file} is not JSON: {error}", span) from None
    if row is not None and not isinstance(row, dict):
        raise _problem(f"the first row of {file} is not an object of column: value", span)
    return tuple(row or ())


def schema(file: Path, span: Span | None = None) -> Any:
    """The pyarrow schema of a parquet file. Raises ProblemError where there is none to read."""
    import pyarrow.parquet as pq
    from pyarrow import ArrowException

    try:
        return pq.read_schema(file)
    except (OSError, ArrowException, UnicodeEncodeError) as error:  # pyarrow takes paths in UTF-8 alone
        raise _problem(f"cannot read {file} as parquet: {_reason(error)}", span) from None


def looks_like_verl(schema: Any) -> bool:
    """Whether a pyarrow schema has verl's prompt: a list of structs with `role` and `content` text."""
    from pyarrow import types

    if "prompt" not in schema.names:
        return False
    prompt = schema.field("prompt").type
    if not (types.is_list(prompt) or types.is_large_list(prompt)) or not types.is_struct(prompt.value_type):
        return False
    parts = {field.name: field.type for field in prompt.value_type}
    return all(
        name in parts and (types.is_string(parts[name]) or types.is_large_string(parts[name]))
        for name in ("role", "content")
    )


def _first_row(stream: IO[bytes]) -> Any:
    """The first object of a JSON array or of JSON lines, from as few bytes as it takes; None without any."""
    head, decoder = b"", json.JSONDecoder()
    while True:
        block = stream.read(max(len(head), 1 << 16))
        head += block
        try:
            text = head.removeprefix(b"\xef\xbb\xbf").decode("utf-8")
        except UnicodeDecodeError as error:
            if not block or error.start < len(head) - 8:
                raise
            text = head[: error.start].removeprefix(b"\xef\xbb\xbf").decode("utf-8")
        text = text.strip(_BLANK).removeprefix("[").lstrip(_BLANK)
        if text.startswith("]") or not (block or text):
            return None
        try:
            return decoder.raw_decode(text)[0]
        except ValueError:
            if not block:
                raise
        if len(head) > MAX_ROW_BYTES:
            raise ValueError(f"no row ends within {MAX_ROW_BYTES:,} bytes")


def _reason(error: Exception) -> str:
    said = error.strerror if isinstance(error, OSError) else None
    return said or (str(error).strip() or type(error).__name__).splitlines()[0]


def _problem(message: str, span: Span | None, fix: str = "") -> ProblemError:
    return ProblemError((Problem("TS605", "data-file", message, span, fix=fix),))
