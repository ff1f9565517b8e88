"""What libyaml says about a file that is not YAML, in plain words and at the place of the mistake.

The phrases are those of libyaml 0.2.5 (scanner.c, parser.c) and of PyYAML's own scanner and parser, which say
"expected" for "did not find expected"; a phrase that is not known is shown as it is.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, cast

import yaml

from toolspec.specs.complaints import MAX_DEPTH, cut
from toolspec.specs.problem import Problem, Span
from toolspec.specs.source import NO_SPACE, fault

_INDENT = re.compile(r"[ \t]*")
_BEFORE_VALUE = re.compile(r"\s*(?:- +)*[^\s:#][^:#]*:\s+|\s*(?:- +)+")
_CLOSER = {"[": "]", "{": "}"}

# (part of the problem, what it means, what to do); the place is the one that libyaml gives.
_PHRASES: tuple[tuple[str, str, str], ...] = (
    (
        "incompatible YAML document",
        "the `%YAML` line asks for a version other than 1.1 or 1.2",
        "delete the line",
    ),
    (
        "unknown escape character",
        "this is no escape of double-quoted text",
        "write \\\\ for a backslash, or use single quotes",
    ),
    ("hexadecimal number", "the escape has too few hexadecimal digits", ""),
    ("hexdecimal number", "the escape has too few hexadecimal digits", ""),
    ("invalid Unicode character", "the escape is no character", "write the character itself"),
    (
        "document indicator",
        "a line of `---` or `...` stands inside quoted text",
        "close the quote before it, or indent the line",
    ),
    (
        "document separator",
        "a line of `---` or `...` stands inside quoted text",
        "close the quote before it, or indent the line",
    ),
    ("indentation indicator", "the number after `|` or `>` must be 1 to 9", "delete it"),
    ("comment or line break", "text follows here, where the line must end", "move the text to the next line"),
    (
        "comment or a line break",
        "text follows here, where the line must end",
        "move the text to the next line",
    ),
    ("undefined tag handle", "`!` begins a YAML tag, which is refused", "quote the value if it is text"),
    (
        "node content",
        "a value is missing here, or begins with a character that must be quoted",
        "quote the value if it is text",
    ),
    ("<document start>", "text follows after the end of the whole value", ""),
)


@dataclass(frozen=True, slots=True)
class _Error:
    """An error with the text around it. Lines and columns are 0-based; `start`: where the construct began."""

    file: str
    lines: tuple[str, ...]
    context: str
    phrase: str
    line: int
    column: int
    start: tuple[int, int] | None
    last: Any

    def text(self, line: int) -> str:
        return self.lines[line] if 0 <= line < len(self.lines) else ""

    @property
    def character(self) -> str:
        return self.text(self.line)[self.column : self.column + 1]

    def problem(
        self, message: str, line: int, column: int, *, length: int = 1, name: str = "syntax", fix: str = ""
    ) -> Problem:
        return fault(name, message, Span(self.file, line + 1, column + 1, max(1, length)), fix=fix)

    def at_mark(self, message: str, fix: str = "") -> Problem:
        word = re.match(r"[\w.-]+", self.text(self.line)[self.column :])
        return self.problem(message, self.line, self.column, length=len(word[0]) if word else 1, fix=fix)


def explain(error: yaml.YAMLError, file: str, lines: tuple[str, ...], last: Any) -> Problem:
    """One problem for an error of PyYAML. `last`: the event that came before it."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    start = getattr(error, "context_mark", None)
    line, column = (mark.line, mark.column) if mark else (0, 0)
    if line >= len(lines):  # libyaml puts the end of a file on a line of its own
        line, column = len(lines) - 1, len(lines[-1])
    e = _Error(
        file,
        lines,
        str(getattr(error, "context", None) or ""),
        str(getattr(error, "problem", None) or getattr(error, "reason", None) or error),
        line,
        column,
        (start.line, start.column) if start else None,
        last,
    )
    if (
        "nesting depth" in e.phrase
    ):  # libyaml's own limit, 1,000, met within one line before any event comes out
        message = f"more than {MAX_DEPTH} mappings or lists inside one another"
        return e.problem(message, e.line, e.column, name="too-deep")
    for step in (_tab, _no_space, _unclosed, _first_character, _second_colon, _dash, _no_colon, _leftover):
        if found := step(e):
            return found
    for part, meaning, fix in _PHRASES:
        if part in e.phrase:
            return e.at_mark(meaning, fix)
    return e.at_mark(f"this is not YAML: {e.phrase}")


