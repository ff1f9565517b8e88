"""Rows whose prompt has no user message, under a chat template that raises for it.

Why: each such prompt fails in the agent loop, after the models have loaded.
Source: the `raise_exception` of the model's chat template (Qwen3.5: "No user query found in messages.")
Bad:
    --- model/chat_template.jinja
    {%- if not messages|selectattr('role', 'equalto', 'user')|list %}{{ raise_exception('No user query found in messages.') }}{%- endif %}{{ tools }}
    --- train.parquet
    {"data_source": "calculator", "prompt": [{"role": "system", "content": "What is 2 + 2?"}], "reward_model": {"style": "rule", "ground_truth": "4"}}
Good:
    --- train.parquet
    {"data_source": "calculator", "prompt": [{"role": "user", "content": "What is 2 + 2?"}], "reward_model": {"style": "rule", "ground_truth": "4"}}
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.facts.prompts import prompts
from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS313", "prompt-without-user", "error")

RAISES = "No user query found in messages"


def check(view: View) -> Iterator[Found]:
    template = view.facts.template()
    if not template.text:
        raise NotKnownError("the chat template of the model")
    if RAISES not in template.text:
        return
    total, lost = 0, 0
    for messages in prompts(view):
        total += 1
        roles = {message.get("role") for message in messages if isinstance(message, dict)}
        lost += bool(roles) and "user" not in roles
    if lost:
        yield Found(
            f"{lost} of {total} prompts have no message of the user, and the chat template raises for them",
            ("dataset:prompt",),
            fix="put the question into a message with role user",
            why=f'the template says "{RAISES}", in the agent loop, after the models have loaded',
        )
