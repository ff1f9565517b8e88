"""Python source as a syntax tree with places, parsed within limits, never imported; codes of its faults."""

from __future__ import annotations

import ast
import io
import re
import tokenize
import warnings
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from toolspec.specs.named_file import UnreadableError, read
from toolspec.specs.problem import Problem, ProblemError, Severity, Span

MAX_BYTES = 1 << 20
"""A hand-written tool or reward file is far below; a larger one is generated or is data."""
KEPT_CHARACTERS = 1 << 16  # a tree takes some 60 times the memory of its source

# name: (code, severity). Codes are never reused.
CODES: Mapping[str, tuple[str, Severity]] = MappingProxyType(
    {
        "python-file": ("TS060", "error"),  # the file cannot be read, or is too large
        "python-syntax": ("TS061", "error"),
        "function-not-found": ("TS062", "error"),
        "parameter-kind": ("TS063", "error"),  # *args, **kwargs, positional-only
        "annotation-missing": ("TS064", "error"),
        "annotation-unreadable": ("TS065", "error"),
        "recursive-type": ("TS066", "error"),
        "schema-too-large": ("TS067", "error"),
        "docstring-missing": ("TS068", "warning"),
        "description-missing": ("TS069", "warning"),
        "docstring-stale": ("TS070", "warning"),  # describes a parameter that does not exist
        "default-does-not-fit": ("TS071", "warning"),
        "decorated": ("TS072", "note"),
        "redefined": ("TS073", "note"),
        "plain-argument": ("TS074", "note"),  # the function gets JSON values, not the class it names
        "generator-function": ("TS075", "warning"),
        "keyword-call": ("TS076", "error"),  # a function that cannot be called as it will be
        "module-shadows": ("TS090", "error"),  # a local module named like one of the standard library
        "import-outside": ("TS091", "error"),
        "import-limit": ("TS092", "error"),
        "import-missing": ("TS093", "error"),
    }
)

_LINE_BREAK = re.compile("\r\n|\r|\n")  # what Python's tokenizer counts as a line; str.splitlines counts more


def fault(name: str, message: str, span: Span | None, *, why: str = "", fix: str = "") -> Problem:
    """A problem of the table above, by its name."""
    code, severity = CODES[name]
    return Problem(code, name, message, span, why=why, fix=fix, severity=severity)


def refuse(name: str, message: str, span: Span | None, *, why: str = "", fix: str = "") -> ProblemError:
    """The same, as the error to raise."""
    return ProblemError((fault(name, message, span, why=why, fix=fix),))


def at_the_name(error: ProblemError, span: Span | None, path: str) -> ProblemError:
    """The same problems, but a name that the file does not have stands at the reference to it in the spec."""
    return ProblemError(
        tuple(
            p._replace(span=span, path=path) if p.name == "function-not-found" else p for p in error.problems
        )
    )


class PythonSource(NamedTuple):
    """A parsed file. `file` is the name that spans carry; `lines` are those of the source."""

    file: str
    tree: ast.Module
    lines: tuple[str, ...]

    def span(self, node: ast.AST, length: int | None = None) -> Span:
        """Where a node stands. length: characters to underline; by default the node's, on its first line."""
        line: int = getattr(node, "lineno", 1)
        text = self.lines[line - 1] if line <= len(self.lines) else ""
        start = _characters(text, getattr(node, "col_offset", 0))
        if length is None:
            same_line = getattr(node, "end_lineno", None) == line
            end = _characters(text, getattr(node, "end_col_offset", 0)) if same_line else len(text.rstrip())
            length = end - start
        return Span(self.file, line, start + 1, max(1, length))

    def text(self, node: ast.expr) -> str:
        """The source of an expression, its lines joined by spaces; unlike `ast.unparse` without recursion."""
        first, last = node.lineno, node.end_lineno or node.lineno
        lines = list(self.lines[first - 1 : last])
        lines[-1] = lines[-1][: _characters(lines[-1], node.end_col_offset or 0)]
        lines[0] = lines[0][_characters(lines[0], node.col_offset) :]
        return " ".join(line.strip() for line in lines)


@lru_cache(maxsize=64)
def nodes(node: ast.AST) -> tuple[ast.AST, ...]:
    """The node and all below it, as `ast.walk` gives them; kept, since many rules go through the same function."""
    return tuple(ast.walk(node))


def parse_source(source: str, file: str) -> PythonSource:
    """The tree of a Python file. Raises ProblemError: python-file (too large), python-syntax.

    The grammar is that of the Python that runs toolspec. The tree is shared: never change it.
    """
    return (_parse_once if len(source) <= KEPT_CHARACTERS else _parse)(source, file)


def _parse(source: str, file: str) -> PythonSource:
    if len(source) > MAX_BYTES or len(source.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise _too_large(len(source.encode("utf-8", "surrogatepass")), file)
    source = source.removeprefix("\ufeff")
    lines = tuple(_LINE_BREAK.split(source))
    if "\0" in source:
        line = _LINE_BREAK.split(source[: source.index("\0")])
        span = Span(file, len(line), len(line[-1]) + 1)
        raise refuse(
            "python-syntax", "the file holds a NUL byte", span, fix="save it as UTF-8 (NULs are often UTF-16)"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # such as "\d" in a plain string
            tree = ast.parse(source)
    except SyntaxError as error:
        line_number = min(error.lineno or 1, len(lines))
        span = Span(file, line_number, max(1, error.offset or 1))
        raise refuse("python-syntax", f"not Python: {error.msg}", span) from None
    except (RecursionError, MemoryError, ValueError, OverflowError) as error:
        # CPython's parser gives up on deep nesting with the first two, on surrogates with the third.
        too_deep = isinstance(error, RecursionError | MemoryError)
        why = "nested too deep to be parsed" if too_deep else str(error)
        raise refuse("python-syntax", f"not readable as Python: {why}", Span(file, 1, 1)) from None
    return PythonSource(file, tree, lines)


# A tool's file is read for its schema and again for its imports, and the same in every variant of a sweep.
_parse_once = lru_cache(maxsize=16)(_parse)


def read_source(path: Path, said: Span | None = None) -> str:
    """The text of a Python file, decoded by its coding line or as UTF-8. said: where the file is named.

    Raises ProblemError: python-file, python-syntax (the coding line).
    """
    name = str(path)
    span = Span(name, 1, 1)
    try:
        data = read(path, MAX_BYTES)
    except UnreadableError as error:
        fix = "keep data in a file of its own" if error.too_large else ""
        raise refuse(
            "python-file", f"cannot read {name}: {error}", said or Span(name, 1, 1), fix=fix
        ) from None
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"byte {error.start} is 0x{data[error.start]:02x}, which is not {error.encoding} there"
        raise refuse("python-syntax", message, Span(name, line, 1), fix="save the file as UTF-8") from None
    except (SyntaxError, LookupError, ValueError) as error:
        message = getattr(error, "msg", None) or str(error)
        raise refuse(
            "python-syntax", f"the encoding is not readable: {message}", span, fix="save as UTF-8"
        ) from None


def _too_large(size: int, file: str) -> ProblemError:
    message = f"the file has {size:,} bytes; at most {MAX_BYTES:,} are read"
    return refuse("python-file", message, Span(file, 1, 1), fix="keep data in a file of its own")


def _characters(line: str, offset: int) -> int:
    """The characters before a UTF-8 byte offset, which is what `ast` counts columns in."""
    return (
        offset if line.isascii() else len(line.encode("utf-8", "replace")[:offset].decode("utf-8", "ignore"))
    )
