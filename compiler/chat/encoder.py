"""Text to token ids by a model's tokenizer.json, as transformers calls it, and counts over many texts."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from tokenizers import AddedToken, Tokenizer

from toolspec.compiler.chat.tokenizer_file import bytes_a_character, is_byte_level, marks
from toolspec.compiler.chat.words import Words, word_pattern

MOST_KEPT = 20_000
"""Pieces whose count is remembered."""
LONGEST_KEPT = 64 << 10
"""Characters of such a piece."""


class Encoder:
    """text: of tokenizer.json. listed: added tokens of tokenizer_config.json, None without; special: texts of tokens.

    bytes_a_character: tokens that a character of any text can be at most; 0 where the file does not tell.
    parts: what the tokenizer's class makes itself, by the names of tokenizer.json (tokenizer_class.py).
    Raises ValueError where the text is no tokenizer.
    """

    def __init__(
        self,
        text: str,
        listed: Sequence[Mapping[str, Any]] | None = None,
        special: Sequence[str] = (),
        parts: Mapping[str, Any] | None = None,
    ) -> None:
        try:
            file = json.loads(text)
            if parts is not None:
                file, listed, text = _made_anew(file, listed, parts, text)
            # The vocabulary is not looked at here, and takes 200 MB as Python's objects.
            model, byte_level = file.get("model") or {}, is_byte_level(file)
            file = {**file, "model": {key: model[key] for key in model if key not in ("vocab", "merges")}}
            del model
            self.tokenizer = Tokenizer.from_str(text)
            missing = self._add(listed or (), special)
        except Exception as error:  # tokenizers raises bare Exception
            raise ValueError(str(error)) from None
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()
        file = {**file, "added_tokens": [*(file.get("added_tokens") or ()), *missing]}
        found = marks(file)
        # tokenizers takes the leftmost match and the longest of those; alternatives are tried in order.
        ordered = sorted(found, key=len, reverse=True)
        self._marks = re.compile("|".join(map(re.escape, ordered))) if ordered else None
        self._kept: dict[str, int] = {}
        self.bytes_a_character = bytes_a_character(file) if byte_level else 0
        pattern = word_pattern(file) if byte_level else None
        self._words = Words(self.tokenizer.model, pattern) if pattern is not None else None

    def _add(self, listed: Sequence[Mapping[str, Any]], special: Sequence[str]) -> list[dict[str, Any]]:
        """Add what the file lacks, as TokenizersBackend.__init__ does; returns it as tokenizer.json writes it."""
        before = self.tokenizer.get_added_tokens_decoder().values()
        known = {repr(token) for token in before}
        missing = [token for one in listed if repr(token := AddedToken(**one)) not in known]
        texts = {token.content for token in (*before, *missing)}
        missing += [AddedToken(text, special=True) for text in special if text not in texts]
        for token in missing:
            if token.content in special:
                token.special = True
        self.tokenizer.add_tokens(missing)
        flags = ("content", "single_word", "lstrip", "rstrip", "normalized", "special")
        return [{name: getattr(token, name) for name in flags} for token in missing]

    def ids(self, text: str) -> list[int]:
        found: list[int] = self.tokenizer.encode(text, add_special_tokens=False).ids
        return found

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """Where each token stands in the text, in characters."""
        found: list[tuple[int, int]] = self.tokenizer.encode(text, add_special_tokens=False).offsets
        return found

    def decode(self, ids: Sequence[int], skip_special_tokens: bool = False) -> str:
        text: str = self.tokenizer.decode(list(ids), skip_special_tokens=skip_special_tokens)
        return text

    def token_id(self, token: str) -> int | None:
        """The id of a token with exactly this text, None without one."""
        found: int | None = self.tokenizer.token_to_id(token)
        return found

    def counts(self, texts: Sequence[str]) -> list[int]:
        """How many ids each text has. Pieces between added tokens are counted by themselves, once for all texts."""
        if self._marks is None:
            return self._encoded(texts)
        cut = [self._marks.split(text) for text in texts]
        kept = self._kept
        new = list(dict.fromkeys(piece for pieces in cut for piece in pieces if piece and piece not in kept))
        sizes = self._words.counts(new, self._encoded) if self._words is not None else self._encoded(new)
        counted = {"": 0, **dict(zip(new, sizes, strict=True))}
        totals = [
            len(pieces) - 1 + sum(counted[piece] if piece in counted else kept[piece] for piece in pieces)
            for pieces in cut
        ]
        for piece in new:
            if len(piece) <= LONGEST_KEPT and len(kept) < MOST_KEPT:
                kept[piece] = counted[piece]
        return totals

    def _encoded(self, texts: Sequence[str]) -> list[int]:
        return [len(one) for one in self.tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)]


def _made_anew(
    file: dict[str, Any], listed: Sequence[Mapping[str, Any]] | None, parts: Mapping[str, Any], text: str
) -> tuple[dict[str, Any], Sequence[Mapping[str, Any]], str]:
    """The file with the class's own parts, the tokens to add, and its text. Most files have these parts already."""
    written = file.get("added_tokens") or []
    if listed is None:
        listed = [{key: value for key, value in token.items() if key != "id"} for token in written]
    same = all(_same(file.get(name), parts[name]) for name in ("normalizer", "pre_tokenizer"))
    model = {**file["model"], **parts["model"]}
    same = same and all(
        file["model"].get(key) == value or not (file["model"].get(key) or value)
        for key, value in model.items()
    )
    flags = ("content", "single_word", "lstrip", "rstrip", "normalized", "special")
    alike = [[token.get(name) for name in flags] for token in listed] == [
        [token.get(name) for name in flags] for token in written
    ]
    if same and alike:
        return file, listed, text
    made = {
        **file,
        "normalizer": parts["normalizer"],
        "pre_tokenizer": parts["pre_tokenizer"],
        "model": model,
        "added_tokens": [],
    }
    return made, listed, json.dumps(made, ensure_ascii=False)


def _same(written: Any, made: Any) -> bool:
    """Whether two parts split alike; `trim_offsets` moves only the places of tokens."""
    if isinstance(written, dict) and isinstance(made, dict):
        keys = (written.keys() | made.keys()) - {"trim_offsets"}
        return all(_same(written.get(key), made.get(key)) for key in keys)
    if isinstance(written, list) and isinstance(made, list):
        return len(written) == len(made) and all(map(_same, written, made))
    return bool(written == made)
