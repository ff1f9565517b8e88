"""One line of an audit."""

from __future__ import annotations

from typing import Literal, NamedTuple

State = Literal["error", "warning", "note", "ok", "unknown"]
STATES: tuple[State, ...] = ("error", "warning", "note", "unknown", "ok")


class Finding(NamedTuple):
    """check: what was compared. message: one sentence with the numbers. asked, ran: both values as text, and where
    each comes from; "" where there is no pair. fix: what to do, or what to provide for an unknown.
    """

    check: str
    state: State
    message: str
    asked: str = ""
    asked_from: str = ""
    ran: str = ""
    ran_from: str = ""
    fix: str = ""


def unknown(check: str, message: str, fix: str) -> Finding:
    return Finding(check, "unknown", message, fix=fix)
