"""One override of Hydra's command line, `+key=value`, as its grammar reads it.

Source: hydra-core 1.3, grammar/OverrideLexer.g4 and OverrideParser.g4, overrides_visitor.py. Tested for equality
with Hydra's own parser in tests/unit/test_override_grammar.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

DEEPEST = 64


class OverrideError(ValueError):
    """Hydra refuses the text. offset: characters before the place where its grammar gives up."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.offset = offset


class Sweep:
    """Several values, which Hydra takes with --multirun only. text: as written."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return f"Sweep({self.text!r})"


class Override(NamedTuple):
    """op: "", `+`, `++`, `~`. key: dotted, or a group with slashes. package: after `@`, None where there is none.

    value: plain data or a Sweep; None for `~key` without a value (given is False then).
    """

    op: str
    key: str
    package: str | None
    value: Any
    given: bool
    value_offset: int


# As the lexer's fragments ID and KEY_SPECIAL; a dotted key may have numbers between its dots.
_PART = r"(?:[A-Za-z_$][A-Za-z0-9_$-]*|0|[1-9](?:_?[0-9])*)"
_ID = r"[A-Za-z_][A-Za-z0-9_-]*"
_GROUP_OR_KEY = rf"(?:{_ID}(?:/{_ID})+|[A-Za-z_$][A-Za-z0-9_$-]*(?:\.{_PART})*|{_PART}(?:\.{_PART})+|)"
_PACKAGE = rf"(?:[A-Za-z_$][A-Za-z0-9_$-]*(?:\.{_PART})*|{_PART}(?:\.{_PART})+|)"
# As texts, which `re` compiles and keeps when they are used: a configuration has no overrides.
_KEY = rf"(~|\+\+|\+)?({_GROUP_OR_KEY})(?:@({_PACKAGE}))?(=[ \t]*)?"

_INT = r"[+-]?(?:0|[1-9](?:_?[0-9])*)"
_DIGITS = r"(?:0|[1-9](?:_?[0-9])*)"
_POINT = rf"(?:{_DIGITS}\.|{_DIGITS}?\.[0-9](?:_?[0-9])*)"
_FLOAT = rf"[+-]?(?:(?:{_DIGITS}|{_POINT})[eE][+-]?[0-9](?:_?[0-9])*|{_POINT}|[Ii][Nn][Ff]|[Nn][Aa][Nn])"
_QUOTED = r""""(?:(?:\\\\)*|.*?[^\\](?:\\\\)*)"|'(?:(?:\\\\)*|.*?[^\\](?:\\\\)*)\'"""
# In the lexer's order: the longest match wins, then the first of these.
_TOKENS: tuple[tuple[str, str], ...] = (
    ("(", r"[ \t]*\([ \t]*"),
    (",", r"[ \t]*,[ \t]*"),
    (")", r"[ \t]*\)"),
    ("[", r"\[[ \t]*"),
    ("]", r"[ \t]*\]"),
    ("{", r"\{[ \t]*"),
    ("}", r"[ \t]*\}"),
    (":", r"[ \t]*:[ \t]*"),
    ("=", r"[ \t]*=[ \t]*"),
    ("float", _FLOAT),
    ("int", _INT),
    ("bool", r"[Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee]"),
    ("null", r"[Nn][Uu][Ll][Ll]"),
    ("char", r"[/\-\\+.$%*@?|]"),
    ("id", _ID),
    ("esc", r"(?:\\[\\()\[\]{}:=, \t])+"),
    ("ws", r"[ \t]+"),
    ("quoted", _QUOTED),
    ("interpolation", r"\$\{[^}]+\}"),
)


