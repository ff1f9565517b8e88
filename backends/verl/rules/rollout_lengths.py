"""The rollout's lengths are others than those of the data section.

`rollout.prompt_length` and `rollout.response_length` have the values of `data.max_prompt_length` and
`data.max_response_length` as their defaults. The agent loops and the engines read the rollout's keys, the filter for
long prompts reads the data section's.

Why: prompts between the two limits pass the filter and are cut from the left (0.8.0 on) or stop the run (0.7.1); a
response length of the data section is not read.
Source: experimental/agent_loop/agent_loop.py (0.7.1: :598-621; 0.8.0: :340-352; 0.9.1: :438-441),
utils/dataset/rl_dataset.py (0.9.1: :271)
Bad:
    actor_rollout_ref.rollout.response_length=1024
Good:
    actor_rollout_ref.rollout.response_length=2048
Bad:
    actor_rollout_ref.rollout.prompt_length=512
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import PROMPT_LENGTH, RESPONSE_LENGTH
from toolspec.backends.verl.lint.rule import Drop, Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS209", "rollout-lengths", "warning")


def check(view: View) -> Iterator[Found]:
    for own, shared in (
        (PROMPT_LENGTH, "data.max_prompt_length"),
        (RESPONSE_LENGTH, "data.max_response_length"),
    ):
        if view.said(own) is None:
            continue
        read, other = view.integer(own), view.integer(shared)
        if read == other or (own == RESPONSE_LENGTH and view.said(shared) is None):
            continue
        if own == PROMPT_LENGTH and read > other:
            continue  # longer than the filter lets pass: only memory
        yield Found(
            f"{view.shown(own)}, and {view.shown(shared)}",
            (own, shared),
            fix=f"drop {own}; {shared} is its default",
            changes=(Drop(own),),
            why=_why(view, own),
        )


def _why(view: View, key: str) -> str:
    if key == RESPONSE_LENGTH:
        return "the rollout reads its own key, and that of the data section counts for nothing"
    if view.at_least("0.8.0"):
        return "prompts between the two lengths lose their beginning, where system prompt and tools stand"
    return "prompts between the two lengths pass the filter, and stop the run where trajectories are put together"
