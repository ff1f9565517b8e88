"""seed: `<seed:tool_call><function=NAME><parameter=KEY>…</parameter></function></seed:tool_call>`
(0.9.1 tool_parser.py:452-507)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from toolspec.backends.verl.parsers.call import Call, Given, Parsed, call, dumped, json_or_text
from toolspec.backends.verl.parsers.scan import enclosed

OPENER, CLOSER = "<seed:tool_call>", "</seed:tool_call>"
NAME_END = re.compile(r"[>\n]")


def read(text: str, given: Given) -> Parsed:
    """One function a pair of marks: a second one is not read."""
    if OPENER not in text or CLOSER not in text:
        return Parsed(text, ())
    calls = tuple(found for match in enclosed(text, OPENER, CLOSER) if (found := _call(match.groups[0])))
    return Parsed(text[: text.find(OPENER)], calls)


def _call(written: str) -> Call | None:
    for name, body in _named(written, "<function=", "</function>"):
        pairs = _named(body, "<parameter=", "</parameter>")
        arguments = {key.strip(): json_or_text(value) for key, value in pairs}
        try:
            return call(name.strip(), dumped(arguments))
        except Exception:  # too deep to be written: verl logs it and goes on
            return None
    return None


def _named(text: str, opener: str, closer: str) -> Iterator[tuple[str, str]]:
    r"""`opener([^>\n]+)>(.*?)closer`.

    A newline ends the name of every opener before it, so the search goes on at it.
    """
    start = text.find(opener)
    while start >= 0:
        begin = start + len(opener)
        stop = NAME_END.search(text, begin)
        if stop is None:
            return
        after = stop.end()
        if stop[0] == ">" and stop.start() > begin:
            end = text.find(closer, after)
            if end < 0:
                return
            yield text[begin : stop.start()], text[after:end]
            after = end + len(closer)
        start = text.find(opener, after)
