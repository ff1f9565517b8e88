"""A tool response that may be longer than the whole trajectory.

`data.max_response_length` counts every turn after the prompt, tool responses among them. A response with which the
trajectory would pass it ends the trajectory, and the model never sees it.

Why: long responses, the ones worth reading, end their trajectories without an answer.
Source: experimental/agent_loop/tool_agent_loop.py (0.7.1: :365; 0.8.0: :387; 0.9.1: :394)
Bad:
    actor_rollout_ref.rollout.multi_turn.max_tool_response_length=20000
Good:
    actor_rollout_ref.rollout.multi_turn.max_tool_response_length=4000
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import (
    MULTI_TURN,
    RESPONSE_LENGTH,
    ROLLOUT,
    TOOL_LOOP,
    names_tools,
)
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS208", "tool-response-too-long", "warning")

MOST = f"{MULTI_TURN}.max_tool_response_length"
CHARACTERS = 6
"""Characters a token, more than any text that tools return has: English has 4.5, JSON 1.5 to 3 (Qwen's vocabulary)."""


def check(view: View) -> Iterator[Found]:
    if view.run.spec is not None or view.value(f"{ROLLOUT}.agent.agent_loop_config_path"):
        return  # a spec's limit is one of tokens, and a loop of one's own may have such a limit too
    if not names_tools(view) or view.text(f"{ROLLOUT}.agent.default_agent_loop") != TOOL_LOOP:
        return
    if view.value(MOST) is None:
        return
    most, response = view.integer(MOST), view.integer(RESPONSE_LENGTH)
    if most // CHARACTERS > response > 0:
        yield Found(
            f"{view.shown(MOST)} characters are over {most // CHARACTERS} tokens; the trajectory has {response} in all",
            (MOST, RESPONSE_LENGTH, "data.max_response_length"),
            fix=f"{MOST}={response * 2}, or data.max_response_length={most // 2}",
            why="a tool response that does not fit ends the trajectory, and the model never sees it",
        )
