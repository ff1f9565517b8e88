"""`diff`: what differs, by what it can change; nothing where nothing differs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from toolspec.backends.verl.compile import compile_spec, write
from toolspec.backends.verl.diff import Change, Comparison, compare
from toolspec.backends.verl.effects import RULES, UNKNOWN, effect_of, rule_of
from toolspec.backends.verl.lower.moves import moved
from toolspec.backends.verl.lower.table import TABLE
from toolspec.backends.verl.releases import RELEASES, TABLES, release
from toolspec.backends.verl.renames import common_name, name_in
from toolspec.backends.verl.side import MISSING, NOT_USED, Side, side_of_bundle, side_of_spec
from toolspec.cli.diff import diff
from toolspec.specs.problem import ProblemError

SPEC = """\
toolspec: 1
name: calc
model: {path: ./model, tool_format: hermes}
data: {train: train.parquet, val: val.parquet}
tools: {calculator: {python: tools.py:calculator}}
reward: {correct: {weight: 1.0, match: number}, valid_call: 0.2}
algorithm: {name: ppo, batch: 64}
rollout: {tensor_parallel: 1}
budget: {turns: 5}
"""
TOOLS = '''
def calculator(expression: str) -> str:
    """Evaluate an expression.

    Args:
        expression: What to evaluate.
    """
    return expression
'''

# Keys of the lowering table that do not change the result. All others do.
ONLY_RESOURCES = """
actor_rollout_ref.model.enable_gradient_checkpointing actor_rollout_ref.model.use_remove_padding
actor_rollout_ref.model.override_config.attn_implementation
critic.model.enable_gradient_checkpointing critic.model.use_remove_padding
actor_rollout_ref.actor.strategy actor_rollout_ref.actor.fsdp_config.strategy
actor_rollout_ref.actor.fsdp_config.param_offload actor_rollout_ref.actor.fsdp_config.optimizer_offload
actor_rollout_ref.ref.fsdp_config.strategy actor_rollout_ref.ref.fsdp_config.param_offload
critic.strategy critic.fsdp.strategy critic.fsdp.param_offload critic.fsdp.optimizer_offload
actor_rollout_ref.actor.use_dynamic_bsz actor_rollout_ref.actor.ppo_max_token_len_per_gpu
critic.ppo_max_token_len_per_gpu actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu
actor_rollout_ref.ref.log_prob_micro_batch_size_per_gpu
actor_rollout_ref.rollout.log_prob_micro_batch_size_per_gpu critic.ppo_micro_batch_size_per_gpu
actor_rollout_ref.actor.ulysses_sequence_parallel_size critic.ulysses_sequence_parallel_size
actor_rollout_ref.actor.use_torch_compile actor_rollout_ref.actor.fsdp_config.use_torch_compile
actor_rollout_ref.ref.fsdp_config.use_torch_compile critic.fsdp.use_torch_compile
actor_rollout_ref.rollout.tensor_model_parallel_size actor_rollout_ref.rollout.gpu_memory_utilization
actor_rollout_ref.rollout.max_model_len actor_rollout_ref.rollout.max_num_batched_tokens
actor_rollout_ref.rollout.max_num_seqs actor_rollout_ref.rollout.enforce_eager
actor_rollout_ref.rollout.free_cache_engine actor_rollout_ref.rollout.load_format
actor_rollout_ref.rollout.agent.num_workers actor_rollout_ref.rollout.agent.agent_loop_manager_class
trainer.nnodes trainer.n_gpus_per_node
"""
ONLY_NAMES = """
actor_rollout_ref.actor.clip_ratio actor_rollout_ref.rollout.multi_turn.enable
actor_rollout_ref.rollout.trace.backend actor_rollout_ref.actor.checkpoint.save_contents
critic.checkpoint.save_contents trainer.test_freq trainer.val_before_train trainer.save_freq
trainer.default_local_dir trainer.max_actor_ckpt_to_keep trainer.max_critic_ckpt_to_keep trainer.logger
trainer.project_name trainer.experiment_name trainer.log_val_generations trainer.rollout_data_dir
trainer.validation_data_dir
"""


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    (tmp_path / "tools.py").write_text(TOOLS)
    file = tmp_path / "exp.yaml"
    file.write_text(SPEC)
    return file


def side(spec: Path, *sets: str, target: str = "0.9.1") -> Side:
    return side_of_spec(compile_spec(spec, sets, target), target)


def by_key(found: Comparison) -> dict[str, Change]:
    return {change.key: change for change in found.changes}


def test_every_key_of_the_table_has_its_class() -> None:
    keys = {row.key for row in TABLE}
    assert {key for key in keys if effect_of(key) == "resources"} == keys & set(ONLY_RESOURCES.split())
    assert {key for key in keys if effect_of(key) == "names"} == keys & set(ONLY_NAMES.split())
    assert not {*ONLY_RESOURCES.split(), *ONLY_NAMES.split()} - keys, "a key that the table no longer has"


def test_every_key_of_every_release_falls_under_a_rule() -> None:
    for version in TABLES:
        for key in release(version).defaults:
            assert rule_of(key) is not UNKNOWN, f"{key} of verl {version}"
    assert rule_of("quite.new") is UNKNOWN
    assert effect_of("quite.new") == "result"
    patterns = [rule.pattern for rule in RULES]
    assert len(patterns) == len(set(patterns)), "two rules for one pattern"


def test_a_micro_batch_counts_on_the_release_that_averages_within_it() -> None:
    key = "actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu"
    assert effect_of(key, ("0.8.0", "0.9.1")) == "resources"
    assert effect_of(key, ("0.7.1", "0.8.0")) == "result"


@pytest.mark.parametrize("target", RELEASES)
@pytest.mark.parametrize(
    "sets", [(), ("algorithm=grpo", "tools={}"), ("train.micro_batch=2", "model.lora=8")]
)
def test_a_spec_does_not_differ_from_itself(spec: Path, target: str, sets: tuple[str, ...]) -> None:
    found = compare(side(spec, *sets, target=target), side(spec, *sets, target=target))
    assert found.empty and not found.only_a and not found.only_b


@pytest.mark.parametrize(
    ("setting", "key", "effect", "values"),
    [
        ("algorithm.batch=32", "data.train_batch_size", "result", (64, 32)),
        ("algorithm.lr=0.00001", "actor_rollout_ref.actor.optim.lr", "result", (1e-6, 1e-5)),
        ("train.seed=7", "actor_rollout_ref.actor.data_loader_seed", "result", (42, 7)),
        (
            "rollout.gpu_memory=0.7",
            "actor_rollout_ref.rollout.gpu_memory_utilization",
            "resources",
            (0.5, 0.7),
        ),
        (
            "train.token_budget=20000",
            "actor_rollout_ref.actor.ppo_max_token_len_per_gpu",
            "resources",
            (16384, 20000),
        ),
        ("train.strategy=fsdp", "actor_rollout_ref.actor.strategy", "resources", ("fsdp2", "fsdp")),
        ("tracking.project=other", "trainer.project_name", "names", ("toolspec", "other")),
        ("reward.valid_call=0.3", "reward.valid_call.weight", "result", (0.2, 0.3)),
        ("reward.bad_call=-1.0", "reward.bad_call.weight", "result", (MISSING, -1.0)),
        ("budget.calls=3", "budget.calls", "result", (None, 3)),
        ("tools.calculator.timeout=5s", "tools.calculator.timeout_s", "result", (60, 5)),
        (
            "model={path: Qwen/Qwen2.5-0.5B-Instruct, tool_format: hermes, revision: abc}",
            *("model.revision", "result", ("main", "abc")),
        ),
        ("env.NCCL_DEBUG=WARN", "env.NCCL_DEBUG", "names", (MISSING, "WARN")),
        ("env.MY_SWITCH=1", "env.MY_SWITCH", "result", (MISSING, "1")),
        ("cluster.gpus=4", "trainer.n_gpus_per_node", "resources", (8, 4)),
    ],
)
def test_a_setting_is_found_under_its_class(
    spec: Path, setting: str, key: str, effect: str, values: tuple[object, object]
) -> None:
    change = by_key(compare(side(spec), side(spec, setting)))[key]
    assert (change.effect, change.a, change.b) == (effect, *values)
    back = by_key(compare(side(spec, setting), side(spec)))[key]
    assert (back.effect, back.b, back.a) == (effect, *values)


def test_a_value_that_follows_another_is_not_shown_again(spec: Path) -> None:
    found = compare(side(spec), side(spec, "algorithm.mini_batch=32"))
    assert [change.key for change in found.changes] == ["actor_rollout_ref.actor.ppo_mini_batch_size"]


def test_the_critic_goes_as_one(spec: Path) -> None:
    found = by_key(compare(side(spec), side(spec, "algorithm={name: grpo, group: 4, batch: 64}")))
    assert found["critic.*"].b is NOT_USED
    assert set(found) == {"critic.*", "algorithm.adv_estimator"}


def test_a_docstring_is_part_of_what_the_model_sees(spec: Path) -> None:
    before = side(spec)
    (spec.parent / "tools.py").write_text(TOOLS.replace("Evaluate an", "Work out an"))
    found = by_key(compare(before, side(spec)))
    assert set(found) == {"tools.calculator.schema.function.description", "ts_user/tools.py"}
    assert {change.effect for change in found.values()} == {"result"}


def test_the_order_of_a_schema_is_the_order_in_the_prompt(spec: Path) -> None:
    two = TOOLS.replace("expression: str", "expression: str, digits: int").replace(
        "What to evaluate.", "What to evaluate.\n        digits: How many."
    )
    (spec.parent / "tools.py").write_text(two)
    before = side(spec)
    (spec.parent / "tools.py").write_text(
        two.replace("expression: str, digits: int", "digits: int, expression: str")
    )
    assert "tools.calculator.schema, order of keys" in by_key(compare(before, side(spec)))


def test_what_moved_between_releases_is_said_with_what_keeps_it(spec: Path) -> None:
    old = side(spec, target="0.8.0")
    found = compare(old, side(spec))
    changes = by_key(found)
    trainer = changes["trainer.use_v1"]
    assert (trainer.a, trainer.b, trainer.effect, trainer.keep) == (
        False,
        True,
        "result",
        "train.trainer: v0",
    )
    log_probs = changes["actor_rollout_ref.rollout.calculate_log_probs"]
    assert (log_probs.a, log_probs.b, log_probs.moved_in) == (False, True, "0.9.0")
    assert log_probs.keep == "overrides: {actor_rollout_ref.rollout.calculate_log_probs: false}"
    assert "trainer.v1.trainer_mode" in found.only_b
    # Writing what `keep` says leaves nothing that changes the result.
    spec.write_text(SPEC + f"train: {{trainer: v0}}\n{log_probs.keep}\n")
    assert compare(old, side(spec)).of("result") == ()


def test_a_key_under_another_name_is_the_same_key(spec: Path) -> None:
    found = compare(side(spec, target="0.7.1"), side(spec, target="0.8.0"))
    assert found.changes == ()
    assert found.renamed == (("critic.model.fsdp_config.*", "critic.fsdp.*"),)
    spec.write_text(SPEC + "overrides: {critic.model.fsdp_config.fsdp_size: 4}\n")
    old = side(spec, target="0.7.1")
    spec.write_text(SPEC + "overrides: {critic.fsdp.fsdp_size: 4}\n")
    assert compare(old, side(spec, target="0.8.0")).changes == ()
    assert compare(old, side(spec, "budget.turns=6", target="0.8.0")).changes != ()


def test_a_bundle_is_what_its_spec_is(spec: Path, tmp_path: Path) -> None:
    for target in RELEASES:
        folder = tmp_path / "deep" / "down" / target
        write(compile_spec(spec, (), target, folder))
        assert compare(side_of_bundle(folder, "bundle"), side(spec, target=target)).empty
    found = compare(side_of_bundle(folder, "bundle"), side(spec, "algorithm.group=8"))
    assert by_key(found)["actor_rollout_ref.rollout.n"].from_a == "algorithm.group: default for ppo"


def test_what_was_edited_in_a_bundle_is_seen(spec: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    write(compile_spec(spec, (), "0.9.1", folder))
    config = folder / "config.yaml"
    config.write_text(config.read_text().replace("train_batch_size: 64", "train_batch_size: 32"))
    reward = json.loads((folder / "ts_reward.json").read_text())
    reward["terms"][1]["weight"] = 0.5
    (folder / "ts_reward.json").write_text(json.dumps(reward))
    found = by_key(compare(side(spec), side_of_bundle(folder, "bundle")))
    assert {key: (change.a, change.b) for key, change in found.items()} == {
        "data.train_batch_size": (64, 32),
        "reward.valid_call.weight": (0.2, 0.5),
    }
    output = CliRunner().invoke(diff, [str(folder), str(spec)]).output
    assert f"{folder} was edited by hand: " in output


@pytest.mark.parametrize("damage", ["plan.json", "manifest.json", "config.yaml", "outside"])
def test_a_broken_bundle_is_refused(spec: Path, tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "bundle"
    write(compile_spec(spec, (), "0.9.1", folder))
    if damage == "outside":
        manifest = json.loads((folder / "manifest.json").read_text())
        manifest["files"]["../exp.yaml"] = "0"
        (folder / "manifest.json").write_text(json.dumps(manifest))
    else:
        (folder / damage).unlink()
    with pytest.raises(ProblemError) as error:
        side_of_bundle(folder, "bundle")
    assert [problem.code for problem in error.value.problems] == ["TS031"]


def test_the_exit_code_is_asked_for(spec: Path) -> None:
    def code(*arguments: str) -> object:
        result = CliRunner().invoke(diff, [str(spec), *arguments], standalone_mode=False)
        assert result.exception is None, result.output
        return result.return_value

    assert code("--set", "algorithm.batch=32") == 0
    assert code("--set", "algorithm.batch=32", "--exit-code") == 1
    assert code("--set", "rollout.gpu_memory=0.6", "--exit-code") == 0
    assert code("--from", "0.7.1", "--to", "verl==0.8.0", "--exit-code") == 0


def test_the_document_has_every_change(spec: Path) -> None:
    arguments = [
        str(spec),
        "--set",
        "algorithm={name: grpo, batch: 64}",
        "--set",
        "env.X=1",
        "--format",
        "json",
    ]
    document = json.loads(CliRunner().invoke(diff, arguments).output)
    assert document["version"] == 1
    found = {change["key"]: change for change in document["changes"]}
    assert found["critic.*"]["b"] == {"state": "not used", "from": None}
    assert found["env.X"]["a"] == {"state": "absent", "from": None}
    assert found["actor_rollout_ref.rollout.n"]["b"]["value"] == 8
    assert found["actor_rollout_ref.rollout.n"]["class"] == "result"


def test_moved_names_are_known_to_both_directions() -> None:
    for version in RELEASES:
        for row in TABLE:
            assert name_in(row.key, version) == moved(row.key, version)
            assert common_name(moved(row.key, version), version) == row.key
