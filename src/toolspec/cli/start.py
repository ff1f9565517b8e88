"""What `toolspec init` starts from: templates, their side files, and the answers filled into them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import gcd
from pathlib import Path
from types import MappingProxyType

from toolspec.specs.scalars import NumberRangeError, read_plain

FOLDER = Path(__file__).parent / "templates"
COMMENT_COLUMN = 33
_PLAIN = re.compile(r"[A-Za-z0-9_./~+][A-Za-z0-9_./~+=@*-]*")
_FIELD = re.compile(r"@([a-z_]+)@")


@dataclass(frozen=True)
class Start:
    """One `--from`. files: those written beside the spec. kl: the line for algorithms with a reference model.

    micro_batch: trajectories a GPU takes at once, which the batch must split into; 1 for dynamic batches.
    """

    about: str
    files: tuple[str, ...]
    model: str
    train: str
    val: str
    algorithm: str
    batch: int
    mini_batch: int
    group: int
    gpus: int
    slurm: str = ""
    kl: str = ""
    micro_batch: int = 1
    nodes: int = 1


_KL = "kl: {where: loss, type: low_var_kl, coef: 0.001}"
STARTS: Mapping[str, Start] = MappingProxyType(
    {
        "seed": Start(
            about="your own rows in verl's layout, one tool, PPO on one node",
            files=("tools.py",),
            model="Qwen/Qwen2.5-3B-Instruct",
            train="~/data/toolcall/train.parquet",
            val="~/data/toolcall/val.parquet",
            algorithm="ppo",
            batch=128,
            mini_batch=128,
            group=4,
            gpus=8,
            kl=_KL,
            micro_batch=8,
        ),
        "calculator": Start(
            about="complete and small, its data made by a script, one GPU",
            files=("tools.py", "make_data.py"),
            model="Qwen/Qwen2.5-0.5B-Instruct",
            train="train.jsonl",
            val="val.jsonl",
            algorithm="grpo",
            batch=64,
            mini_batch=64,
            group=8,
            gpus=1,
        ),
        "search": Start(
            about="a search service as a stateful tool, four nodes on Slurm",
            files=("search.py", "search.json", "reward.py"),
            model="Qwen/Qwen2.5-7B-Instruct",
            train="~/data/searchR1_processed_direct/train.parquet",
            val="~/data/searchR1_processed_direct/test.parquet",
            algorithm="grpo",
            batch=512,
            mini_batch=256,
            group=5,
            gpus=8,
            slurm="{partition: gpu, account: research, time: 1d}",
            kl=_KL,
            nodes=4,
        ),
    }
)


@dataclass(frozen=True)
class Answers:
    """What is asked, or given by flags. partition: "" for none."""

    name: str
    model: str
    train: str
    val: str
    algorithm: str
    gpus: int
    partition: str


def side_files(kind: str) -> dict[str, str]:
    """Name → content of the files that belong beside the spec."""
    return {name: _template(f"{kind}-{name}.txt") for name in STARTS[kind].files}


def _template(name: str) -> str:
    return (FOLDER / name).read_text("utf-8")


def spec_text(kind: str, answers: Answers, file: str) -> str:
    """The commented spec. file: its name in the comment. Comments stand in one column where there is room."""
    start = STARTS[kind]
    # remax compares one trajectory with the greedy one; the other algorithms need the template's group.
    group = 1 if answers.algorithm == "remax" else start.group
    batch, mini_batch = _batch(start, answers.gpus, group)
    fields = {
        "file": scalar(file),
        "name": scalar(answers.name),
        "model": scalar(answers.model),
        "train": scalar(answers.train),
        "val": scalar(answers.val),
        "algorithm": answers.algorithm,
        "batch": str(batch),
        "mini_batch": str(mini_batch),
        "group": str(group),
        "gpus": str(answers.gpus),
        # dapo and gspo are defined without a divergence penalty.
        "kl": f"# {start.kl}" if answers.algorithm in ("dapo", "gspo") else start.kl,
        "slurm": _slurm(start, answers.partition),
    }
    lines = (_filled(line, fields) for line in _template(f"{kind}.yaml").splitlines())
    return "\n".join(lines) + "\n"


def _batch(start: Start, gpus: int, group: int) -> tuple[int, int]:
    """Prompts a step and an update: the template's, or the next whose trajectories split over the GPUs."""
    updates = start.batch // start.mini_batch
    part = gpus * start.nodes * start.micro_batch
    unit = part // gcd(part, group)
    mini_batch = -(-start.mini_batch // unit) * unit
    return mini_batch * updates, mini_batch


def _slurm(start: Start, partition: str) -> str:
    if partition and start.slurm:
        return "slurm: " + start.slurm.replace("partition: gpu", f"partition: {scalar(partition)}")
    if partition:
        return f"slurm: {{partition: {scalar(partition)}, time: 12h}}"
    return "# slurm: {partition: gpu, account: team, time: 12h}"


def _filled(line: str, fields: Mapping[str, str]) -> str:
    """A line with its fields; the comment behind a field stands at COMMENT_COLUMN or after it."""
    if not _FIELD.search(line):
        return line
    value, mark, comment = line.partition("  # ")
    value = _FIELD.sub(lambda found: fields[found[1]], value.rstrip())
    return f"{value:<{COMMENT_COLUMN - 2}}{mark}{comment}" if mark.strip() and value.strip() else value


def scalar(text: str) -> str:
    """`text` as a YAML value that reads back as exactly this text, inside `{…}` too."""
    try:
        value, note = read_plain(text)
    except NumberRangeError:
        return json.dumps(text)
    plain = _PLAIN.fullmatch(text) and isinstance(value, str) and not note
    return text if plain else json.dumps(text, ensure_ascii=False)
