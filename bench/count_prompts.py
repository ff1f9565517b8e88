"""Prompts of 600 tokens counted by `toolspec budget`, settled by bytes, and kept, against transformers."""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from pydoc_data.topics import topics

from measure import ROOT, Command, Sample, alternated, environment, load, ratios, spread, toolspec
from table import Row, show

sys.path.insert(0, str(ROOT / "tests"))

OURS, THEIRS = 100_000, 20_000
COUNTED, QUICK, KEPT, PEER = "toolspec budget", "--quick", "counted before", "transformers"
GOALS = {
    COUNTED: "3.5x; 30 s, hoped for 25; 1 GB",
    QUICK: "12 s",
    KEPT: "at once",
}
LOOP = """
import sys, pyarrow.parquet as pq
from transformers import AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
import yaml
tools = [one["tool_schema"] for one in yaml.safe_load(open(sys.argv[3]))["tools"]]
for messages in pq.read_table(sys.argv[2], columns=["prompt"]).column(0).to_pylist()[:int(sys.argv[4])]:
    len(tokenizer.apply_chat_template(messages, tools=tools, add_generation_prompt=True, tokenize=True)["input_ids"])
"""
WORDS = tuple(" ".join(topics.values()).split())
"""Of Python's own help: 10,000 different ones, code and punctuation among them, as often as they stand there."""


def rows(arguments: argparse.Namespace) -> list[Row]:
    """Goals for 100,000 rows on 2 cores: counted in 30 s (25 hoped for) with under 1 GB, 3.5 times faster than a loop
    over transformers; whether every row fits in 12 s, where their bytes say so.
    """
    import pyarrow as pa
    from pyarrow import parquet

    from real.environment import real_environment
    from real.tokenizer import model_folder

    real = real_environment()
    model = model_folder(real)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        dice = random.Random(1)
        prompts = [conversation(dice, number) for number in range(OURS)]
        parquet.write_table(pa.table({"prompt": prompts}), folder / "train.parquet")
        (folder / "tools.yaml").write_text(
            json.dumps({"tools": [tool("search"), tool("calculate")]}), "utf-8"
        )
        call = (
            "python -m verl.trainer.main_ppo data.train_files=train.parquet data.max_prompt_length=4096 "
            f"actor_rollout_ref.model.path={model} actor_rollout_ref.rollout.multi_turn.tool_config_path=tools.yaml"
        )
        (folder / "run.sh").write_text(call, "utf-8")
        loop = [
            str(real.python),
            "-c",
            LOOP,
            str(model),
            str(folder / "train.parquet"),
            str(folder / "tools.yaml"),
        ]
        run = str(folder / "run.sh")
        os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
        commands = [
            toolspec(COUNTED, "budget", run, "--no-cache"),
            toolspec(QUICK, "budget", run, "--no-cache", "--quick"),
            toolspec(KEPT, "budget", run),
            Command(PEER, [*loop, str(THEIRS)], environment()),
        ]
        samples = alternated(commands, max(2, arguments.rounds // 5))
        peaks = {command.name: together(command) for command in commands[:2]}
    peer = each(samples[PEER], THEIRS)
    return [
        Row(f"{PEER}, {THEIRS:,} rows, ms a row", spread(peer["cpu"]), spread(peer["wall"]), "1"),
        *(row(name, samples[name], peer, peaks.get(name)) for name in GOALS),
    ]


def each(samples: list[Sample], number: int) -> dict[str, list[float]]:
    """Milliseconds a row."""
    return {what: [getattr(s, what) / number * 1000 for s in samples] for what in ("cpu", "wall")}


def row(name: str, samples: list[Sample], peer: dict[str, list[float]], peak: float | None) -> Row:
    ours = each(samples, OURS)
    cpu, wall = (ratios(peer[what], ours[what])[1] for what in ("cpu", "wall"))
    seconds = sorted(s.wall for s in samples)[len(samples) // 2]
    result = f"{cpu:.1f}x less CPU, {wall:.1f}x less wall: {seconds:.1f} s for all"
    result += f"; all processes together {peak:.0f} MiB" if peak is not None else ""
    return Row(
        f"{name}, {OURS:,} rows, ms a row",
        spread(ours["cpu"]),
        spread(ours["wall"]),
        result,
        GOALS[name],
        load(),
    )


def together(command: Command) -> float:
    """Most memory of all its processes at a time, shared pages once; MiB. Linux."""
    process = subprocess.Popen(command.arguments, env=dict(command.environment), stdout=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:
        peak = max(peak, sum(map(_kilobytes, [process.pid, *_children(process.pid)])))
        time.sleep(0.05)
    return peak / 1024


def _children(number: int) -> Iterator[int]:
    try:
        yield from map(int, Path(f"/proc/{number}/task/{number}/children").read_text().split())
    except OSError:
        return


def _kilobytes(number: int) -> int:
    try:
        lines = Path(f"/proc/{number}/smaps_rollup").read_text().splitlines()
    except OSError:  # it has ended
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def conversation(dice: random.Random, number: int) -> list[dict[str, str]]:
    def text(words: int) -> str:
        return " ".join(dice.choice(WORDS) for _ in range(words))

    return [
        {"role": "system", "content": "Use the tools. Think before you answer. " * 3},
        {"role": "user", "content": f"{number}: {text(70)}?"},
        {"role": "assistant", "content": text(45)},
        {"role": "user", "content": text(45)},
    ]


def tool(name: str) -> dict[str, object]:
    properties = {
        key: {"type": "string", "description": f"the {key} of it"} for key in ("query", "place", "unit")
    }
    function = {
        "name": name,
        "description": f"Does a {name} and gives back what was found, as text.",
        "parameters": {"type": "object", "properties": properties, "required": ["query"]},
    }
    return {
        "class_name": "tools.Tool",
        "config": {},
        "tool_schema": {"type": "function", "function": function},
    }


if __name__ == "__main__":
    show(rows, lambda _: None, rounds=10)
