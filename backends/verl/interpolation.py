"""`${...}` as OmegaConf 2.3 resolves it, over a tree that is looked up by dotted key.

Covers what verl's configs use: absolute and relative keys, `oc.select` with a fallback, nesting, and text
around an interpolation. Other resolvers (`oc.env`, `hydra:`, a user's own) depend on the machine or on code
and are reported as unresolved. Input is untrusted: length, number of steps and nesting are bounded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, TypeVar

from toolspec.backends.verl.written.value import Unknown

T = TypeVar("T")

MISSING = "???"  # OmegaConf's mark of a mandatory value that nobody gave
LONGEST = 20_000  # characters of a text with interpolations; real ones have under 300
MOST_STEPS = 20_000  # keys visited for one answer; a whole release has about 900


# The resolvers of OmegaConf 2.3 (omegaconf.py, register_default_resolvers) and Hydra 1.3 (core/utils.py, setup_globals)
# that give their value where the job runs.
AT_RUN_TIME = frozenset(
    {
        *("oc.create", "oc.decode", "oc.deprecated", "oc.dict.keys", "oc.dict.values", "oc.env"),
        *("hydra", "now", "python_version"),
    }
)


class UnresolvedError(ValueError):
    """The value of a key cannot be known from the config alone. The message is one clause that says why."""


class RunTimeError(UnresolvedError):
    """The value is known only where the job runs; as far as the config goes, nothing is wrong with it."""


class Absent:
    """What a lookup returns for a key that does not exist."""


ABSENT = Absent()
Lookup = Callable[[str], Any]
"""Dotted key to its raw value: a leaf, a mapping for a section (of which only the names count), or ABSENT."""


def resolve(key: str, lookup: Lookup) -> Any:
    """The value at `key` with every interpolation in it resolved.

    Raises UnresolvedError: no such key, a cycle, an interpolated value that is mandatory (`???`), no such resolver,
    or more nesting than a real config has; RunTimeError, a kind of it, for a resolver that needs the machine.
    """
    try:
        return Resolution(lookup).key(key, ())
    except RecursionError:
        raise UnresolvedError(f"{key} is nested too deeply") from None


class Resolution:
    """One walk through the tree. `seen` is the chain of keys whose values are being worked out."""

    def __init__(self, lookup: Lookup) -> None:
        self.lookup = lookup
        self.steps = 0

    def key(self, key: str, seen: tuple[str, ...]) -> Any:
        self.steps += 1
        if self.steps > MOST_STEPS:
            raise UnresolvedError(f"it takes more than {MOST_STEPS} steps")
        if key in seen:
            raise UnresolvedError(f"{' -> '.join((*seen[seen.index(key) :], key))} is a cycle")
        value, home = self.locate(key, seen)
        if value is ABSENT:
            raise UnresolvedError(f"there is no key {key}")
        return self.value(value, key, (*seen, key)) if home == key else self.key(home, (*seen, key))

    def locate(self, key: str, seen: tuple[str, ...]) -> tuple[Any, str]:
        """The raw value at `key` and where it stands: elsewhere, if a parent is an interpolation."""
        value = self.lookup(key)
        if value is not ABSENT or "." not in key:
            return value, key
        parent, _, name = key.rpartition(".")
        holder, home = self.locate(parent, seen)
        if isinstance(holder, str) and "${" in holder:
            target = self.named(holder, home, seen)
            return self.locate(f"{target}.{name}", seen) if target else (ABSENT, key)
        if isinstance(holder, Mapping):
            inside = self.lookup(f"{home}.{name}")
            return holder.get(name, ABSENT) if inside is ABSENT else inside, f"{home}.{name}"
        if isinstance(holder, list) and name.isdecimal() and int(name) < len(holder):
            return holder[int(name)], f"{home}.{name}"
        return ABSENT, key

    def named(self, text: str, key: str, seen: tuple[str, ...]) -> str | None:
        """The key that a text names if it is one interpolation and nothing else; `key` is where it stands."""
        parts = pieces(text)
        if len(parts) != 1 or not parts[0][0]:
            return None
        resolver, colon, rest = parts[0][1].partition(":")
        if colon and resolver.strip() != "oc.select":
            raise self.elsewhere(resolver.strip(), rest, key, seen)
        if not colon:
            return self.target(parts[0][1], key, seen)
        first, *fallback = arguments(rest)
        target = self.target(first, key, seen)
        absent = fallback and target not in seen and self.locate(target, seen)[0] in (ABSENT, MISSING)
        return self.named(fallback[0].strip(), key, seen) if absent else target

    def value(self, value: Any, key: str, seen: tuple[str, ...]) -> Any:
        """`value`, which stands at `key`, resolved through lists and mappings."""
        if isinstance(value, Mapping):
            below = self.each(partial(self.key, f"{key}.{name}", seen) for name in value)
            return dict(zip(value, below, strict=True))
        if isinstance(value, list):
            return self.each(partial(self.value, item, f"{key}.{i}", seen) for i, item in enumerate(value))
        if isinstance(value, Unknown):
            raise RunTimeError(value.reason)
        if not (isinstance(value, str) and "${" in value):
            return value
        if len(value) > LONGEST:
            raise UnresolvedError(f"a text of {len(value)} characters with interpolations")
        parts = pieces(value)
        if len(parts) == 1 and parts[0][0]:
            return self.interpolation(parts[0][1], key, seen)
        texts = self.each(
            partial(self.text, t, key, seen) if inside else partial(str, t) for inside, t in parts
        )
        text = "".join(texts)
        if len(text) > LONGEST:
            raise UnresolvedError(f"it grows to more than {LONGEST} characters")
        return text

    @staticmethod
    def each(parts: Iterable[Callable[[], T]]) -> list[T]:
        """Every part resolved. One that waits for the job does not hide one behind it that can never be."""
        done: list[T] = []
        waiting: RunTimeError | None = None
        for part in parts:
            try:
                done.append(part())
            except RunTimeError as error:
                waiting = waiting or error
        if waiting is not None:
            raise waiting
        return done

    def elsewhere(self, resolver: str, rest: str, key: str, seen: tuple[str, ...]) -> UnresolvedError:
        """Why `${resolver:rest}` has no value yet. Its arguments are resolved before it is called."""
        if resolver not in AT_RUN_TIME:
            return UnresolvedError(f"there is no resolver {resolver}")
        self.each(partial(self.value, argument, key, seen) for argument in arguments(rest))
        return RunTimeError(f"the resolver {resolver} gives its value only when the job runs")

    def text(self, inside: str, key: str, seen: tuple[str, ...]) -> str:
        """The value of `${inside}` as part of a longer text."""
        found = self.interpolation(inside, key, seen)
        if isinstance(found, list | Mapping):  # OmegaConf prints its own raw form, which nobody can mean
            raise UnresolvedError(f"${{{inside}}} is a {type(found).__name__} inside a text")
        return str(found)

    def interpolation(self, inside: str, key: str, seen: tuple[str, ...]) -> Any:
        """The value of `${inside}` standing at `key`."""
        name, colon, rest = inside.partition(":")
        if not colon:
            target = self.target(inside, key, seen)
            found = self.key(target, seen)
            if found == MISSING:
                raise UnresolvedError(f"{target} is mandatory and has no value")
            return found
        if name.strip() != "oc.select":
            raise self.elsewhere(name.strip(), rest, key, seen)
        first, *fallback = arguments(rest)
        target = self.target(first, key, seen)
        if target in seen or self.locate(target, seen)[0] not in (ABSENT, MISSING):
            return self.key(target, seen)
        return self.literal(fallback[0], key, seen) if fallback else None

    def target(self, text: str, key: str, seen: tuple[str, ...]) -> str:
        """The absolute key that is named: `.x` is a sibling of `key`, `..x` one of its parent."""
        named = str(self.value(text.strip(), key, seen)).strip("'\"")
        named = re.sub(r"\[([^\]]*)\]", r".\1", named)
        dots = len(named) - len(named.lstrip("."))
        return ".".join((*key.split(".")[:-dots], named[dots:])) if dots else named

    def literal(self, text: str, key: str, seen: tuple[str, ...]) -> Any:
        """A fallback as OmegaConf's grammar reads it: a list, a mapping, or what `scalar` reads."""
        text = text.strip()
        if text.startswith("[") and text.endswith("]"):
            return [self.literal(item, key, seen) for item in arguments(text[1:-1]) if item.strip()]
        if text.startswith("{") and text.endswith("}"):
            pairs = [item.partition(":") for item in arguments(text[1:-1]) if item.strip()]
            return {self.literal(k, key, seen): self.literal(v, key, seen) for k, _, v in pairs}
        return self.value(text, key, seen) if "${" in text else scalar(text)


