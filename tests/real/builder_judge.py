"""Turns joined by the builder that a release gives to a model. Run by the real environment's Python.

usage: builder_judge.py WHEEL < asked.json > answers.json

asked: `folder` of a model, `model_type`, `messages` and `answer`, a tool's message, `tokens` to look up. answers: `ids`
of the tokens, and `failure`: the kind of exception that making the builder or adding the answer raises, "" for none.
"""

# mypy: disable-error-code="import-not-found,import-untyped"
from __future__ import annotations

import json
import logging
import sys
from typing import Any


def main() -> None:
    sys.path.insert(0, sys.argv[1])
    from transformers import AutoTokenizer
    from verl.utils.tokenizer.continuous_token_wiring import create_continuous_token_builder

    logging.disable(logging.CRITICAL)
    found = []
    for asked in json.load(sys.stdin):
        tokenizer: Any = AutoTokenizer.from_pretrained(asked["folder"])
        ids = [tokenizer.convert_tokens_to_ids(token) for token in asked["tokens"]]
        messages, tools = asked["messages"], asked["tools"]
        failure = ""
        try:
            builder: Any = create_continuous_token_builder(tokenizer, hf_model_type=asked["model_type"])
            builder.merge_context_tokens(messages, [*messages, asked["answer"]], [1, 2, 3], tools=tools)
        except Exception as error:
            failure = type(error).__name__
        found.append({"ids": ids, "failure": failure})
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
