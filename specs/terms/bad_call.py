"""`bad_call`: calls of a tool that is not there, or that break its schema."""

from __future__ import annotations

from toolspec.specs.terms.term import Term


class BadCall(Term):
    """The number of calls that cannot be parsed, name no known tool, or whose arguments break the tool's schema."""
