"""Answers that solve nothing, by what a matcher reads: guesses, lists of guesses, noise, and texts of the patterns."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

from toolspec.backends.verl.reward.answers import FORMS
from toolspec.compiler.patterns import samples

GENERIC: Mapping[str, tuple[str, ...]] = {
    "number": ("42", "17", "41.5", "1000", "-3"),
    "math": ("42", "17", "41.5", "1000", "-3"),
    "choice": ("A", "B", "C", "D"),
    "json": ("1", "2", '{"a": 1}', "[1, 2]"),
}
WORDS = ("Paris", "London", "4 July 1776", "yes", "the Beatles")
"""Accepted answers where no rows are at hand, by `match`; words for all others."""
NOISE = (
    "",
    "I do not know",
    "the",
    "?",
    "0",
    "A",
    "yes",
    "no",
    "None",
    "[]",
    "{}",
    "A B C D E",
    " ".join(map(str, range(21))),
)
MOST = 120
MOST_LISTED = 40
SIGNS = (" ", ", ", "\n", " or ", "")


def guesses(term: Mapping[str, Any], texts: Sequence[str]) -> list[str]:
    """term: of ts_reward.json. texts: accepted answers, the most frequent first."""
    found = [*NOISE, *texts[:MOST_LISTED], *_middles(term, texts), *_lists(texts), *_bags(texts)]
    pattern = term.get("pattern")
    if pattern:
        made = samples(pattern)
        found += made
        found += ["\n".join(made[:12]), *(_into(made[0], pattern, text) for text in (*texts[:8], "") if made)]
    return list(dict.fromkeys(found))[:MOST]


def forms(term: Mapping[str, Any], text: str) -> Iterator[str]:
    """Ways to answer with a text, the plainest first."""
    yield from (form.format(text) for form in FORMS)
    for one in samples(term["pattern"]) if term.get("pattern") else ():
        yield _into(one, term["pattern"], text)


def _into(sample: str, pattern: str, text: str) -> str:
    """A text that a pattern matches, with another one in place of what it finds there."""
    found = list(re.finditer(pattern, sample))
    if not found:
        return sample
    group = 1 if found[-1].re.groups and found[-1].group(1) is not None else 0
    start, end = found[-1].span(group)
    return sample[:start] + text + sample[end:]


def _lists(texts: Sequence[str]) -> Iterator[str]:
    """Several guesses in one answer."""
    for some in (texts[:2], texts[1::-1], texts[:5], texts[:20]):
        if len(some) > 1:
            yield from (sign.join(some) for sign in SIGNS)
            yield f"[{', '.join(some)}]"
            yield " ".join(f"\\boxed{{{each}}}" for each in some)


def _bags(texts: Sequence[str]) -> Iterator[str]:
    """The words that are in most accepted answers, each once."""
    counted = Counter(word for text in texts for word in dict.fromkeys(text.split()))
    words = [word for word, _ in counted.most_common(60)]
    for size in (2, 5, 20, 60):
        if len(words) >= size // 2:
            yield " ".join(words[:size])


def _middles(term: Mapping[str, Any], texts: Sequence[str]) -> Iterator[str]:
    """With a tolerance: numbers between those that are asked for."""
    reach = Fraction(str(term.get("tolerance") or 0))
    if not reach:
        return
    numbers = []
    for text in texts:
        try:
            numbers.append(Fraction(text.strip().replace(",", "")))
        except (ValueError, ZeroDivisionError):
            continue
    for one, other in itertools.pairwise(sorted(set(numbers))):
        if other - one <= 2 * reach:
            yield str(float((one + other) / 2))
    if numbers:
        yield str(float((min(numbers) + max(numbers)) / 2))
