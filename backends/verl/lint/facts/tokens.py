"""How many tokens a prompt has at least: its messages, the marks around them, and the schemas of the tools.

Nothing is rendered: a chat template is code. What it says of tools in any case is read from its syntax tree.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from toolspec.backends.verl.lint.derived import ROLLOUT, TOOL_LOOP
from toolspec.backends.verl.lint.facts.template import TOKENIZER, Template
from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.backends.verl.lint.view import View

Count = Callable[[str], int]
WORD = re.compile(r"\S+")
# Qwen's pre-tokenizer: a run of letters with one mark before it, each digit, a run of marks; merging stays within one.
PIECE = re.compile(r"[^\W\d_]+|\d|(?:[^\w\s]|_){2,}|(?:[^\w\s]|_)(?![^\W\d_])")
CHATML = "<|im_start|>"
A_MESSAGE, AN_ANSWER = 4, 3  # <|im_start|> ROLE \n … <|im_end|>, and <|im_start|> assistant \n


class Tokens(NamedTuple):
    """messages: of the longest prompt. around: marks and tool schemas, of every prompt."""

    messages: int
    around: int

    @property
    def total(self) -> int:
        return self.messages + self.around


class Counter(NamedTuple):
    """name: another for every way to count."""

    name: str
    count: Count


def counter(view: View) -> Counter:
    """Counts by the vocabulary of the model's tokenizer.json, else by the pieces that no tokenizer joins."""
    try:
        facts = view.facts.model(TOKENIZER if view.text(TOKENIZER) else "actor_rollout_ref.model.path")
    except NotKnownError:
        return _pieces(WORD)
    from toolspec.compiler.facts.vocabulary import read_vocabulary

    vocabulary = read_vocabulary(facts.directory) if facts.directory is not None else None
    if vocabulary is not None:
        return Counter(str(facts.directory), vocabulary.at_least)
    return _pieces(PIECE if (facts.model_type or "").startswith("qwen") else WORD)


def _pieces(pattern: re.Pattern[str]) -> Counter:
    return Counter(pattern.pattern, lambda text: sum(1 for _ in pattern.finditer(text)))


def texts(messages: list[Any]) -> list[str]:
    """The texts of a prompt's messages."""
    found: list[str] = []
    for message in messages:
        content = message.get("content") if isinstance(message, dict) else None
        for part in content if isinstance(content, list) else [content]:
            text = part.get("text") if isinstance(part, dict) else part
            if isinstance(text, str):
                found.append(text)
    return found


def around(view: View, count: Count) -> Callable[[list[Any]], int]:
    """Tokens that a prompt has besides its messages' texts."""
    try:
        template = view.facts.template()
    except NotKnownError:
        return lambda messages: 0
    tools = _schemas(view, count, template)
    marked = CHATML in template.text
    # The mark of a system message may be among the words that come with tools.
    return lambda messages: tools + (A_MESSAGE * (len(messages) - 1) + AN_ANSWER if marked else 0)


def _schemas(view: View, count: Count, template: Template) -> int:
    """The schemas of the tools file, as verl hands them to the template: type, description and enum of a property."""
    if "tojson" not in template.text or view.value(f"{ROLLOUT}.agent.default_agent_loop") != TOOL_LOOP:
        return 0
    try:
        file = view.facts.tools_file()
    except NotKnownError:
        return 0
    if file is None or not file.tools:
        return 0
    from toolspec.compiler.facts.template_text import words_with_tools

    # Where texts join, the last token of one may be one with the first of the next.
    said = sum(max(0, count(text) - 1) for text in words_with_tools(template.text))
    return said + sum(count(json.dumps(_rendered(tool.function))) - 1 for tool in file.tools)


def _rendered(function: Mapping[str, Any]) -> dict[str, Any]:
    parameters = function.get("parameters")
    listed = parameters.get("properties") if isinstance(parameters, dict) else None
    kept = ("type", "description", "enum")
    properties = {
        str(name): {key: value[key] for key in kept if isinstance(value.get(key), (str, list))}
        for name, value in (listed.items() if isinstance(listed, dict) else ())
        if isinstance(value, dict)
    }
    return {
        "name": str(function.get("name", "")),
        "description": str(function.get("description", "")),
        "parameters": {"type": "object", "properties": properties},
    }
