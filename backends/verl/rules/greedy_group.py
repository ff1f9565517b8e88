"""Rollouts without sampling: temperature 0, or a top_k of 1, or a top_p of 0.

Greedy trajectories of a prompt are the same, so that a group has no spread and every advantage is 0. verl also divides
the logits by the temperature: the log-probabilities of a temperature near 0 are those of a one-hot.

Why: nothing is learnt, and every curve but the loss looks sound.
Source: experimental/agent_loop/agent_loop.py:591 and trainer/ppo/v1/agent_loop_tq.py:65 (0.9.1);
workers/engine/fsdp/transformer_impl.py (temperature clamped at 1e-8); workers/actor/dp_actor.py of 0.7.1 (div_)
Bad:
    actor_rollout_ref.rollout.temperature=0
Good:
    actor_rollout_ref.rollout.temperature=1.0
Bad:
    actor_rollout_ref.rollout.top_k=1
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import ROLLOUT, group
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS117", "greedy-group", "error")

TEMPERATURE, TOP_K, TOP_P = (f"{ROLLOUT}.{name}" for name in ("temperature", "top_k", "top_p"))


def check(view: View) -> Iterator[Found]:
    if view.value("trainer.val_only"):
        return
    samples = group(view)
    of_group = f": the {samples} trajectories of a prompt are the same, and every advantage is 0"
    if view.number(TEMPERATURE) <= 0:
        what = of_group if samples > 1 else ": the policy is sampled greedily and never explores"
        yield Found(
            f"{view.shown(TEMPERATURE)}{what}",
            (TEMPERATURE, f"{ROLLOUT}.n"),
            fix=f"{TEMPERATURE}=1.0",
            why="verl also divides the logits by it when it computes log-probabilities",
        )
    elif samples > 1 and (view.number(TOP_K) == 1 or view.number(TOP_P) == 0):
        key = TOP_K if view.number(TOP_K) == 1 else TOP_P
        yield Found(
            f"{view.shown(key)}{of_group}", (key, f"{ROLLOUT}.n"), fix=f"{key}={-1 if key == TOP_K else 1}"
        )
