"""Where in a spec the cursor is, also in a text that is not YAML at the moment: by indentation and brackets."""

from __future__ import annotations

import re
from dataclasses import dataclass

_KEY = re.compile(
    r"^(?P<indent> *)(?P<dashes>(?:- +)*)(?P<key>[A-Za-z_][\w.-]*|\"[^\"]*\"|'[^']*')\s*:(?P<rest>\s.*|)$"
)
_WORD = re.compile(r"[\w./:@+-]*$")


@dataclass(frozen=True)
class Place:
    """path: of the mapping or value at the cursor. key: where a key is due, what is typed of it; else None.

    word: what is typed of the value, where a value is due.
    """

    path: tuple[str, ...]
    key: str | None
    word: str


def place_at(lines: list[str], line: int, column: int) -> Place:
    """line, column: from 0, in characters."""
    text = lines[line][:column] if line < len(lines) else ""
    indent = len(text) - len(text.lstrip(" "))
    above = _parents(lines, line, indent)
    found = _KEY.match(text)
    if found is None:
        typed = text.strip().lstrip("- ")
        if re.fullmatch(r"[\w.-]*", typed):
            return Place(above, typed, "")
        return _in_brackets(above, text.lstrip(" "), typed)
    path = (*above, found["key"].strip("\"'"))
    rest = found["rest"].lstrip()
    if rest.startswith("{"):
        return _in_brackets(path, rest, rest)
    return Place(path, None, _typed(rest))


def _typed(text: str) -> str:
    found = _WORD.search(text)
    return found[0] if found is not None else ""


def _parents(lines: list[str], line: int, indent: int) -> tuple[str, ...]:
    """The keys of the mappings that a line of this indentation is in."""
    path: list[str] = []
    for above in reversed(lines[:line]):
        if not above.strip() or above.lstrip().startswith("#"):
            continue
        found = _KEY.match(above)
        if found is None:
            continue
        depth = len(found["indent"]) + len(found["dashes"])
        if depth < indent and not found["rest"].split("#")[0].strip():
            path.insert(0, found["key"].strip("\"'"))
            indent = depth
        if indent == 0:
            break
    return tuple(path)


def _in_brackets(path: tuple[str, ...], text: str, typed: str) -> Place:
    """Inside `{a: {b: 1, c` the path is that of the innermost mapping that is still open."""
    stack: list[str] = []
    key, word, quote = "", "", ""
    expects_key = True
    for char in text:
        if quote:
            quote = "" if char == quote else quote
            word += char
        elif char in "\"'":
            quote = char
            word += char
        elif char == "{":
            if key:
                stack.append(key)
            else:
                stack.append("")
            key, word, expects_key = "", "", True
        elif char == "}":
            if stack:
                stack.pop()
            key, word, expects_key = "", "", False
        elif char == "," and stack:
            key, word, expects_key = "", "", True
        elif char == ":" and expects_key:
            key, word, expects_key = word.strip().strip("\"'"), "", False
        else:
            word += char
    inside = tuple(part for part in stack if part)
    if not stack:
        return Place(path, None, _typed(typed))
    if expects_key:
        return Place((*path, *inside), word.strip(), "")
    return Place((*path, *inside, key), None, word.strip())
