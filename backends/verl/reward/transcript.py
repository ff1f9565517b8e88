"""The trajectories that an analysis names, written out and scored by the runtime."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from toolspec.backends.verl.reward.paid import NoPayError, paid
from toolspec.compiler.reward.arguments import NoValueError
from toolspec.compiler.reward.episode import ANSWER, RESULT, Episode, Part, episode
from toolspec.compiler.reward.vector import Vector

if TYPE_CHECKING:
    from toolspec.backends.verl.reward.subject import Report


class Transcript(NamedTuple):
    """claimed: the analysis' exact score; paid: the runtime's. truth: the row's accepted answer."""

    parts: tuple[Part, ...]
    truth: object
    claimed: Fraction
    paid: float

    @property
    def agrees(self) -> bool:
        return abs(self.paid - self.claimed) < Fraction(1, 10**9)


class Transcripts(NamedTuple):
    """found: by vector. missing: why there is none for the others, "" where there is one for all."""

    found: Mapping[Vector, Transcript]
    missing: str = ""


def transcripts(report: Report) -> Transcripts:
    """Of both sides of every refuted property. A reward that runs code has none, nor tools without simple arguments."""
    analysis, settings = report.analysis, report.subject.settings
    if analysis is None:
        return Transcripts({}, "the reward is one function")
    vectors = dict.fromkeys(
        vector
        for verdict in analysis.verdicts
        if verdict.outcome == "refuted" and (pair := verdict.plainest or verdict.pair) is not None
        for vector in pair[:2]
    )
    episodes: list[Episode] = []
    missing = ""
    for vector in vectors:
        try:
            episodes.append(episode(vector, analysis.budget, settings.get("tools") or []))
        except NoValueError as error:
            missing = f"no arguments are made up {error}"
    if not episodes:
        return Transcripts({}, missing)
    terms = [term for term in analysis.reward.terms if term.worth.group not in ("free", "tokens")]
    wanted = [
        {term.name: float(term.worth.value(each.vector).units) for term in terms if term.name in READ_BY_FORM}
        for each in episodes
    ]
    try:
        pays = paid(settings, report.subject.release, episodes, wanted)
    except NoPayError as error:
        return Transcripts({}, str(error))
    found = {}
    for each, pay in zip(episodes, pays, strict=True):
        if pay is None:
            missing = "no answer is known that fits the patterns of the reward"
            continue
        parts = tuple(
            part._replace(text=part.text.replace(ANSWER, pay.answer).replace(RESULT, pay.result))
            for part in each.parts
        )
        claimed = analysis.reward.score(each.vector._replace(tokens=pay.tokens))
        found[each.vector] = Transcript(parts, pay.truth, claimed, pay.score)
    return Transcripts(found, missing)


READ_BY_FORM = ("correct", "format", "used_result")
"""Terms whose value hangs on the words of the answer."""
