"""Token ids as the texts that a reader sees: a character of several tokens is one piece."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from toolspec.backends.verl.agent_loop import ChatTokens
from toolspec.backends.verl.rehearsal.episode import Episode, Piece

UNFINISHED = "\ufffd"
LONGEST = 8
"""Tokens of one character at most, as far as is tried."""


class Pieces:
    def __init__(self, tokens: ChatTokens) -> None:
        self.tokens = tokens
        self._known: dict[int, str] = {}

    def of(self, episode: Episode) -> tuple[Piece, ...]:
        by = ["prompt"] * len(episode.prompt_ids)
        by += ["policy" if one else "environment" for one in episode.mask]
        return tuple(self._cut([*episode.prompt_ids, *episode.response_ids], by))

    def _cut(self, ids: Sequence[int], by: Sequence[str]) -> Iterator[Piece]:
        new = sorted(set(ids) - self._known.keys())
        if new:
            texts = self.tokens.process.decode([[one] for one in new])
            self._known.update(zip(new, texts, strict=True))
        at = 0
        while at < len(by):
            end, text = at + 1, self._known[ids[at]]
            while UNFINISHED in text and end < min(len(by), at + LONGEST) and by[end] == by[at]:
                end += 1
                text = self.tokens.decode(ids[at:end])
            yield Piece(text, end - at, by[at])
            at = end
