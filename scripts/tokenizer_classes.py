"""The tokenizer classes of an installed transformers, as a table: their default tokens, and what they make themselves.

usage: python scripts/tokenizer_classes.py > compiler/chat/tokenizer_classes.json   (a Python that has transformers)

From 5.0 on a class with a constructor of its own takes only the vocabulary, the merges and the post-processor of
tokenizer.json, and makes normalizer, pre-tokenizer and decoder itself
(tokenization_utils_tokenizers.py convert_to_native_format).
"""

# mypy: disable-error-code="import-not-found,import-untyped"
from __future__ import annotations

import inspect
import json
import sys
from typing import Any

NAMED = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
GENERATIVE = (
    *("Qwen2Tokenizer", "Qwen3_5Tokenizer", "GPT2Tokenizer", "GPTNeoXTokenizer", "GemmaTokenizer"),
    *("LlamaTokenizer", "CodeLlamaTokenizer", "CohereTokenizer"),
)
"""Classes of models that generate text."""
SETTLED = ("Qwen2Tokenizer", "Qwen3_5Tokenizer", "GemmaTokenizer")
"""Classes whose parts depend on nothing else in the model's files."""
PLAIN = ("TokenizersBackend", "PythonBackend", "PreTrainedTokenizerFast", "MistralCommonBackend")


def main() -> None:
    import transformers
    from transformers.models.auto import tokenization_auto as auto
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
        "model_types": {key: name for key, name in sorted(names.items()) if name in (*GENERATIVE, *PLAIN)},
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
    if found.__name__ not in SETTLED:
        return {"tokens": tokens}
    letters = list(dict.fromkeys([*tokens.values(), *map(chr, range(33, 127))]))
    made = found(vocab={letter: number for number, letter in enumerate(letters)}, merges=[])
    parts = json.loads(made._tokenizer.to_str())
    model = {key: value for key, value in parts["model"].items() if key not in ("vocab", "merges")}
    return {
        "tokens": tokens,
        **{name: parts[name] for name in ("normalizer", "pre_tokenizer")},
        "model": model,
    }


if __name__ == "__main__":
    main()
