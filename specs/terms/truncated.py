"""`truncated`: a limit ended the trajectory."""

from __future__ import annotations

from pydantic import Field

from toolspec.specs.terms.term import Gated


class Truncated(Gated):
    """1 when a limit of tokens ended the trajectory (its last turn was cut, or a tool's answer left no room), else 0.

    Range: 0 or 1. Unit: trajectories. Example: `truncated: -0.5` takes 0.5 from an answer that is cut in the
    middle.
    """

    turns: bool = Field(default=False, description="Running out of turns on a call counts too.")
