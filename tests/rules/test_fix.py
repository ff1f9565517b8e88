"""`lint --fix`: what is written, what stays, and that a second time changes nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from toolspec.cli import fixing
from toolspec.cli.lint import answered
from toolspec.cli.lint_options import parse

CONFIG = """\
# a run
defaults:
  - ppo_trainer
  - _self_

data:
  train_files: "a.parquet"   # where
  truncation: left  # dead
  train_batch_size: '50'

custom_reward_function:
  # ours
  path: reward.py   # the file
  name: "f"
actor_rollout_ref:
  rollout: {n: 1, name: sglang}
algorithm:
  adv_estimator: grpo
"""
CONFIG_FIXED = """\
# a run
defaults:
  - ppo_trainer
  - _self_

data:
  train_files: "a.parquet"   # where
  train_batch_size: '50'

  # ours
actor_rollout_ref:
  rollout: {n: 1, name: sglang}
algorithm:
  adv_estimator: grpo
reward:
  custom_reward_function:
    path: reward.py   # the file
    name: "f"
"""
SCRIPT = """\
#!/bin/bash
BS=50
N=1
ARGS=(
  data.train_files=a.parquet
  data.truncation=left
  "algorithm.adv_estimator=grpo"   # estimator
)
EXTRA="trainer.nnodes=1 actor_rollout_ref.actor.kl_loss_typ=k1"
python3 -m verl.trainer.main_ppo "${ARGS[@]}" $EXTRA \\
  data.train_batch_size=${BS} \\
  actor_rollout_ref.rollout.n="$N" \\
  custom_reward_function.path='reward.py' \\
  data.truncation=right
