"""The table of worths against the bundle's own reward: random vectors, written out, scored in its process."""

from __future__ import annotations

import random
from fractions import Fraction
from typing import Any

import pytest

from toolspec.backends.verl.parsers.table import FORMATS
from toolspec.backends.verl.reward.paid import NoPayError, Pay, Wanted, paid
from toolspec.compiler.reward.episode import episode
from toolspec.compiler.reward.reward import Reward, reward
from toolspec.compiler.reward.vector import ANSWERS, PARTLY, Budget, Vector, feasible
from toolspec.compiler.reward.worth import TABLE

TOOL = {
    "type": "function",
    "function": {
        "name": "calculator",
        "parameters": {
            "type": "object",
            "properties": {"expression": {"type": "string"}},
            "required": ["expression"],
        },
    },
}
BUDGET = Budget(5, 3, 400)
# name → settings that change what the term is worth.
SETTINGS: dict[str, list[dict[str, Any]]] = {
    "correct": [
        {"match": "number"},
        {"match": "exact", "wrong": -0.25},
        {"match": "choice"},
        {"match": "json"},
        {"match": "qa_f1", "wrong": -0.25},
        {"match": "regex", "pattern": r"total of (\d+)"},
        {"match": "calls"},
    ],
    "valid_call": [{}, {"per": "call"}, {"per": "share"}],
    "extra_call": [{}, {"free": 0}, {"free": 3}, {"free": "needed_calls"}],
    "bad_call": [{}, {"schema": -0.3}, {"unknown_tool": -0.2, "malformed": 0.4}],
    "format": [{}, {"pattern": r"<answer>.*</answer>"}],
    "repeat_call": [{}],
    "tool_error": [{}],
    "used_result": [{}],
    "length": [
        {"end": 200},
        {"start": 50, "end": 150, "shape": "cosine"},
        {"end": 300, "buffer": 200, "shape": "overlong"},
    ],
    "turns": [{}, {"free": 2}],
    "truncated": [{}, {"turns": True}],
    "forged_result": [{}],
}


def rewards(random_: random.Random) -> list[dict[str, Any]]:
    """The entries of a ts_reward.json: some of the terms, weights with one decimal."""
    entries: list[dict[str, Any]] = []
    for name, every in SETTINGS.items():
        # JSON within tags is none, and two patterns may have no text in common.
        strict = entries and entries[0].get("match") in ("json", "regex")
        choices = every[:1] if name == "format" and strict else every
        if name != "correct" and random_.random() < 0.4:
            continue
        entry = {"name": name, "weight": random_.randint(-20, 20) / 10, **random_.choice(choices)}
        if random_.random() < 0.3 and entry["weight"]:
            entry["cap"] = (1 if entry["weight"] > 0 else -1) * random_.randint(1, 15) / 10
        if name != "correct" and random_.random() < 0.3:
            entry["only_if"] = "correct"
        entries.append(entry)
    return entries


def vectors(random_: random.Random, of: Reward, used: bool, number: int) -> list[Vector]:
    """Random feasible ones; what an answer's form and use cannot be told apart by is left as it comes."""
    found: list[Vector] = []
    while len(found) < number:
        answer = random_.choice([one for one in ANSWERS if of.partial or one not in PARTLY])
        valid, repeated, unknown, schema, unparsed = (random_.choice((0, 0, 1, 1, 2, 3)) for _ in range(5))
        one = Vector(
            random_.randint(1, 5),
            valid,
            repeated,
            unknown,
            schema,
            unparsed,
            answer,
            answer != "none" and (not of.has_pattern or random_.random() < 0.5),
            random_.random() < 0.3,
            random_.random() < 0.3,
            used and random_.random() < 0.5,
            random_.choice((0, 0, 1, 2)),
            random_.choice((0, 100, 250)),
        )
        ends = of.by_last_turn and one.answer == "none" and one.turns == BUDGET.turns
        one = one._replace(out_of_turns=ends)
        # The answer is taken from a tool that answered.
        if of.by_calls and answer == "right" and one.bad:
            continue
        if feasible(one, BUDGET) and not (one.used and one.errors >= one.valid):
            found.append(one)
    return found


