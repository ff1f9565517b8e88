"""Tokens are counted from below: never more than the real tokenizer counts, and not many fewer."""

from __future__ import annotations

import json
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from real.environment import Environment
from real.tokenizer import model_folder
from rules import sound
from toolspec.backends.verl.lint.facts.tokens import PIECE, around, counter, texts
from toolspec.backends.verl.lint.view import View
from toolspec.backends.verl.releases import release
from toolspec.backends.verl.written.files import Files
from toolspec.backends.verl.written.runs import read_argument_list
from toolspec.compiler.facts.vocabulary import read_vocabulary

pytestmark = pytest.mark.real

JUDGE = Path(__file__).with_name("token_judge.py")
ROOT = Path(__file__).parents[2]
ODD = "ab é中ñ_-.,'\"\\n\n\t 0123 {}[]<>|क्षि٣²½Ωß'llİ  <|im_end|>"


def judged(environment: Environment, asked: dict[str, Any]) -> dict[str, list[int]]:
    done = subprocess.run(
        [environment.python, JUDGE, model_folder(environment)],
        input=json.dumps(asked),
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    answers: dict[str, list[int]] = json.loads(done.stdout)
    return answers


def sample() -> list[str]:
    """Prose, code and tables of this repository, and texts of odd characters."""
    dice = random.Random(3)
    found = []
    for file in sorted([*(ROOT / "docs").rglob("*.md"), *(ROOT / "compiler" / "facts").glob("*.py")]):
        text = file.read_text("utf-8")
        found += [text[start : start + 1500] for start in range(0, len(text), 1500)]
    found = dice.sample(found, min(300, len(found)))
    return found + ["".join(dice.choice(ODD) for _ in range(dice.randint(1, 30))) for _ in range(2000)]


def test_no_text_has_fewer_tokens_than_are_counted(environment: Environment) -> None:
    vocabulary = read_vocabulary(model_folder(environment))
    assert vocabulary is not None
    given = sample()
    real = judged(environment, {"texts": given, "prompts": []})["texts"]
    counted = [vocabulary.at_least(text) for text in given]
    more = [(text, mine, its) for text, mine, its in zip(given, counted, real, strict=True) if mine > its]
    assert not more, more[:3]
    assert sum(counted[:300]) > 0.97 * sum(real[:300])
    pieces = [len(PIECE.findall(text)) for text in given if "<|" not in text]
    its = [number for text, number in zip(given, real, strict=True) if "<|" not in text]
    assert all(mine <= number for mine, number in zip(pieces, its, strict=True))


def test_no_prompt_has_fewer_tokens_than_are_counted(
    environment: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tools.yaml").write_text(sound.TOOLS, "utf-8")
    given = [one for one in sound.ARGUMENTS if not one.startswith("actor_rollout_ref.model.path")]
    given.append(f"actor_rollout_ref.model.path={model_folder(environment)}")
    view = View(read_argument_list(given, Files(), tmp_path).runs[0], release("0.9.1"), Files())
    count = counter(view).count
    besides = around(view, count)
    tools = [entry["tool_schema"] for entry in yaml.safe_load(sound.TOOLS)["tools"]]
    dice = random.Random(4)
    prompts: list[list[dict[str, str]]] = []
    for _ in range(40):
        system = [{"role": "system", "content": "Use the tool. " * dice.randint(1, 20)}] * dice.randint(0, 1)
        prompts.append([*system, {"role": "user", "content": "What is 2 + 2? " * dice.randint(1, 40)}])
    real = judged(environment, {"texts": [], "prompts": [[messages, tools] for messages in prompts]})[
        "prompts"
    ]
    counted = [sum(map(count, texts(messages))) + besides(messages) for messages in prompts]
    assert all(mine <= its for mine, its in zip(counted, real, strict=True)), list(
        zip(counted, real, strict=True)
    )
    assert min(mine / its for mine, its in zip(counted, real, strict=True)) > 0.75