echo $N
"""


def lint(*words: str) -> tuple[int, str]:
    asked = parse(list(words))
    assert asked is not None
    return answered(asked)


def fixed(folder: Path, name: str, text: str, *more: str) -> str:
    """The text after --fix, which a second time leaves as it is."""
    file = folder / name
    file.write_bytes(text.encode())
    lint(str(file), "--fix", *more)
    once = file.read_bytes()
    lint(str(file), "--fix", *more)
    assert file.read_bytes() == once
    return once.decode()


def codes(file: Path, *more: str) -> set[str]:
    found = json.loads(lint(str(file), "--format", "json", *more)[1])
    return {finding["code"] for finding in found["findings"]}


def test_a_config_keeps_comments_order_and_quotes(tmp_path: Path) -> None:
    assert fixed(tmp_path, "c.yaml", CONFIG) == CONFIG_FIXED
    assert not codes(tmp_path / "c.yaml") & {"TS805", "TS807"}


def test_line_breaks_and_a_byte_order_mark_stay(tmp_path: Path) -> None:
    text = "\ufeff" + CONFIG.replace("\n", "\r\n")
    assert fixed(tmp_path, "c.yaml", text) == "\ufeff" + CONFIG_FIXED.replace("\n", "\r\n")


def test_unsafe_edits_are_made_when_asked_for(tmp_path: Path) -> None:
    after = fixed(tmp_path, "c.yaml", CONFIG, "--unsafe-fixes")
    assert "rollout: {n: 8, name: sglang, log_prob_micro_batch_size_per_gpu: 8}" in after
    assert "  actor:\n    ppo_micro_batch_size_per_gpu: 8\n" in after
    assert "train_batch_size: '50'" in after
    assert not codes(tmp_path / "c.yaml") & {"TS104", "TS110", "TS805", "TS807"}


def test_a_script_is_edited_where_it_says_the_value(tmp_path: Path) -> None:
    after = fixed(tmp_path, "run.sh", SCRIPT, "--unsafe-fixes")
    assert "BS=48\n" in after  # nothing else reads it
    assert "\nN=1\n" in after  # `echo` reads it as well
    assert "truncation" not in after
    assert '  "algorithm.adv_estimator=grpo"   # estimator\n)' in after
    assert 'EXTRA="trainer.nnodes=1 actor_rollout_ref.actor.kl_loss_type=k1"' in after
    assert "  reward.custom_reward_function.path='reward.py' \\\n" in after
    assert after.endswith(
        "\n  actor_rollout_ref.actor.ppo_mini_batch_size=48\necho $N\n"
    )  # 256 where nobody sets it
    assert not codes(tmp_path / "run.sh") & {"TS104", "TS101", "TS802", "TS805", "TS807"}


def test_the_last_argument_goes_with_the_backslash_above(tmp_path: Path) -> None:
    text = "python3 -m verl.trainer.main_ppo \\\n  trainer.nnodes=1 \\\n  data.truncation=left\necho done\n"
    after = fixed(tmp_path, "run.sh", text)
    assert after == "python3 -m verl.trainer.main_ppo \\\n  trainer.nnodes=1\necho done\n"


def test_two_launches_that_share_a_variable_are_left_alone(tmp_path: Path) -> None:
    launch = "python3 -m verl.trainer.main_ppo algorithm.adv_estimator=grpo actor_rollout_ref.rollout.n=$N"
    text = f"N=1\n{launch} trainer.nnodes=1\n{launch} trainer.nnodes=2\n"
    assert "N=1\n" in fixed(tmp_path, "run.sh", text, "--unsafe-fixes", "--select", "TS110")


def test_a_plus_goes_where_the_new_name_is_known(tmp_path: Path) -> None:
    text = "python3 -m verl.trainer.main_ppo +custom_reward_function.name=f\n"
    after = fixed(tmp_path, "run.sh", text)
    assert after == "python3 -m verl.trainer.main_ppo reward.custom_reward_function.name=f\n"


def test_flow_mappings(tmp_path: Path) -> None:
    text = (
        "data: {truncation: left, train_files: a}\ntrainer: {logger: [console]}\n"
        "custom_reward_function: {path: a.py, name: f}\n"
    )
    after = fixed(tmp_path, "c.yaml", text)
    assert after == (
        "data: {train_files: a}\ntrainer: {logger: [console]}\n"
        "reward:\n  custom_reward_function:\n    path: a.py\n    name: f\n"
    )


def test_what_cannot_be_edited_safely_has_no_edits(tmp_path: Path) -> None:
    text = "x: &dead {truncation: left}\ndata: *dead\ntrainer: {nnodes: 1}\n"
    assert fixed(tmp_path, "c.yaml", text) == text


def test_a_diff_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text(CONFIG, "utf-8")
    code, text = lint("c.yaml", "--diff")
    assert code == 1
    assert text.startswith("--- c.yaml\n+++ c.yaml\n@@ ")
    assert "-  truncation: left  # dead\n" in text
    assert Path("c.yaml").read_text("utf-8") == CONFIG
    Path("c.yaml").write_text(CONFIG_FIXED, "utf-8")
    assert lint("c.yaml", "--diff") == (0, "")


def test_a_diff_that_is_empty_says_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(CONFIG, "utf-8")
    assert lint(str(file), "--diff", "--select", "TS903") == (0, "")
    assert capsys.readouterr().err == "toolspec: no edit to make\n"
    assert lint(str(file), "--diff", "--select", "TS807,TS717")[0] == 1
    assert capsys.readouterr().err == ""
    assert lint(str(file), "--diff", "--select", "TS110") == (0, "")
    assert capsys.readouterr().err == "toolspec: no edit to make; 1 with --unsafe-fixes\n"


def test_arguments_are_shown_and_not_written() -> None:
    asked = parse(["--diff", "--", "custom_reward_function.path=x", "data.truncation=left"])
    assert asked is not None
    assert answered(asked) == (
        1,
        "--- --\n+++ --\n@@ -1,2 +1 @@\n-custom_reward_function.path=x\n-data.truncation=left\n"
        "+reward.custom_reward_function.path=x\n",
    )


def test_exit_codes_are_those_of_what_is_left(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(CONFIG, "utf-8")
    assert lint(str(file), "--select", "TS805")[0] == 1
    assert lint(str(file), "--select", "TS805", "--fix")[0] == 0
    assert lint(str(file), "--select", "TS110", "--fix")[0] == 1


def test_a_file_that_changed_meanwhile_is_left(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(CONFIG, "utf-8")
    asked = parse([str(file), "--fix"])
    assert asked is not None
    made = fixing.fix(asked, unsafe=False)
    file.write_text("trainer: {}\n", "utf-8")
    (left,) = fixing.written(made)
    assert "changed while it was linted" in left.message
    assert file.read_text("utf-8") == "trainer: {}\n"


def test_only_named_files_are_edited(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    other = tmp_path / "config" / "mine.yaml"
    other.write_text(CONFIG, "utf-8")
    script = "python3 -m verl.trainer.main_ppo --config-path=config --config-name=mine trainer.nnodes=1\n"
    assert fixed(tmp_path, "run.sh", script) == script
    assert other.read_text("utf-8") == CONFIG
    lint(str(tmp_path / "run.sh"), str(other), "--fix")
    assert other.read_text("utf-8") == CONFIG_FIXED


SPEC = """\
toolspec: 1
name: x
target: verl==0.9.1
model: Qwen/Qwen2.5-0.5B-Instruct
data:
  train: train.jsonl
  val: val.jsonl
  columns: {prompt: question, answer: answer}
