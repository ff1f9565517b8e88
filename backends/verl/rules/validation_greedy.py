"""Validation that asks for sampling and is greedy.

The agent loop takes `top_p`, `top_k` and `temperature` of `val_kwargs`; `do_sample` reaches no engine. The temperature
of validation is 0 where nobody sets it.

Why: validation scores greedy answers although sampled ones were asked for.
Source: trainer/ppo/v1/agent_loop_tq.py:72-76, experimental/agent_loop/agent_loop.py:603-607 (0.9.1), :509-513 (0.8.0),
:484-488 (0.7.1); `do_sample` goes into meta_info, which none of them reads
Bad:
    actor_rollout_ref.rollout.val_kwargs.do_sample=True
Good:
    actor_rollout_ref.rollout.val_kwargs.do_sample=True actor_rollout_ref.rollout.val_kwargs.temperature=0.6
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import ROLLOUT
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS118", "validation-greedy", "error")

DO_SAMPLE, TEMPERATURE = f"{ROLLOUT}.val_kwargs.do_sample", f"{ROLLOUT}.val_kwargs.temperature"


def check(view: View) -> Iterator[Found]:
    if not view.true(DO_SAMPLE) or view.number(TEMPERATURE) != 0:
        return
    if view.said(TEMPERATURE) is not None and view.run.spec is not None:
        return
    yield Found(
        f"val_kwargs.do_sample is true, and {view.shown(TEMPERATURE)} makes validation greedy",
        (DO_SAMPLE, TEMPERATURE),
        fix=f"{TEMPERATURE}=1.0, or drop do_sample",
        why="nothing reads do_sample; the temperature alone counts",
    )
