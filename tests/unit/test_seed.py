"""The seed experiment: its config is reached on every release, and nothing that broke it as written is left.

The values are those of the config note that the experiment was first described with (verl's names of that time).
"""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from toolspec.backends.verl.compile import Compiled, bundle_of, compile_spec
from toolspec.backends.verl.interpolation import UnresolvedError
from toolspec.backends.verl.lower.moves import moved
from toolspec.backends.verl.releases import RELEASES
from toolspec.compiler.plan.decision import Decision

ROOT = Path(__file__).resolve().parents[2]
ROLLOUT, ACTOR, REF = "actor_rollout_ref.rollout", "actor_rollout_ref.actor", "actor_rollout_ref.ref"
MODEL = "Qwen/Qwen2.5-3B-Instruct"

SEED: dict[str, Any] = {
    "data.train_files": "~/data/toolcall/train.parquet",
    "data.val_files": "~/data/toolcall/val.parquet",
    "data.return_raw_chat": True,
    "data.max_prompt_length": 2048,
    "data.max_response_length": 1024,
    "data.train_batch_size": 128,
    "algorithm.adv_estimator": "gae",
    "algorithm.use_kl_in_reward": False,
    "actor_rollout_ref.model.path": MODEL,
    "actor_rollout_ref.model.use_remove_padding": True,
    "actor_rollout_ref.model.enable_gradient_checkpointing": True,
    f"{ACTOR}.strategy": "fsdp2",
    f"{ACTOR}.ppo_mini_batch_size": 128,
    f"{ACTOR}.ppo_micro_batch_size_per_gpu": 8,
    f"{ACTOR}.use_kl_loss": True,
    f"{ACTOR}.kl_loss_coef": 0.001,
    f"{ACTOR}.kl_loss_type": "low_var_kl",
    f"{ROLLOUT}.name": "sglang",
    f"{ROLLOUT}.n": 4,
    f"{ROLLOUT}.tensor_model_parallel_size": 1,
    f"{ROLLOUT}.gpu_memory_utilization": 0.8,
    f"{ROLLOUT}.multi_turn.enable": True,
    f"{ROLLOUT}.multi_turn.tool_config_path": "/ABS_PATH/gsm8k_tool_config.yaml",
    f"{ROLLOUT}.multi_turn.max_assistant_turns": 5,
    "critic.strategy": "fsdp2",
    "critic.model.path": MODEL,
    "critic.ppo_micro_batch_size_per_gpu": 8,
    "trainer.n_gpus_per_node": 8,
    "trainer.nnodes": 1,
    "trainer.logger": ["console", "wandb"],
    "trainer.project_name": "qwen-ppo-toolcall",
    "trainer.experiment_name": "multiturn-v1",
    "trainer.test_freq": 20,
    "trainer.save_freq": 50,
    "trainer.total_epochs": 5,
}


class Deviation(NamedTuple):
    reached: Any
    reason: str


HOME = "`~` is not expanded by verl's dataset, which looks for a folder of that name"
EXCEPTIONS: dict[str, Deviation] = {
    "data.train_files": Deviation("${oc.env:HOME}/data/toolcall/train.parquet", HOME),
    "data.val_files": Deviation("${oc.env:HOME}/data/toolcall/val.parquet", HOME),
    f"{ROLLOUT}.multi_turn.tool_config_path": Deviation(
        "tools.yaml", "a file of the bundle, whose folder launch.sh makes the working folder"
    ),
}
# What the GRPO variant says otherwise; it has no critic.
GRPO: dict[str, Any] = {
    "algorithm.adv_estimator": "grpo",
    "trainer.project_name": "qwen-grpo-toolcall",
}


def compiled(release: str, example: str = "seed-ppo", *sets: str) -> Compiled:
    return compile_spec(ROOT / "examples" / example / "exp.yaml", sets, release, ROOT / "build" / "seed")


def effective(found: Compiled, key: str) -> Any:
    """The value that verl sees: written over the release's defaults; as written where it needs the machine."""
    config = found.config
    overlay = config.release.overlay(config.values)
    name = moved(key, config.release.version)
    try:
        return overlay.resolve(name)
    except UnresolvedError:
        return overlay.raw(name)


