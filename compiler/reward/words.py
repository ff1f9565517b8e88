"""Trajectories, scores and intervals in plain words."""

from __future__ import annotations

from decimal import Context, Decimal
from fractions import Fraction

from toolspec.compiler.reward.lines import Interval
from toolspec.compiler.reward.reward import Reward
from toolspec.compiler.reward.vector import Vector

ANSWERS = {
    "right": "right answer",
    "almost": "answer next to right",
    "barely": "answer next to wrong",
    "wrong": "wrong answer",
    "none": "no answer",
}


LONGEST = 24
"""Characters of a number that are read at a glance."""


def number(value: Fraction) -> str:
    """A fraction as people write it: a decimal where it has a short one, else a quotient, else about how much it is."""
    text = plain(value).replace("-", "−")
    if len(text) <= LONGEST:
        return text
    about = Context(prec=6).divide(Decimal(value.numerator), Decimal(value.denominator)).normalize()
    return f"about {'−' if value < 0 else ''}{abs(about):g}"


def plain(value: Fraction) -> str:
    """Exactly, with the minus that YAML reads: 0.2 or 1/3."""
    sign, size = "-" if value < 0 else "", abs(value)
    for digits in range(9):
        scaled = size * 10**digits
        if scaled.denominator == 1:
            text = str(scaled.numerator).rjust(digits + 1, "0")
            return sign + (f"{text[:-digits]}.{text[-digits:]}" if digits else text)
    return f"{sign}{size.numerator}/{size.denominator}"


def counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def described(one: Vector) -> str:
    """`right answer, 1 valid call, 2 bad calls`."""
    said = [ANSWERS[one.answer]]
    new = one.valid - one.repeated
    said += [counted(new, "valid call")] if new else []
    said += [counted(one.repeated, "repeated call")] if one.repeated else []
    said += [counted(one.bad, "bad call")] if one.bad else []
    said += [] if one.calls else ["no call"]
    said += [f"{counted(one.errors, 'call')} failed"] if one.errors else []
    said += ["not in the asked form"] if one.answer != "none" and not one.formed else []
    said += ["cut by a limit"] if one.truncated else []
    said += ["out of turns"] if one.out_of_turns and not one.truncated else []
    said += ["a forged result"] if one.forged else []
    said += ["uses a result"] if one.used else []
    said += [f"{one.tokens:,} tokens"] if one.tokens else []
    return ", ".join(said)


def summed(reward: Reward, one: Vector, score: Fraction) -> str:
    """`1 + 0.2 − 1 = 0.2`: what each term pays, and the sum. score: alone, where a term's own pay is not known."""
    if reward.score(one) != score:
        return f"{float(score):.6g}".replace("-", "−")
    parts = [pay for each in reward.terms if (pay := each.pays(each.value(one)))]
    total = number(reward.score(one))
    if len(parts) < 2:
        return total
    text = number(parts[0])
    for pay in parts[1:]:
        text += f" {'−' if pay < 0 else '+'} {number(abs(pay))}"
    return f"{text} = {total}"


def interval(one: Interval) -> str:
    """`above −0.2, at most 0`."""
    if one.low is not None and one.low == one.high:
        return f"exactly {number(one.low)}"
    said = []
    if one.low is not None:
        said.append(f"{'above' if one.low_open else 'at least'} {number(one.low)}")
    if one.high is not None:
        said.append(f"{'below' if one.high_open else 'at most'} {number(one.high)}")
    return ", ".join(said) or "any"
