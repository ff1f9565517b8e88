"""Lines of a log as a terminal may be given them: colours, and nothing else that it would obey."""

from __future__ import annotations

import re
import sys

from toolspec.cli.output import obeying_nothing
from toolspec.cli.terminal import wants_colour

_STYLE = re.compile(r"\x1b\[([\d;:]{0,32})m")
# Escapes that put a hyperlink, a title or a cursor somewhere: they say nothing and are left out whole.
_COMMAND = re.compile(
    r"\x1b(?:\[[0-?]{0,32}[ -/]{0,4}[@-ln-~]|\][^\x07\x1b]{0,2000}(?:\x07|\x1b\\)|[()][0-9A-B])"
)
# Blinking, reversed-out and hidden text: a line must not hide what it says.
_HIDING = frozenset({"5", "6", "8"})


def shown(line: bytes) -> str:
    """The line as text. Of what a progress bar wrote over itself (`\\r`) the last state is left, as on a terminal."""
    text = line.decode("utf-8", "replace").rstrip("\r")
    text = text.rpartition("\r")[2] if "\r" in text else text
    if "\x1b" not in text:
        return obeying_nothing(text)
    colour = wants_colour(sys.stdout)
    text = _COMMAND.sub("", text)
    parts: list[str] = []
    at = 0
    styled = False
    for found in _STYLE.finditer(text):
        parts.append(obeying_nothing(_without_escapes(text[at : found.start()])))
        at = found.end()
        codes = re.split("[;:]", found[1])
        if colour and (_extended(codes) or not _HIDING & {code.lstrip("0") for code in codes}):
            parts.append(found[0])
            styled = True
    parts.append(obeying_nothing(_without_escapes(text[at:])))
    return "".join(parts) + ("\x1b[0m" if styled else "")


def _extended(codes: list[str]) -> bool:
    """`38;5;N` and `38;2;R;G;B` alone: a 5 or an 8 in them is a part of a colour."""
    return len(codes) in (3, 5) and codes[0] in ("38", "48") and codes[1] in ("5", "2")


def _without_escapes(text: str) -> str:
    """An escape that is left is shown by its number: `obeying_nothing` lets the styles that toolspec paints with
    pass."""
    return text.replace("\x1b", "\\x1b")
