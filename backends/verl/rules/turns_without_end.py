"""A turn limit of 0, which is none, or of -1, which is reached at once.

`max_assistant_turns` and `max_user_turns` are tested for truth first: 0 is no limit, as null is. A number below 0 is
one, and the first turn is above it.

Why: trajectories go on until `max_response_length`, where none or one turn was meant; or no tool ever runs.
Source: experimental/agent_loop/tool_agent_loop.py (0.7.1: :256-259; 0.8.0: :272-275; 0.9.1: :292-295)
Bad:
    actor_rollout_ref.rollout.multi_turn.max_user_turns=0
Bad:
    actor_rollout_ref.rollout.multi_turn.max_assistant_turns=-1
Good:
    actor_rollout_ref.rollout.multi_turn.max_user_turns=null
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import MULTI_TURN, ROLLOUT, TOOL_LOOP, names_tools
from toolspec.backends.verl.lint.rule import Found, Put, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS321", "turns-without-end", "warning")


def check(view: View) -> Iterator[Found]:
    if not names_tools(view) or view.text(f"{ROLLOUT}.agent.default_agent_loop") != TOOL_LOOP:
        return
    for name in ("max_assistant_turns", "max_user_turns"):
        key = f"{MULTI_TURN}.{name}"
        if view.said(key) is None:
            continue
        value = view.value(key)
        if isinstance(value, int) and value < 0:
            yield Found(
                f"{view.shown(key)} is a limit, and the first turn has reached it: no tool ever runs",
                (key, f"{ROLLOUT}.agent.default_agent_loop"),
                fix=f"{key}=null for no limit, or the number of turns",
                changes=(Put(key, None),),
                why="verl compares it before it reads a turn's calls",
                severity="error",
            )
        elif value == 0:
            yield Found(
                f"{view.shown(key)} is no limit",
                (key,),
                fix=f"{key}=null where none is meant, or the number of turns",
                changes=(Put(key, None),),
                why="verl tests it for truth first: trajectories go on until max_response_length",
            )
