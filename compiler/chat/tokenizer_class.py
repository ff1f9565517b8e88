"""Which class AutoTokenizer makes of a folder, as far as the ids depend on it.

From transformers 5.0 on some classes take only vocabulary and merges from tokenizer.json and do the rest their own way
(tokenization_utils_tokenizers.py convert_to_native_format). The table is made by scripts/tokenizer_classes.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

# Names that stand for the general class, which takes everything from the file.
_GENERAL = frozenset({"TokenizersBackend", "PythonBackend", "PreTrainedTokenizer", "MistralCommonBackend"})


class TokenizerClass(NamedTuple):
    """tokens: special tokens that the class has where the files name none. parts: of tokenizer.json, in their place.

    own: whether it makes parts itself that the table does not have, so that ids rest on the file's having the same.
    """

    name: str
    tokens: Mapping[str, str]
    parts: Mapping[str, Any] | None
    own: bool


PARTS = ("normalizer", "pre_tokenizer", "model")
GENERAL = TokenizerClass("TokenizersBackend", {}, None, False)


def tokenizer_class(
    model_type: str | None, named: str | None, settings: Mapping[str, Any] = MappingProxyType({})
) -> TokenizerClass:
    """model_type: of config.json. named: `tokenizer_class` of tokenizer_config.json, else of config.json.

    settings: tokenizer_config.json, of which some keys decide the parts.
    Source: transformers 5.10.4 models/auto/tokenization_auto.py AutoTokenizer.from_pretrained.
    """
    table = _table()
    registered = table["model_types"].get(model_type)
    named = named.removesuffix("Fast") if named else None
    if named is None:
        name = None if model_type in table["without_config"] else registered
    elif registered is not None and registered != named:
        wrong = model_type in table["incorrect"]
        name = registered if wrong or registered in _GENERAL else named
    else:
        name = named
    if name is None or name not in table["classes"]:
        return GENERAL._replace(name=str(name), own=True) if name in table["others"] else GENERAL
    entry = table["classes"][name]
    options = {
        key: settings[key] if isinstance(settings.get(key), bool) else usual
        for key, usual in entry["defaults"].items()
    }
    made = next(one for one in entry["made"] if one["options"] == options)
    return TokenizerClass(name, entry["tokens"], {key: made[key] for key in PARTS}, False)


@cache
def _table() -> Mapping[str, Any]:
    table: Mapping[str, Any] = json.loads(
        Path(__file__).with_name("tokenizer_classes.json").read_text("utf-8")
    )
    return table
