"""What one key was given, and where; what only the run itself will know."""

from __future__ import annotations

from typing import Any, NamedTuple

from toolspec.specs.problem import Span


class Unknown:
    """A value that the files do not decide. reason: a clause that says why. text: what stands in its place."""

    __slots__ = ("reason", "text")

    def __init__(self, reason: str, text: str) -> None:
        self.reason = reason
        self.text = text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Unknown) and (self.reason, self.text) == (other.reason, other.text)

    def __hash__(self) -> int:
        return hash((self.reason, self.text))

    def __repr__(self) -> str:
        return f"Unknown({self.reason!r}, {self.text!r})"

    def __str__(self) -> str:
        return self.text


class Said(NamedTuple):
    """One key that was written. op: `+`, `++` or `~` before it on a command line. text: its value as written.

    span: the value; key_span: the key. path: where a spec says it, "" for verl's own files.
    """

    key: str
    value: Any
    span: Span
    key_span: Span
    op: str = ""
    text: str = ""
    path: str = ""

    @property
    def overridden(self) -> bool:
        """Whether a spec says the raw key itself."""
        return self.path.startswith("overrides.")
