"""Problems as a person reads them (the line, a caret, the fix) and as a program does (findings as JSON)."""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from toolspec.specs.problem import Problem, Severity, Span, in_file_order
from toolspec.specs.secret import CODE as SECRET
from toolspec.specs.secret import masked, masked_line

TAB_STOP = 4
MIN_TEXT = 24

_COLOURS: Mapping[str, str] = MappingProxyType(
    {
        "error": "1;31",
        "warning": "1;33",
        "note": "1;36",
        "place": "1",
        "gutter": "34",
        "fix": "32",
        "why": "2",
    }
)
# Control, format and surrogate characters move the cursor or turn the reading direction: none is printed.
_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def render(
    problems: Iterable[Problem],
    sources: Mapping[str, Sequence[str]],
    color: bool = False,
    width: int = 100,
    rules: bool = False,
) -> str:
    """Every problem with its line of source, in the order of files and places, and a line that counts them.

    sources: file → its lines; where the file is missing or the span outside it, there is no excerpt.
    width: columns, at least 40. rules: each names the command that
    explains its rule. Ends with a newline; "" where there are no problems.
    """
    found = in_file_order(problems)
    if not found:
        return ""
    paint = _Paint(color)
    hidden = [problem.span for problem in found if problem.code == SECRET and problem.span is not None]
    blocks = ["\n".join(_block(problem, sources, hidden, paint, max(width, 40), rules)) for problem in found]
    return "\n\n".join([*blocks, summary(found)]) + "\n"


def summary(problems: Iterable[Problem]) -> str:
    """`2 errors, 1 warning`; "" where there are none."""
    severities = [problem.severity for problem in problems]
    kinds: tuple[Severity, ...] = ("error", "warning", "note")
    counts = [(severities.count(kind), kind) for kind in kinds]
    return ", ".join(f"{count} {kind}{'s' * (count > 1)}" for count, kind in counts if count)


def to_json(problems: Iterable[Problem]) -> list[dict[str, Any]]:
    """The `findings` of lint's JSON contract, version 1, in the order of `in_file_order`.

    line, column and file are null without a place. fix is null, or {"safe", "edits", "text": the words}; an edit
    replaces what is from line and column up to end_line and end_column by text. What holds a secret is no edit here.
    """
    return [
        {
            "code": p.code,
            "name": p.name,
            "severity": p.severity,
            "message": _said(p, p.message),
            "file": p.span.file if p.span else None,
            "line": p.span.line if p.span else None,
            "column": p.span.column if p.span else None,
            "keys": list(p.keys),
            "spec_path": p.path or None,
            "fix": _fix(p),
        }
        for p in in_file_order(problems)
    ]


def _fix(problem: Problem) -> dict[str, Any] | None:
    if not problem.fix and not problem.edits:
        return None
    shown = all(masked(edit.text) == edit.text for edit in problem.edits)
    edits = [
        {
            "file": edit.span.file,
            "line": edit.span.line,
            "column": edit.span.column,
            "end_line": edit.end[0],
            "end_column": edit.end[1],
            "text": edit.text,
        }
        for edit in (problem.edits if shown else ())
    ]
    return {"safe": problem.safe and bool(edits), "edits": edits, "text": _said(problem, problem.fix)}


def _said(problem: Problem, text: str) -> str:
    """A text of a problem, which may quote the user's; those about secrets quote none."""
    return text if problem.code == SECRET else masked(text)


class _Paint:
    """ANSI colour by role, or none."""

    def __init__(self, on: bool) -> None:
        self._on = on

    def __call__(self, role: str, text: str) -> str:
        return f"\x1b[{_COLOURS[role]}m{text}\x1b[0m" if self._on and text else text


def _block(
    problem: Problem,
    sources: Mapping[str, Sequence[str]],
    hidden: Sequence[Span],
    paint: _Paint,
    width: int,
    rules: bool,
) -> list[str]:
    span = problem.span
    place = f"{_clean(span.file)}:{span.line}:{span.column}: " if span else ""
    head = paint("place", place) + paint(problem.severity, f"{problem.severity}[{problem.code}]")
    out = [f"{head} {problem.name}"]
    message = _clean(_said(problem, problem.message))
    lines = sources.get(span.file, ()) if span else ()
    if span and 1 <= span.line <= len(lines):
        shown, rest = _excerpt(problem, span, lines, hidden, paint, width)
        out += shown
    else:
        rest = message
    out += _wrap(rest, "  ", "  ", width)
    for role, text in (("fix", _said(problem, problem.fix)), ("why", problem.why)):
        for number, line in enumerate(_wrap(_clean(text), f"  {role}: ", "       ", width)):
            out.append(line.replace(f"{role}:", paint(role, f"{role}:"), 1) if number == 0 else line)
    if rules:
        out.append(paint("why", f"  see: toolspec explain {problem.code}"))
    return out


