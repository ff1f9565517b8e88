"""Conversations through transformers' own apply_chat_template. Run by the real environment's Python.

usage: chat_judge.py < asked.json > answers.json

asked, a list: `folder` of a model, and `cases`: [template or null, messages, tools, generation prompt, variables].
answers, a list: `tokens`, the special tokens that templates see; `cases`: [text, ids], or the class of the exception.
"""

# mypy: disable-error-code="import-not-found,import-untyped"
from __future__ import annotations

import json
import sys
from typing import Any

from transformers import AutoTokenizer
from transformers.utils import chat_template_utils


def fixed_clock() -> None:
    """toolspec renders at a fixed time, and says so."""
    from datetime import datetime

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime(2026, 1, 1)

    chat_template_utils.datetime = Clock


def main() -> None:
    fixed_clock()
    json.dump([answers(one["folder"], one["cases"]) for one in json.load(sys.stdin)], sys.stdout)


def answers(folder: str, cases: list[Any]) -> dict[str, Any]:
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    if tokenizer.pad_token_id is None:  # verl's set_pad_token_id
        tokenizer.pad_token_id = tokenizer.eos_token_id
    found: list[Any] = []
    for template, messages, tools, generation, variables in cases:
        options = {
            "chat_template": template,
            "tools": tools,
            "add_generation_prompt": generation,
            **variables,
        }
        try:
            text = tokenizer.apply_chat_template(messages, tokenize=False, **options)
            made = tokenizer.apply_chat_template(messages, tokenize=True, **options)
            found.append([text, list(made if isinstance(made, list) else made["input_ids"])])
        except Exception as error:
            found.append(type(error).__name__)
    return {"tokens": tokenizer.special_tokens_map, "cases": found}


if __name__ == "__main__":
    main()
