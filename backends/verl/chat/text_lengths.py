"""How long the parts of a trajectory are in tokens, as far as rows and schemas tell: texts, calls, marks of answers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from math import ceil
from random import Random
from typing import Any, NamedTuple

from toolspec.backends.verl.chat.probe import PROBE, QUESTION, call_message, result_message
from toolspec.compiler.chat.process import ChatProcess

MOST_TEXTS = 1_000
"""Texts of a kind that are counted, drawn from all."""
MOST_CHARACTERS = 4_096
"""Of such a text."""
SHORT = 20
"""Characters of a text that says nothing about tokens a character."""
EXAMPLE = "twenty-four characters.."
"""A value of an argument of type string whose values the schema does not list."""
HIGH = 0.99


class TextKind(NamedTuple):
    """Of so many texts of a kind: tokens for a character and tokens of a text, the median and the 99th percentile.

    0 where there are none.
    """

    texts: int = 0
    each_character: float = 0.0
    each_character_high: float = 0.0
    tokens: int = 0
    tokens_high: int = 0


class TextLengths(NamedTuple):
    """By the role of the message: what users ask, tools answered and assistants said in prompts; accepted answers."""

    user: TextKind = TextKind()
    tool: TextKind = TextKind()
    assistant: TextKind = TextKind()
    truth: TextKind = TextKind()

    @classmethod
    def from_plain(cls, value: Sequence[Sequence[Any]]) -> TextLengths:
        return cls(
            *(TextKind(int(one[0]), float(one[1]), float(one[2]), int(one[3]), int(one[4])) for one in value)
        )


class Texts:
    """Texts drawn from rows as they pass, each as likely as another (Vitter's algorithm R)."""

    def __init__(self, dice: Random) -> None:
        self._dice = dice
        self._held: dict[str, list[str]] = {kind: [] for kind in TextLengths._fields}
        self._met = dict.fromkeys(TextLengths._fields, 0)

    def add(self, messages: Any, truth: str) -> None:
        for message in messages:
            role, content = message.get("role"), message.get("content")
            if role in self._met and role != "truth" and isinstance(content, str) and content:
                self._add(role, content)
        if truth:
            self._add("truth", truth)

    def _add(self, kind: str, text: str) -> None:
        held = self._held[kind]
        self._met[kind] += 1
        if len(held) < MOST_TEXTS:
            held.append(text[:MOST_CHARACTERS])
        elif (place := self._dice.randrange(self._met[kind])) < MOST_TEXTS:
            held[place] = text[:MOST_CHARACTERS]

    def counted(self, process: ChatProcess) -> TextLengths:
        """Raises ChatError."""
        return TextLengths(*(_kind(self._held[kind], process) for kind in TextLengths._fields))


def _kind(texts: Sequence[str], process: ChatProcess) -> TextKind:
    if not texts:
        return TextKind()
    whole = [text.encode("utf-8", "replace").decode() for text in texts]
    sizes = process.sizes(whole)
    rates = sorted(n / len(text) for text, n in zip(whole, sizes, strict=True) if len(text) >= SHORT)
    sizes.sort()
    each, high = (round(_quantile(rates, share), 4) if rates else 0.0 for share in (0.5, HIGH))
    return TextKind(len(whole), each, high, int(_quantile(sizes, 0.5)), int(_quantile(sizes, HIGH)))


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[max(0, ceil(share * len(ordered)) - 1)]


def call_lengths(
    process: ChatProcess, schemas: Sequence[Mapping[str, Any]], variables: Mapping[str, Any]
) -> tuple[int, int]:
    """Tokens of a turn that calls one tool and says nothing else: the longest of the tools, as the template writes it.

    First with the arguments that must be given, then with all. Values are examples of their type, texts of 24
    characters. 0 where the template writes none. Raises ChatError.
    """
    calls = [
        [QUESTION, call_message(str(schema["function"]["name"]), arguments)]
        for schema in schemas
        for arguments in _arguments(schema["function"])
    ]
    if not calls:
        return 0, 0
    asked, *answered = [
        *process.rows("render", [[QUESTION]], schemas, True, variables),
        *process.rows("render", calls, schemas, False, variables),
    ]
    if not all(isinstance(text, str) for text in (asked, *answered)):
        return 0, 0
    if not all(text.startswith(asked) for text in answered):
        head = process.rows("render", [[QUESTION]], schemas, False, variables)[0]
        if not isinstance(head, str) or not all(text.startswith(head) for text in answered):
            return 0, 0
        asked = head
    sizes = process.sizes([text[len(asked) :] for text in answered])
    return max(sizes[::2]), max(sizes[1::2])


def _arguments(function: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Arguments of a call: those that must be given, and all."""
    parameters = function.get("parameters")
    parameters = parameters if isinstance(parameters, Mapping) else {}
    properties = parameters.get("properties")
    every = {
        str(name): _example(schema)
        for name, schema in (properties.items() if isinstance(properties, Mapping) else ())
    }
    required = parameters.get("required")
    needed = required if isinstance(required, list) else []
    return {name: value for name, value in every.items() if name in needed}, every


def _example(schema: Any, depth: int = 0) -> Any:
    if not isinstance(schema, Mapping) or depth > 4:
        return EXAMPLE
    if isinstance(schema.get("enum"), list) and schema["enum"]:
        return max(schema["enum"], key=lambda value: len(json.dumps(value, default=str)))
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) and kind else kind
    if kind == "array":
        return [_example(schema.get("items"), depth + 1)]
    if kind == "object":
        properties = schema.get("properties")
        below = properties.items() if isinstance(properties, Mapping) else ()
        return {str(name): _example(one, depth + 1) for name, one in below}
    return {"integer": 1234, "number": 12.34, "boolean": True, "null": None}.get(str(kind), EXAMPLE)


def around_answers(
    process: ChatProcess,
    schemas: Sequence[Mapping[str, Any]],
    variables: Mapping[str, Any],
    tokens: Mapping[str, str],
) -> tuple[int, int]:
    """Tokens that come with a tool's answer, the next generation prompt among them, and with each other one of a round.

    tokens: special tokens by their names. 0 without tools, and where the template shows no answer. Raises ChatError.
    """
    if not schemas:
        return 0, 0
    turns = [QUESTION, call_message(PROBE, {})]
    answer = result_message("x")
    end = tokens.get("eos_token") or "\0"
    before, *after = [
        *process.rows("render", [turns], schemas, False, variables),
        *process.rows("render", [[*turns, answer], [*turns, answer, answer]], schemas, True, variables),
    ]
    if not isinstance(before, str) or not isinstance(after[0], str):
        return 0, 0
    # The policy's turn ends with its end token; what the template writes behind it comes with the answer (the newline
    # of ChatML, which 0.9.1 puts back and earlier releases lose).
    before = before[: before.rindex(end) + len(end)] if end in before else before
    sizes = process.sizes([before, *(text if isinstance(text, str) else after[0] for text in after)])
    first, second = max(0, sizes[1] - sizes[0] - 1), max(0, sizes[2] - sizes[1] - 1)
    return first, second if isinstance(after[1], str) else first
