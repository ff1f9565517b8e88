"""Whether `match` takes an answer for right that solves nothing, and `format` and `used_result` pay for nothing asked.

Most matchers read one thing out of the answer, whatever the row asks for, and compare it: then an answer is right for
rows of one accepted answer alone, and a list of guesses is one guess. That is a proof by the shape of the function
(backends/verl/runtime/ts_terms/correct.py). What it does not settle are rows that share accepted answers, tolerances
that reach from one row to the next, patterns that never find what is asked for, and code. So answers are tried on the
runtime as well: each of them as right for how many of the rows' accepted answers (`Tried`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any, NamedTuple

from toolspec.compiler.reward.properties import Property, Severity
from toolspec.compiler.reward.verdict import Verdict
from toolspec.compiler.reward.words import counted, number
from toolspec.compiler.reward.worth import exact


def _property(name: str, formula: str, claim: str, broken: str, severity: Severity = "note") -> Property:
    return Property(name, formula, claim, broken, "matcher", severity, lambda _: (), needs_calls=False)


MATCHER = _property(
    "matcher",
    "no answer is right for rows that ask for different answers",
    "an answer that solves nothing is not taken for right",
    "an answer that solves nothing is taken for right",
)
REACHABLE = _property(
    "reachable",
    "for each row some answer is right",
    "an answer that is right can be written",
    "for some rows no answer was found that is right",
    "warning",
)
FORM = _property(
    "form",
    "`format` is 0 for some answer",
    "`format` asks for a form",
    "`format` takes any answer",
)
USED = _property(
    "using",
    "`used_result` is 0 for an answer that is no result",
    "a result is not used by chance",
    "a word or number that stands in most results counts as used",
)
MATCHERS = (MATCHER, REACHABLE, FORM, USED)

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
CODE = "is decided by code, which is not run here: toolspec reward --probe tries answers on it"
MANY_ROWS = Fraction(1, 2)
"""Of the rows, for which one answer is right: from here on it is said, of so many rows at least."""
ENOUGH_ROWS = 20


class Witness(NamedTuple):
    """An answer that was tried. right: of the accepted answers that were asked for, those that it is right for.

    shares: of the rows. value: of `correct`, the least that it is for those.
    """

    answer: str
    right: tuple[str, ...]
    share: Fraction
    value: float


class Tried(NamedTuple):
    """What the runtime said of answers that solve nothing. rows: how many were looked at, 0 where none is at hand.

    wanted: the different accepted answers. tried: how many answers. best: that which is right for most rows;
    several: one that is right for different accepted answers. paid: that which is paid something for most.
    lost: accepted answers that no form of them is right for. form, used: an answer and what it was taken for.
    missing: why nothing was tried, as a clause.
    """

    rows: int = 0
    wanted: int = 0
    tried: int = 0
    best: Witness | None = None
    several: Witness | None = None
    paid: Witness | None = None
    lost: tuple[str, ...] = ()
    lost_rows: int = 0
    form: str | None = None
    used: tuple[str, str] | None = None
    missing: str = ""


def matcher_verdicts(settings: Mapping[str, Any], tried: Tried | None) -> tuple[Verdict, ...]:
    """Of ts_reward.json's content. tried: None where the runtime was not asked."""
    terms = {each["name"]: each for each in settings["terms"] if not each.get("own")}
    found = [_matcher(terms.get("correct"), tried)]
    if tried is not None and not tried.missing:
        found += _reachable(tried)
        found += _form(terms.get("format"), tried)
        found += _used(terms.get("used_result"), tried)
    return tuple(found)


