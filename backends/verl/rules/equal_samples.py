"""Several validation samples a prompt at temperature 0.

They are the same answer each time: mean@n, best@n and maj@n are one number, and validation takes n times as long.

Why: validation costs n times its time and says what one sample says.
Source: trainer/ppo/v1/agent_loop_tq.py:72-76 and experimental/agent_loop/agent_loop.py (0.9.1: :603-607, 0.7.1:
:484-488); trainer/config/rollout/rollout.yaml (val_kwargs.temperature: 0)
Bad:
    actor_rollout_ref.rollout.val_kwargs.n=8
Good:
    actor_rollout_ref.rollout.val_kwargs.n=8 actor_rollout_ref.rollout.val_kwargs.temperature=1.0
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.backends.verl.rules.validation_greedy import TEMPERATURE

RULE = Rule("TS702", "equal-samples", "warning")

SAMPLES = "actor_rollout_ref.rollout.val_kwargs.n"


def check(view: View) -> Iterator[Found]:
    samples = view.integer(SAMPLES)
    if samples > 1 and view.number(TEMPERATURE) == 0:
        yield Found(
            f"{samples} validation samples a prompt, and {view.shown(TEMPERATURE)}: each time the same answer",
            (SAMPLES, TEMPERATURE),
            fix=f"{TEMPERATURE}=1.0, or {SAMPLES}=1",
        )
