"""A tiny Qwen2 model that has learnt one text by heart, written with save_pretrained. Run in the real environment.

usage: python taught_model.py FOLDER < {"tokenizer": folder, "ids": [...], "mask": [...]}

ids: a prompt and what follows. mask: 1 for the ids that are to be learnt. Prints the steps that it took.
"""

# mypy: disable-error-code="import-not-found,import-untyped"
from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja")
MOST_STEPS = 400


def taught(
    torch: Any, transformers: Any, own: dict[str, Any], ids: list[int], mask: list[int]
) -> tuple[Any, int]:
    config = transformers.Qwen2Config(
        vocab_size=own["vocab_size"],
        hidden_size=48,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=8192,
        eos_token_id=own["eos_token_id"],
    )
    model = transformers.Qwen2ForCausalLM(config)
    learns = torch.optim.Adam(model.parameters(), lr=3e-3)
    given = torch.tensor([ids])
    at = torch.tensor([number - 1 for number, one in enumerate(mask) if one])
    wanted = given[0, at + 1]
    for step in range(MOST_STEPS):
        hidden = model.model(input_ids=given).last_hidden_state[0, at]
        scores = model.lm_head(hidden)
        if bool((scores.argmax(-1) == wanted).all()) and step > 20:
            return model, step
        loss = torch.nn.functional.cross_entropy(scores, wanted)
        learns.zero_grad()
        loss.backward()
        learns.step()
    raise SystemExit("the text was not learnt")


def main() -> None:
    import torch
    import transformers

    given = json.load(sys.stdin)
    torch.manual_seed(0)
    folder = Path(sys.argv[1])
    own = json.loads((Path(given["tokenizer"]) / "config.json").read_text("utf-8"))
    model, steps = taught(torch, transformers, own, given["ids"], given["mask"])
    model.save_pretrained(folder)
    for name in TOKENIZER:
        shutil.copy(Path(given["tokenizer"]) / name, folder / name)
    print(steps)


if __name__ == "__main__":
    main()
