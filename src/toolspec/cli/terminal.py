"""Colour and width of the terminal, without the packages that the rest of the command line needs."""

from __future__ import annotations

import os
import shutil
from typing import IO


def wants_colour(stream: IO[str]) -> bool:
    """A terminal, and neither NO_COLOR nor a dumb terminal; FORCE_COLOR wins (no-color.org)."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb"


def width() -> int:
    """Columns to write in: the terminal's, at most 100."""
    return max(40, min(100, shutil.get_terminal_size((100, 24)).columns))


def wrapped(text: str, indent: int) -> list[str]:
    """The lines of a text that starts `indent` columns in and goes on two further."""
    import textwrap

    return textwrap.wrap(
        text,
        width(),
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + 2),
        break_on_hyphens=False,
        break_long_words=False,
    )
