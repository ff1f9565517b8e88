"""Runs that version 1 of the language is not made for: refused with the reason, before anything is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from toolspec.backends.verl.lint.derived import is_megatron
from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.backends.verl.lint.view import View
from toolspec.backends.verl.written.runs import Read
from toolspec.specs.problem import Problem
from toolspec.specs.refused import REFUSED, REFUSED_VALUES

LINT = "toolspec lint reads the run as it is"
# Key (newest name) → value → why no spec can say it.
OUTSIDE: Mapping[str, Mapping[Any, str]] = {
    "trainer.v1.trainer_mode": {
        "colocate_async": REFUSED["train.async"],
        "separate_async": REFUSED["train.async"],
    },
    "actor_rollout_ref.hybrid_engine": {False: REFUSED["train.async"]},
    "distillation.enabled": {True: f"distillation is outside version 1; {LINT}"},
    "actor_rollout_ref.rollout.name": REFUSED_VALUES["rollout.engine"],
}
VISION = ("-vl-", "vl-instruct", "vision", "llava", "internvl")


def refusals(view: View) -> Iterator[Problem]:
    """What of a run is outside the language."""
    if megatron(view):
        yield _outside(
            "the run trains with megatron",
            "megatron is outside version 1",
            view,
            "actor_rollout_ref.actor.strategy",
        )
    elif view.engine != "dp":
        yield _outside(
            f"the run trains with {view.engine}", "engines other than FSDP are outside version 1", view
        )
    for key, values in OUTSIDE.items():
        try:
            value = view.value(key)
        except NotKnownError:
            continue
        for outside, why in values.items():
            if value == outside and isinstance(value, type(outside)):
                yield _outside(f"{view.shown(key)}", why, view, key)
    path = view.said("actor_rollout_ref.model.path")
    name = path.text.lower() if path is not None else ""
    if any(word in f"{name}-" for word in VISION):
        yield _outside(
            f"{path.text if path else ''} is a vision model",
            REFUSED["model.vision"],
            view,
            "actor_rollout_ref.model.path",
        )


def megatron(view: View) -> bool:
    try:
        return is_megatron(view)
    except NotKnownError:
        return False


def no_run(read: Read) -> Problem:
    """Why there is nothing to import."""
    note = next(iter(read.notes), None)
    if note is None or note.code != "TS908":
        message = "nothing here starts verl's trainer"
        return Problem("TS045", "nothing-to-import", message, note.span if note else None)
    why = "asynchronous and other trainers are outside version 1"
    return Problem("TS046", "outside-the-language", note.message, note.span, why=why)


def _outside(message: str, why: str, view: View, key: str = "") -> Problem:
    span = view.span(key) if key else view.run.span
    keys = (view.name(key),) if key else ()
    return Problem("TS046", "outside-the-language", message, span, why=why, fix=LINT, keys=keys)
