"""A model's folder as AutoTokenizer reads it: added tokens, classes that make their own parts, files that are none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tiny_model import CONFIG, write_model
from toolspec.compiler.chat import folder as chat_folder
from toolspec.compiler.chat.folder import read_chat_folder
from toolspec.compiler.chat.process import ChatError, ChatProcess
from toolspec.compiler.chat.tokenizer_class import tokenizer_class


def made(folder: Path, model_type: str = "zzz", more: dict[str, Any] | None = None, **config: Any) -> Path:
    """more: special_tokens_map.json; config: tokenizer_config.json."""
    write_model(folder)
    (folder / "config.json").write_text(json.dumps({**CONFIG, "model_type": model_type}), "utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(config), "utf-8")
    if more is not None:
        (folder / "special_tokens_map.json").write_text(json.dumps(more), "utf-8")
    return folder


def sizes(folder: Path, *texts: str) -> list[int]:
    with ChatProcess() as process:
        process.tokenizer(read_chat_folder(folder))
        return process.sizes(texts)


@pytest.mark.parametrize(
    ("config", "more"),
    [
        ({"additional_special_tokens": ["<|more|>"]}, None),
        ({"extra_special_tokens": [{"content": "<|more|>", "special": True}]}, None),
        ({"extra_special_tokens": ["<|more|>"], "additional_special_tokens": ["<|other|>"]}, None),
        ({}, {"additional_special_tokens": ["<|more|>"]}),
        (
            {"added_tokens_decoder": {}, "additional_special_tokens": ["<|more|>"]},
            {"extra_special_tokens": ["x"]},
        ),
    ],
)
def test_special_tokens_without_a_name_are_added(
    config: dict[str, Any], more: dict[str, Any] | None, tmp_path: Path
) -> None:
    assert sizes(made(tmp_path / "m", more=more, **config), "<|more|>", "a<|more|>b") == [1, 3]


def test_a_class_that_makes_its_own_parts_has_them_by_the_options_of_the_file() -> None:
    schemes = {}
    for legacy in (None, False, True):
        for prefix in (None, False, True):
            settings = {"legacy": legacy, "add_prefix_space": prefix}
            parts = tokenizer_class("llama", "LlamaTokenizerFast", settings).parts
            assert parts is not None and parts["normalizer"] is None
            schemes[legacy, prefix] = parts["pre_tokenizer"]["prepend_scheme"]
    # Absent and null are the constructor's defaults: a blank before the first piece alone.
    assert {key for key, scheme in schemes.items() if scheme == "never"} == {
        (one, False) for one in (None, False, True)
    }
    assert {key for key, scheme in schemes.items() if scheme == "always"} == {(True, None), (True, True)}
    for named in ("GPT2Tokenizer", "Qwen2Tokenizer"):
        found = [tokenizer_class(None, named, one).parts for one in ({}, {"add_prefix_space": True})]
        assert "true" in json.dumps(found[1]) and found[0] != found[1]


def test_the_blank_of_llama_is_put_before_the_first_piece_alone(tmp_path: Path) -> None:
    prepend = {"type": "Prepend", "prepend": "▁"}
    replace = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
    vocabulary = {"<unk>": 0, **{letter: 1 + n for n, letter in enumerate("▁ab")}}
    folder = made(tmp_path / "m", "llama", tokenizer_class="LlamaTokenizer", eos_token="</s>")
    file = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    file |= {"normalizer": {"type": "Sequence", "normalizers": [prepend, replace]}, "pre_tokenizer": None}
    file["model"] = {
        "type": "BPE",
        "vocab": vocabulary,
        "merges": [],
        "unk_token": "<unk>",
        "byte_fallback": False,
    }
    file["added_tokens"] = []
    (folder / "tokenizer.json").write_text(json.dumps(file), "utf-8")
    # tokenizer.json itself would put one before "b" too.
    assert sizes(folder, "a</s>b") == [4]


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"tokenizer_class": "XLMRobertaTokenizer"}, "XLMRobertaTokenizer"),
        ({"tokenizer_class": "BertTokenizerFast"}, "BertTokenizer"),
        ({"split_special_tokens": True}, "split_special_tokens"),
    ],
)
def test_ids_that_cannot_be_had_are_refused(config: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(ChatError, match=said):
        sizes(made(tmp_path / "m", **config), "a")


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = made(tmp_path / "m")
    assert sizes(folder, "a") == [1]
    monkeypatch.setattr(chat_folder, "MOST_BYTES", 1 << 10)
    with pytest.raises(ChatError, match="MiB"):
        sizes(folder, "a")
