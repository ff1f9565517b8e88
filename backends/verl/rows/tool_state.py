"""State of the tools that comes with a row: `extra_info.tools_kwargs`, with every tool in every row.

verl reads `tools_kwargs.get(tool, {}).get("create_kwargs", {})` and nothing else of it (tool_agent_loop.py,
`_call_tool`, all releases). Parquet gives every row of a column the same fields: a tool that one row leaves
out comes back as null, `.get` fails on it, and every call of the tool answers with an error. A tool without
state is therefore written as `{stateless: true}`: parquet cannot hold a mapping without fields, and as verl
finds no `create_kwargs` in this one, it creates the tool with `create_kwargs={}`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from toolspec.backends.verl.rows.prompt import Unusable
from toolspec.backends.verl.rows.shape import word

State = dict[str, dict[str, Any]]
"""tool → create arguments"""
_VERL = frozenset({"create_kwargs", "execute_kwargs", "calc_reward_kwargs", "release_kwargs"})


def row_state(value: Any, column: str, tools: Sequence[str]) -> tuple[State, list[str]]:
    """(state, what of it is left out) of a mapping tool → create arguments.

    verl's own form, tool → {create_kwargs: …}, and a JSON text of either are read too. Nulls are what parquet
    made of missing keys: they are left out. Raises Unusable.
    """
    if isinstance(value, str):
        try:
            value = json.loads(value) if value.strip() else None
        except (ValueError, RecursionError):
            raise Unusable(f"`{column}` is text, but not JSON", "a mapping tool: {argument: value}") from None
    if value is None:
        return {}, []
    if not isinstance(value, dict):
        raise Unusable(f"`{column}` is {word(value)}", "a mapping tool: {argument: value}")
    state: State = {}
    left_out: list[str] = []
    for tool, given in value.items():
        if given is None:
            continue
        if not isinstance(given, dict):
            raise Unusable(f"`{column}.{tool}` is {word(given)}", "a mapping argument: value")
        if tool not in tools:
            if any(part is not None for part in given.values()):
                left_out.append(f"{column}.{tool}")
            continue
        state[tool], dead = _arguments(given, f"{column}.{tool}")
        left_out += dead
    return state, left_out


def _arguments(given: Mapping[str, Any], path: str) -> tuple[dict[str, Any], list[str]]:
    if not given or not set(given) <= _VERL | {"stateless"}:
        return _kept(given), []
    dead = [
        f"{path}.{name}"
        for name in sorted(given)
        if name not in ("create_kwargs", "stateless") and given[name]
    ]
    create = given.get("create_kwargs")
    if create is not None and not isinstance(create, dict):
        raise Unusable(f"`{path}.create_kwargs` is {word(create)}", "a mapping argument: value")
    return _kept(create or {}), dead


def _kept(arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if value is not None}


def written(state: State, tools: Iterable[str], stateless: frozenset[str]) -> dict[str, dict[str, Any]]:
    """`tools_kwargs` of a row: all tools, those in `stateless` with a placeholder that verl does not read."""
    return {
        tool: {"stateless": True} if tool in stateless else {"create_kwargs": state.get(tool, {})}
        for tool in tools
    }