def _tab(e: _Error) -> Problem | None:
    """A tab in the indentation of the line of the error, or of the one before it."""
    if "quoted" in e.context or "flow" in e.context:
        return None
    for line in (e.line, e.line - 1):
        indent = _INDENT.match(e.text(line))
        if indent and "\t" in indent[0]:
            count = sum("\t" in found[0] for text in e.lines if (found := _INDENT.match(text)))
            more = f" ({count} lines do so)" if count > 1 else ""
            message = f"a tab is used for indentation{more}; YAML takes only spaces"
            column = indent[0].index("\t")
            return e.problem(message, line, column, name="tab", fix="replace each tab by two spaces")
    return None


def _no_space(e: _Error) -> Problem | None:
    """`key:value` begins a plain text, which the next line then continues."""
    if "simple key" in e.context and e.start:
        line, column = e.start
    elif "mapping values" in e.phrase and _is_plain_over_lines(e.last):
        line, column = e.last.start_mark.line, e.last.start_mark.column
    else:
        return None
    text = e.text(line)
    found = NO_SPACE.match(text, column)
    if not found or text[:column].strip(" -"):
        return None
    message = f"there is no space after the colon of `{found[1]}:`"
    return e.problem(message, line, column, length=len(found[1]) + 1, fix=f"{found[1]}: {found[2]}")


def _unclosed(e: _Error) -> Problem | None:
    """A quote or bracket: at its beginning where it is never closed, else where the comma is missing."""
    if not e.start:
        return None
    line, column = e.start
    opener = e.text(line)[column : column + 1]
    if "quoted" in e.context and "end of stream" in e.phrase:
        return e.problem(
            f"the quote {opener} that opens here is never closed", line, column, fix=f"close it with {opener}"
        )
    if "flow" not in e.context or opener not in _CLOSER:
        return None
    closer = _CLOSER[opener]
    if e.character in "]}" and e.character:
        where = f"line {line + 1}, column {column + 1}"
        return e.at_mark(
            f"`{e.character}` stands here, but the `{opener}` of {where} is still open",
            f"put `{closer}` before it",
        )
    rest = "\n".join((e.text(line)[column:], *e.lines[line + 1 :]))
    if rest.count(opener) > rest.count(closer):
        before = f" before line {e.line + 1}" if line < e.line < len(e.lines) and e.character else ""
        return e.problem(
            f"the `{opener}` that opens here is not closed{before}",
            line,
            column,
            fix=f"close it with `{closer}`",
        )
    return e.at_mark(
        f"a `,` or `{closer}` is missing before this, or text that must be quoted",
        "quote the text, or add the comma",
    )


def _first_character(e: _Error) -> Problem | None:
    """A plain value cannot begin with @, ` or %, and * and & begin an alias and an anchor."""
    if "cannot start any token" in e.phrase:
        return e.at_mark(
            f"a value cannot begin with `{e.character}` unless it is quoted", _quoted(e, e.line, e.column)
        )
    if e.start and ("alias" in e.context or "anchor" in e.context):
        line, column = e.start
        what = "an alias (`*name`)" if "alias" in e.context else "an anchor (`&name`)"
        character = e.text(line)[column : column + 1]
        message = f"`{character}` begins {what}, and no name follows"
        return e.problem(message, line, column, fix=_quoted(e, line, column) or "quote the value")
    if e.start and " tag" in e.context:
        line, column = e.start
        return e.problem(
            "`!` begins a YAML tag, which is refused", line, column, fix=_quoted(e, line, column)
        )
    if e.start and "directive" in e.context:
        return e.problem(
            "`%` at the start of a line begins a YAML directive",
            *e.start,
            fix="quote the key, or write # for a comment",
        )
    return None


