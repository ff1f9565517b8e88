"""How many tokens a text has at least, by a model's tokenizer.json; nothing of it is run.

No tokenizer makes fewer tokens of a word than the fewest entries of its vocabulary that the word can be put together
from. Words are taken with a blank before them and the line ends behind them, which is all that the pre-tokenizers in
use join with a word.
"""

from __future__ import annotations

import json
import re
import unicodedata
from functools import cached_property
from pathlib import Path
from typing import Any

from toolspec.compiler.chat.tokenizer_file import LETTERS, kinds
from toolspec.specs.named_file import UnreadableError, read_text

FILE = "tokenizer.json"
MAX_BYTES = 64 << 20  # the largest in use (262,144 entries) has 33 MB
LONGEST = 256  # characters; the longest entries in use are runs of blanks
_WORD = re.compile(r"[^\S\r\n]?\S+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
_EVEN = frozenset({"NFC", "Prepend", "Replace", "Precompiled"})
"""Normalizers that change no more than how a character is put together, or what stands for a blank."""


class Vocabulary:
    """tokens: the entries, as they are written in the file. byte_level: bytes are written as GPT-2 writes them.

    marks: texts that are one token wherever they stand.
    """

    def __init__(self, tokens: frozenset[str], byte_level: bool, marks: tuple[str, ...] = ()) -> None:
        self.tokens, self.byte_level = tokens, byte_level
        self._known: dict[str, int] = {}
        alternatives = "|".join(re.escape(mark) for mark in sorted(marks, key=len, reverse=True))
        self._marks = re.compile(alternatives) if marks else None

    @cached_property
    def _longest(self) -> int:
        return min(LONGEST, max(map(len, self.tokens), default=1))

    def at_least(self, text: str) -> int:
        """Tokens that a text has at least."""
        parts = [text] if self._marks is None else self._marks.split(text)
        words = (word for part in parts for word in _WORD.findall(unicodedata.normalize("NFC", part)))
        return len(parts) - 1 + sum(self._word(word) for word in words)

    def _word(self, word: str) -> int:
        found = self._known.get(word)
        if found is None:
            found = self._known[word] = self._fewest(self._written(word))
        return found

    def _written(self, word: str) -> str:
        if self.byte_level:
            return "".join(LETTERS[byte] for byte in word.encode("utf-8", "replace"))
        return word.replace(" ", "▁")

    def _fewest(self, word: str) -> int:
        """The fewest entries that a word is put together from; a run longer than LONGEST counts as one entry each."""
        if len(word) > 2_000:
            return -(-len(word) // LONGEST)  # no word; enough to be on the safe side
        fewest = [0] * (len(word) + 1)
        for end in range(1, len(word) + 1):
            best = (
                fewest[end - 1] + 1
            )  # a single character, or the bytes or the unknown entry that stand for it
            for start in range(max(0, end - self._longest), end - 1):
                if fewest[start] + 1 < best and word[start:end] in self.tokens:
                    best = fewest[start] + 1
            fewest[end] = best
        return fewest[-1]


def read_vocabulary(folder: Path) -> Vocabulary | None:
    """The vocabulary of a model's folder; None without a tokenizer.json, or with one that counts otherwise."""
    try:
        data = json.loads(read_text(folder / FILE, MAX_BYTES))
    except (UnreadableError, ValueError, RecursionError):
        return None
    model = data.get("model") if isinstance(data, dict) else None
    if not isinstance(model, dict) or model.get("type") not in ("BPE", "Unigram") or not _even(data):
        return None
    listed = model.get("vocab")
    if isinstance(listed, dict):  # BPE
        tokens = set(listed)
    elif isinstance(listed, list):  # Unigram: (entry, score)
        tokens = {
            entry[0] for entry in listed if isinstance(entry, list) and entry and isinstance(entry[0], str)
        }
    else:
        return None
    if not tokens:
        return None
    byte_level = "ByteLevel" in kinds(data.get("pre_tokenizer"), "pretokenizers")
    marks = _added(data.get("added_tokens"))
    return Vocabulary(frozenset(tokens), byte_level, marks)


def _added(listed: Any) -> tuple[str, ...]:
    """Tokens that are looked for before words are cut, such as `<|im_start|>`."""
    found = (
        [one.get("content") for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    )
    return tuple(text for text in found if isinstance(text, str) and text)


def _even(data: dict[str, Any]) -> bool:
    return kinds(data.get("normalizer"), "normalizers") <= _EVEN
