"""What a rule is: a code, a name, a severity, and a function from a view of a run to findings."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from toolspec.backends.verl.lint.view import View
from toolspec.specs.problem import Edit, Severity, Span


class Found(NamedTuple):
    """A finding of a rule. keys: the verl keys that it is about, the one to point at first.

    span: the place, where it is not that of the first key. severity: where it is not the rule's own.
    edits: what may be written to repair it; safe: without asking.
    """

    message: str
    keys: tuple[str, ...]
    fix: str = ""
    why: str = ""
    span: Span | None = None
    severity: Severity | None = None
    edits: tuple[Edit, ...] = ()
    safe: bool = False


class Rule(NamedTuple):
    """code: `TSnnn`, never used again for another meaning. name: reads well after "allow".

    loud: cannot be silenced by a comment or an option.
    """

    code: str
    name: str
    severity: Severity
    loud: bool = False


Check = Callable[[View], Iterable[Found]]
