"""`valid_call`: the policy called a tool as its schema asks."""

from __future__ import annotations

from toolspec.specs.terms.term import Term


class ValidCall(Term):
    """1 when at least one call names a known tool with arguments that fit its schema, else 0. Paid once."""
