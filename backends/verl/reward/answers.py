"""Answers and accepted answers for a transcript: right, wrong or partly right, in a form that the patterns take."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from toolspec.compiler.patterns import samples
from toolspec.compiler.reward.reward import correct_of

# (accepted answer, a right one, a wrong one) by `match`.
TRUTHS: Mapping[str, tuple[Any, str, str]] = {
    "choice": ("B", "B", "C"),
    "json": ('{"a": 42}', '{"a": 42}', '{"a": 41}'),
}
NUMBERS = ("42", "42", "41")
# Forms in which an answer is tried, the plainest first.
FORMS = (
    "{}",
    "The answer is {}.",
    "#### {}",
    "\\boxed{{{}}}",
    "<answer>{}</answer>",
    "<answer>\n{}\n</answer>",
    "<answer> {} </answer>",
    "Answer: {}",
    "Final answer: {}",
    "**{}**",
    "<think>\nso\n</think>\n<answer>{}</answer>",
)
MANY_WORDS = [f"word{number}" for number in range(200)]


class Choice(NamedTuple):
    """answer: what the last turn says. result: what a tool returned where the answer uses it. truth: of the row."""

    answer: str
    result: str
    truth: Any


def choices(terms: Sequence[Mapping[str, Any]], answer: str) -> Iterator[Choice]:
    """To be tried in this order. answer: right, almost, barely, wrong or none."""
    term = correct_of(terms)
    match = str(term.get("match", "exact"))
    truth, right, wrong = TRUTHS.get(match, NUMBERS)
    if answer == "none":
        yield Choice("", right, truth)
        return
    if answer in ("almost", "barely"):
        words = MANY_WORDS[:-1] if answer == "almost" else MANY_WORDS[:1]
        for form in FORMS:
            yield Choice(form.format(" ".join(words)), "42", " ".join(MANY_WORDS))
        return
    text = right if answer == "right" else wrong
    for form in FORMS:
        shown = form.format(text)
        if match == "exact":  # what is asked for may be anything, the form among it
            yield Choice(shown, text, form.format(right))
        else:
            yield Choice(shown, text, truth)
    # Texts of the patterns themselves: what is asked for is what is found in them, or something else.
    patterns = [each["pattern"] for each in terms if each.get("pattern")]
    for shown in dict.fromkeys(text for pattern in patterns for text in samples(pattern)):
        for found in _found(shown, patterns):
            yield Choice(shown, found, found if answer == "right" else f"not {found}")


def _found(text: str, patterns: Sequence[str]) -> Iterator[str]:
    """What patterns may find in a text. They are programs of the spec's author: only for a process with limits."""
    import re

    yield text
    for pattern in patterns:
        for match in re.finditer(pattern, text):
            yield (match.group(1) or "") if match.re.groups else match.group()


def expected_calls(calls: Sequence[tuple[str, str]], right: bool) -> str:
    """The row's calls that a trajectory makes, or others."""
    made = [{"name": name, "arguments": json.loads(given)} for name, given in calls]
    return json.dumps(made if right else [*made, {"name": "another", "arguments": {}}])


def text_of(truth: Any) -> str:
    """An accepted answer as it would be given: a text as it is, all else as JSON."""
    return truth if isinstance(truth, str) else json.dumps(truth, ensure_ascii=False, default=str)
