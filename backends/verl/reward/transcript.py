"""The trajectories that an analysis names, written out in the run's format and scored by the runtime.

Where the model's chat template is at hand, what stands around the policy's turns is rendered by it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from toolspec.backends.verl.reward.frame import Frame, Framed, NoFrameError, framed
from toolspec.backends.verl.reward.paid import NoPayError, Part, Pay, Wanted, paid
from toolspec.backends.verl.reward.paid_worker import READ_BY_FORM
from toolspec.compiler.reward.episode import episode
from toolspec.compiler.reward.reward import Reward
from toolspec.compiler.reward.vector import PARTLY, Vector
from toolspec.compiler.reward.verdict import Verdict

if TYPE_CHECKING:
    from toolspec.backends.verl.reward.subject import Report


class Transcript(NamedTuple):
    """parts: what policy and tools wrote, as it was scored. rendered: the same as the model sees it, (by, text), behind
    the prompt; empty without a template.

    claimed: the analysis' exact score; paid: the runtime's. truth: the row's accepted answer.
    """

    parts: tuple[Part, ...]
    rendered: tuple[tuple[str, str], ...]
    truth: object
    claimed: Fraction
    paid: float

    @property
    def shown(self) -> tuple[tuple[str, str], ...]:
        """(by, text) of each part, as the model sees it where that is known."""
        return self.rendered or tuple((part.by, part.text) for part in self.parts)

    @property
    def agrees(self) -> bool:
        return abs(self.paid - self.claimed) < Fraction(1, 10**9)


class Transcripts(NamedTuple):
    """found: by the name of the property and the vector. missing: why there is none for the others, "" for none.

    template: whose rendered them, "" for none; frame_missing: then why. prompt: of all, as it was rendered.
    """

    found: Mapping[tuple[str, Vector], Transcript]
    missing: str = ""
    template: str = ""
    frame_missing: str = ""
    prompt: str = ""

    def of(self, verdict: Verdict, one: Vector) -> Transcript | None:
        return self.found.get((verdict.asked.name, one))


class _Asked(NamedTuple):
    name: str
    vector: Vector
    reward: Reward
    wanted: Wanted


def transcripts(report: Report, frame: Frame | str = "") -> Transcripts:
    """Of both sides of every refuted property. A reward that runs code has none, nor tools without simple arguments.

    frame: the model's, or why there is none.
    """
    analysis, settings = report.analysis, report.subject.settings
    if analysis is None:
        return Transcripts({}, "the reward is one function")
    shown = [each for each in analysis.verdicts if each.outcome == "refuted" and each.shown is not None]
    asked: list[_Asked] = []
    for verdict in shown:
        assert verdict.shown is not None
        for vector in verdict.shown[:2]:
            case, reward = verdict.case, analysis.reward_of(verdict)
            # Calls beyond the executed ones stand in few turns (compiler/reward/written.py).
            beyond = -(-vector.calls // max(1, vector.turns - 1))
            budget = analysis.budget._replace(beyond=max(0, beyond - analysis.budget.parallel))
            values = {
                term.name: float(term.worth.value(vector).units)
                for term in reward.terms
                if term.name in READ_BY_FORM
            }
            need = 1 if case is None or case.need is None else case.need
            wanted = Wanted(episode(vector, budget), values, need, 1 if case is None else case.first)
            asked.append(_Asked(verdict.asked.name, vector, reward, wanted))
    if not asked:
        return Transcripts({})
    try:
        pays = paid(settings, report.subject.release, [each.wanted for each in asked])
    except NoPayError as error:
        return Transcripts({}, str(error))
    seen, why = _seen(frame, [pay for pay in pays if isinstance(pay, Pay)])
    missing = next((pay for pay in pays if isinstance(pay, str)), "")
    found = {
        (each.name, each.vector): _transcript(each, pay, seen, frame)
        for each, pay in zip(asked, pays, strict=True)
        if isinstance(pay, Pay)
    }
    owner = frame.owner if isinstance(frame, Frame) and seen is not None else ""
    return Transcripts(found, missing, owner, why, seen.prompt if seen is not None else "")


def _seen(frame: Frame | str, pays: Sequence[Pay]) -> tuple[Framed | None, str]:
    """What the template writes around the turns of all, and why nothing."""
    if isinstance(frame, str):
        return None, frame
    told = [part.texts for pay in pays for part in pay.parts if part.by == "tool"]
    try:
        return framed(frame, told), ""
    except NoFrameError as error:
        return None, str(error)


def _transcript(each: _Asked, pay: Pay, seen: Framed | None, frame: Frame | str) -> Transcript:
    vector = each.vector._replace(tokens=pay.tokens)
    credit = Fraction(pay.values.get("correct", 0.0))
    claimed = (
        each.reward.with_credit(vector, credit) if vector.answer in PARTLY else each.reward.score(vector)
    )
    rendered: list[tuple[str, str]] = []
    if seen is not None and isinstance(frame, Frame):
        for place, part in enumerate(pay.parts):
            last = place == len(pay.parts) - 1
            if part.by == "tool":
                rendered.append(("tool", seen.between[part.texts]))
            else:
                # A turn that a limit cuts has no end; a call may be its own.
                ends = not vector.truncated if last else seen.closed
                rendered.append(("policy", part.text + (frame.end if ends else "")))
    return Transcript(pay.parts, tuple(rendered), pay.truth, claimed, pay.score)
