"""The trajectory ends before the turns that the other limit allows.

Both limits are tested after each generation and before its calls are read. `max_user_turns` counts rounds of tool
answers, so that generation `max_user_turns` + 1 is the last; with `max_assistant_turns` of 1 no call is ever run.

Why: the last calls are paid for and not run.
Source: experimental/agent_loop/tool_agent_loop.py (0.7.1: :256-259; 0.8.0: :272-275; 0.9.1: :292-295)
Bad:
    actor_rollout_ref.rollout.multi_turn.max_user_turns=1
Good:
    actor_rollout_ref.rollout.multi_turn.max_user_turns=3
Bad:
    actor_rollout_ref.rollout.multi_turn.max_assistant_turns=1
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import MULTI_TURN, ROLLOUT, names_tools
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS318", "turns-end-early", "warning")

ASSISTANT, USER = f"{MULTI_TURN}.max_assistant_turns", f"{MULTI_TURN}.max_user_turns"


def check(view: View) -> Iterator[Found]:
    if view.run.spec is not None or not names_tools(view):
        return  # a spec's rounds and turns are lowered to limits that agree
    if view.text(f"{ROLLOUT}.agent.default_agent_loop") != "tool_agent":
        return
    assistant, user = view.integer(ASSISTANT, null=0), view.integer(USER, null=0)
    if assistant == 1:
        yield Found(
            f"{view.shown(ASSISTANT)} with tools: the only generation ends the trajectory, and its calls are not run",
            (ASSISTANT,),
            fix=f"{ASSISTANT}=2 or more",
            why="verl tests the limit before it reads the calls",
            severity="error",
        )
    elif user > 0 and assistant > user + 1:
        yield Found(
            f"{view.shown(USER)} ends a trajectory after generation {user + 1}, whose calls are not run; "
            f"{view.shown(ASSISTANT)}",
            (USER, ASSISTANT),
            fix=f"{USER}={assistant - 1}, or leave it out",
            why="it counts rounds of tool answers, and is tested before the calls are read",
        )