def _excerpt(
    problem: Problem,
    span: Span,
    lines: Sequence[str],
    hidden: Sequence[Span],
    paint: _Paint,
    width: int,
) -> tuple[list[str], str]:
    """The line before, the line, the underline with the message; the message apart where it does not fit."""
    message, severity = _clean(_said(problem, problem.message)), problem.severity

    def line_at(number: int) -> str:
        there = [place for place in hidden if (place.file, place.line) == (span.file, number)]
        return masked_line(lines, number, there)

    digits = len(str(span.line))
    room = width - digits - 6  # three spaces, the number, " | "
    line = line_at(span.line)
    first = min(max(span.column - 1, 0), len(line))
    last = min(first + max(span.length, 1), max(len(line), first + 1))
    text, offset, marked = _window(line, first, last, room)
    numbered = [(span.line, text)]
    if span.line > 1 and lines[span.line - 2].strip():
        numbered.insert(0, (span.line - 1, _cut(_printable(line_at(span.line - 1)[: 4 * room])[0], room)))
    out = [f"   {paint('gutter', f'{n:>{digits}} |')} {content}".rstrip() for n, content in numbered]
    caret = paint(severity, "^" * marked)
    free = width - (digits + 6 + offset + marked + 1)
    beside = free >= MIN_TEXT and _width(message) <= free
    gutter = f"   {' ' * digits} {paint('gutter', '|')} "
    out.append(gutter + " " * offset + caret + (f" {paint(severity, message)}" if beside else ""))
    return out, "" if beside else message


def _window(line: str, first: int, last: int, room: int) -> tuple[str, int, int]:
    """The part of a line around its characters first..last; columns before the underline, columns underlined.

    Only the neighbourhood of the caret is looked at, so that a line of a megabyte costs nothing.
    """
    begin = max(0, first - room) if len(line) > 2 * room else 0
    text, columns = _printable(line[begin : first + 2 * room])
    a = columns[first - begin]
    b = columns[min(last - begin, len(columns) - 1)]
    b = max(b, a + 1)
    if begin == 0 and (_width(text) <= room and first + 2 * room >= len(line)):
        return text, a, b - a
    start = 0 if begin == 0 and b <= room - 1 else max(0, a - room // 3)
    prefix = "…" if begin or start else ""
    body, skipped = _slice(text, start)
    a, b = a - skipped + len(prefix), b - skipped + len(prefix)
    ends_here = begin + len(columns) - 1 >= len(line)
    shown = prefix + body
    shown = shown if ends_here and _width(shown) <= room else _cut(shown + ("" if ends_here else "…"), room)
    return shown, a, max(1, min(b, _width(shown)) - a)


def _printable(line: str) -> tuple[str, list[int]]:
    """A line as a terminal shows it, and the column at which each character begins (one more for the end)."""
    out: list[str] = []
    columns: list[int] = []
    column = 0
    for character in line:
        columns.append(column)
        if character == "\t":
            shown = " " * (TAB_STOP - column % TAB_STOP)
        elif not character.isascii() or character < " " or character == "\x7f":
            shown = "�" if unicodedata.category(character) in _UNPRINTABLE else character
        else:
            shown = character
        out.append(shown)
        column += _width(shown)
    columns.append(column)
    return "".join(out), columns


def _width(text: str) -> int:
    """Columns on a terminal: two for wide and full-width characters, none for combining ones."""
    if text.isascii():
        return len(text)
    return sum(
        1 + (unicodedata.east_asian_width(c) in "WF")
        for c in text
        if unicodedata.category(c) not in ("Mn", "Me")
    )


def _slice(text: str, start: int) -> tuple[str, int]:
    """The text from a column on, and the columns left away (a wide character on the edge is left away)."""
    column = 0
    for index, character in enumerate(text):
        if column >= start and _width(character):
            return text[index:], column
        column += _width(character)
    return "", column


def _cut(text: str, room: int) -> str:
    if _width(text) <= room:
        return text
    column = 0
    for index, character in enumerate(text):
        column += _width(character)
        if column > room - 1:
            return text[:index] + "…"
    return text


def _clean(text: str) -> str:
    """Text from a file or a name of one, on one line and with nothing that a terminal would obey."""
    return _printable(re.sub(r"\s*[\r\n]\s*", " ", text))[0]


def _wrap(text: str, first: str, rest: str, width: int) -> list[str]:
    if not text:
        return []
    return textwrap.wrap(text, width, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False)
