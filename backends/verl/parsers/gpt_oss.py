"""gpt-oss: Harmony messages to `functions.NAME` (0.9.1 tool_parser.py:140-199; the same in all releases)."""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.parsers.call import Given, Parsed, call
from toolspec.backends.verl.parsers.scan import Match, enclosed, without

CHANNEL = "<|start|>assistant<|channel|>"
THOUGHTS = (f"{CHANNEL}analysis<|message|>", "<|channel|>analysis<|message|>")
"""The second form: the prompt may end with the start of the message."""
END = "<|end|>"
RECIPIENT = " to=functions."
JSON, CLOSER = "<|constrain|>json<|message|>", "<|call|>"


def read(text: str, given: Given) -> Parsed:
    """Arguments are passed on as they stand, JSON or not. What was thought is gone from the content too."""
    for opener in THOUGHTS:
        text = without(text, enclosed(text, opener, END))
    matches = list(_messages(text))
    calls = tuple(call(name, arguments) for name, arguments in (match.groups for match in matches))
    return Parsed(without(text, matches), calls)


def _messages(text: str) -> Iterator[Match]:
    r"""`CHANNEL[^<]* to=functions\.([^<]+) JSON(.*?)CLOSER`; of several recipients in one header, the last counts."""
    start = text.find(CHANNEL)
    while start >= 0:
        header = start + len(CHANNEL)
        header_end = text.find("<", header)
        name = _name(text[header:header_end]) if text.startswith(JSON, header_end) else None
        after = header
        if header_end < 0:
            return
        if name is not None:
            inside = header_end + len(JSON)
            end = text.find(CLOSER, inside)
            if end < 0:
                return
            after = end + len(CLOSER)
            yield Match(start, after, (name, text[inside:end]))
        start = text.find(CHANNEL, after)


def _name(header: str) -> str | None:
    if not header.endswith(" "):
        return None
    at = header.rfind(RECIPIENT, 0, len(header) - 2)  # a character of the name and the blank come behind it
    return None if at < 0 else header[at + len(RECIPIENT) : -1]
