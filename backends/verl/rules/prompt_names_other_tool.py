"""The prompts name a tool that is not configured.

A call of an unknown name is answered with "Unknown function …" (0.7.1: an error), and the turn is spent.

Why: every row teaches the model a call that fails.
Source: experimental/agent_loop/tool_agent_loop.py _call_tool (0.9.1: :456-461)
Bad:
    --- train.parquet
    {"data_source": "calculator", "prompt": [{"role": "system", "content": "Use the `calc` tool."}, {"role": "user", "content": "2 + 2?"}], "reward_model": {"style": "rule", "ground_truth": "4"}}
Good:
    --- train.parquet
    {"data_source": "calculator", "prompt": [{"role": "system", "content": "Use the `calculator` tool."}, {"role": "user", "content": "2 + 2?"}], "reward_model": {"style": "rule", "ground_truth": "4"}}
"""  # noqa: E501

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from toolspec.backends.verl.lint.facts.prompts import telling, tools_named
from toolspec.backends.verl.lint.facts.tools import names
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.specs.nearest import nearest

RULE = Rule("TS308", "prompt-names-other-tool", "warning")


def check(view: View) -> Iterator[Found]:
    known = names(view)
    if not known:
        return
    counted: Counter[str] = Counter()
    for named, rows in telling(view, tools_named):
        for name in named - {*known}:
            counted[name] += rows
    for name, rows in counted.most_common(3):
        close = nearest(name, known)
        yield Found(
            f"the prompts of {rows} rows name the tool `{name}`; the tools are {', '.join(known)}",
            ("dataset:prompt", f"tool:{close[0] if close else known[0]}", f"tool:{name}"),
            fix=f"say `{close[0] if close else known[0]}` in the prompts, or name the tool `{name}`",
            why="verl answers a call of an unknown name with an error, and the turn is spent",
        )
