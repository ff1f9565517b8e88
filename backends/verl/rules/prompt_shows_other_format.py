"""The prompts show calls in another form than the tool parser reads.

`hermes` reads JSON with `name` and `arguments` between `<tool_call>` marks, `qwen3_coder` reads `<function=…>` there. A
call that cannot be read is dropped.

Why: prompt and chat template contradict each other, and a call as the prompt shows it ends the trajectory.
Source: experimental/agent_loop/tool_parser.py of each release (0.9.1: :96-129, :189)
Bad:
    --- train.parquet
    {"data_source": "calculator", "prompt": [{"role": "user", "content": "Call like this: <tool_call>{\\"name\\": \\"calculator\\", \\"parameters\\": {}}</tool_call> What is 2 + 2?"}], "reward_model": {"style": "rule", "ground_truth": "4"}}
Good:
    --- train.parquet
    {"data_source": "calculator", "prompt": [{"role": "user", "content": "Call like this: <tool_call>{\\"name\\": \\"calculator\\", \\"arguments\\": {}}</tool_call> What is 2 + 2?"}], "reward_model": {"style": "rule", "ground_truth": "4"}}
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import MULTI_TURN
from toolspec.backends.verl.lint.facts.prompts import calls_shown, telling
from toolspec.backends.verl.lint.facts.tools import names
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS309", "prompt-shows-other-format", "warning")

FORMAT = f"{MULTI_TURN}.format"


def check(view: View) -> Iterator[Found]:
    if names(view) == ():
        return
    parser = view.text(FORMAT)
    if parser not in ("hermes", "qwen3_coder"):
        return
    counts: dict[str, int] = {}
    for calls, rows in telling(view, calls_shown):
        for call in calls:
            why = _json(call) if parser == "hermes" else _tagged(call)
            if why:
                counts[why] = counts.get(why, 0) + rows
    for why, rows in counts.items():
        yield Found(
            f"the prompts of {rows} rows show calls {why}, which {view.shown(FORMAT)} does not read",
            ("dataset:prompt", FORMAT),
            fix="leave the form of calls to the chat template, which tells it with the tools",
            why="verl drops a call that it cannot read, and the trajectory ends there",
        )


def _json(call: str) -> str:
    if "<function=" in call:
        return "as <function=…>"
    if '"name"' in call and '"arguments"' not in call:
        return 'without "arguments"'
    return ""


def _tagged(call: str) -> str:
    return "as JSON" if '"name"' in call and "<function=" not in call else ""
