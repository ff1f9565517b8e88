"""Nothing scores the rows: no reward function is set, and verl has none for their data_source.

Without `reward.custom_reward_function.path` verl chooses a scorer by the text in the column `data_source`. A local
path, or a name of one's own, has none. From 0.9.0 on a function under the old top-level key is not read.

Why: every score raises NotImplementedError: the run ends at the first one (V0), or all groups fail (V1).
Source: utils/reward_score/__init__.py default_compute_score (0.7.1, 0.8.0 and 0.9.1: :44-107); verl issues 3450, 5558
Bad:
    reward.custom_reward_function.path=null
Good:
    reward.custom_reward_function.path=reward.py
Good:
    reward.custom_reward_function.path=null
    --- train.parquet
    {"data_source": "openai/gsm8k", "prompt": [{"role": "user", "content": "2"}], "reward_model": {"ground_truth": "2"}}
    --- val.parquet
    {"data_source": "openai/gsm8k", "prompt": [{"role": "user", "content": "3"}], "reward_model": {"ground_truth": "3"}}
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import FUNCTION
from toolspec.backends.verl.lint.facts.builtin_rewards import knows
from toolspec.backends.verl.lint.facts.reward import manager, reads_rows
from toolspec.backends.verl.lint.facts.rows import rows_at_hand
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS413", "no-reward-for-source", "error")


def check(view: View) -> Iterator[Found]:
    if view.value(f"{FUNCTION}.path") or not reads_rows(view) or not manager(view):
        return
    swallows = manager(view) == "rate_limited"
    for split, rows in rows_at_hand(view):
        sources = [value for value in rows.values("data_source") if isinstance(value, str)]
        strange = [value for value in sources if not knows(value)]
        if not strange:
            continue
        listed = ", ".join(f"`{value}`" for value in list(dict.fromkeys(strange))[:3])
        old = view.run.spec is None and any(
            key.startswith("custom_reward_function.path") for key in view.final
        )
        yield Found(
            f"no reward function is set, and verl has none for data_source {listed}"
            f" ({len(strange)} of {len(sources)} rows)",
            (f"{FUNCTION}.path", "dataset:data_source"),
            fix=f"{FUNCTION}.path=FILE.py" + (" (the old key is not read)" if old else ""),
            why="every score raises NotImplementedError"
            + (", which this manager takes for a reward of 0" if swallows else ""),
            span=view.span(f"{FUNCTION}.path", f"data.{split}_files"),
        )
