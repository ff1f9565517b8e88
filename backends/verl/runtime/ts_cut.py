"""Cuts a tool's text to a number of tokens, marker included, in the middle as verl cuts by characters."""

from __future__ import annotations

from typing import Any

MARKER = "...(truncated)..."
# A token is almost never longer; what lies further than this from both ends is not even tokenized.
CHARACTERS_A_TOKEN = 64


def _encode(tokenizer: Any, text: str) -> list[int]:
    ids: list[int] = tokenizer.encode(text, add_special_tokens=False)
    return ids


def _spans(tokenizer: Any, text: str, ids: list[int]) -> list[tuple[int, int]]:
    """(start, end) characters of each token; spread evenly where the tokenizer cannot tell."""
    try:
        offsets = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    except Exception:  # a slow tokenizer
        offsets = []
    if len(offsets) == len(ids):
        return [(int(start), int(end)) for start, end in offsets]
    count, length = len(ids), len(text)
    return [(index * length // count, (index + 1) * length // count) for index in range(count)]


def cut(text: str, limit: int, tokenizer: Any) -> str:
    """`text` if it has at most `limit` tokens, else head + marker + tail of together at most that many.

    Head and tail are of about equal size. A limit smaller than the marker keeps the head alone.
    """
    limit = max(0, limit)
    reach = limit * CHARACTERS_A_TOKEN
    shortened = len(text) > 2 * reach
    if shortened:
        text = text[:reach] + text[-reach:] if reach else ""
    ids = _encode(tokenizer, text)
    if len(ids) <= limit and not shortened:
        return text
    spans = _spans(tokenizer, text, ids)
    marker = MARKER if len(_encode(tokenizer, MARKER)) < limit else ""
    keep = min(len(ids), limit - (len(_encode(tokenizer, MARKER)) if marker else 0))
    while keep > 0:
        # Tokens merge or split where the parts meet, so the whole is counted again.
        tail = keep // 2 if marker else 0
        head = keep - tail
        first = text[: spans[head - 1][1]] if head else ""
        last = text[spans[len(spans) - tail][0] :] if tail else ""
        whole = first + marker + last
        over = len(_encode(tokenizer, whole)) - limit
        if over <= 0:
            return whole
        keep -= over
    return ""