def test_the_table_has_every_term_of_the_language() -> None:
    from toolspec.specs.reward import TERMS

    assert set(TABLE) == {*TERMS, "overlong"}
    assert set(SETTINGS) == set(TERMS)


PAIRS = [
    (form, release) for form, each in FORMATS.items() for release in (each.releases[0], each.releases[-1])
]


@pytest.mark.parametrize(("form", "release"), PAIRS)
@pytest.mark.slow
def test_the_runtime_pays_what_the_table_says(form: str, release: str) -> None:
    seed = PAIRS.index((form, release))
    random_ = random.Random(seed)
    entries = rewards(random_)
    settings: dict[str, Any] = {"version": 1, "terms": entries, "tools": [TOOL], "format": form}
    if seed % 3 == 0:
        settings["clip"] = [-1.0, 1.5]
    if seed % 2 == 0:
        settings["overlong"] = {"buffer": 100, "penalty": 0.7, "length": 300}
    need = random_.randint(0, 3)
    plain = [{**each, "free": need} if each.get("free") == "needed_calls" else each for each in entries]
    found = reward(plain, settings.get("overlong"), settings.get("clip"))
    numbers = any(term.get("match") == "number" for term in entries)
    used = numbers and any(term["name"] == "used_result" for term in entries)
    told = vectors(random_, found, used, 40)
    chosen = [
        {
            term.name: float(term.worth.value(one).units)
            for term in found.terms
            if term.name in ("correct", "format", "used_result")
        }
        for one in told
    ]
    wanted = [Wanted(episode(one, BUDGET), values, need) for one, values in zip(told, chosen, strict=True)]
    pays = paid(settings, release, wanted)
    # glm's parser reads whatever stands between its marks as a name: a call that it cannot read is never closed.
    lacking = [pay for pay in pays if isinstance(pay, str)]
    assert all(form == "glm" and "between its marks" in why for why in lacking), lacking
    assert len(lacking) < len(pays) / 2 or form == "glm"
    for one, pay in zip(told, pays, strict=True):
        if not isinstance(pay, Pay):
            assert one.unparsed
            continue
        here = one._replace(tokens=pay.tokens)
        credit = Fraction(pay.values.get("correct", 0))
        claimed = found.with_credit(here, credit) if one.answer in PARTLY else found.score(here)
        assert abs(Fraction(pay.score) - claimed) < Fraction(1, 10**9), (one, pay)
        for term in found.terms:
            if term.name in pay.values and not (term.name == "correct" and one.answer in PARTLY):
                assert abs(pay.values[term.name] - worth_of(term.name, found, here)) < 1e-9, (
                    term.name,
                    one,
                    pay,
                )


def worth_of(name: str, found: Any, one: Vector) -> float:
    """What the runtime tells as the term's value: a count, however the kinds are paid."""
    return float(one.bad if name == "bad_call" else found.term(name).worth.value(one).units)


def test_code_of_the_user_is_not_run() -> None:
    settings = {"terms": [{"name": "correct", "weight": 1.0, "match": "python", "python": {"file": "x.py"}}]}
    with pytest.raises(NoPayError, match="runs code"):
        paid(settings, "0.9.1", [])


def test_a_pattern_without_end_is_no_hang() -> None:
    pattern = r"(\w+\s?)*!"
    settings = {
        "version": 1,
        "terms": [{"name": "format", "weight": 1.0, "pattern": pattern}],
        "tools": [TOOL],
    }
    one = Vector(answer="right", formed=True, tokens=300)
    pays: Any = None
    try:
        pays = paid(settings, "0.9.1", [Wanted(episode(one, BUDGET), {"format": 1.0})])
    except NoPayError as error:
        assert str(error)
    assert pays is None or isinstance(pays[0], str) or pays[0].score == 1.0
