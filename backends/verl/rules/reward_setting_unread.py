"""A setting of the reward that nothing reads in this run.

`reward.reward_kwargs` is read by the dapo manager only, and of it only `max_resp_len` and `overlong_buffer_cfg`: what a
function of one's own gets is `reward.custom_reward_function.reward_kwargs`. The rate limits stand in `reward` and are
read by `rate_limited`. `sandbox_fusion.url` is handed to verl's own reward only.

Why: the reward is another than the one that was set up.
Source: trainer/ppo/reward.py:82 and load_reward_manager of each release; reward_manager/limited.py init_class
(0.9.1: :291-316); a search of each wheel for readers of reward_kwargs
Bad:
    +reward.reward_kwargs.bonus=0.1
Good:
    +reward.custom_reward_function.reward_kwargs.bonus=0.1
    --- reward.py
    def compute_score(data_source, solution_str, ground_truth, extra_info=None, bonus=0.0):
        right = float(solution_str.endswith(f"Answer: {ground_truth}"))
        return {"score": right + bonus * ("Answer: " in solution_str), "acc": right}
Bad:
    reward.sandbox_fusion.url=http://sandbox:8080/run_code
Bad:
    +reward.max_rpm=60
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import FUNCTION, MANAGER
from toolspec.backends.verl.lint.facts.reward import manager
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS416", "reward-setting-unread", "warning")

KWARGS = "reward.reward_kwargs"
OF_DAPO = ("max_resp_len", "overlong_buffer_cfg")
LIMITS = ("max_concurrent", "max_rpm", "max_tpm", "estimated_tokens_per_request", "timeout")


def check(view: View) -> Iterator[Found]:
    name = manager(view)
    if not name:
        return
    function = view.value(f"{FUNCTION}.path")
    said = view.said("reward.sandbox_fusion.url")
    if said is not None and said.value and function and (view.run.spec is None or said.overridden):
        yield Found(
            f"reward.sandbox_fusion.url is handed to verl's own reward, and {FUNCTION}.path is set",
            ("reward.sandbox_fusion.url", f"{FUNCTION}.path"),
            fix=f"+{FUNCTION}.reward_kwargs.sandbox_fusion_url={said.text or said.value}",
        )
    for key, one in view.final.items():  # an old name stands here under the new one as well
        rest = key.removeprefix(f"{KWARGS}.")
        if rest == key or rest.partition(".")[0] in OF_DAPO:
            continue
        yield Found(
            f"no manager of verl reads {one.key}",
            (one.key,),
            fix=f"+{FUNCTION}.reward_kwargs.{rest}={one.text}",
            why="the function gets reward.custom_reward_function.reward_kwargs",
            span=one.key_span,
        )
    for limit in LIMITS:
        one_limit = view.said(f"reward.{limit}")
        if one_limit is not None and one_limit.value is not None and name != "rate_limited":
            yield Found(
                f"reward.{limit} is read by the manager rate_limited, and {MANAGER}.name={name}",
                (f"reward.{limit}", f"{MANAGER}.name"),
                fix=f"{MANAGER}.name=rate_limited",
            )
