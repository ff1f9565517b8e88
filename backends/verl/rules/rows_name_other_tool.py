"""Rows give tool arguments, or select tools, by a name that no tool has.

verl takes `tools_kwargs.get(name, {})` and keeps of `tool_selection` the names that it knows, both without a word.

Why: the tool never learns what the row holds for it; rows whose selection is empty are shown no tool at all.
Source: experimental/agent_loop/tool_agent_loop.py (0.9.1: :156-167, :485), the same in 0.8.0; 0.7.1 has no selection
Bad:
    --- train.parquet
    {"data_source": "calculator", "prompt": [{"role": "user", "content": "2 + 2?"}], "reward_model": {"style": "rule", "ground_truth": "4"}, "extra_info": {"index": 1, "tools_kwargs": {"calc": {"create_kwargs": {"truth": "4"}}}}}
Good:
    --- train.parquet
    {"data_source": "calculator", "prompt": [{"role": "user", "content": "2 + 2?"}], "reward_model": {"style": "rule", "ground_truth": "4"}, "extra_info": {"index": 1, "tools_kwargs": {"calculator": {"create_kwargs": {"truth": "4"}}}}}
"""  # noqa: E501

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from toolspec.backends.verl.lint.facts.tools import TOOLS_FILE, names
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.specs.nearest import nearest

RULE = Rule("TS306", "rows-name-other-tool", "error")


def check(view: View) -> Iterator[Found]:
    known = names(view)
    if not known:
        return
    infos = [info for info in view.facts.rows().values("extra_info") if isinstance(info, dict)]
    keys = Counter(name for info in infos for name in _named(info.get("tools_kwargs")))
    yield from _found(
        keys, known, len(infos), "tools_kwargs", "and the tool gets no arguments from these rows"
    )
    if view.at_least("0.8.0"):
        chosen = [info.get("tool_selection") for info in infos]
        lost = Counter(
            name
            for names_ in chosen
            if isinstance(names_, list)
            for name in names_
            if isinstance(name, str) and name not in known
        )
        none = sum(1 for picked in chosen if isinstance(picked, list) and picked and not {*picked} & {*known})
        why = f"and {none} rows are shown no tool" if none else "and these rows are shown fewer tools"
        yield from _found(lost, known, len(infos), "tool_selection", why)


def _named(value: Any) -> list[str]:
    """Tools that a row has something for; parquet fills a mapping up with the keys of other rows, as null."""
    return [name for name, given in value.items() if given] if isinstance(value, dict) else []


def _found(counted: Counter[str], known: tuple[str, ...], rows: int, field: str, why: str) -> Iterator[Found]:
    for name, count in counted.items():
        if name in known:
            continue
        close = nearest(name, known)
        yield Found(
            f"extra_info.{field} of {count} of {rows} rows names `{name}`; the tools are {', '.join(known)}",
            ("dataset:extra_info", f"tool:{close[0] if close else known[0]}", TOOLS_FILE),
            fix=f"name it `{close[0]}`" if close else f"name one of {', '.join(known)}",
            why=f"verl looks tools up by name, {why}",
        )
