"""Make a 102 M-parameter Qwen2 model on the GPU and teach it the calculator task, imperfectly on purpose.

usage: make_tiny_model.py TOKENIZER_DIR TOOLS_YAML TRAIN_PARQUET OUT_DIR

The prompts are those of the bundle: system message, chat template and tool schema. A third of the taught trajectories
have a broken call, a call of a tool that is not there, a call too many or a wrong result, so that there is something
for reinforcement learning to improve. Half a minute on one GPU.
"""

import ast
import json
import operator
import random
import re
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import torch
import yaml
from transformers import AutoTokenizer, Qwen2Config, Qwen2ForCausalLM

STEPS, BATCH, PEAK = 600, 64, 6e-4
NUMBER = re.compile(r"\d+")
SIGNS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul}


def expression(question: str) -> str:
    """The arithmetic of a question of make_data.py."""
    if question.startswith("What is"):
        return question.removeprefix("What is ").rstrip("?")
    a, b, c = NUMBER.findall(question)
    return f"({a} + {b}) * {c}" if question.startswith("Compute") else f"{a} * {b} - {c}"


def result(text: str) -> int:
    def value(node: ast.expr) -> int:
        if isinstance(node, ast.BinOp):
            return SIGNS[type(node.op)](value(node.left), value(node.right))
        return node.value

    return value(ast.parse(text, mode="eval").body)


def question(chance: random.Random) -> str:
    a, b, c = (chance.randint(11, 99) for _ in range(3))
    return chance.choice(
        (
            f"What is {a} {chance.choice('+-*')} {b}?",
            f"A shop has {a} boxes of {b} pens and sells {c} pens. How many pens are left?",
            f"Compute ({a} + {b}) * {c}.",
        )
    )


def trajectory(tokenizer, system: str, schemas: list, chance: random.Random) -> tuple[list[int], list[int]]:
    """Token ids and labels (-100 where the policy did not write) of one taught trajectory."""
    asked = question(chance)
    arithmetic = expression(asked)
    number = result(arithmetic)
    call = (
        "<tool_call>\n"
        + json.dumps({"name": "calculator", "arguments": {"expression": arithmetic}})
        + "\n</tool_call>"
    )
    kind, calls, final = chance.random(), 1, f"The result is {number}."
    if kind < 0.12:
        call = call.replace("}}\n", "}\n")
    elif kind < 0.22:
        call = call.replace('"calculator"', '"calc"')
    elif kind < 0.34:
        calls = 2
    elif kind < 0.42:
        final = f"The result is {number + chance.choice((-1, 1, 10))}."
    messages = [{"role": "system", "content": system}, {"role": "user", "content": asked}]
    start = tokenizer.apply_chat_template(messages, tools=schemas, add_generation_prompt=True, tokenize=False)
    parts = [(start, False)]
    for _ in range(calls):
        response = f"\n<|im_start|>user\n<tool_response>\n{number}\n</tool_response><|im_end|>\n<|im_start|>assistant\n"
        parts += [(call + "<|im_end|>", True), (response, False)]
    parts.append((final + "<|im_end|>", True))
    ids: list[int] = []
    labels: list[int] = []
    for text, taught in parts:
        tokens = tokenizer.encode(text, add_special_tokens=False)
        ids += tokens
        labels += tokens if taught else [-100] * len(tokens)
    return ids, labels


def main() -> None:
    tokenizer_dir, tools_yaml, train, out = sys.argv[1:5]
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_dir)
    with Path(tools_yaml).open() as stream:
        schemas = [tool["config"]["schema"] for tool in yaml.safe_load(stream)["tools"]]
    system = pq.read_table(train, columns=["prompt"]).slice(0, 1).to_pylist()[0]["prompt"][0]["content"]
    chance = random.Random(0)
    torch.manual_seed(0)
    data = [trajectory(tokenizer, system, schemas, chance) for _ in range(8000)]
    config = Qwen2Config(
        vocab_size=151936,
        hidden_size=512,
        intermediate_size=1536,
        num_hidden_layers=8,
        num_attention_heads=8,
        num_key_value_heads=2,
        max_position_embeddings=4096,
        tie_word_embeddings=True,
        bos_token_id=151643,
        eos_token_id=151645,
        pad_token_id=151643,
    )
    model = Qwen2ForCausalLM(config).cuda().float()
    optimiser = torch.optim.AdamW(model.parameters(), lr=PEAK, betas=(0.9, 0.98), fused=True)
    began = time.time()
    for step in range(STEPS):
        for group in optimiser.param_groups:
            group["lr"] = PEAK * min(1, (step + 1) / 50) * max(0.05, 1 - step / STEPS)
        rows = chance.sample(data, BATCH)
        width = max(len(ids) for ids, _ in rows)
        ids = torch.full((BATCH, width), 151643)
        labels = torch.full((BATCH, width), -100)
        mask = torch.zeros((BATCH, width), dtype=torch.long)
        for at, (row, taught) in enumerate(rows):
            ids[at, : len(row)], labels[at, : len(row)], mask[at, : len(row)] = (
                torch.tensor(row),
                torch.tensor(taught),
                1,
            )
        ids, labels, mask = ids.cuda(), labels.cuda(), mask.cuda()
        with torch.autocast("cuda", torch.bfloat16):
            hidden = model.model(input_ids=ids, attention_mask=mask).last_hidden_state
            chosen = labels[:, 1:] != -100
            logits = model.lm_head(hidden[:, :-1][chosen])
        loss = torch.nn.functional.cross_entropy(logits.float(), labels[:, 1:][chosen])
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        if step % 100 == 0 or step == STEPS - 1:
            print(f"taught {step} loss {loss.item():.3f} {time.time() - began:.0f} s", flush=True)
    model.to(torch.bfloat16).save_pretrained(out)
    tokenizer.save_pretrained(out)


if __name__ == "__main__":
    main()
