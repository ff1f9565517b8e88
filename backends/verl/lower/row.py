"""One line of the lowering table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from toolspec.compiler.plan.decision import Plan


class Row(NamedTuple):
    """A verl key and the plan path that it is written from.

    key: its name in the newest release. plan: the path whose value it carries, and whose reason it shows.
    value: what to write, from the plan's value (default: the value itself). when: whether to write at all.
    note: what a reader of `why KEY` should know of verl's side.
    """

    key: str
    plan: str
    value: Callable[[Any], Any] | None = None
    when: Callable[[Plan], bool] | None = None
    note: str = ""
