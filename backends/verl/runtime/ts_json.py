"""JSON values of a text, and when two are the same.

Same: numbers by value (1 and 1.0), text as it is, truth values and null only themselves, lists in order, mappings
whatever the order. A text with a key given twice, NaN or an infinity is no JSON here: two readers would see two
values in it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

_FENCE = re.compile(r"```(?:json)?[^\S\n]*\n(.*?)```", re.DOTALL | re.IGNORECASE)
_OPEN = re.compile(r"[{\[]")
TRIES = 64  # openings that are tried in a text, from its end


class _Twice(ValueError):
    pass


def _once(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _Twice(f"the key {key!r} stands twice")
        found[key] = value
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_constant)


def parsed(text: str) -> Any:
    """The value of a JSON text. Raises ValueError."""
    try:
        return _DECODER.decode(text.strip())
    except RecursionError:
        raise ValueError("nested too deeply") from None


def found_in(text: str) -> Any:
    """The JSON value that a text answers with: the whole, else the last fenced block, else the last mapping or list
    that stands in it. Raises ValueError where there is none.
    """
    blocks = _FENCE.findall(text)
    for part in (text, *blocks[-1:]):
        try:
            return parsed(part)
        except _Twice:
            raise
        except ValueError:
            continue
    end, best = -1, None
    for match in reversed(list(_OPEN.finditer(text))[-TRIES:]):
        try:
            value, stop = _DECODER.raw_decode(text, match.start())
        except _Twice:
            raise
        except (ValueError, RecursionError):
            continue
        if best is not None and stop < end:  # before the one that was found, and not around it
            break
        end, best = stop, (value,)
    if best is None:
        raise ValueError("the text holds no JSON")
    return best[0]


def key(value: Any) -> Any:
    """Something hashable that two values share exactly when they are the same."""
    if isinstance(value, bool) or value is None:
        return ("word", value)
    if isinstance(value, int | float):
        return ("number", value)
    if isinstance(value, str):
        return ("text", value)
    if isinstance(value, dict):
        return ("mapping", frozenset((str(name), key(item)) for name, item in value.items()))
    return ("list", tuple(key(item) for item in value))


def canonical(text: str) -> Any:
    """`key` of a JSON text; of what is no JSON, the text itself."""
    try:
        return key(parsed(text))
    except (ValueError, RecursionError):
        return ("raw", text)


def same_json(answer: str, truth: Any) -> bool:
    """Whether the text answers with the JSON value `truth`, given as a value or as JSON text."""
    try:
        wanted = parsed(truth) if isinstance(truth, str) else truth
        return bool(key(found_in(answer)) == key(wanted))
    except (ValueError, RecursionError):
        return False
