"""`toolspec plan`: every decision, its reason and its place; the other small commands that print."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from toolspec.backends.verl.compile import compile_spec
from toolspec.cli.completion import completion
from toolspec.cli.plan import plan, plan_lines
from toolspec.cli.plan_rows import LABELS, plan_rows, shown
from toolspec.cli.schema import schema
from toolspec.specs.json_schema import json_schema
from toolspec.specs.secret import HIDDEN, without_secrets

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*/exp.yaml"))
SEED = ROOT / "examples" / "seed-ppo" / "exp.yaml"


def line_of(file: Path, start: str) -> int:
    lines = file.read_text("utf-8").splitlines()
    return next(number for number, line in enumerate(lines, start=1) if line.startswith(start))


def run(command: click.Command, *arguments: str | Path) -> str:
    result = CliRunner().invoke(command, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.parent.name)
@pytest.mark.parametrize("columns", [60, 80, 100])
def test_every_decision_is_shown_within_the_columns(file: Path, columns: int, tmp_path: Path) -> None:
    compiled = compile_spec(file, out=tmp_path)
    rows = list(plan_rows(compiled.plan, compiled.config))
    assert len(rows) == len(compiled.plan.decisions) + len(compiled.loaded.spec.overrides)
    lines = list(plan_lines(compiled, True, columns))
    text = re.sub(r"\s+", "", "".join(lines))
    for row in rows:
        assert "".join(row.label.split()) in text
        assert "".join(row.value.split()) in text, row
        assert "".join(row.decision.reason.split()) in text, row
    assert max(map(len, lines)) <= columns


def test_the_first_screen_has_what_was_said_and_what_follows_from_it(tmp_path: Path) -> None:
    compiled = compile_spec(SEED, out=tmp_path)
    text = "\n".join(plan_lines(compiled, False, 100))
    lines = {re.sub(r"\s+", " ", line).strip() for line in text.splitlines()}
    assert "seed-ppo → verl 0.9.1" in lines
    assert f"prompts a step 128 algorithm.batch, exp.yaml:{line_of(SEED, 'algorithm:')}" in lines
    assert "trajectories a step 512 batch 128 × group 4" in lines
    assert f"env passed on WANDB_API_KEY env, exp.yaml:{line_of(SEED, 'env:')}" in lines
    assert "critic's learning rate 1e-5 default" in lines
    for row in plan_rows(compiled.plan, compiled.config):
        assert row.first or row.decision.kind != "given" or "node" in row.label or "kind" in row.label
    assert "KL target" not in text
    hidden = re.search(r"(\d+) defaults and inner values \(--all\)", text)
    assert hidden is not None
    shown_rows = int(re.search(r"^(\d+) decisions", text, re.MULTILINE)[1])  # type: ignore[index]
    assert shown_rows + int(hidden[1]) == len(compiled.plan.decisions)


def test_a_preset_is_unfolded(tmp_path: Path) -> None:
    text = run(plan, SEED, "--set", "algorithm={name: dapo, batch: 64}", "--out", tmp_path)
    lines = [re.sub(r"\s+", " ", line).strip() for line in text.splitlines()]
    for line in (
        "clip high 0.28 default for dapo",
        "filter enable true default for dapo",
        "overlong buffer 204 default for dapo",
    ):
        assert line in lines


def test_places_name_the_file_that_says_it(tmp_path: Path) -> None:
    child = SEED.parent.parent / "seed-grpo" / "exp.yaml"
    text = run(plan, child, "--set", "budget.turns=4", "--out", tmp_path)
    lines = {re.sub(r"\s+", " ", line).strip() for line in text.splitlines()}
    assert f"name grpo algorithm.name, exp.yaml:{line_of(child, 'algorithm:')}" in lines
    parent = f"../seed-ppo/exp.yaml:{line_of(SEED, 'algorithm:')}"
    assert f"prompts a step 128 algorithm.batch, {parent}" in lines
    assert "turns 4 budget.turns, --set" in lines


def test_overrides_are_rows(tmp_path: Path) -> None:
    text = run(plan, SEED, "--set", "overrides={actor_rollout_ref.actor.grad_clip: 0.5}", "--out", tmp_path)
    assert text.index("\noverrides") > text.index("\ncluster")
    assert "0.5" in text[text.index("\noverrides") :]


def test_a_place_in_json_has_file_and_line(tmp_path: Path) -> None:
    document = json.loads(run(plan, SEED, "--all", "--format", "json", "--out", tmp_path))
    assert document["version"] == 1
    assert document["plan"]["algorithm.batch"] == {
        "value": 128,
        "kind": "given",
        "reason": "algorithm.batch",
        "file": "exp.yaml",
        "line": line_of(SEED, "algorithm:"),
    }


def test_names_that_only_look_like_secrets_stay() -> None:
    kept = {"prompt_key": "prompt", "budget.prompt_tokens": "5", "eos_token": "</s>", "passages": "3"}
    assert without_secrets(kept) == kept
    assert without_secrets({"a": [{"api_key": "x"}], "DB_PASSWORD": "y", "SECRET_2": 3}) == {
        "a": ({"api_key": HIDDEN},),
        "DB_PASSWORD": HIDDEN,
        "SECRET_2": 3,
    }


def test_values_are_in_the_words_of_the_language() -> None:
    assert shown("a", 1e-06) == "1e-6"
    assert shown("a", True) == "true"
    assert shown("a", ("x", 1)) == "x, 1"
    assert shown("cluster.time_seconds", 129600) == "1d 12h"
    assert shown("a", "\x1b[31mred\nline") == "�[31mred line"


def test_every_label_is_of_a_decision(tmp_path: Path) -> None:
    paths: set[str] = set()
    for number, file in enumerate(EXAMPLES):
        paths |= set(compile_spec(file, out=tmp_path / str(number)).plan.decisions)
    assert set(LABELS) <= paths


def test_schema_is_printed_or_written(tmp_path: Path) -> None:
    assert json.loads(run(schema)) == json_schema()
    run(schema, "--out", tmp_path / "s.json")
    assert json.loads((tmp_path / "s.json").read_text("utf-8")) == json_schema()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_script_asks_toolspec(shell: str) -> None:
    text = run(completion, shell)
    assert f"_TOOLSPEC_COMPLETE={shell}_complete" in text
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT / "src"),
        "_TOOLSPEC_COMPLETE": f"{shell}_complete",
        "COMP_WORDS": "toolspec plan --f",
        "COMP_CWORD": "2" if shell != "fish" else "--f",
    }
    code = "import sys; sys.argv = ['toolspec']; from toolspec.cli.app import run; run()"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert "--format" in done.stdout, done.stderr
