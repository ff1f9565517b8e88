"""Values as an audit shows them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from toolspec.backends.verl.asked import AtRunTime
from toolspec.backends.verl.emit.config_yaml import flow
from toolspec.backends.verl.interpolation import ABSENT
from toolspec.backends.verl.side import Marker
from toolspec.specs.secret import without_secrets

LONGEST = 200


def shown(value: Any, key: str = "") -> str:
    """A value on one line and in few characters; nothing of it where `key` is the name of a secret."""
    if value is ABSENT:
        return "no such key"
    plain = without_secrets(value, key)
    if isinstance(plain, (Marker, AtRunTime, str)):
        text = str(plain) or '""'
    else:
        try:
            text = flow(plain)
        except (TypeError, ValueError, RecursionError):
            text = repr(plain)
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def some(names: Iterable[Any], most: int = 4) -> str:
    """The first of several, and how many more there are."""
    listed = [str(name) for name in names]
    rest = len(listed) - most
    return ", ".join(listed[:most]) + (f" and {rest} more" if rest > 0 else "")


def count(number: int, word: str, verb: str = "") -> str:
    """`2 files`; with a verb in the plural, `2 files are`, `1 file is`."""
    one = {"are": "is", "have": "has", "were": "was"}.get(verb, verb) if number == 1 else verb
    return f"{number:,} {word}{'' if number == 1 else 's'} {one}".rstrip()
