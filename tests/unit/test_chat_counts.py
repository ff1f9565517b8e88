"""Shortcuts of counting are exact, and the bound by bytes holds, for any text and for tokenizers of several makes."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tiny_model import MARKS, PLAIN, tokenizer_json
from toolspec.compiler.chat.encoder import Encoder
from toolspec.compiler.chat.tokenizer_file import bytes_of, is_byte_level, marks

pytestmark = pytest.mark.slow

METASPACE = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": False}
SPLIT = {
    "type": "Split",
    "pattern": {"Regex": r"\p{N}| ?\p{L}+|\s+"},
    "behavior": "Isolated",
    "invert": False,
}
BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}


def flagged(**flags: Any) -> dict[str, Any]:
    base = tokenizer_json()["added_tokens"]
    return {"added_tokens": [*base[:-1], {**base[-1], **flags}]}


MAKES: dict[str, dict[str, Any]] = {
    "plain": {},
    "no normalizer": {"normalizer": None},
    "split": {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [SPLIT, BYTES]}},
    "prefix": {"pre_tokenizer": {**BYTES, "add_prefix_space": True, "use_regex": True}},
    "metaspace": {"pre_tokenizer": METASPACE},
    "lowercase": {
        "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFKC"}, {"type": "Lowercase"}]}
    },
    "prepend": {"normalizer": {"type": "Prepend", "prepend": "▁"}},
    "lstrip": flagged(lstrip=True),
    "rstrip": flagged(rstrip=True),
    "single word": flagged(single_word=True),
    "normalized": flagged(normalized=True),
}
SPLITTING = {"plain", "no normalizer", "split", "prefix", "lowercase", "prepend", "normalized"}
BOUNDED = {"plain", "no normalizer", "split", "lstrip", "rstrip", "single word", "normalized"}


@cache
def encoder(make: str) -> Encoder:
    return Encoder(json.dumps(tokenizer_json(**MAKES[make])))


TEXTS = st.lists(
    st.one_of(
        st.sampled_from(
            (
                *MARKS,
                *PLAIN,
                "<|im_",
                "the ",
                " the",
                "\u0338",
                "\u0301",
                "ﷺ",
                "é",
                "한",
                "\n\n",
                "  ",
                "<|im_start|",
            )
        ),
        st.text(max_size=6),
    ),
    max_size=8,
).map("".join)


@pytest.mark.parametrize("make", MAKES)
@given(texts=st.lists(TEXTS, max_size=4))
def test_counts_are_those_of_the_ids(make: str, texts: list[str]) -> None:
    texts = [text.encode("utf-8", "ignore").decode() for text in texts]
    assert encoder(make).counts(texts) == [len(encoder(make).ids(text)) for text in texts]


@pytest.mark.parametrize("make", sorted(BOUNDED))
@given(text=TEXTS)
@example(text="A\u0301")  # one character in NFC
@example(text="\u0958\u0958")  # three bytes each, six in NFC
@example(text="\u0958<tool_call>\u0338")
def test_no_text_has_more_tokens_than_bytes(make: str, text: str) -> None:
    text = text.encode("utf-8", "ignore").decode()
    bound = bytes_of(text)
    assert bound is None or len(encoder(make).ids(text)) <= bound


def test_the_shortcuts_are_taken_where_they_hold() -> None:
    files = {make: tokenizer_json(**parts) for make, parts in MAKES.items()}
    assert {make for make, file in files.items() if marks(file)} == SPLITTING
    assert {make for make, file in files.items() if is_byte_level(file)} == BOUNDED
