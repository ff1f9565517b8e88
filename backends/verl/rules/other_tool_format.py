"""A tool parser that does not read the calls that the chat template teaches.

`multi_turn.format` names the parser, `hermes` by default. The chat template tells the model how to write a call; what
the parser does not recognise is text of an answer, and the trajectory ends.

Why: no tool ever runs, and the reward trains answers without them.
Source: experimental/agent_loop/tool_parser.py of each release (0.9.1: :103, :150, :202, :383, :458, :516, :569, :675,
:753)
Bad (verl 0.9.1):
    actor_rollout_ref.rollout.multi_turn.format=qwen3_coder
Good:
    actor_rollout_ref.rollout.multi_turn.format=hermes
Bad:
    actor_rollout_ref.model.path=meta-llama/Llama-3.1-8B-Instruct
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import MULTI_TURN, ROLLOUT, TOOL_LOOP, names_tools
from toolspec.backends.verl.lint.rule import Found, Put, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.compiler.facts.chat_format import FORMAT_NAMES

RULE = Rule("TS320", "other-tool-format", "error")

FORMAT = f"{MULTI_TURN}.format"


def check(view: View) -> Iterator[Found]:
    if not names_tools(view) or view.text(f"{ROLLOUT}.agent.default_agent_loop") != TOOL_LOOP:
        return
    parser = view.text(FORMAT)
    if parser not in FORMAT_NAMES:
        return  # one that the user registers, or none: unknown-name
    template = view.facts.template()
    if template.tool_format == parser or (template.text and "tools" not in template.text):
        return
    if template.tool_format is None:
        yield Found(
            f"{view.shown(FORMAT)} reads no call as {template.owner} writes it: {template.reason}",
            (FORMAT, template.key),
            fix="a custom_chat_template that shows calls in the parser's form, or another model",
            why="a call that the parser does not recognise is text, and the trajectory ends with it",
            severity="warning",
        )
        return
    yield Found(
        f"{view.shown(FORMAT)}, and {template.owner} writes calls for `{template.tool_format}`: {template.reason}",
        (FORMAT, template.key),
        fix=f"{FORMAT}={template.tool_format}",
        changes=(Put(FORMAT, template.tool_format),),
        why="a call that the parser does not recognise is text: no tool ever runs",
    )
