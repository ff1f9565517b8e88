"""The tokenizer classes of an installed transformers, as a table: their default tokens, and what they make themselves.

usage: python scripts/tokenizer_classes.py > compiler/chat/tokenizer_classes.json   (a Python that has transformers)

From 5.0 on a class with a constructor of its own takes only the vocabulary, the merges and the post-processor of
tokenizer.json, and makes normalizer, pre-tokenizer and decoder itself
(tokenization_utils_tokenizers.py convert_to_native_format).
"""

# mypy: disable-error-code="import-not-found,import-untyped"
from __future__ import annotations

import inspect
import itertools
import json
import sys
from typing import Any

NAMED = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
GENERATIVE = (
    *("Qwen2Tokenizer", "Qwen3_5Tokenizer", "GPT2Tokenizer", "GPTNeoXTokenizer", "GemmaTokenizer"),
    *("LlamaTokenizer", "CodeLlamaTokenizer", "CohereTokenizer"),
)
"""Classes of models that generate text: their parts are in the table. The others are named alone."""
OPTIONS = ("add_prefix_space", "legacy")
"""Keys of tokenizer_config.json that the parts depend on."""
PLAIN = ("TokenizersBackend", "PythonBackend", "PreTrainedTokenizerFast", "MistralCommonBackend")


def main() -> None:
    import transformers
    from transformers.models.auto import tokenization_auto as auto
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES
    from transformers.tokenization_utils_tokenizers import TokenizersBackend

    names = {
        model_type: name.removesuffix("Fast")
        for model_type, name in auto.TOKENIZER_MAPPING_NAMES.items()
        if name
    }
    classes = {}
    for name in GENERATIVE:
        found = auto.tokenizer_class_from_name(name)
        if issubclass(found, TokenizersBackend) and "__init__" in found.__dict__:
            classes[name] = described(found)
    table = {
        "source": f"transformers {transformers.__version__}",
        "classes": classes,
        "others": [name for name in sorted(set(names.values()) - {*GENERATIVE, *PLAIN}) if makes_parts(name)],
        "model_types": dict(sorted(names.items())),
        # Their class is taken only where the files name another.
        "without_config": sorted(names.keys() - CONFIG_MAPPING_NAMES.keys()),
        "incorrect": sorted(auto.MODELS_WITH_INCORRECT_HUB_TOKENIZER_CLASS),
    }
    json.dump(table, sys.stdout, indent=1, ensure_ascii=False)
    print()


def described(found: Any) -> dict[str, Any]:
    parameters = inspect.signature(found.__init__).parameters
    tokens = {
        name: str(parameters[name].default)
        for name in NAMED
        if name in parameters and isinstance(parameters[name].default, str)
    }
    options = [name for name in OPTIONS if name in parameters]
    made = [
        {"options": dict(zip(options, values, strict=True)), **parts(found, tokens, options, values)}
        for values in itertools.product((True, False), repeat=len(options))
    ]
    if all({**one, "options": {}} == {**made[0], "options": {}} for one in made):
        return {"tokens": tokens, "defaults": {}, "made": [{**made[0], "options": {}}]}
    usual = parts(found, tokens, [], ())
    defaults = next(one["options"] for one in made if {**usual, "options": one["options"]} == one)
    return {"tokens": tokens, "defaults": defaults, "made": made}


def parts(found: Any, tokens: dict[str, str], options: list[str], values: tuple[bool, ...]) -> dict[str, Any]:
    letters = list(dict.fromkeys([*tokens.values(), *map(chr, range(33, 127))]))
    vocabulary = {letter: number for number, letter in enumerate(letters)}
    made = found(vocab=vocabulary, merges=[], **dict(zip(options, values, strict=True)))
    whole = json.loads(made._tokenizer.to_str())
    model = {key: value for key, value in whole["model"].items() if key not in ("vocab", "merges")}
    return {**{name: whole[name] for name in ("normalizer", "pre_tokenizer")}, "model": model}


def makes_parts(name: str) -> bool:
    """Whether a class does not take all from tokenizer.json."""
    from transformers.models.auto import tokenization_auto as auto
    from transformers.tokenization_utils_tokenizers import TokenizersBackend

    found = auto.tokenizer_class_from_name(name)
    return found is None or not issubclass(found, TokenizersBackend) or "__init__" in found.__dict__


if __name__ == "__main__":
    main()
