"""Whether `match` takes an answer for right that solves nothing: one and the same answer for rows that ask for others.

Most matchers read one thing out of the answer, whatever the row asks for, and compare it: then an answer is right for
rows of one accepted answer alone, and a list of guesses is one guess. That is a proof by the shape of the function
(backends/verl/runtime/ts_terms/correct.py), which tests/unit/test_reward_matcher.py tries with the runtime.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from toolspec.compiler.reward.properties import Property
from toolspec.compiler.reward.verdict import Verdict
from toolspec.compiler.reward.words import number
from toolspec.compiler.reward.worth import exact

MATCHER = Property(
    "matcher",
    "no answer is right for rows that ask for different answers",
    "an answer that solves nothing is not taken for right",
    "an answer is paid that names several guesses",
    "best",
    "note",
    lambda _: (),
    needs_calls=False,
)
# match → what alone is read of an answer.
READS: Mapping[str, str] = {
    "exact": "the whole answer is compared",
    "number": "the last number is compared, whatever stands before it",
    "regex": "what the pattern finds last is compared; that it matches is not enough",
    "choice": "the last letter that stands alone is compared",
    "json": "the whole answer is read as one JSON value",
    "qa_em": "the whole answer is compared in SQuAD's normal form",
    "calls": "all valid calls are compared, and a bad one is wrong",
}


def matcher_verdict(settings: Mapping[str, Any]) -> Verdict:
    """Of the `correct` term of ts_reward.json's content."""
    term = next((each for each in settings["terms"] if each["name"] == "correct"), None)
    if term is None:
        return Verdict(MATCHER, "no-case", why="the reward has no `correct`")
    match = str(term.get("match", "exact"))
    if match == "qa_f1":
        guesses = Fraction(2, 3)
        worth = number(guesses)
        why = (
            f"`match: qa_f1` pays for shared words: `Paris London` is worth {worth} where London is asked for"
        )
        return Verdict(MATCHER, "refuted", why=why)
    if match not in READS:
        return Verdict(MATCHER, "unknown", why=f"`match: {match}` is decided by code, which is not run")
    why = READS[match]
    tolerance = exact(term.get("tolerance") or 0)
    if match == "number" and tolerance:
        why += f"; rows whose numbers differ by {number(2 * tolerance)} or less share answers"
    return Verdict(MATCHER, "proved", why=why)