@cache
def _lexer() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Compiled when the first value needs it: most are a word or a number."""
    return tuple((name, re.compile(pattern, re.DOTALL)) for name, pattern in _TOKENS)


_PLAIN = frozenset({"id", "null", "int", "float", "bool", "char", "esc", "ws"})
_CASTS: Mapping[str, Any] = {"int": int, "float": float, "str": str, "bool": bool}
_SWEEPS = frozenset({"choice", "range", "interval", "glob", "sort", "shuffle", "tag"})
# The usual value: a word, a number or a path, read without the lexer.
_SIMPLE = r"[A-Za-z0-9_/.+*@%|?$-]+"
_NUMBER = rf"(?P<int>{_INT})|(?P<float>{_FLOAT})"


def parse_override(text: str, outside: str = "") -> Override:
    """Read one argument. outside: characters that stand for what is not known, taken as plain ones of a text.

    Raises OverrideError where Hydra's grammar does.
    """
    found = re.match(_KEY, text)
    if found is None or (found[4] is None and (found[1] != "~" or found.end() != len(text))):
        at = found.end() if found is not None else 0
        raise OverrideError(f"`{_cut(text)}` is no override, which has the form key=value", at)
    op, key, package = found[1] or "", found[2], found[3]
    if found[4] is None:
        return Override(op, key, package, None, False, len(text))
    body = text[found.end() :]
    value = _Values(body, outside).whole() if body else ""
    return Override(op, key, package, value, True, found.end())


class _Values:
    """A recursive descent over the tokens of one value."""

    def __init__(self, text: str, outside: str) -> None:
        self.text, self.outside = text, outside
        self.at = 0
        self.tokens: list[tuple[str, str, int]] = []

    def whole(self) -> Any:
        if re.fullmatch(_SIMPLE, self.text):
            return _simple(self.text)
        self.tokens = self._lexed()
        value = self._element(0)
        if self._kind() == ",":
            while self._kind() == ",":
                self.at += 1
                self._element(0)
            value = Sweep(self.text)
        if self.at < len(self.tokens):
            raise self._refused()
        return value

    def _lexed(self) -> list[tuple[str, str, int]]:
        tokens = []
        at = 0
        while at < len(self.text):
            if self.text[at] in self.outside:
                tokens.append(("id", self.text[at], at))
                at += 1
                continue
            best, kind = "", ""
            for name, pattern in _lexer():
                found = pattern.match(self.text, at)
                if found is not None and len(found[0]) > len(best):
                    best, kind = found[0], name
            if not best:
                raise OverrideError(f"Hydra cannot read `{_cut(self.text[at:])}`", at)
            tokens.append((kind, best, at))
            at += len(best)
        return tokens

    def _kind(self, ahead: int = 0) -> str:
        return self.tokens[self.at + ahead][0] if self.at + ahead < len(self.tokens) else ""

    def _refused(self) -> OverrideError:
        if self.at >= len(self.tokens):
            return OverrideError("the value is not closed", len(self.text))
        _, text, at = self.tokens[self.at]
        shown = text.strip() or text
        return OverrideError(f"`{_cut(shown)}` cannot stand there in a value of Hydra's; quote the value", at)

    def _take(self, kind: str) -> None:
        if self._kind() != kind:
            raise self._refused()
        self.at += 1

    def _element(self, depth: int) -> Any:
        if depth > DEEPEST:
            raise OverrideError("lists and mappings inside one another too deep", self.tokens[self.at][2])
        kind = self._kind()
        if kind == "[":
            return self._list(depth)
        if kind == "{":
            return self._mapping(depth)
        if kind == "id" and self._kind(1) == "(":
            return self._function(depth)
        return self._primitive(key=False)

    def _list(self, depth: int) -> list[Any]:
        self._take("[")
        items: list[Any] = []
        if self._kind() != "]":
            items.append(self._element(depth + 1))
            while self._kind() == ",":
                self.at += 1
                items.append(self._element(depth + 1))
        self._take("]")
        return items

    def _mapping(self, depth: int) -> dict[Any, Any]:
        self._take("{")
        pairs: dict[Any, Any] = {}
        while self._kind() != "}":
            if pairs:
                self._take(",")
            key = self._primitive(key=True)
            self._take(":")
            pairs[key] = self._element(depth + 1)
        self._take("}")
        return pairs

    def _function(self, depth: int) -> Any:
        name = self.tokens[self.at][1]
        begin = self.tokens[self.at][2]
        self.at += 2
        given: list[Any] = []
        while self._kind() != ")":
            if given:
                self._take(",")
            if self._kind() == "id" and self._kind(1) == "=":
                self.at += 2
            given.append(self._element(depth + 1))
        self._take(")")
        if name in _CASTS and len(given) == 1:
            return _cast(name, given[0], begin)
        if name in _SWEEPS:
            return Sweep(self.text)
        raise OverrideError(f"Hydra has no function `{name}`", begin)

    def _primitive(self, *, key: bool) -> Any:
        start = self.at
        if self._kind() == "quoted" and not key:
            self.at += 1
            return _unquoted(self.tokens[start][1])
        allowed = _PLAIN if key else _PLAIN | {":", "interpolation"}
        while self._kind() in allowed:
            self.at += 1
        parts = self.tokens[start : self.at]
        if parts and parts[0][0] == "ws":
            parts = parts[1:]
        if parts and parts[-1][0] == "ws":
            parts = parts[:-1]
        if not parts:
            raise self._refused()
        if len(parts) > 1:
            return "".join(text[1::2] if kind == "esc" else text for kind, text, _ in parts)
        kind, text, _ = parts[0]
        if kind == "esc":
            return text[1::2]
        return _scalar(kind, text)


def _scalar(kind: str, text: str) -> Any:
    if kind == "int":
        return int(text) if len(text) <= 4000 else text
    if kind == "float":
        return float(text)
    if kind == "null":
        return None
    return text.lower() == "true" if kind == "bool" else text


def _simple(text: str) -> Any:
    """A value of word characters only, which is one scalar or one text."""
    lower = text.lower()
    if lower in ("true", "false"):
        return lower == "true"
    if lower == "null":
        return None
    found = re.fullmatch(_NUMBER, text)
    if found is not None:
        return _scalar(str(found.lastgroup), text)
    # A backslash is not among the characters, so that nothing is escaped.
    return text


def _cast(name: str, value: Any, at: int) -> Any:
    """Hydra's `int(…)`, `str(…)`; source: hydra/_internal/grammar/grammar_functions.py."""
    if isinstance(value, (list, dict, Sweep)):
        raise OverrideError(f"`{name}()` of a list or mapping is not read here", at)
    try:
        if name == "bool":
            return _as_bool(value)
        if name == "str" and (value is None or isinstance(value, bool)):
            return "null" if value is None else str(value).lower()
        return _CASTS[name](value)
    except (TypeError, ValueError):
        raise OverrideError(f"`{value}` is no {name}", at) from None


def _as_bool(value: Any) -> bool:
    if isinstance(value, str):
        if value.lower() not in ("true", "false"):
            raise ValueError(value)
        return value.lower() == "true"
    return bool(value)


def _unquoted(text: str) -> str:
    """The content of a quoted value: `\\"` is a quote, and backslashes count only before one."""
    quote = text[0]
    body = text[1:-1]
    return re.sub(rf"(\\+)({quote}|$)", lambda found: "\\" * (len(found[1]) // 2) + found[2], body)


def _cut(text: str, width: int = 40) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
