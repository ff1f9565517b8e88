"""minimax: `<minimax:tool_call><invoke name="NAME"><parameter name="KEY">…</parameter></invoke></minimax:tool_call>`
(0.9.1 tool_parser.py:510-560)."""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.parsers.call import Call, Given, Parsed, call, dumped, json_or_text
from toolspec.backends.verl.parsers.scan import enclosed

OPENER, CLOSER = "<minimax:tool_call>", "</minimax:tool_call>"


def read(text: str, given: Given) -> Parsed:
    if OPENER not in text or CLOSER not in text:
        return Parsed(text, ())
    calls = tuple(found for match in enclosed(text, OPENER, CLOSER) for found in _calls(match.groups[0]))
    return Parsed(text[: text.find(OPENER)], calls)


def _calls(written: str) -> list[Call]:
    """The calls of one pair of marks. Where one cannot be written again, verl drops all of them."""
    found = []
    for name, body in _quoted(written, '<invoke name="', "</invoke>"):
        pairs = _quoted(body, '<parameter name="', "</parameter>")
        arguments = {key.strip(): json_or_text(value) for key, value in pairs}
        try:
            found.append(call(name.strip(), dumped(arguments)))
        except Exception:
            return []
    return found


def _quoted(text: str, opener: str, closer: str) -> Iterator[tuple[str, str]]:
    """`opener([^"]+)">(.*?)closer`. An opener holds a quote itself, so names are looked through once."""
    start = text.find(opener)
    while start >= 0:
        begin = start + len(opener)
        quote = text.find('"', begin)
        if quote < 0:
            return
        after = begin
        if quote > begin and text.startswith(">", quote + 1):
            end = text.find(closer, quote + 2)
            if end < 0:
                return
            yield text[begin:quote], text[quote + 2 : end]
            after = end + len(closer)
        start = text.find(opener, after)
