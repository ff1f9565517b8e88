"""`why`: every key that is written has an origin, every path of the language an answer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from toolspec.backends.verl.compile import Compiled, compile_spec
from toolspec.backends.verl.lower.table import TABLE
from toolspec.backends.verl.releases import RELEASES
from toolspec.backends.verl.why import KeyAnswer, explain, explain_key
from toolspec.backends.verl.why_path import PathAnswer
from toolspec.cli.why import why
from toolspec.specs.problem import ProblemError
from toolspec.specs.shape import all_paths

SPEC = """\
toolspec: 1
name: calc
model: {path: ./model, tool_format: hermes}
data: {train: train.parquet, val: val.parquet}
tools: {calculator: {python: tools.py:calculator}}
reward:
  correct: {weight: 1.0, match: number}
  valid_call: 0.2
algorithm: ppo
rollout: {tensor_parallel: 1}
budget:
  turns: 5
  tool_response_tokens: 300
env: {WANDB_API_KEY: , NCCL_DEBUG: WARN}
overrides:
  actor_rollout_ref.actor.grad_clip: 0.5
"""
TOOLS = '''
def calculator(expression: str) -> str:
    """Evaluate an expression.

    Args:
        expression: What to evaluate.
    """
    return expression
'''
VARIANTS: dict[str, tuple[str, ...]] = {
    "ppo": (),
    "grpo": ("algorithm=grpo", "algorithm.kl=none"),
    "kl in the reward": ("algorithm.kl={where: reward, schedule: adaptive}",),
    "fixed batches": ("train.micro_batch=2", "model.attention=sdpa"),
    "lora": ("model.lora=16", "rollout.engine_options={attention_backend: triton}"),
    "no tools": ("tools={}", "model.thinking=false", "checkpoint.keep=2", "tracking.rollouts=true"),
}


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    (tmp_path / "tools.py").write_text(TOOLS)
    file = tmp_path / "exp.yaml"
    file.write_text(SPEC)
    return file


def answer_key(compiled: Compiled, query: str) -> KeyAnswer:
    answer = explain(compiled, query)
    assert isinstance(answer, KeyAnswer), f"{query} is answered as a path"
    return answer


def answer_path(compiled: Compiled, query: str) -> PathAnswer:
    answer = explain(compiled, query)
    assert isinstance(answer, PathAnswer), f"{query} is answered as a key"
    return answer


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_key_that_toolspec_decides_has_its_origin(spec: Path, release: str, variant: str) -> None:
    compiled = compile_spec(spec, VARIANTS[variant], release)
    assert len(compiled.config.written) > 20
    for key, setting in compiled.config.settings.items():
        answer = answer_key(compiled, key)
        assert (answer.key, answer.value, answer.decided) == (key, setting.value, True)
        assert answer.origin.startswith("overrides" if setting.plan == "overrides" else f"{setting.plan}: ")
        if setting.decision.span is not None:
            assert f"{setting.decision.span.line})" in answer.origin or "--set" in answer.origin


@pytest.mark.parametrize("release", RELEASES)
def test_every_key_of_the_release_and_every_row_of_the_table_has_an_answer(spec: Path, release: str) -> None:
    compiled = compile_spec(spec, (), release)
    for key in (*compiled.config.release.defaults, *(row.key for row in TABLE)):
        answer = answer_key(compiled, key)
        assert answer.origin, key
        assert answer.decided == (answer.key in compiled.config.settings), key


def test_every_path_of_the_language_and_of_the_plan_has_an_answer(spec: Path) -> None:
    compiled = compile_spec(spec)
    for parts, _ in all_paths():
        if "<name>" not in parts:
            explain(compiled, ".".join(parts))
    for path in compiled.plan:
        answer = explain(compiled, path)
        if isinstance(answer, PathAnswer):
            assert path in [item.path for item in answer.items]


def test_a_given_value_names_its_line_and_verls_default(spec: Path) -> None:
    answer = answer_key(compile_spec(spec), "actor_rollout_ref.rollout.multi_turn.max_assistant_turns")
    assert answer.value == 5
    assert answer.origin == "budget.turns: 5 (exp.yaml:12)"
    assert answer.default == "null"
    # The same key in the other releases, with the same default.
    assert answer.elsewhere == dict.fromkeys(("0.7.1", "0.8.0"), (answer.key, ""))


def test_a_default_that_moved_is_shown_for_the_other_release(spec: Path) -> None:
    answer = answer_key(compile_spec(spec, (), "0.8.0"), "actor_rollout_ref.rollout.max_num_seqs")
    assert answer.default == "1024"
    assert answer.elsewhere["0.9.1"] == (answer.key, "256")
    assert answer.elsewhere["0.7.1"] == (answer.key, "")


def test_an_override_says_what_it_replaced(spec: Path) -> None:
    answer = answer_key(compile_spec(spec), "overrides.actor_rollout_ref.actor.grad_clip")
    assert answer.value == 0.5
    assert answer.origin.startswith("overrides (exp.yaml:16)")
    assert "1.0 from algorithm.lr.clip" in answer.origin
    items = {item.path: item for item in answer_path(compile_spec(spec), "algorithm.lr.clip").items}
    assert items["algorithm.lr.clip"].keys[answer.key] == (0.5, True)


@pytest.mark.parametrize(
    ("release", "asked", "key"),
    [
        ("0.9.1", "critic.model.fsdp_config.param_offload", "critic.fsdp.param_offload"),
        ("0.7.1", "critic.fsdp.param_offload", "critic.model.fsdp_config.param_offload"),
        ("0.9.1", "reward_model.reward_manager", "reward.reward_manager.name"),
        (
            "0.9.1",
            "+max_tool_response_length",
            "actor_rollout_ref.rollout.multi_turn.max_tool_response_length",
        ),
    ],
)
def test_other_names_of_a_key_lead_to_it(spec: Path, release: str, asked: str, key: str) -> None:
    assert answer_key(compile_spec(spec, (), release), asked).key == key


def test_a_key_that_nobody_decides_says_what_could(spec: Path) -> None:
    compiled = compile_spec(spec)
    free = answer_key(compiled, "actor_rollout_ref.rollout.enable_prefix_caching")
    assert (free.value, free.decided, free.origin) == (True, False, "verl's default")
    assert any("overrides: {actor_rollout_ref.rollout.enable_prefix_caching" in note for note in free.notes)
    follows = answer_key(compiled, "critic.ppo_mini_batch_size")
    assert follows.value == compiled.plan["algorithm.mini_batch"]
    assert "actor_rollout_ref.actor.ppo_mini_batch_size" in follows.origin
    unused = answer_key(compiled, "actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu")
    assert any("train.micro_batch" in note for note in unused.notes)
    missing = answer_key(compile_spec(spec, (), "0.8.0"), "trainer.use_v1")
    assert not missing.exists
    assert missing.elsewhere["0.9.1"] == ("trainer.use_v1", "true")
    dead = answer_key(compiled, "data.truncation")
    assert any("nothing reads it" in note for note in dead.notes)
    assert not any("overrides:" in note for note in dead.notes)


def test_a_path_shows_the_keys_it_becomes_and_what_else_carries_it(spec: Path) -> None:
    compiled = compile_spec(spec)
    (batch,) = answer_path(compiled, "algorithm.batch").items
    assert batch.keys == {"data.train_batch_size": (128, True)}
    budget = {item.path: item for item in answer_path(compiled, "budget").items}
    assert budget["budget.calls"].carried == "ts_loop.json"
    assert list(budget["budget.turns"].keys) == ["actor_rollout_ref.rollout.multi_turn.max_assistant_turns"]
    reward = {item.path: item.carried for item in answer_path(compiled, "reward.valid_call").items}
    assert reward == dict.fromkeys(("reward.valid_call.weight", "reward.valid_call.per"), "ts_reward.json")
    tool = {item.path: item.carried for item in answer_path(compiled, "tools.calculator").items}
    assert tool["tools.calculator.code"] == "tools.yaml"


@pytest.mark.parametrize(
    ("query", "fix"),
    [
        ("algorithm.bach", "did you mean `algorithm.batch`?"),
        ("data.train_batch_sise", "did you mean `data.train_batch_size`?"),
        ("grad_clip", "say which: actor_rollout_ref.actor.grad_clip"),
        ("qqq", ""),
        ("", ""),
        (".", ""),
    ],
)
def test_an_unknown_question_gets_the_nearest(spec: Path, query: str, fix: str) -> None:
    with pytest.raises(ProblemError) as error:
        explain(compile_spec(spec), query)
    assert [(p.code, p.fix) for p in error.value.problems] == [("TS803", fix)]


def test_the_command_takes_both_orders_and_prints_json(spec: Path) -> None:
    run = CliRunner()
    text = run.invoke(why, ["data.max_prompt_length", str(spec)])
    assert text.exit_code == 0, text.output
    assert text.output.startswith("2048  from budget.prompt_tokens: 2048 (default)\n")
    assert run.invoke(why, [str(spec), "data.max_prompt_length"]).output == text.output
    found = run.invoke(why, ["budget.turns", str(spec), "--format", "json", "--set", "budget.turns=7"])
    (item,) = json.loads(found.output)["items"]
    assert (item["value"], item["file"]) == (7, "--set")
    secret = run.invoke(why, ["env", str(spec)])
    assert "WANDB_API_KEY" in secret.output


def test_the_answer_of_a_key_does_not_depend_on_how_it_is_asked(spec: Path) -> None:
    compiled = compile_spec(spec)
    key = "actor_rollout_ref.rollout.n"
    assert explain(compiled, key) == explain_key(compiled, key)
