"""What a rule asks for and cannot have: it is then listed as not checked, with what to provide."""

from __future__ import annotations


class NotKnownError(Exception):
    """needs: what to provide, as words behind "needs"."""

    def __init__(self, needs: str) -> None:
        super().__init__(needs)
        self.needs = needs


class NothingError(NotKnownError):
    """There is nothing to look at, and nothing that could be provided: the rule holds."""
