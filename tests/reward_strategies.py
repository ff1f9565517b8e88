"""Random rewards for property tests."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

from toolspec.compiler.reward.reward import Reward, Term, reward
from toolspec.compiler.reward.worth import Value, Worth, counted

amounts = st.integers(-30, 30).map(lambda tenths: Fraction(tenths, 10))
caps = st.none() | st.sampled_from([Fraction(tenths, 10) for tenths in range(-15, 16) if tenths])


@st.composite
def rewards(draw: st.DrawFn) -> Reward:
    """Terms of the language, and terms of the test's own for every group that a term may read."""
    entries: list[dict[str, Any]] = []
    if draw(st.booleans()):
        entries.append(
            {
                "name": "correct",
                "weight": 0,
                "match": draw(st.sampled_from(["number", "qa_f1", "calls"])),
                "wrong": draw(st.sampled_from([None, -0.5])),
            }
        )
    if draw(st.booleans()):
        entries.append(
            {"name": "valid_call", "weight": 0, "per": draw(st.sampled_from(["once", "call", "share"]))}
        )
    if draw(st.booleans()):
        entries.append({"name": "extra_call", "weight": 0, "free": draw(st.integers(0, 3))})
    if draw(st.booleans()):
        entries.append({"name": "bad_call", "weight": 0, **draw(st.sampled_from([{}, {"schema": -0.3}]))})
    if draw(st.booleans()):
        entries.append({"name": "format", "weight": 0, "pattern": draw(st.sampled_from([None, "x"]))})
    if draw(st.booleans()):
        entries.append({"name": "truncated", "weight": 0, "turns": draw(st.booleans())})
    found = reward(entries)
    own = draw(st.lists(st.sampled_from(sorted(OWN)), unique=True, max_size=3))
    terms = (*found.terms, *(Term(name, Fraction(0), OWN[name]) for name in own))
    ends = draw(st.none() | st.tuples(amounts, amounts).filter(lambda two: two[0] < two[1]))
    return found._replace(
        clip=ends,
        terms=tuple(
            term._replace(weight=draw(amounts), cap=draw(caps), gated=draw(st.booleans())) for term in terms
        ),
    )


OWN = {
    "turns": counted("turns", lambda one: one.turns * one.turns),
    "again": counted("repeated", lambda one: one.repeated),
    "schema": counted("kinds", lambda one: one.schema),
    "kinds": Worth(
        "kinds", lambda one: Value(Fraction(one.unknown), Fraction(3 * one.unparsed - one.schema, 7))
    ),
    "cut": counted("flags", lambda one: one.truncated),
    "forged": counted("flags", lambda one: one.forged),
    "used": counted("flags", lambda one: one.used),
    "failed": counted("errors", lambda one: one.errors),
}
