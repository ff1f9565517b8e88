"""What one key was given, and where; what only the run itself will know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from toolspec.specs.problem import Span


@dataclass(frozen=True, slots=True)
class Unknown:
    """A value that the files do not decide. reason: a clause that says why. text: what stands in its place."""

    reason: str
    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Said:
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
