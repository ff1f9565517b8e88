"""The calls that a row expects, and whether a trajectory made them.

The row's answer is a list of calls, or its JSON text: [{"name": "search", "arguments": {"query": "x"}}, …].
A call and its `arguments` may be JSON text. In a list that is no text a null argument is none: Parquet gives every
mapping of a column the same fields.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import ts_json
from ts_trajectory import Trajectory, plain


def expected(truth: Any) -> list[Any]:
    """A hashable form of each call. Raises ValueError where the row's answer is no list of calls."""
    text = isinstance(truth, str)
    value = ts_json.parsed(truth) if isinstance(truth, str) else plain(truth)
    if isinstance(value, dict):
        value = [value]
    if isinstance(value, list):
        value = [ts_json.parsed(call) if isinstance(call, str) else call for call in value]
    if not isinstance(value, list) or not all(isinstance(call, dict) and "name" in call for call in value):
        raise ValueError("the row's answer must be a list of calls, {name, arguments} each")
    found = []
    for call in value:
        arguments = call.get("arguments") or {}
        if isinstance(arguments, str):
            arguments = ts_json.parsed(arguments)
        elif not text and isinstance(arguments, dict):
            arguments = {name: item for name, item in arguments.items() if item is not None}
        found.append((str(call["name"]), ts_json.key(arguments)))
    return found


def made(trajectory: Trajectory) -> list[Any]:
    """The same of each valid call, in order."""
    return [(call.name, ts_json.canonical(call.arguments)) for call in trajectory.valid]


def same_calls(trajectory: Trajectory, truth: Any, ordered: bool) -> bool:
    """Whether exactly the expected calls were made, and no bad one. ordered: in this order."""
    wanted = expected(truth)
    if trajectory.bad:
        return False
    return made(trajectory) == wanted if ordered else Counter(made(trajectory)) == Counter(wanted)
