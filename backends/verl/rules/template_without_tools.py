"""A chat template that does not show tools.

The agent loop hands the tools' schemas to the chat template. A template that never mentions `tools` leaves them out,
without a word.

Why: the model is never told of a tool, and no call is ever made.
Source: experimental/agent_loop/tool_agent_loop.py, `apply_chat_template(…, tools=…)` of each release
Bad:
    +actor_rollout_ref.model.custom_chat_template="'{% for m in messages %}{{ m.content }}{% endfor %}'"
Good:
    +actor_rollout_ref.model.custom_chat_template="'{{ tools }}{% for m in messages %}{{ m.content }}{% endfor %}'"
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import ROLLOUT, TOOL_LOOP, names_tools
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS319", "template-without-tools", "error")


def check(view: View) -> Iterator[Found]:
    tools = names_tools(view)
    if not tools or view.text(f"{ROLLOUT}.agent.default_agent_loop") != TOOL_LOOP:
        return
    template = view.facts.template()
    if template.text and "tools" not in template.text:
        yield Found(
            f"the chat template of {template.owner} does not mention `tools`, and {view.name(tools[0])} is set",
            (template.key, *tools),
            fix="a model or a custom_chat_template that writes the tools into the prompt",
            why="the schemas are handed to the template, which leaves them out: the model is never told of a tool",
        )
