"""Tokens of ASCII text counted word by word: what the pre-tokenizer's pattern cuts out, each word once for all texts.

A BPE over bytes merges within a word alone, so a text's tokens are the sum of its words'. Oniguruma, which tokenizers
runs, takes most of the time of counting; over ASCII the patterns in use say in Python's `re` what they say there. Other
text is cut where each of them certainly cuts, so that what is not ASCII is short and often the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from toolspec.compiler.chat.tokenizer_file import LETTERS, steps

MOST_WORDS = 200_000
"""Words whose count is remembered, some 20 MB."""
LONGEST_WORD = 64
"""Characters of such a word."""

_GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
_CONTRACTED = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|"
_END = r"|\s*[\r\n]+|\s+(?!\S)|\s+"
# The pattern in Oniguruma's writing → in Python's, for ASCII text. A pattern that is not here is left to tokenizers.
PATTERNS: Mapping[str, str] = MappingProxyType(
    {
        _GPT2: r"'s|'t|'re|'ve|'m|'ll|'d| ?[A-Za-z]+| ?[0-9]+| ?[^\sA-Za-z0-9]+|\s+(?!\S)|\s+",
        # Qwen2 to Qwen3
        _CONTRACTED + r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*" + _END: _CONTRACTED
        + r"[^\r\nA-Za-z0-9]?[A-Za-z]+|[0-9]| ?[^\sA-Za-z0-9]+[\r\n]*"
        + _END,
        # Qwen3.5: marks, of which ASCII has none, go with the letters
        _CONTRACTED
        + r"[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*"
        + _END: _CONTRACTED + r"[^\r\nA-Za-z0-9]?[A-Za-z]+|[0-9]| ?[^\sA-Za-z0-9]+[\r\n]*" + _END,
        # Llama 3, GLM-4
        _CONTRACTED + r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*" + _END: _CONTRACTED
        + r"[^\r\nA-Za-z0-9]?[A-Za-z]+|[0-9]{1,3}| ?[^\sA-Za-z0-9]+[\r\n]*"
        + _END,
    }
)
# Before a blank that follows a visible ASCII character, and after a newline between two characters that are no blanks:
# each has a blank first in a word or among blanks, and a newline last in a word or alone. Of several newlines GPT-2
# takes the last by itself where a word follows, and all at the end. None looks back, and NFC joins nothing.
_SURE = re.compile(r"(?<=[!-~])(?= )|(?<=\S\n)(?=[!-~])")
_BYTES = {number: LETTERS[number] for number in range(128)}


def word_pattern(file: Mapping[str, Any]) -> re.Pattern[str] | None:
    """What cuts ASCII text into the words of this tokenizer.json; None where it is not one of PATTERNS.

    file: a byte-level one (tokenizer_file.is_byte_level), whose normalizer leaves ASCII as it is.
    """
    if any(token.get("normalized", True) for token in file.get("added_tokens") or ()):
        return None  # it may be cut out in the middle of a word
    pre = list(steps(file.get("pre_tokenizer"), "pretokenizers"))
    if [step.get("type") for step in pre] == ["ByteLevel"]:
        return _compiled(_GPT2) if pre[0].get("use_regex", True) else None
    if [step.get("type") for step in pre] != ["Split", "ByteLevel"] or pre[1].get("use_regex", True):
        return None
    pattern = pre[0].get("pattern")
    written = pattern.get("Regex") if isinstance(pattern, Mapping) else None
    if pre[0].get("behavior") != "Isolated" or pre[0].get("invert"):
        return None
    return _compiled(written) if isinstance(written, str) else None


def _compiled(pattern: str) -> re.Pattern[str] | None:
    written = PATTERNS.get(pattern)
    return re.compile(written, re.ASCII) if written is not None else None


class Words(dict[str, int]):
    """Word → how many tokens it has. model: of tokenizers, a BPE."""

    def __init__(self, model: Any, pattern: re.Pattern[str]) -> None:
        super().__init__()
        self._model = model
        self._cut = pattern.findall
        self._others: dict[str, int] = {}  # parts that are not ASCII

    def __missing__(self, word: str) -> int:
        number = len(self._model.tokenize(word.translate(_BYTES)))
        if len(word) <= LONGEST_WORD and len(self) < MOST_WORDS:
            self[word] = number
        return number

    def count(self, text: str) -> int:
        """Tokens of an ASCII text without added tokens."""
        return sum(map(self.__getitem__, self._cut(text)))

    def counts(self, texts: Sequence[str], encoded: Callable[[list[str]], list[int]]) -> list[int]:
        """The same of any texts. encoded: tokens of texts by tokenizers itself."""
        cut = [[text] if text.isascii() else _SURE.split(text) for text in texts]
        known = self._others
        new = list(
            dict.fromkeys(part for parts in cut for part in parts if not part.isascii() and part not in known)
        )
        found = dict(zip(new, encoded(new), strict=True))
        totals = [
            sum(
                self.count(part) if part.isascii() else found[part] if part in found else known[part]
                for part in parts
            )
            for parts in cut
        ]
        for part in new:
            if len(part) <= LONGEST_WORD and len(known) < MOST_WORDS:
                known[part] = found[part]
        return totals
