"""`toolspec rehearse --format json`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from toolspec.backends.verl.rehearsal.episode import Episode
    from toolspec.backends.verl.rehearsal.findings import Finding
    from toolspec.backends.verl.rehearsal.rehearse import Rehearsal


def document(found: Rehearsal, told: Sequence[Finding]) -> dict[str, Any]:
    from toolspec.backends.verl.rehearsal.summary import by_policy, by_tool, lengths, weights

    experiment = found.experiment
    model = experiment.model
    return {
        "version": 1,
        "name": experiment.name,
        "verl": experiment.release,
        "engine": found.asked.engine,
        "tokens": "stand-in" if model.why_not else "model",
        "model": _writer(found),
        "assumed": list(experiment.assumed),
        "seed": found.asked.seed,
        "seconds": round(found.seconds, 3),
        "answer_form": found.form,
        "weights": weights(found),
        "left_out": list(experiment.left_out),
        "not_run": found.not_run,
        "findings": [one._asdict() for one in told],
        "policies": [{**one._asdict(), "stops": dict(one.stops)} for one in by_policy(found)],
        "tools": [one._asdict() for one in by_tool(found)],
        "lengths": [one._asdict() for one in lengths(found)],
        "episodes": [_episode(one) for one in found.episodes],
    }


def _writer(found: Rehearsal) -> dict[str, Any] | None:
    if found.writer is None:
        return None
    return {**found.writer._asdict(), **found.experiment.sampling._asdict(), "within": found.asked.within}


def _episode(one: Episode) -> dict[str, Any]:
    return {
        "row": one.row,
        "policy": one.policy,
        "variant": one.script.variant,
        "prompt_ids": list(one.prompt_ids),
        "response_ids": list(one.response_ids),
        "mask": list(one.mask),
        "stop": one.stop,
        "turn_limits": list(one.turn_limits),
        "calls": [call._asdict() for call in one.calls],
        "runs": [run._asdict() for run in one.runs],
        "fields": dict(one.fields),
        "score": one.scored.score if one.scored is not None else None,
        "terms": dict(one.scored.values) if one.scored is not None else {},
        "paid": dict(one.scored.paid) if one.scored is not None else {},
        "metrics": dict(one.scored.metrics) if one.scored is not None else {},
        "fault": one.scored.fault if one.scored is not None else None,
        "lost": one.lost._asdict() if one.lost is not None else None,
        "prompt_cut": one.cut,
        "leaks": [list(leak) for leak in one.leaks],
        "seconds": round(one.seconds, 4),
        "pieces": [[piece.text, piece.tokens, piece.by] for piece in one.pieces],
    }
