"""Writes train.jsonl and val.jsonl: word problems whose arithmetic a small model gets wrong without the tool."""

import json
import random
from pathlib import Path

HERE = Path(__file__).parent
TEMPLATES = (
    "What is {a} {sign} {b}?",
    "A shop has {a} boxes of {b} pens and sells {c} pens. How many pens are left?",
    "Compute ({a} + {b}) * {c}.",
)


def problem(chance: random.Random) -> dict[str, str]:
    """One row: question and answer, both text."""
    a, b, c = (chance.randint(11, 99) for _ in range(3))
    kind = chance.randrange(len(TEMPLATES))
    if kind == 0:
        sign = chance.choice("+-*")
        result = {"+": a + b, "-": a - b, "*": a * b}[sign]
        return {"question": TEMPLATES[0].format(a=a, b=b, sign=sign), "answer": str(result)}
    result = a * b - c if kind == 1 else (a + b) * c
    return {"question": TEMPLATES[kind].format(a=a, b=b, c=c), "answer": str(result)}


def write(name: str, rows: int, seed: int) -> None:
    chance = random.Random(seed)
    lines = [json.dumps(problem(chance), sort_keys=True) for _ in range(rows)]
    (HERE / name).write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write("train.jsonl", 512, seed=0)
    write("val.jsonl", 64, seed=1)