def parsed(found: Compiled, name: str) -> Any:
    return yaml.safe_load(bundle_of(found).files[name])


@pytest.fixture(params=RELEASES)
def seed(request: pytest.FixtureRequest) -> Compiled:
    return compiled(request.param)


@pytest.mark.parametrize("key", SEED)
def test_value_is_reached(seed: Compiled, key: str) -> None:
    wanted = EXCEPTIONS[key].reached if key in EXCEPTIONS else SEED[key]
    found = effective(seed, key)
    assert found == wanted
    assert isinstance(found, type(wanted)), "1, 1.0 and true are equal in Python and not in verl"


def test_exceptions_are_needed() -> None:
    assert set(EXCEPTIONS) < set(SEED)
    assert all(found.reached != SEED[key] and found.reason for key, found in EXCEPTIONS.items())


@pytest.mark.parametrize("release", RELEASES)
def test_grpo_variant_differs_in_what_it_says(release: str) -> None:
    ppo, grpo = compiled(release), compiled(release, "seed-grpo")
    for key in SEED:
        if not key.startswith("critic."):
            assert effective(grpo, key) == GRPO.get(key, effective(ppo, key)), key
    assert not [key for key in grpo.config.settings if key.startswith("critic.")]


# What happened when the config was run as written, row by row.


def test_search_path_needs_no_checkout(seed: Compiled) -> None:
    assert parsed(seed, "config.yaml")["hydra"]["searchpath"] == ["pkg://verl.trainer.config"]
    assert b"file://" not in bundle_of(seed).files["config.yaml"]


@pytest.mark.parametrize("key", [f"{REF}.log_prob", f"{ROLLOUT}.log_prob", f"{ACTOR}.ppo", "critic.ppo"])
def test_micro_batches_are_said(seed: Compiled, key: str) -> None:
    assert seed.config.values[f"{key}_micro_batch_size_per_gpu"] == 8
    assert effective(seed, f"{key.rpartition('.')[0]}.{key.rpartition('.')[2]}_micro_batch_size") is None


@pytest.mark.parametrize("release", RELEASES)
def test_without_a_micro_batch_tokens_are_the_bound(release: str) -> None:
    """The other way to say it: dynamic batches, which need none of those keys."""
    found = compiled(release, "lora-small")
    assert not [key for key in found.config.settings if key.endswith("micro_batch_size_per_gpu")]
    for section in (ACTOR, REF, ROLLOUT, "critic"):
        name = "use_dynamic_bsz" if section in (ACTOR, "critic") else "log_prob_use_dynamic_bsz"
        assert effective(found, f"{section}.{name}") is True, section


def test_tools_are_called(seed: Compiled) -> None:
    files = bundle_of(seed).files
    assert effective(seed, f"{ROLLOUT}.agent.default_agent_loop") == "tool_agent"
    assert effective(seed, f"{ROLLOUT}.agent.agent_loop_config_path") == "agent_loops.yaml"
    assert parsed(seed, "agent_loops.yaml") == [
        {"name": "tool_agent", "_target_": "ts_loop.SpanToolAgentLoop"}
    ]
    assert "class SpanToolAgentLoop(" in files["ts_loop.py"].decode()
    assert effective(seed, f"{ROLLOUT}.multi_turn.format") == "hermes"
    (tool,) = parsed(seed, "tools.yaml")["tools"]
    assert tool["config"]["schema"]["function"]["name"] == "calculator"
    assert tool["config"]["schema"]["function"]["parameters"]["required"] == ["expression"]


