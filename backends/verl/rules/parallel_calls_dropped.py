"""The prompts ask for several calls in one turn, and one is run.

Of the calls of a turn the first `max_parallel_calls` run, 1 where nobody sets it; the others are dropped without a
message, from the conversation too.

Why: the model sees one answer to several calls, and learns from what it did not do.
Source: experimental/agent_loop/tool_agent_loop.py (0.7.1: :288; 0.8.0: :294; 0.9.1: :317, :419)
Bad:
    --- train.parquet
    {"data_source": "calculator", "prompt": [{"role": "system", "content": "Make all calculator calls in one turn."}, {"role": "user", "content": "2 + 2 and 3 + 3?"}], "reward_model": {"style": "rule", "ground_truth": "4"}}
Good:
    actor_rollout_ref.rollout.multi_turn.max_parallel_calls=4
    --- train.parquet
    {"data_source": "calculator", "prompt": [{"role": "system", "content": "Make all calculator calls in one turn."}, {"role": "user", "content": "2 + 2 and 3 + 3?"}], "reward_model": {"style": "rule", "ground_truth": "4"}}
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import MULTI_TURN, names_tools
from toolspec.backends.verl.lint.facts.prompts import asks_for_several, telling
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS317", "parallel-calls-dropped", "error")

KEY = f"{MULTI_TURN}.max_parallel_calls"


def check(view: View) -> Iterator[Found]:
    if not names_tools(view) or view.integer(KEY) != 1:
        return
    rows, words = 0, ""
    for asked, count in telling(view, asks_for_several):
        rows, words = rows + count, words or asked
    if rows:
        yield Found(
            f'the prompts of {rows} rows ask for several calls ("{words[:60]}"), and {view.shown(KEY)}',
            (KEY, "dataset:prompt"),
            fix=f"{KEY}=4, or one call a turn in the prompts",
            why="verl drops all calls of a turn but the first, without a message",
            span=view.span(KEY, f"{MULTI_TURN}.tool_config_path", f"{MULTI_TURN}.function_tool_path"),
        )
