"""The chat template of the run: what it does with tools, by its text or by what is known of the model."""

from __future__ import annotations

from typing import NamedTuple

from toolspec.backends.verl.lint.derived import MODEL
from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.backends.verl.lint.view import View
from toolspec.compiler.facts.chat_format import tool_format_of
from toolspec.specs.problem import ProblemError

CUSTOM, TOKENIZER = f"{MODEL}.custom_chat_template", f"{MODEL}.tokenizer_path"


class Template(NamedTuple):
    """tool_format: the parser that reads the calls it shows, None for none; reason: why.

    text: "" where only its tool format is known. key: the verl key that it comes from. owner: what to call it.
    """

    owner: str
    key: str
    text: str
    tool_format: str | None
    reason: str


def read_template(view: View) -> Template:
    """`model.custom_chat_template`, else that of the tokenizer's directory, else what the catalogue says of the model.

    Source: workers/config/model.py HFModelConfig, trainer/main_ppo.py. Raises NotKnownError where none is at hand.
    """
    own = view.text(CUSTOM)
    if own:
        return Template("model.custom_chat_template", CUSTOM, own, *tool_format_of(own))
    key = TOKENIZER if view.text(TOKENIZER) else f"{MODEL}.path"
    facts = view.facts.model(key)
    if facts.directory is None:
        if facts.tool_format is None and not facts.tool_format_reason:
            raise NotKnownError(f"the chat template of {facts.name}")
        return Template(facts.name, key, "", facts.tool_format, facts.tool_format_reason)
    from toolspec.compiler.facts.model_directory import chat_template

    try:
        text = chat_template(facts.directory)
    except ProblemError as error:
        raise NotKnownError(f"a readable chat template ({error.problems[0].message})") from None
    if text is None:
        raise NotKnownError(f"the chat template of {facts.name}")
    return Template(facts.name, key, text, *tool_format_of(text))
