"""What a script is made from: which rows, what is asked there, the accepted answer and one that is not."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from toolspec.backends.verl.rehearsal.asked import Asked
from toolspec.backends.verl.rehearsal.experiment import Experiment


def drawn(rows: Sequence[Mapping[str, Any]], asked: Asked, among: Sequence[int] = ()) -> list[int]:
    """Numbers of the rows, in their order; the same for the same seed. among: those to draw from, all for none."""
    known = among or range(len(rows))
    return sorted(random.Random(asked.seed).sample(known, min(asked.rows, len(known))))


def truth_of(row: Mapping[str, Any], reward: Mapping[str, Any]) -> Any:
    """The first accepted answer of a row, None without one."""
    value: Any = row
    for part in str(reward.get("answer_field") or "reward_model.ground_truth").split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    if isinstance(value, (list, tuple)):
        return next((one for one in value if one is not None), None)
    return value


def guess_for(experiment: Experiment, number: int) -> str:
    """Another row's answer that this row does not accept."""
    own = {str(one) for one in _truths(experiment.rows[number], experiment.reward)}
    others = (str(truth) for truth in _others(experiment, number))
    return next((one for one in others if one not in own), f"{next(iter(own), 'no')}0")


def _others(experiment: Experiment, number: int) -> Iterator[Any]:
    rows = experiment.rows
    for at in range(1, len(rows)):
        truth = truth_of(rows[(number + at) % len(rows)], experiment.reward)
        if truth is not None:
            yield truth


def _truths(row: Mapping[str, Any], reward: Mapping[str, Any]) -> Sequence[Any]:
    held = row.get("reward_model")
    value = held.get("ground_truth") if isinstance(held, Mapping) else None
    return value if isinstance(value, (list, tuple)) else [truth_of(row, reward)]


def question_of(row: Mapping[str, Any]) -> str:
    messages = row.get("raw_prompt") or ()
    texts = [one.get("content") for one in messages if isinstance(one, Mapping) and one.get("role") == "user"]
    return next((text for text in reversed(texts) if isinstance(text, str)), "")
