"""The rows that verl's own dataset drops for their length, and at what length, are those that toolspec counts so."""

from __future__ import annotations

import json
import os
import random
import subprocess
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from real.conversations import CALC, CONVERSATIONS, tool
from real.environment import RELEASES, Environment
from real.templates import templates
from real.tokenizer import short_model_folder
from toolspec.backends.verl.chat.prompts import prompts
from toolspec.backends.verl.chat.subject import read_subject
from toolspec.compiler.chat.counting import counted

pytestmark = pytest.mark.real

JUDGE = Path(__file__).with_name("dataset_judge.py")
WORDS = ("the", "model", "of", "é", "中文", "17*23", "\n\n", "  ", "<|im_end|>", "🙂", "e\u0301", "A-1", "_x")
CHOSEN = (
    "qwen2_5",
    "qwen3",
    "qwen3_5_think",
    "llama3_2",
    "gemma3",
    "gptoss",
    "glm4moe",
    "deepseekv3",
    "cohere2",
)
TOOLS = {
    "none": None,
    "one": [CALC],
    "several": [CALC, tool("find", {"q": {"type": "string", "enum": ["a"]}}, ["q"])],
}


def rows(dice: random.Random, number: int) -> list[dict[str, Any]]:
    """Conversations with texts of many lengths; a key that only some messages have."""
    plain = [
        one
        for one in CONVERSATIONS.values()
        if all(
            set(message) <= {"role", "content"} and isinstance(message.get("content"), str) for message in one
        )
    ]
    made = []
    for row in range(number):
        more = " ".join(dice.choice(WORDS) for _ in range(dice.choice((0, 3, 30, 200))))
        messages = [dict(message) for message in dice.choice(plain)]
        messages[-1]["content"] += more
        if dice.random() < 0.2:
            messages[0]["name"] = "someone"
        made.append({"row": row, "prompt": messages, "data_source": "x"})
    return made


def write(folder: Path, name: str, made: list[dict[str, Any]]) -> str:
    if name.endswith(".parquet"):
        pq.write_table(pa.Table.from_pylist(made), folder / name, row_group_size=7)
    else:
        (folder / name).write_text("".join(json.dumps(row) + "\n" for row in made), "utf-8")
    return str(folder / name)


def counts(folder: Path, run: str, release: str) -> list[Any]:
    (folder / "run.sh").write_text(run, "utf-8")
    subject = read_subject(folder / "run.sh", release)
    assert subject.folder is not None
    made = prompts(subject, "train")
    return list(
        counted("counts", subject.folder, subject.template, made, subject.schemas, subject.variables, 1)
    )


def test_the_same_rows_are_left(environment: Environment, release: str, tmp_path: Path) -> None:
    dice = random.Random(f"rows {release}")
    model, known = short_model_folder(environment), templates(environment)
    asked: list[dict[str, Any]] = []
    expected = []
    # A tokenizer is loaded for each, on both sides: a third of the templates for each release.
    for number, name in enumerate(CHOSEN[RELEASES.index(release) :: len(RELEASES)]):
        said = [*TOOLS][number % len(TOOLS)]
        tools, folder = TOOLS[said], tmp_path / f"{name} {said}"
        folder.mkdir()
        made = rows(dice, 40)
        if number == 1:  # rows of two such files may have other types, which datasets does not join
            files = [write(folder, "a.jsonl", made)]
        else:
            files = [write(folder, "a.parquet", made[:25]), write(folder, "b.parquet", made[25:])]
        own = folder / "model"
        own.mkdir()
        for file in model.iterdir():
            if file.name != "chat_template.jinja":
                (own / file.name).symlink_to(file)
        (own / "chat_template.jinja").write_text(known[name], "utf-8")
        data: dict[str, Any] = {"filter_overlong_prompts": True, "tool_config_path": None}
        words = [f"data.train_files=[{','.join(map(repr, files))}]", f"actor_rollout_ref.model.path='{own}'"]
        if dice.random() < 0.5:
            data["apply_chat_template_kwargs"] = {"enable_thinking": False}
            words.append("+data.apply_chat_template_kwargs.enable_thinking=False")
        if tools is not None:
            given = {
                "tools": [
                    {"class_name": "dataset_tool.Any", "config": {"type": "native"}, "tool_schema": one}
                    for one in tools
                ]
            }
            (folder / "tools.yaml").write_text(yaml.safe_dump(given), "utf-8")
            data["tool_config_path"] = str(folder / "tools.yaml")
            words.append(f"actor_rollout_ref.rollout.multi_turn.tool_config_path='{folder / 'tools.yaml'}'")
            words.append("actor_rollout_ref.rollout.multi_turn.enable=True")
        run = f"python -m verl.trainer.main_ppo {' '.join(json.dumps(word) for word in words)}\n"
        found = counts(folder, run, release)
        lengths = sorted({one for one in found if isinstance(one, int)})
        length = dice.choice(lengths)
        limits = [length - 1, length, 1 << 20]
        asked.append({"folder": str(own), "template": None, "files": files, "data": data, "limits": limits})
        expected.append(
            [
                [row for row, one in enumerate(found) if isinstance(one, int) and one <= limit]
                for limit in limits
            ]
        )
    (tmp_path / "dataset_tool.py").write_text(
        "from verl.tools.base_tool import BaseTool\n\n\nclass Any(BaseTool):\n    pass\n", "utf-8"
    )
    inherited = {key: text for key, text in os.environ.items() if not key.startswith("PYTHON")}
    path = f"{environment.wheel(release)}:{tmp_path}"
    done = subprocess.run(
        [str(environment.python), str(JUDGE)],
        input=json.dumps(asked),
        env={**inherited, "PYTHONPATH": path, "HF_DATASETS_OFFLINE": "1"},
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    real = json.loads(done.stdout)
    differing = [
        (Path(one["folder"]).parent.name, one["data"], limit, sorted({*mine} ^ {*its}))
        for one, *both in zip(asked, expected, real, strict=True)
        for limit, mine, its in zip(one["limits"], *both, strict=True)
        if mine != its
    ]
    assert not differing, (len(differing), differing[:2])
    dropped = sum(40 - len(left) for its in real for left in its)
    assert dropped > 30, dropped
