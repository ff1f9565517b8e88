"""The bytes of a file as text (size, encoding, characters); the codes of what is wrong with YAML."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from toolspec.specs.problem import Problem, ProblemError, Severity, Span

MAX_BYTES = 1 << 20
"""1 MiB: a spec is a page or two, and verl's own generated config 35 kB."""

# name: (code, what it means). Codes are never reused.
CODES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "syntax": ("TS001", "the file is not YAML"),
        "tab": ("TS002", "a tab is used for indentation"),
        "duplicate-key": ("TS003", "a key is given twice in one mapping"),
        "key-not-text": ("TS004", "a key is a number, a truth value, nothing, or a collection"),
        "not-utf8": ("TS005", "the bytes are not UTF-8"),
        "control-character": ("TS006", "a character that YAML does not allow, or that nobody can see"),
        "file-too-large": ("TS007", f"the file has more than {MAX_BYTES:,} bytes"),
        "too-deep": ("TS008", "collections are nested too deep"),
        "alias": ("TS009", "an alias names no anchor, or the value that it stands in"),
        "too-many-values": ("TS010", "too many values once the aliases are written out"),
        "empty-file": ("TS011", "there is nothing in the file"),
        "not-a-mapping": ("TS012", "the top level is not `key: value` lines"),
        "tag": ("TS013", "a YAML tag that is refused, or that its value does not fit"),
        "several-documents": ("TS014", "the file holds more than one YAML document"),
        "number-range": ("TS015", "a number that is not finite, or an integer beyond 64 bits"),
        "merge-key": ("TS016", "`<<` is given something other than mappings"),
    }
)

# libyaml's own line breaks (reader.c): lines counted otherwise would put carets on the wrong line.
_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
# What YAML 1.2, production 1 (c-printable), leaves out, and the byte order mark inside a text. Written as what is
# forbidden: the complement takes `re` 5 ms to compile.
_FORBIDDEN = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufeff\ufffe\uffff]")
NO_SPACE = re.compile(r"([A-Za-z_][\w.-]{0,60}):(?!/)(\S{1,60})")
"""`key:value`, which YAML reads as one text."""
_BOMS = {b"\xff\xfe": "UTF-16 (little-endian)", b"\xfe\xff": "UTF-16 (big-endian)"}


def fault(
    name: str,
    message: str,
    span: Span | None,
    *,
    severity: Severity = "error",
    path: str = "",
    why: str = "",
    fix: str = "",
) -> Problem:
    """A problem of the table above, by its name."""
    return Problem(CODES[name][0], name, message, span, path, why, fix, severity)


def split_lines(text: str) -> tuple[str, ...]:
    """The lines of a text as YAML counts them, without their breaks."""
    return tuple(_BREAK.split(text))


def show_lines(data: bytes) -> tuple[str, ...]:
    """Lines to quote in a report, for any bytes: the unreadable is replaced, the file cut at MAX_BYTES."""
    return split_lines(data[:MAX_BYTES].removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace"))


def read_text(data: bytes, file: str) -> str:
    """The text of a UTF-8 file, with or without a byte order mark.

    Raises ProblemError: file-too-large, not-utf8, control-character.
    """
    if len(data) > MAX_BYTES:
        message = f"the file has more than {MAX_BYTES:,} bytes; a spec is a page or two"
        raise ProblemError(
            (fault("file-too-large", message, Span(file, 1, 1), fix="move data into files of their own"),)
        )
    body = data.removeprefix(b"\xef\xbb\xbf")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ProblemError((_not_utf8(data, body, error, file),)) from None
    if found := _FORBIDDEN.search(text):
        raise ProblemError((_forbidden(text, found, file),))
    return text


def _not_utf8(data: bytes, body: bytes, error: UnicodeDecodeError, file: str) -> Problem:
    for mark, encoding in _BOMS.items():
        if data.startswith(mark):
            return fault("not-utf8", f"the file is {encoding}", Span(file, 1, 1), fix="save it as UTF-8")
    before = split_lines(body[: error.start].decode("utf-8"))
    offset = error.start + len(data) - len(body)
    message = f"byte {offset} is 0x{body[error.start]:02x}, which is not UTF-8 there"
    return fault(
        "not-utf8", message, Span(file, len(before), len(before[-1]) + 1), fix="save the file as UTF-8"
    )


def _forbidden(text: str, found: re.Match[str], file: str) -> Problem:
    before = split_lines(text[: found.start()])
    count = sum(1 for _ in _FORBIDDEN.finditer(text))
    more = f" ({count} such characters in all)" if count > 1 else ""
    span = Span(file, len(before), len(before[-1]) + 1)
    if found[0] == "\0":
        fix = "save it as UTF-8 (NUL bytes are often UTF-16)"
    elif found[0] == "\ufeff":
        return fault(
            "control-character", f"a byte order mark stands inside the text{more}", span, fix="delete it"
        )
    else:
        fix = "delete it, or write it as an escape in double quotes"
    return fault(
        "control-character",
        f"the control character U+{ord(found[0]):04X} is not allowed{more}",
        span,
        fix=fix,
    )
