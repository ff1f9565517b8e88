"""`own`: terms of the user's."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field

from toolspec.specs.section import Text
from toolspec.specs.terms.term import Gated
from toolspec.specs.units import Duration

# A name is a key of verl's metrics, and a Python name is one that every reader of them takes.
OwnName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


class Own(Gated):
    """The number that a function of yours returns for a trajectory.

    The function is called as `f(trajectory=…)` with the frozen `Trajectory` of the bundle's ts_trajectory.py, which
    holds turns, calls with their faults and answers, the final answer, lengths in tokens and the row's extra_info.
    It may be async. It runs in a thread, within its time; what it raises, and a value that is no finite number, is
    a fault. Example: `own: {brief: {weight: 0.1, python: reward.py:brief}}`.
    """

    short_form: ClassVar[str] = ""

    python: Text = Field(description="`file.py:name`, called as `name(trajectory=…)`.")
    kwargs: dict[str, Any] = Field(
        default_factory=dict, description="Keyword arguments added to every call of the function."
    )
    timeout: Duration | None = Field(
        default=None, description="Longest a call may take; then it is a fault. Default: 10s."
    )
