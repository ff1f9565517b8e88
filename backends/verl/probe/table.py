"""What each policy earns beside an honest one, and which of them pay. Pure: of a Probe alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import fmean
from typing import Literal, NamedTuple

from toolspec.backends.verl.probe.prober import Probe
from toolspec.backends.verl.rehearsal.cheats import CHEATS
from toolspec.backends.verl.rehearsal.episode import Episode, Lost
from toolspec.backends.verl.rehearsal.policies import POLICIES

Kind = Literal["honest", "unsolved", "solved"]
Mark = Literal["", "beats", "ties", "some"]
SAME = 1e-9
"""Scores that differ by less are the same: they are sums of doubles."""
SOLVING = ("honest", "honest-no-call")
NOTHING = "refusal"
"""The policy that answers nothing."""


class Row(NamedTuple):
    """kind: honest, unsolved (no right answer), solved (a right one, and what ought not to pay beside it).

    mean, least, most: of the scores, None without any. mark: against the best honest pay of the same rows; `some`: in
    so many of them (rows). trouble: what the reward does in place of a score, or why the policy was not played.
    shown: the best paid episode.
    """

    policy: str
    does: str
    kind: Kind
    mean: float | None = None
    least: float | None = None
    most: float | None = None
    mark: Mark = ""
    rows: int = 0
    trouble: str = ""
    shown: Episode | None = None

    @property
    def pays(self) -> bool:
        """Whether training goes there: a tie of a right answer breaks nothing."""
        return self.mark == "beats" or (self.mark == "ties" and self.kind == "unsolved")


class Table(NamedTuple):
    """honest: the mean of the best honest pay of each row, None where no honest policy has a score. played: rows.

    accepted: whether a right answer is paid more than none. Else nothing is marked: all that ties is no news.
    """

    rows: tuple[Row, ...]
    honest: float | None
    played: int
    accepted: bool = True

    @property
    def paying(self) -> tuple[Row, ...]:
        """The best paid first."""
        found = [row for row in self.rows if row.pays]
        return tuple(sorted(found, key=lambda row: -(row.mean or 0.0)))


def table_of(probe: Probe) -> Table:
    scores = {policy: scores_of(probe, policy) for policy in probe.asked.policies}
    best: dict[int, float] = {}
    for policy in SOLVING:
        for row, score in scores.get(policy, {}).items():
            best[row] = max(score, best.get(row, score))
    nothing = scores.get(NOTHING, {})
    accepted = not nothing or any(best[row] > score + SAME for row, score in nothing.items() if row in best)
    marked = best if accepted else {}
    rows = tuple(_row(probe, policy, scores[policy], marked) for policy in probe.asked.policies)
    played = len({one.row for one in probe.episodes})
    return Table(rows, fmean(best.values()) if best else None, played, accepted)


def scores_of(probe: Probe, policy: str) -> dict[int, float]:
    """Row → score. A fault is paid `on_error` where the bundle scores; with verl's own manager it has no score."""
    return {
        one.row: one.scored.score
        for one in probe.episodes
        if one.policy == policy
        and one.scored is not None
        and (one.scored.fault is None or probe.experiment.loop)
    }


def _row(probe: Probe, policy: str, scores: Mapping[int, float], best: Mapping[int, float]) -> Row:
    episodes = [one for one in probe.episodes if one.policy == policy]
    row = Row(
        policy, next(iter(POLICIES[policy])), kind_of(policy), trouble=_trouble(probe, policy, episodes)
    )
    if not scores:
        return row
    top = max(scores.values())
    row = row._replace(
        mean=fmean(scores.values()),
        least=min(scores.values()),
        most=top,
        shown=next(one for one in episodes if scores.get(one.row) == top),
    )
    if row.kind == "honest":
        return row
    mark, number = _against(row.kind, scores, best)
    return row._replace(mark=mark, rows=number)


def kind_of(policy: str) -> Kind:
    if policy in SOLVING:
        return "honest"
    return "solved" if policy in CHEATS and CHEATS[policy].solves else "unsolved"


def _against(kind: Kind, scores: Mapping[int, float], best: Mapping[int, float]) -> tuple[Mark, int]:
    shared = [row for row in scores if row in best]
    if not shared:
        return "", 0
    margin = fmean(scores[row] - best[row] for row in shared)
    if margin > SAME:
        return "beats", len(shared)
    if margin > -SAME:
        return "ties", len(shared)
    good = sum(scores[row] > best[row] - SAME for row in shared)
    return ("some", good) if good and kind == "unsolved" else ("", 0)


def _trouble(probe: Probe, policy: str, episodes: Iterable[Episode]) -> str:
    if policy in probe.unplayed:
        return "not played: the reward has ended too often"
    for one in episodes:
        if one.lost is not None:
            return _lost(one.lost)
        if one.scored is not None and one.scored.fault:
            return f"raises {one.scored.fault}".rstrip(": ")
    return ""


def _lost(lost: Lost) -> str:
    said = {"hung": "hangs: ", "crashed": "ends: ", "unplayed": "not played: "}
    if lost.how == "raised" and lost.who:
        return f"raises {lost.reason}"
    return f"{said.get(lost.how, '')}{lost.reason}"