def _second_colon(e: _Error) -> Problem | None:
    """`a: b: c` on one line, or a line indented below a value that is already complete."""
    if "mapping values" not in e.phrase:
        return None
    text = e.text(e.line)
    if _is_plain_over_lines(e.last):
        indent = len(text) - len(text.lstrip())
        key = text[indent : e.column].strip()
        value = e.text(e.last.start_mark.line)[e.last.start_mark.column :].partition(" #")[0].strip()
        message = f"`{cut(key)}` is indented below `{cut(value)}`, which is already a value"
        return e.problem(
            message, e.line, indent, length=len(key), fix="give it the indentation of its neighbours"
        )
    if found := _BEFORE_VALUE.match(text[:200]):
        message = "a second `: ` on one line; a text with `: ` in it must be quoted"
        return e.problem(message, e.line, e.column, fix=_quoted(e, e.line, found.end()))
    return e.at_mark("`:` cannot stand here")


def _dash(e: _Error) -> Problem | None:
    if "sequence entries" not in e.phrase:
        return None
    return e.at_mark(
        "a list of `- ` lines cannot begin on the line of its key",
        "begin it on the next line, or write [a, b]",
    )


def _no_colon(e: _Error) -> Problem | None:
    if "simple key" not in e.context or not e.start:
        return None
    line, column = e.start
    text = e.text(line)[column:].strip()
    if len(text) > 1024:
        return e.problem("a key has at most 1,024 characters", line, column)
    message = "this line is neither `key: value` nor the continuation of a text"
    return e.problem(message, line, column, length=len(text), fix=f"{text.split()[0]}: …" if text else "")


def _leftover(e: _Error) -> Problem | None:
    """What fits neither the mapping nor the list that is open: indentation, or text after a quote."""
    if not e.start or not ("block mapping" in e.context or "block collection" in e.context):
        return None
    if e.character and e.character in "]}":
        return e.at_mark(f"there is a `{e.character}` too many", f"delete the `{e.character}`")
    text = e.text(e.line)
    if text[: e.column].strip():
        if isinstance(e.last, yaml.ScalarEvent) and not e.last.implicit[0]:
            begin: Any = e.last.start_mark
            where = f" that opens on line {begin.line + 1}" if begin.line != e.line else ""
            quote = e.text(begin.line)[begin.column : begin.column + 1]
            fix = (
                "quote all of it; a ' inside is written ''"
                if quote == "'"
                else 'quote all of it; a " inside is written \\"'
            )
            return e.at_mark(f"text follows after the end of the quote{where}", fix)
        return e.at_mark("text follows after the end of the value", "quote the whole value")
    base = e.start[1]
    if e.column != base:
        around = "mapping" if "mapping" in e.context else "list"
        message = f"this line is indented by {e.column}, the {around} around it by {base}"
        return e.at_mark(message, "give it the indentation of its neighbours")
    if "mapping" in e.context and e.character == "-":
        return e.at_mark(
            f"a `- ` item among the `key: value` lines that begin on line {e.start[0] + 1}",
            "give the list a key",
        )
    if "collection" in e.context:
        return e.at_mark(
            f"this is no `- ` item of the list that begins on line {e.start[0] + 1}", "begin it with `- `"
        )
    return e.at_mark("a key is missing here")


def _is_plain_over_lines(event: Any) -> bool:
    """`event` is an unquoted scalar that goes on over a line break."""
    return (
        isinstance(event, yaml.ScalarEvent)
        and bool(event.implicit[0])
        and cast(Any, event).start_mark.line != cast(Any, event).end_mark.line
    )


def _quoted(e: _Error, line: int, column: int) -> str:
    """The line with everything from a column on quoted; "" where that would not be one short value."""
    text = e.text(line)
    value = text[column:].partition(" #")[0].rstrip()
    if not value or len(text) > 80 or "[" in text[:column] or "{" in text[:column]:
        return "quote it"
    return f"{text[:column].lstrip()}{json.dumps(value, ensure_ascii=False)}"
