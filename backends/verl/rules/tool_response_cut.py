"""Tool responses are cut, in a place that nobody chose.

A response of more than `max_tool_response_length` **characters** is cut: by default at 256, some 60 tokens of prose,
and out of its middle. `tool_response_truncate_side=left` dropped the end on 0.7.1 and drops the beginning from 0.8.0
on, `right` the other way round; every other word means the middle.

Why: the model reads half of what it asked for, and learns to do without.
Source: experimental/agent_loop/tool_agent_loop.py (0.7.1: :450-457; 0.8.0: :462-469; 0.9.1: :499-506),
workers/config/rollout.py (0.9.1: :57-58)
Bad:
    ~actor_rollout_ref.rollout.multi_turn.max_tool_response_length
Good:
    actor_rollout_ref.rollout.multi_turn.max_tool_response_length=4000
Bad:
    actor_rollout_ref.rollout.multi_turn.tool_response_truncate_side=end
Bad (verl 0.7.1):
    actor_rollout_ref.rollout.multi_turn.tool_response_truncate_side=left
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import MULTI_TURN, ROLLOUT, TOOL_LOOP, names_tools
from toolspec.backends.verl.lint.rule import Found, Put, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS207", "tool-response-cut", "warning")

MOST, SIDE = f"{MULTI_TURN}.max_tool_response_length", f"{MULTI_TURN}.tool_response_truncate_side"
SIDES = ("left", "middle", "right")
DEFAULT = 256


def check(view: View) -> Iterator[Found]:
    if view.run.spec is not None or view.value(f"{ROLLOUT}.agent.agent_loop_config_path"):
        return  # a spec's limit is one of tokens, and a loop of one's own may have such a limit too
    if not names_tools(view) or view.text(f"{ROLLOUT}.agent.default_agent_loop") != TOOL_LOOP:
        return
    said, side = view.said(SIDE), view.text(SIDE)
    if view.said(MOST) is None and view.integer(MOST, null=DEFAULT) == DEFAULT:
        yield Found(
            f"tool responses of more than {DEFAULT} characters (default) lose their middle",
            (MOST, *names_tools(view)),
            fix=f"{MOST}=2000, or what the longest response needs, in characters",
            why=f"{DEFAULT} characters are some 60 tokens of prose; the model does not see the rest",
            severity="warning",
        )
    if said is not None and side not in SIDES:
        yield Found(
            f"{view.shown(SIDE)} is none of {', '.join(SIDES)}: the middle is cut out",
            (SIDE,),
            fix=f"{SIDE}=middle",
            changes=(Put(SIDE, "middle"),),
            why="verl takes every other word for `middle`",
        )
    elif said is not None and side != "middle" and not view.at_least("0.8.0"):
        keeps, drops = ("beginning", "end") if side == "left" else ("end", "beginning")
        yield Found(
            f"{view.shown(SIDE)} keeps the {keeps} of a tool response on verl {view.version} and drops the {drops}",
            (SIDE,),
            fix=f"{SIDE}={'right' if side == 'left' else 'left'}, if you mean the side that later releases mean",
            why="0.8.0 swapped the two words",
        )