tools:
  calculator: {python: tools.py:calculator, timeout: 5s}
reward: tool_calling
algorithm: grpo   # the usual
budget: {rounds: 3, prompt_tokens: 512, trajectory_tokens: 512, tool_response_tokens: 64, epochs: 1}
cluster: {gpus: 1}
overrides:
  data.truncation: left   # dead
  trainer.balance_batch: false
"""


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    example = Path(__file__).parents[2] / "examples" / "calculator"
    for name in ("tools.py", "train.jsonl", "val.jsonl"):
        (tmp_path / name).write_bytes((example / name).read_bytes())
    return tmp_path / "exp.yaml"


def test_an_override_of_a_spec_is_dropped(spec: Path) -> None:
    after = fixed(spec.parent, "exp.yaml", SPEC)
    assert after == SPEC.replace("  data.truncation: left   # dead\n", "")


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ("algorithm: grpo   # the usual", "algorithm: {name: grpo, group: 6}   # the usual"),
        ("algorithm: {name: grpo, batch: 64}", "algorithm: {name: grpo, batch: 64, group: 6}"),
        ("algorithm: {name: grpo, group: 1}", "algorithm: {name: grpo, group: 6}"),
        ("algorithm:\n  name: grpo\n  lr: 1e-6", "algorithm:\n  name: grpo\n  lr: 1e-6\n  group: 6"),
    ],
)
def test_a_value_of_a_spec(spec: Path, written: str, wanted: str) -> None:
    from toolspec.backends.verl.compile import compile_spec
    from toolspec.backends.verl.lint.edits import edits_of
    from toolspec.backends.verl.lint.rule import Put
    from toolspec.backends.verl.lint.spec_run import run_of
    from toolspec.backends.verl.lint.view import View
    from toolspec.backends.verl.releases import release
    from toolspec.backends.verl.written.files import Files
    from toolspec.specs.text_edits import repaired

    text = SPEC.replace("group: 1", "group: 2").replace("algorithm: grpo   # the usual", written)
    spec.write_text(text.replace("group: 1", "group: 2"), "utf-8")
    run = run_of(compile_spec(spec, (), None))
    view = View(run, release("0.9.1"), Files())
    edits = edits_of(view, (Put("actor_rollout_ref.rollout.n", 6),))
    assert repaired(spec.read_text("utf-8"), [edits])[0] == text.replace(written, wanted)