def test_every_class_is_in_the_bundle(seed: Compiled) -> None:
    """No class of verl's own tools, which 0.8.0 removed: what is named is defined in a module of the bundle."""
    files = bundle_of(seed).files
    named = [tool["class_name"] for tool in parsed(seed, "tools.yaml")["tools"]]
    named += [loop["_target_"] for loop in parsed(seed, "agent_loops.yaml")]
    for name in named:
        module, _, cls = name.rpartition(".")
        tree = ast.parse(files[f"{module}.py"])
        assert cls in {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
    (tool,) = parsed(seed, "tools.yaml")["tools"]
    assert f"ts_user/{tool['config']['file']}" in files
    assert not [path for path, content in files.items() if b"gsm8k_tool" in content]


def test_reward_stands_under_the_key_that_is_read(seed: Compiled) -> None:
    values = seed.config.values
    assert values["reward.reward_manager.source"] == "importlib"
    assert values["reward.reward_manager.module.path"] == "ts_reward.py"
    manager = values["reward.reward_manager.name"]
    assert f"class {manager}(" in bundle_of(seed).files["ts_reward.py"].decode()
    for key in ("custom_reward_function.path", "reward.custom_reward_function.path"):
        assert effective(seed, key) is None


def test_reward_has_the_four_terms(seed: Compiled) -> None:
    reward = json.loads(bundle_of(seed).files["ts_reward.json"])
    assert {term["name"]: term["weight"] for term in reward["terms"]} == {
        "correct": 1.0,
        "valid_call": 0.2,
        "extra_call": -0.1,
        "bad_call": -1.0,
    }
    files = bundle_of(seed).files
    assert all(f"ts_terms/{term['name']}.py" in files for term in reward["terms"])
    (tool,) = parsed(seed, "tools.yaml")["tools"]
    assert reward["tools"] == [tool["config"]["schema"]], "checked against another schema than the shown one"


def test_critic_starts_without_flash_attn(seed: Compiled) -> None:
    files = bundle_of(seed).files
    launch = files["launch.sh"].decode()
    assert "export VERL_USE_EXTERNAL_MODULES=ts_start\n" in launch
    assert 'export PYTHONPATH="$bundle' in launch
    assert "ts_start.py" in files


@pytest.mark.parametrize("release", RELEASES)
def test_attention_reaches_every_model(release: str) -> None:
    found = compiled(release, "seed-ppo", "model.attention=sdpa")
    assert effective(found, "actor_rollout_ref.model.override_config.attn_implementation") == "sdpa"
    assert "export TOOLSPEC_ATTENTION=sdpa" in bundle_of(found).files["launch.sh"].decode()
    for key in ("actor_rollout_ref.model.use_remove_padding", "critic.model.use_remove_padding"):
        assert effective(found, key) is False, f"{key}: packed batches need flash-attn's kernels"


def test_history_and_tools_are_not_cut_off(seed: Compiled) -> None:
    assert effective(seed, "data.filter_overlong_prompts") is True
    prompt, response = effective(seed, "data.max_prompt_length"), effective(seed, "data.max_response_length")
    assert effective(seed, f"{ROLLOUT}.max_model_len") == prompt + response
    assert effective(seed, f"{ROLLOUT}.prompt_length") == prompt
    assert effective(seed, f"{ROLLOUT}.response_length") == response
    loop = json.loads(bundle_of(seed).files["ts_loop.json"])
    assert 0 < loop["tool_response_tokens"] < response


def test_tool_metrics_are_logged_in_training(seed: Compiled) -> None:
    """A line a trajectory in the run folder, since verl passes a reward's parts on in validation only."""
    files = bundle_of(seed).files
    for metric in ("task_success", "tool_parse_success", "tool_calls"):
        assert f'"{metric}"' in files["ts_scorer.py"].decode()
    assert "ts_record.append(" in files["ts_reward.py"].decode()
    assert '"TOOLSPEC_RUN_DIR"' in files["ts_record.py"].decode()
    assert "export TOOLSPEC_RUN_DIR=" in files["launch.sh"].decode()


def test_memory_share_is_as_given_and_its_place_known(seed: Compiled) -> None:
    """0.8 beside actor, reference and critic is tight, and no key makes it right: it stays the user's word."""
    decision: Decision = seed.plan.decisions["rollout.gpu_memory"]
    assert (decision.value, decision.kind) == (0.8, "given")
    assert decision.span is not None
    assert effective(seed, f"{ROLLOUT}.free_cache_engine") is True


def test_ray_takes_the_cluster_as_it_is(seed: Compiled) -> None:
    """In a running Ray cluster ray.init raises when it is given a number of CPUs."""
    assert effective(seed, "ray_kwargs.ray_init.num_cpus") is None
