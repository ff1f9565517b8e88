"""What a docstring says of a function and of each parameter, in Google, NumPy and Sphinx style.

A parser of our own, though `docstring_parser` is kept and small. The text goes into the prompt word for
word, so it has to be cut as verl's inference cuts it (transformers' get_json_schema folds a description's
lines with one space); and that library guesses one style for the whole text: one line without a colon under
`Args:` silently loses every description (tried with 0.18.0). Here each line is read by the section it
stands in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

_PARAMETERS = frozenset(
    {
        "args",
        "arguments",
        "parameters",
        "params",
        "keyword args",
        "keyword arguments",
        "other parameters",
        "attributes",
    }
)
# Sections for readers of the code. Others (Note, Example, Warning) before the parameters stay in the
# description.
_OTHERS = frozenset(
    {
        "returns",
        "return",
        "yields",
        "yield",
        "receives",
        "raises",
        "raise",
        "warns",
        "see also",
        "references",
        "todo",
    }
)
_NUMPY_OTHERS = _OTHERS | {"notes", "note", "examples", "example", "warnings", "warning", "methods"}

_GOOGLE_HEADER = re.compile(r"([A-Za-z][A-Za-z ]{0,30}):\s*$")
_UNDERLINE = re.compile(r"[-=~]{3,}\s*$")
_GOOGLE_ITEM = re.compile(
    r"(\*{0,2}\w+(?:\s*,\s*\*{0,2}\w+)*)\s*(?:\((?:[^()]|\([^()]*\))*\))?\s*:(?:\s+(.*)|\s*)$"
)
_NUMPY_ITEM = re.compile(r"(\*{0,2}\w+(?:\s*,\s*\*{0,2}\w+)*)\s*(?::.*)?$")
_FIELD = re.compile(r"[:@](\w+)(?:\s+([^:]*?))?\s*:(?:\s+(.*)|\s*)$")
_FIELD_PARAMETER = frozenset(
    {"param", "parameter", "arg", "argument", "key", "keyword", "ivar", "var", "cvar"}
)
_FIELD_OTHER = frozenset(
    {"type", "return", "returns", "rtype", "raise", "raises", "except", "exception", "yield", "yields"}
)


class Docstring(NamedTuple):
    """description: the text before the sections, lines as written. parameters: name → one line of text."""

    description: str
    parameters: Mapping[str, str]


@dataclass(slots=True)
class _Reading:
    """Where the reader is: the section ("" before any, "skip" where not wanted) and its open items."""

    section: str = ""
    indent: int | None = None
    open: tuple[str, ...] = ()
    description: list[str] = field(default_factory=list)
    items: dict[str, list[str]] = field(default_factory=dict)

    def begin(self, names: str, text: str) -> None:
        self.open = tuple(name.strip().lstrip("*") for name in names.split(","))
        for name in self.open:
            self.items.setdefault(name, [])
        self.add(text)

    def add(self, text: str) -> None:
        for name in self.open:
            self.items[name].append(text)


def parse_docstring(text: str) -> Docstring:
    """Read a docstring as `ast.get_docstring` cleans it. Never fails: what belongs nowhere is left out."""
    lines = text.splitlines()
    state = _Reading()
    at = 0
    while at < len(lines):
        at += _read_line(state, lines, at)
    folded = {name: " ".join(line for line in part if line) for name, part in state.items.items()}
    return Docstring("\n".join(state.description).strip(), MappingProxyType(folded))


def _read_line(state: _Reading, lines: list[str], at: int) -> int:
    """Take one line, or a NumPy header with its underline. Returns how many lines that was."""
    line = lines[at]
    stripped = line.strip()
    indent = len(line) - len(line.lstrip())
    following = lines[at + 1].strip() if at + 1 < len(lines) else ""
    title = stripped.lower()
    if indent == 0 and _UNDERLINE.match(following) and (title in _PARAMETERS or title in _NUMPY_OTHERS):
        _enter(state, "numpy" if title in _PARAMETERS else "skip")
        return 2
    header = _GOOGLE_HEADER.match(line)
    if header and indent == 0:
        title = header[1].lower()
        if title in _PARAMETERS:
            _enter(state, "google")
            return 1
        if title in _OTHERS or state.section:
            _enter(state, "skip")
            return 1
    found = _FIELD.match(stripped) if stripped[:1] in (":", "@") else None
    if found and (found[1] in _FIELD_PARAMETER or found[1] in _FIELD_OTHER):
        _enter(state, "fields")
        words = (found[2] or "").split()
        if found[1] in _FIELD_PARAMETER and words:
            state.begin(words[-1], found[3] or "")
    elif state.section == "":
        state.description.append(line)
    elif state.section != "skip":
        _read_item(state, stripped, indent)
    return 1


def _enter(state: _Reading, section: str) -> None:
    state.section, state.indent, state.open = section, None, ()


def _read_item(state: _Reading, stripped: str, indent: int) -> None:
    if not stripped:
        if state.section == "fields" and state.open:
            state.indent = -1  # after a blank line only indented text continues a field
        return
    if state.section == "fields":
        if state.indent == -1 and indent == 0:
            state.open = ()
        state.add(stripped)
        return
    if state.indent is None:
        state.indent = indent
    pattern = _GOOGLE_ITEM if state.section == "google" else _NUMPY_ITEM
    found = pattern.match(stripped) if indent <= state.indent else None
    if found and state.section == "google":
        state.begin(found[1], found[2] or "")
    elif found:
        state.begin(found[1], "")
    elif indent == 0 and state.indent > 0:
        _enter(state, "skip")  # text after the section, at the margin
    else:
        state.add(stripped)