def _matcher(term: Mapping[str, Any] | None, tried: Tried | None) -> Verdict:
    if term is None:
        return Verdict(MATCHER, "no-case", why="the reward has no `correct`")
    match = str(term.get("match", "exact"))
    if tried is not None and tried.best is not None and tried.rows:
        told = f"`{shown(tried.best.answer)}` is right for "
        if tried.best.share == 1:
            why = f"{told}all of {counted(tried.rows, 'row')}"
            # One row that is asked again and again is no data set.
            level: Severity = "error" if tried.rows > 1 else "note"
            return Verdict(MATCHER, "refuted", why=why, level=level)
        if tried.best.share >= MANY_ROWS and tried.rows >= ENOUGH_ROWS:
            why = f"{told}{percent(tried.best.share)} of {counted(tried.rows, 'row')}"
            return Verdict(MATCHER, "refuted", why=why)
    if tried is not None and tried.several is not None:
        return Verdict(MATCHER, "refuted", why=_several(tried.several, tried))
    if tried is not None and tried.paid is not None:
        paid = tried.paid
        where = (
            f"for {percent(paid.share)} of the rows"
            if tried.rows
            else f"where {wanted(paid.right)} are asked for"
        )
        why = f"`{shown(paid.answer)}` is worth {paid.value:.2g} or more {where}"
        return Verdict(MATCHER, "refuted", why=why)
    if match == "qa_f1":
        why = "`match: qa_f1` pays for shared words: `Paris London` is worth 2/3 where London is asked for"
        return Verdict(MATCHER, "refuted", why=why)
    if match not in READS:
        return Verdict(MATCHER, "unknown", why=f"`match: {match}` {CODE}")
    why = READS[match]
    tolerance = exact(term.get("tolerance") or 0)
    if match == "number" and tolerance:
        why += f"; rows whose numbers differ by {number(2 * tolerance)} or less share answers"
    if tried is not None and tried.tried:
        where = f"the accepted answers of {counted(tried.rows, 'row')}" if tried.rows else "made-up rows"
        why += f"; {counted(tried.tried, 'answer')} tried on {where}"
    elif tried is not None and tried.missing:
        why += f"; not tried: {tried.missing}"
    return Verdict(MATCHER, "proved", why=why)


def _several(found: Witness, tried: Tried) -> str:
    told = f"`{shown(found.answer)}` is right where {wanted(found.right)} are asked for"
    return f"{told}, {percent(found.share)} of {counted(tried.rows, 'row')}" if tried.rows else told


def _reachable(tried: Tried) -> Iterator[Verdict]:
    if not tried.rows:
        return
    if not tried.lost:
        yield Verdict(REACHABLE, "proved", why=f"tried on {counted(tried.rows, 'row')}")
        return
    why = (
        f"no form of `{shown(tried.lost[0])}` is taken for right where it is asked for, and so it is for "
        f"{tried.lost_rows} of {counted(tried.rows, 'row')}"
    )
    yield Verdict(REACHABLE, "refuted", why=why)


def _form(term: Mapping[str, Any] | None, tried: Tried) -> Iterator[Verdict]:
    if term is None or not term.get("pattern"):
        return
    if tried.form is None:
        yield Verdict(FORM, "proved")
    else:
        yield Verdict(FORM, "refuted", why=f"also `{shown(tried.form)}`")


def _used(term: Mapping[str, Any] | None, tried: Tried) -> Iterator[Verdict]:
    if term is None or exact(term["weight"]) <= 0:
        return
    if term.get("only_if") == "correct":
        yield Verdict(USED, "proved", why="it is paid with a right answer only")
    elif tried.used is not None:
        answer, result = tried.used
        why = f"`{shown(answer)}` counts where a tool returned `{shown(result)}`; `only_if: correct` helps"
        yield Verdict(USED, "refuted", why=why)


def wanted(truths: tuple[str, ...]) -> str:
    named = [f"`{shown(each)}`" for each in truths[:3]]
    more = len(truths) - len(named)
    return ", ".join(named[:-1]) + f" and {named[-1]}" if not more else f"{', '.join(named)} and {more} more"


def shown(text: str, most: int = 40) -> str:
    """On one line, and short."""
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[: most - 1]}…"


def percent(share: Fraction) -> str:
    return f"{float(share):.0%}"
