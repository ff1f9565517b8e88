"""Which class AutoTokenizer makes of a folder, as far as the ids depend on it.

From transformers 5.0 on some classes take only vocabulary and merges from tokenizer.json and do the rest their own way
(tokenization_utils_tokenizers.py convert_to_native_format). The table is made by scripts/tokenizer_classes.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

# Names that stand for the general class, which takes everything from the file.
_GENERAL = frozenset({"TokenizersBackend", "PythonBackend", "PreTrainedTokenizer", "MistralCommonBackend"})


class TokenizerClass(NamedTuple):
    """tokens: special tokens that the class has where the files name none. parts: of tokenizer.json, in their place.

    own: whether it makes parts itself that the table does not have, so that ids rest on the file's being the same.
    """

    name: str
    tokens: Mapping[str, str]
    parts: Mapping[str, Any] | None
    own: bool


GENERAL = TokenizerClass("TokenizersBackend", {}, None, False)


def tokenizer_class(model_type: str | None, named: str | None) -> TokenizerClass:
    """model_type: of config.json. named: `tokenizer_class` of tokenizer_config.json, else of config.json.

    Source: transformers 5.10.4 models/auto/tokenization_auto.py AutoTokenizer.from_pretrained.
    """
    table = _table()
    registered = table["model_types"].get(model_type)
    named = named.removesuffix("Fast") if named else None
    if named is None:
        name = registered
    elif registered is not None and registered != named:
        wrong = model_type in table["incorrect"]
        name = registered if wrong or registered in _GENERAL else named
    else:
        name = named
    entry = table["classes"].get(name)
    if entry is None:
        return GENERAL
    parts = {key: value for key, value in entry.items() if key != "tokens"} or None
    return TokenizerClass(str(name), entry["tokens"], parts, parts is None)


@cache
def _table() -> Mapping[str, Any]:
    table: Mapping[str, Any] = json.loads(
        Path(__file__).with_name("tokenizer_classes.json").read_text("utf-8")
    )
    return table
