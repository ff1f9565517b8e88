"""A rehearsal in numbers: by policy, by tool, and lengths against the budgets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from statistics import fmean, median
from typing import Any, NamedTuple

from toolspec.backends.verl.rehearsal.episode import Episode, Piece
from toolspec.backends.verl.rehearsal.experiment import Experiment
from toolspec.backends.verl.rehearsal.rehearse import Rehearsal
from toolspec.backends.verl.rehearsal.user_process import RAISED, ToolRun


class PolicyRow(NamedTuple):
    """Scores are of the episodes that have one. values: mean of each term before its weight.

    tokens: of responses, mean. stops: how many ended by what, the commonest first. lost: without an outcome.
    """

    policy: str
    episodes: int
    lost: int
    mean: float | None
    least: float | None
    most: float | None
    values: Mapping[str, float]
    turns: float
    tokens: float
    stops: tuple[tuple[str, int], ...]


class ToolRow(NamedTuple):
    """calls: of the user's code, without those that only create or release. median, longest: seconds.

    printed: bytes, of the call that prints most.
    """

    tool: str
    calls: int
    median: float
    longest: float
    raised: int
    hung: int
    printed: int


class Length(NamedTuple):
    """The longest that was met, in tokens. limit: None where there is none. at: how many met it."""

    name: str
    key: str
    longest: int
    limit: int | None
    at: int = 0


def by_policy(found: Rehearsal) -> tuple[PolicyRow, ...]:
    return tuple(_policy(found, policy) for policy in found.asked.policies)


def _policy(found: Rehearsal, policy: str) -> PolicyRow:
    some = [one for one in found.episodes if one.policy == policy]
    scored = [one.scored for one in some if one.scored is not None]
    whole = [one for one in some if one.scored is not None]
    scores = [one.score for one in scored]
    names = weights(found)
    return PolicyRow(
        policy,
        len(some),
        sum(one.lost is not None for one in some),
        fmean(scores) if scores else None,
        min(scores, default=None),
        max(scores, default=None),
        {name: fmean(one.values.get(name, 0.0) for one in scored) for name in names} if scored else {},
        fmean(len(one.turn_limits) for one in whole) if whole else 0.0,
        fmean(len(one.response_ids) for one in whole) if whole else 0.0,
        tuple(Counter(one.stop for one in whole).most_common()),
    )


def weights(found: Rehearsal) -> dict[str, str]:
    """Term → its weight in words, in the order of the reward; none for a reward that is one function."""
    return terms_of(found.experiment)


def terms_of(experiment: Experiment) -> dict[str, str]:
    return {str(one["name"]): _weight(one) for one in experiment.reward.get("terms") or ()}


def _weight(term: Mapping[str, Any]) -> str:
    """`+0.2`, and `+0.5 …` where it changes by the step."""
    return f"{float(term['weight']):+g}" + (" …" if term.get("schedule") else "")


def by_tool(found: Rehearsal) -> tuple[ToolRow, ...]:
    runs = [run for one in found.episodes for run in one.runs if run.part in ("function", "execute")]
    names = dict.fromkeys(
        [str(one["config"]["schema"]["function"]["name"]) for one in found.experiment.tools]
        + [run.tool for run in runs]
    )
    return tuple(_tool(name, [run for run in runs if run.tool == name]) for name in names)


def _tool(name: str, runs: list[ToolRun]) -> ToolRow:
    seconds = [run.seconds for run in runs]
    return ToolRow(
        name,
        len(runs),
        median(seconds) if seconds else 0.0,
        max(seconds, default=0.0),
        sum(run.how in RAISED for run in runs),
        sum(run.how == "hung" for run in runs),
        max((run.printed for run in runs), default=0),
    )


def lengths(found: Rehearsal) -> tuple[Length, ...]:
    """None where the model is a stand-in."""
    if found.experiment.model.why_not or not found.episodes:
        return ()
    settings, loop, episodes = found.experiment.settings, found.experiment.loop, found.episodes
    answers = [piece for one in episodes for piece in spans(one) if piece.by == "environment"]
    turns = [piece for one in episodes for piece in spans(one) if piece.by == "policy"]
    response = settings.response_length
    made = [
        ("prompt", "budget.prompt_tokens", [len(one.prompt_ids) for one in episodes], settings.prompt_length),
        ("trajectory", "budget.trajectory_tokens", [len(one.response_ids) for one in episodes], response),
        ("turn", "budget.turn_tokens", [one.tokens for one in turns], loop.get("turn_tokens")),
        ("between turns", "", [one.tokens for one in answers], None),
    ]
    return tuple(
        Length(
            name,
            key,
            max(values, default=0),
            limit,
            sum(limit is not None and value >= limit for value in values),
        )
        for name, key, values, limit in made
    )


def spans(episode: Episode) -> Iterator[Piece]:
    """The episode in runs of whose tokens they are: the prompt, turns of the policy, what stands between."""
    texts: list[str] = []
    tokens = 0
    for at, piece in enumerate(episode.pieces):
        texts.append(piece.text)
        tokens += piece.tokens
        following = episode.pieces[at + 1].by if at + 1 < len(episode.pieces) else ""
        if following != piece.by:
            yield Piece("".join(texts), tokens, piece.by)
            texts, tokens = [], 0
