"""What is asked of a rehearsal."""

from __future__ import annotations

from typing import Literal, NamedTuple

from toolspec.backends.verl.rehearsal.user_process import Limits

MODEL = "model"
"""The policy that a model writes, in place of a script."""


class Asked(NamedTuple):
    """rows: how many. python: the interpreter that runs tools and reward.

    engine: own, or verl's real loop and reward worker. step: of the training, which schedules of weights go by.
    within: seconds for all that a model writes.
    """

    rows: int
    policies: tuple[str, ...]
    seed: int
    python: str
    limits: Limits = Limits()
    engine: Literal["own", "verl"] = "own"
    step: int = 1
    within: float = 600.0
