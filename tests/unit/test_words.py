"""Counting ASCII word by word: the same number as the ids, for the patterns that are translated, and for no other."""

from __future__ import annotations

import json
import re
import string
from functools import cache
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tiny_model import MARKS, MERGES, PLAIN, tokenizer_json
from toolspec.compiler.chat.encoder import Encoder
from toolspec.compiler.chat.tokenizer_file import bytes_a_character
from toolspec.compiler.chat.words import PATTERNS, word_pattern

pytestmark = pytest.mark.slow

BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}


def split(pattern: str, **more: Any) -> dict[str, Any]:
    step = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False, **more}
    return {"type": "Sequence", "pretokenizers": [step, BYTES]}


MAKES = {f"pattern {number}": split(pattern) for number, pattern in enumerate(PATTERNS)}
MAKES["byte level"] = {**BYTES, "use_regex": True}
ASCII = "".join(map(chr, range(128)))
ADDED = [{**token, "id": 1_000 + number} for number, token in enumerate(tokenizer_json()["added_tokens"])]
MIXED = st.lists(
    st.one_of(
        st.sampled_from(
            (
                " ",
                "\n",
                "\r",
                "a",
                "B ",
                " c",
                "1",
                ".",
                "é",
                "e\u0301",
                "\u0301",
                "中",
                "“x”",
                "\xa0",
                "\u2028",
                "🙂",
            )
        ),
        st.text(max_size=3),
        st.sampled_from((*MARKS, *PLAIN)),
    ),
    max_size=24,
).map("".join)
TEXTS = st.lists(
    st.one_of(
        st.sampled_from(
            (
                *MARKS,
                *PLAIN,
                *MERGES,
                "'ll",
                "I'LL've",
                "  ",
                "\r\n",
                "\n \n",
                "\t",
                " \x1c\x1f",
                "12345",
                "x'",
                " '",
            )
        ),
        st.text(alphabet=ASCII, max_size=8),
        st.text(alphabet=string.ascii_letters + " \n'", max_size=12),
    ),
    max_size=10,
).map("".join)


BLANKS = ("Ċ Ċ", "Ġ Ġ", "Ġ Ċ", "Ċ Ġ", "č Ċ", "ĉ Ċ", "ĊĊ Ċ", "ĠĠ Ġ", "! Ċ", "! ĊĊ", "Ġ !")
"""Merges that tell where a run of blanks is cut: without one the blanks are a token each wherever it is."""


def model() -> dict[str, Any]:
    known = tokenizer_json()["model"]
    vocabulary = dict(known["vocab"])
    for merge in BLANKS:
        vocabulary[merge.replace(" ", "")] = max(vocabulary.values()) + 1
    return {**known, "vocab": vocabulary, "merges": [*known["merges"], *(one.split(" ") for one in BLANKS)]}


@cache
def encoder(make: str) -> Encoder:
    return Encoder(json.dumps(tokenizer_json(pre_tokenizer=MAKES[make], model=model(), added_tokens=ADDED)))


@pytest.mark.parametrize("make", MAKES)
@given(text=TEXTS)
def test_words_add_up_to_the_ids(make: str, text: str) -> None:
    one = encoder(make)
    assert one._words is not None
    assert one.counts([text]) == [len(one.ids(text))]


@pytest.mark.parametrize("make", MAKES)
@given(texts=st.lists(MIXED, max_size=3))
@example(texts=["é\n\nThe", "é \nThe", "é\r\nThe", "é!\n\n  The", "é\u2028\nThe"])
def test_so_do_parts_of_other_text(make: str, texts: list[str]) -> None:
    one = encoder(make)
    assert one.counts(texts) == [len(one.ids(text)) for text in texts]


@pytest.mark.parametrize("make", MAKES)
def test_words_are_cut_where_tokenizers_cuts(make: str) -> None:
    """Every pair of ASCII and many longer texts: `re` finds the pieces of tokenizers' own pattern."""
    pattern = word_pattern(tokenizer_json(pre_tokenizer=MAKES[make]))
    assert pattern is not None
    pre = encoder(make).tokenizer.pre_tokenizer
    kinds = "aZ09 '\n\r\t\x0b\x1c\x7f.-_ls"
    texts = [a + b for a in ASCII for b in ASCII]
    texts += [a + b + c + d for a in kinds for b in kinds for c in kinds for d in kinds]
    for text in texts:
        cut = [text[start:end] for _, (start, end) in pre.pre_tokenize_str(text)]
        assert pattern.findall(text) == cut, text


def test_others_are_left_to_tokenizers() -> None:
    known = next(iter(PATTERNS))
    added = tokenizer_json()["added_tokens"]
    twice = {"type": "Sequence", "pretokenizers": [split(known)["pretokenizers"][0], MAKES["byte level"]]}
    others: list[dict[str, Any]] = [
        {"pre_tokenizer": split(known + "|x")},
        {"pre_tokenizer": split(known, behavior="Removed")},
        {"pre_tokenizer": split(known, invert=True)},
        {"pre_tokenizer": twice},
        {"pre_tokenizer": BYTES},
        {"pre_tokenizer": split(known), "added_tokens": [{**added[0], "normalized": True}]},
        {"pre_tokenizer": split(known), "normalizer": {"type": "Lowercase"}},
    ]
    for parts in others:
        assert Encoder(json.dumps(tokenizer_json(**parts)))._words is None, parts
    assert isinstance(word_pattern(tokenizer_json(pre_tokenizer=split(known))), re.Pattern)


def test_a_character_has_so_many_tokens_at_most() -> None:
    with_nfc, without = tokenizer_json(), tokenizer_json(normalizer=None)
    assert (bytes_a_character(with_nfc), bytes_a_character(without)) == (12, 4)
    assert len(Encoder(json.dumps(with_nfc)).ids("\U0001d160")) == 12
    assert len(Encoder(json.dumps(without)).ids("\U0001f642")) == 4
