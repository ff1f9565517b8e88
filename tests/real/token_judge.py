"""Token counts of a real tokenizer. Run by the real environment's Python.

usage: token_judge.py MODEL_FOLDER < asked.json > answers.json

asked: `texts`, and `prompts`: pairs of messages and tools. answers: how many tokens each has, in the same order.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from transformers import AutoTokenizer


def main() -> None:
    tokenizer: Any = AutoTokenizer.from_pretrained(sys.argv[1])
    asked = json.load(sys.stdin)
    texts = [len(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in asked["texts"]]
    prompts = []
    for messages, tools in asked["prompts"]:
        text = tokenizer.apply_chat_template(
            messages, tools=tools, add_generation_prompt=True, tokenize=False
        )
        prompts.append(len(tokenizer(text, add_special_tokens=False)["input_ids"]))
    print(json.dumps({"texts": texts, "prompts": prompts}))


if __name__ == "__main__":
    main()
