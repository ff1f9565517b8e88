"""What follows for every text from how a tokenizer.json is set up. Nothing of it is run.

The order of work in tokenizers 0.20 to 0.23: added tokens that are not `normalized` are cut out of the text; each piece
is normalized by itself; the others are cut out of it; what is left is pre-tokenized and merged
(added_vocabulary.rs extract_and_normalize, tokenizer/mod.rs do_tokenize).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

File = Mapping[str, Any]

# Pre-tokenizers that treat a piece the same wherever it stands. Metaspace may treat the first one otherwise.
_EVEN = frozenset(
    {
        *("ByteLevel", "Split", "Digits", "Punctuation", "Whitespace", "WhitespaceSplit"),
        *("BertPreTokenizer", "CharDelimiterSplit", "UnicodeScripts"),
    }
)


def marks(file: File) -> tuple[str, ...]:
    """The added tokens between which a text can be counted piece by piece; () where pieces do not add up."""
    for step in steps(file.get("pre_tokenizer"), "pretokenizers"):
        kind = step.get("type")
        if kind not in _EVEN and not (
            kind == "Metaspace" and step.get("prepend_scheme") in ("always", "never")
        ):
            return ()
    model = file.get("model") or {}
    if model.get("dropout"):
        return ()
    found = []
    for token in file.get("added_tokens") or ():
        if token.get("normalized", True):
            continue  # looked for in each piece after it was normalized
        if token.get("lstrip") or token.get("rstrip") or token.get("single_word"):
            return ()  # it takes the blanks around it, or depends on them
        if token.get("content"):
            found.append(str(token["content"]))
    return tuple(found)


def is_byte_level(file: File) -> bool:
    """Whether no text has more tokens than bytes_of gives it: every token stands for a byte or more of its own.

    True for a BPE over bytes that knows all 256 of them, puts no blank before a piece, and has at most NFC for a
    normalizer.
    """
    pre = list(steps(file.get("pre_tokenizer"), "pretokenizers"))
    model = file.get("model") or {}
    vocabulary = model.get("vocab")
    return (
        model.get("type") == "BPE"
        and isinstance(vocabulary, dict)
        and all(letter in vocabulary for letter in LETTERS)
        and not model.get("continuing_subword_prefix")
        and not model.get("end_of_word_suffix")
        and bool(pre)
        and pre[-1].get("type") == "ByteLevel"
        and all(step.get("type") in ("ByteLevel", "Split", "Digits", "Punctuation") for step in pre)
        and sum(step.get("type") == "ByteLevel" for step in pre) == 1
        and not pre[-1].get("add_prefix_space", True)
        and kinds(file.get("normalizer"), "normalizers") <= {"NFC"}
    )


def bytes_of(text: str) -> int | None:
    """Bytes that a text has at most, as it is or after NFC; None where a newer Unicode may do more to it.

    NFC is made of each piece between added tokens by itself, and can lengthen it: never beyond its decomposition, which
    goes character by character. A part of a text in NFC is in NFC.
    """
    if text.isascii():
        return len(text)
    if any(unicodedata.category(character) == "Cn" for character in set(text)):
        return None
    try:
        plain = len(text.encode("utf-8"))
        if unicodedata.is_normalized("NFC", text):
            return plain
        return max(plain, len(unicodedata.normalize("NFD", text).encode("utf-8")))
    except UnicodeEncodeError:  # half of a surrogate pair
        return None


def bytes_a_character(file: File) -> int:
    """Bytes, and so tokens, that a character can become at most in a byte-level file (is_byte_level).

    UTF-8 takes 4; NFC makes 12 of U+1D160, and no more of any other (Unicode 15, all code points).
    """
    return 12 if kinds(file.get("normalizer"), "normalizers") else 4


def steps(part: Any, inner: str) -> Iterator[File]:
    """The steps of a normalizer or pre-tokenizer, sequences unfolded."""
    if not isinstance(part, dict):
        return
    if part.get("type") == "Sequence":
        below = part.get(inner)
        for one in below if isinstance(below, list) else ():
            yield from steps(one, inner)
    else:
        yield part


def kinds(part: Any, inner: str) -> set[str]:
    """The types of these steps."""
    return {str(step.get("type")) for step in steps(part, inner)}


def _letters() -> tuple[str, ...]:
    """The character that stands for each byte: printable ones for themselves, the others from U+0100 on.

    Source: openai/gpt-2 encoder.py bytes_to_unicode, as in tokenizers' ByteLevel.
    """
    plain = {*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)}
    others = iter(range(256, 512))
    return tuple(chr(byte) if byte in plain else chr(next(others)) for byte in range(256))


LETTERS = _letters()