def scalar(text: str) -> Any:
    """A plain argument: `null`, `true`, `1`, `1e-3`, `'quoted'` or text."""
    if text.lower() in CONSTANTS:
        return CONSTANTS[text.lower()]
    if INTEGER.fullmatch(text):
        return int(text)
    if FLOAT.fullmatch(text):
        return float(text)
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    if not UNQUOTED.fullmatch(text):
        raise UnresolvedError(f"`{text[:40]}` has to be quoted inside an interpolation")
    return text


# OmegaConf 2.3 (OmegaConfGrammarLexer.g4): NULL, BOOL, INT, FLOAT, and what a text may have without quotes.
UNQUOTED = re.compile(r"[\w/\-\\+.$%*@?|: ]*", re.ASCII)
CONSTANTS: Mapping[str, Any] = {"null": None, "true": True, "false": False}
INTEGER = re.compile(r"[+-]?(0|[1-9](_?\d)*)")
FLOAT = re.compile(
    r"[+-]?((\d(_?\d)*)?\.\d(_?\d)*|\d(_?\d)*\.|\d(_?\d)*(?=[eE]))([eE][+-]?\d(_?\d)*)?|[+-]?inf|nan", re.I
)


def pieces(text: str) -> list[tuple[bool, str]]:
    r"""Cuts a text into (is an interpolation, its inside or the plain text). `\${` is plain text, `\\${` is none."""
    found: list[tuple[bool, str]] = []
    plain, at = "", 0
    while (start := text.find("${", at)) >= 0:
        before = text[at:start].rstrip("\\")
        marks = start - at - len(before)
        before += "\\" * (marks // 2)
        if marks % 2:
            plain, at = f"{plain}{before}${{", start + 2
            continue
        plain, end = plain + before, closing(text, start + 2)
        found += [(False, plain)] if plain else []
        found.append((True, text[start + 2 : end]))
        plain, at = "", end + 1
    plain += text[at:]
    return found + ([(False, plain)] if plain else [])


def closing(text: str, start: int) -> int:
    """Where the brace opened before `start` closes, outside quotes."""
    depth, quote = 1, ""
    for at in range(start, len(text)):
        char = text[at]
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in "{}":
            depth += 1 if char == "{" else -1
            if depth == 0:
                return at
    raise UnresolvedError("an interpolation has no closing brace")


def arguments(text: str) -> list[str]:
    """Splits at commas outside braces, brackets and quotes; at least one item, possibly empty."""
    found, depth, quote, begin = [], 0, "", 0
    for at, char in enumerate(text):
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in "{[":
            depth += 1
        elif char in "}]":
            depth -= 1
        elif char == "," and not depth:
            found.append(text[begin:at])
            begin = at + 1
    return [*found, text[begin:]]
