"""Metrics of the engine that it is told not to keep.

`rollout.prometheus.enable` collects what the engine counts, and `rollout.disable_log_stats`, true by default, turns the
counting off.

Why: the run stops after the engines have loaded.
Source: workers/rollout/llm_server.py:491 (0.9.1), :332 (0.8.0); experimental/agent_loop/agent_loop.py:994 (0.7.1)
Bad:
    actor_rollout_ref.rollout.prometheus.enable=True
Good:
    actor_rollout_ref.rollout.prometheus.enable=True actor_rollout_ref.rollout.disable_log_stats=False
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import ROLLOUT
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS723", "metrics-without-stats", "error")

ENABLE, OFF = f"{ROLLOUT}.prometheus.enable", f"{ROLLOUT}.disable_log_stats"


def check(view: View) -> Iterator[Found]:
    if view.value(ENABLE) and view.value(OFF):
        yield Found(
            f"{view.shown(ENABLE)} with {view.shown(OFF)}",
            (OFF, ENABLE),
            fix=f"{OFF}=False",
            why="verl raises a ValueError when the engines are up",
        )
