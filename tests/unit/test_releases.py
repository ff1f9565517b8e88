"""The release tables hold what is known of each release, and do not contradict themselves."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from toolspec.backends.verl.releases import FOLDER, NEWEST, RELEASES, TABLES, parse_target, release
from toolspec.specs.problem import ProblemError

TYPES = {"int", "float", "bool", "str", "list", "dict"}
ENGINES = [(version, engine) for version in TABLES for engine in release(version).engines]


def is_a(value: object, kind: str) -> bool:
    """Whether a value fits a type of the table."""
    names = kind.rstrip("?").split("|")
    if value is None or value == "???":
        return kind.endswith("?") or value == "???"
    if isinstance(value, bool):
        return "bool" in names
    if isinstance(value, int):
        return bool({"int", "float"} & set(names))
    return type(value).__name__ in names


# --- the tables ---


def test_every_table_has_a_release_and_the_newest_is_a_target() -> None:
    assert tuple(sorted(p.stem for p in FOLDER.glob("*.json"))) == TABLES
    assert NEWEST in RELEASES and set(RELEASES) < set(TABLES)


@pytest.mark.parametrize(("version", "engine"), ENGINES)
def test_a_release_never_breaks_its_own_types(version: str, engine: str) -> None:
    keys = release(version).keys(engine)
    overlay = keys.overlay({})
    assert set(keys.types) == set(keys.defaults)
    for key, kind in keys.types.items():
        assert kind == "any" or set(kind.rstrip("?").split("|")) <= TYPES, (key, kind)
        assert is_a(overlay.resolve(key), kind) or kind == "any", (key, kind)


@pytest.mark.parametrize("version", TABLES)
def test_no_listed_key_is_left_without_a_type(version: str) -> None:
    assert [k for k, kind in release(version).types.items() if kind == "any"] == []


@pytest.mark.parametrize(("version", "engine"), ENGINES)
def test_keys_are_leaves_sections_or_unlisted_and_never_two_of_these(version: str, engine: str) -> None:
    keys = release(version).keys(engine)
    assert not set(keys.defaults) & keys.sections
    assert not set(keys.unlisted) & (set(keys.defaults) | keys.sections)
    assert all(k in keys.defaults or k in keys.unlisted or k in keys.sections for k in keys.open_mappings)
    assert all(keys.listed(section) for section in keys.classes)


@pytest.mark.parametrize("version", TABLES)
def test_every_name_has_a_place_in_verl_and_defaults_are_among_them(version: str) -> None:
    known = release(version)
    for kind, places in known.enum_sources.items():
        assert places, kind
        for place in places.values():
            assert re.fullmatch(r"verl/[\w/.]+\.(py:\d+|yaml)", place), (kind, place)
    for key, kind in known.enum_of_key.items():
        value = known.resolve(key, {})
        for item in value if isinstance(value, list) else [value]:
            assert item in (None, "???") or item in known.enums[kind], (key, item)


@pytest.mark.parametrize("version", TABLES)
def test_tables_are_written_one_key_a_line_in_order(version: str) -> None:
    text = (FOLDER / f"{version}.json").read_text(encoding="utf-8")
    for part in ("keys", "unlisted"):
        for key in json.loads(text)[part]:
            assert text.count(f'\n  "{key}": {{"') == 1, key
    keys = list(json.loads(text)["keys"])
    assert keys == sorted(keys)


# --- what is known of the releases ---

ALL = set(TABLES)
SINCE_080 = ALL - {"0.7.1"}
SINCE_090 = {"0.9.0", "0.9.1"}


@pytest.mark.parametrize(
    ("key", "versions"),
    [
        ("critic.model.fsdp_config.param_offload", {"0.7.1"}),
        ("critic.fsdp.param_offload", SINCE_080),
        ("trainer.use_legacy_worker_impl", {"0.7.1"}),
        ("data.sampler.class_path", {"0.7.1"}),
        ("actor_rollout_ref.rollout.multi_turn.interaction_config_path", {"0.7.1"}),
        ("actor_rollout_ref.rollout.multi_turn.function_tool_path", SINCE_080),
        ("actor_rollout_ref.rollout.multi_turn.tool_config_path", ALL),
        ("actor_rollout_ref.rollout.skip.enable", {"0.8.0"}),
        ("skip.rollout.enable", SINCE_090),
        ("actor_rollout_ref.actor.router_replay.mode", {"0.7.1", "0.8.0", "0.9.0"}),
        ("algorithm.filter_groups.enable", SINCE_090),
        ("trainer.use_v1", SINCE_090),
        ("data.continuous_token.enable", {"0.9.0"}),
        ("reward.custom_reward_function.path", ALL),
        ("custom_reward_function.path", ALL),
        ("reward_model.launch_reward_fn_async", set()),
        ("ray_init.num_cpus", set()),
        ("actor_rollout_ref.rollout.tool_kwargs.tools_config_file", set()),
        ("model_engine", ALL),
    ],
)
def test_a_key_is_listed_exactly_by_the_releases_that_have_it(key: str, versions: set[str]) -> None:
    assert {v for v in TABLES if release(v).dp.listed(key)} == versions


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("actor_rollout_ref.rollout.max_num_seqs", [1024, 1024, 256, 256]),
        ("actor_rollout_ref.rollout.calculate_log_probs", [False, False, True, True]),
        ("critic.model.use_remove_padding", [False, True, True, True]),
        ("custom_reward_function.name", [None] * 4),
        ("reward.custom_reward_function.name", ["compute_score"] * 4),
        ("actor_rollout_ref.rollout.agent.default_agent_loop", ["single_turn_agent"] * 4),
        ("algorithm.adv_estimator", ["gae"] * 4),
    ],
)
def test_a_default_changes_where_it_is_known_to(key: str, values: list[Any]) -> None:
    assert [release(v).default(key) for v in TABLES] == values


def test_a_key_that_verl_reads_unlisted_is_known_but_not_listed() -> None:
    for version in TABLES:
        keys = release(version).dp
        for key in ("reward.reward_kwargs.overlong_buffer_cfg.enable", "ray_kwargs.ray_init.address"):
            assert keys.knows(key) and not keys.listed(key), (version, key)
        for key in ("data.need_tools_kwargs", "actor_rollout_ref.rollout.limit_images"):
            assert keys.knows(key), (version, key)
        for key in ("data.train_batch_sise", "trainer.nnode", "reward.reward_kwarg", "zzz", ""):
            assert not keys.knows(key), (version, key)
    assert release("0.9.0").default("algorithm.filter_groups.metric") is None
    assert release("0.9.1").default("algorithm.filter_groups.metric") == "reward"


@pytest.mark.parametrize(
    ("kind", "name", "versions"),
    [
        ("tool_parser", "hermes", ALL),
        ("tool_parser", "gemma4", SINCE_080),
        ("tool_parser", "glm", SINCE_090),
        ("loss_aggregation", "token-sum", SINCE_090),
        ("loss_aggregation", "seq-mean-token-sum-norm", ALL),
        ("policy_loss", "gspo", ALL),
        ("policy_loss", "dro", SINCE_090),
        ("reward_manager", "rate_limited", ALL),
        ("reward_manager", "prime", set()),
        ("kl_penalty", "k3+", ALL),
        ("kl_penalty", "full", set()),
        ("trainer_mode", "sync", SINCE_090),
        ("continuous_token_model", "qwen3", {"0.9.1"}),
        ("continuous_token_model", "llama", set()),
        ("model_engine", "mindspeed", {"0.8.0", "0.9.0"}),
        ("rollout_engine", "hf", set()),
        ("lr_scheduler", "cosine", ALL),
    ],
)
def test_a_name_is_accepted_exactly_by_the_releases_that_have_it(
    kind: str, name: str, versions: set[str]
) -> None:
    assert {v for v in TABLES if name in release(v).enums.get(kind, ())} == versions


def test_choices_are_found_by_key_and_only_for_the_engine_they_were_read_for() -> None:
    known = release("0.9.1")
    assert known.choices("trainer.resume_mode") == ("auto", "disable", "resume_path")
    assert known.choices("actor_rollout_ref.actor.strategy") == ("fsdp", "fsdp2", "fsdp_turbo")
    assert known.choices("actor_rollout_ref.actor.strategy", "megatron") is None
    assert known.choices("trainer.project_name") is None


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("actor_rollout_ref.rollout.max_model_len", "int?"),
        ("actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu", "int?"),
        ("critic.ppo_mini_batch_size", "int"),
        ("actor_rollout_ref.actor.entropy_coeff", "float"),
        ("actor_rollout_ref.actor.optim.override_optimizer_config", "dict?"),
        ("trainer.logger", "list|str"),
        ("trainer.total_training_steps", "int?"),
    ],
)
def test_a_key_with_a_null_or_interpolated_default_has_a_type(key: str, kind: str) -> None:
    assert {release(v).types[key] for v in TABLES} == {kind}


def test_an_engine_is_dp_with_its_own_changes() -> None:
    known = release("0.9.1")
    assert known.knows("actor_rollout_ref.actor.megatron.tensor_model_parallel_size", "megatron")
    assert not known.knows("actor_rollout_ref.actor.megatron.tensor_model_parallel_size")
    assert known.keys("megatron").defaults["model_engine"] == "megatron"
    assert not known.keys("megatron").listed("actor_rollout_ref.actor.fsdp_config.param_offload")
    with pytest.raises(KeyError):
        known.keys("fsdp")


# --- targets ---


@pytest.mark.parametrize("text", ["verl==0.9.1", "0.9.1", " verl == 0.9.1 "])
def test_a_target_names_one_release(text: str) -> None:
    assert parse_target(text) == "0.9.1"


@pytest.mark.parametrize(
    "text", ["", "verl", "verl>=0.9.1", "0.9", "0.9.0", "verl==0.6.1", "trl==0.9.1", "0.9.1" * 99]
)
def test_any_other_target_is_refused_by_name(text: str) -> None:
    with pytest.raises(ProblemError) as caught:
        parse_target(text)
    (problem,) = caught.value.problems
    assert all(f"verl=={version}" in problem.message for version in RELEASES)
    assert "verl==0.9.0" not in problem.message and problem.fix


# --- the nearest key ---


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("data.train_batch_sise", "data.train_batch_size"),
        ("trainer.nnode", "trainer.nnodes"),
        ("actor_rollout_ref.rolout.n", "actor_rollout_ref.rollout.n"),
        ("actor_rollout_ref.rolout.temprature", "actor_rollout_ref.rollout.temperature"),
        ("actor_rollout_ref.actor.lr", "actor_rollout_ref.actor.optim.lr"),
        ("critic.model.fsdp_config.param_offload", "critic.fsdp.param_offload"),
        ("ray_init.num_cpus", "ray_kwargs.ray_init.num_cpus"),
        ("rollout.n", "actor_rollout_ref.rollout.n"),
        ("gamma", "algorithm.gamma"),
        (
            "actor_rollout_ref.rollout.tensor_parallel_size",
            "actor_rollout_ref.rollout.tensor_model_parallel_size",
        ),
        (
            "actor_rollout_ref.rollout.update_weights_bucket_megabytes",
            "actor_rollout_ref.rollout.checkpoint_engine.update_weights_bucket_megabytes",
        ),
        ("data.custom_class.name", "data.custom_cls.name"),
        ("actor_rollout_ref.name", "actor_rollout_ref.rollout.name"),
        ("data.tree_data.name", None),
        ("data.max_start_length", None),
        (
            "actor_rollout_ref.model.use_gradient_checkpointing",
            "actor_rollout_ref.model.enable_gradient_checkpointing",
        ),
        ("actor_rollout_ref.actor.sft.enabled", None),
        ("reward_model.overlong_buffer.enable", None),
        ("algorithm.hxmean", None),
        ("actor_rollout_ref.rollout.multi_turn.interaction_config_path", None),
        ("", None),
        ("x" * 100_000, None),
    ],
)
def test_the_nearest_key_is_the_one_meant_or_none(key: str, meant: str | None) -> None:
    assert release("0.9.1").nearest(key) == meant


@pytest.mark.parametrize("version", RELEASES)
@pytest.mark.slow
def test_a_letter_too_few_is_nearly_always_found_again(version: str) -> None:
    known = release(version)
    keys = [k for k in known.defaults if len(k.rpartition(".")[2]) > 6 and "_target_" not in k][::5]
    slips = {key: key[:-3] + key[-2:] for key in keys}
    found = [key for key, slip in slips.items() if known.nearest(slip) == key]
    assert len(found) >= 0.97 * len(keys), sorted(set(keys) - set(found))
