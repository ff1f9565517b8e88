"""Tools are configured and the agent loop never calls them.

Only `tool_agent` shows tools to the model and runs their calls. The loop of a row is its column `agent_name`, else
`rollout.agent.default_agent_loop`, which is `single_turn_agent`. `multi_turn.enable` chooses no loop: the V1 trainer
does not read it, and the V0 trainer only for bookkeeping.

Where the rows are not at hand it is a warning: they may have the column, as those that verl's example
gsm8k_tool_agent_loop.py makes. A dataset class of the user's own may add it.

Why: the run trains single answers without tools, and every curve looks sound.
Source: trainer/ppo/v1/agent_loop_tq.py:79-81 (0.9.1), experimental/agent_loop/agent_loop.py of each release
Bad:
    actor_rollout_ref.rollout.agent.default_agent_loop=single_turn_agent
Good:
    actor_rollout_ref.rollout.agent.default_agent_loop=tool_agent
Bad:
    --- train.parquet
    {"data_source": "c", "prompt": [{"role": "user", "content": "2?"}], "reward_model": {"ground_truth": "2"}, \
"agent_name": "single_turn_agent"}
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import MULTI_TURN, ROLLOUT, names_tools
from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.backends.verl.lint.rule import Found, Put, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.specs.problem import Severity

RULE = Rule("TS301", "tools-never-run", "error")

SINGLE = "single_turn_agent"
LOOP = f"{ROLLOUT}.agent.default_agent_loop"


def check(view: View) -> Iterator[Found]:
    tools = names_tools(view)
    asked = (*tools, *((f"{MULTI_TURN}.enable",) if view.value(f"{MULTI_TURN}.enable") else ()))
    if not asked or view.value(f"{ROLLOUT}.agent.agent_loop_manager_class"):
        return
    rows = view.facts.agent_names()
    if rows is not None and rows != {None}:
        if {name or view.text(LOOP) for name in rows} == {SINGLE} and not view.value("data.custom_cls.path"):
            yield _rows_choose(view, asked)
        return
    if view.text(LOOP) != SINGLE:
        return
    if view.value("data.custom_cls.path"):
        raise NotKnownError("the rows that data.custom_cls makes, which may have a column agent_name")
    column = ", and the rows have no column `agent_name`"
    if rows is None:
        column = "; the rows, whose column `agent_name` may name another, are not at hand"
    severity: Severity | None = None if rows is not None else "warning"
    default = "" if view.said(LOOP) is not None else " (default)"
    loop = LOOP.removeprefix("actor_rollout_ref.")
    yield Found(
        f"{view.name(asked[0])} is set, and {loop} is single_turn_agent{default}{column}",
        (LOOP, f"{MULTI_TURN}.enable", *tools, "dataset:agent_name"),
        fix=f"{LOOP}=tool_agent",
        changes=(Put(LOOP, "tool_agent"),),
        why="only tool_agent shows the model a tool and runs its calls; multi_turn.enable does neither"
        + ("" if rows is not None else ". Rows with a column `agent_name` choose their own loop"),
        span=view.span(LOOP, *asked),
        severity=severity,
    )


def _rows_choose(view: View, asked: tuple[str, ...]) -> Found:
    return Found(
        f"{view.name(asked[0])} is set, and the column `agent_name` of the rows is {SINGLE}",
        ("dataset:agent_name", *asked, LOOP, "data.train_files"),
        fix="write tool_agent into the column, or drop the column",
        why=f"the column wins over rollout.agent.default_agent_loop={view.text(LOOP)}, and only tool_agent runs tools",
        span=view.span("data.train_files", *asked),
        severity=None if view.facts.rows().complete else "warning",
    )
