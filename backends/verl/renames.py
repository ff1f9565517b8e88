"""Keys of verl by the names that other releases give them, and keys that a release no longer reads.

Sources: the release tables; migrate_legacy_reward_impl (experimental/reward_loop/reward_loop.py), which
main_ppo of 0.7.1 and 0.8.0 calls and that of 0.9.0 no longer; for keys without a reader, a search of the
wheels.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from toolspec.backends.verl.lower.moves import MOVES, moved
from toolspec.backends.verl.releases import TABLES, ancestors, release

ROLLOUT = "actor_rollout_ref.rollout"
BUCKET = "update_weights_bucket_megabytes"

# Old name → today's, which every release in RELEASES has. A section is renamed with all that is below it.
LEGACY: Mapping[str, str] = {
    "custom_reward_function": "reward.custom_reward_function",
    "sandbox_fusion": "reward.sandbox_fusion",
    "reward_model.sandbox_fusion": "reward.sandbox_fusion",
    "reward_model.num_workers": "reward.num_workers",
    "reward_model.reward_manager": "reward.reward_manager.name",
    "reward_model.reward_loop_source": "reward.reward_manager.source",
    "reward_model.reward_loop_module_path": "reward.reward_manager.module.path",
    "reward_model.reward_loop_class_name": "reward.reward_manager.module.name",
    "reward_model.reward_kwargs": "reward.reward_kwargs",
    "reward_model.enable": "reward.reward_model.enable",
    "reward_model.enable_resource_pool": "reward.reward_model.enable_resource_pool",
    "reward_model.n_gpus_per_node": "reward.reward_model.n_gpus_per_node",
    "reward_model.nnodes": "reward.reward_model.nnodes",
    "reward_model.model.path": "reward.reward_model.model_path",
    "reward_model.rollout": "reward.reward_model.rollout",
    f"{ROLLOUT}.{BUCKET}": f"{ROLLOUT}.checkpoint_engine.{BUCKET}",
    f"{ROLLOUT}.tool_kwargs.tools_config_file": f"{ROLLOUT}.multi_turn.tool_config_path",
    f"{ROLLOUT}.multi_turn.max_turns": f"{ROLLOUT}.multi_turn.max_assistant_turns",
    "ray_init": "ray_kwargs.ray_init",
}

LEGACY_READ: tuple[str, ...] = ("0.7.1", "0.8.0")
"""Releases whose main_ppo still reads the old names; later ones take them and do nothing with them."""

MOVED_WHOLE: tuple[str, ...] = ("custom_reward_function", "sandbox_fusion")
"""Old sections that they move in one piece, with keys that no default lists (`reward_kwargs`)."""

# Old names that no main_ppo moves: they are unknown keys like any other.
NEVER_MOVED: tuple[str, ...] = (
    "ray_init",
    f"{ROLLOUT}.{BUCKET}",
    f"{ROLLOUT}.tool_kwargs",
    f"{ROLLOUT}.multi_turn.max_turns",
    "reward_model.sandbox_fusion",
)

# Sections whose name differs by release, in more than lower/moves.py needs: release → name.
BY_RELEASE: tuple[Mapping[str, str], ...] = tuple(
    {
        version: name if version in ("0.7.1", "0.8.0", "0.9.0") else f"{engine}.router_replay"
        for version in TABLES
    }
    for name, engine in (
        ("actor_rollout_ref.actor.router_replay", "actor_rollout_ref.actor.fsdp_config"),
        ("actor_rollout_ref.ref.router_replay", "actor_rollout_ref.ref.fsdp_config"),
    )
)


class Gone(NamedTuple):
    """A key that no release from `since` on reads, whether it still takes it or not.

    lost: what a spec that sets it loses by leaving it out, or "" where it loses nothing.
    """

    key: str
    since: str
    why: str
    lost: str = ""


GONE: tuple[Gone, ...] = (
    Gone("data.truncation", "0.7.1", "nothing reads it; data.filter_overlong_prompts keeps long prompts out"),
    Gone("data.return_raw_chat", "0.7.1", "it is stored and never read"),
    Gone(f"{ROLLOUT}.multi_stage_wake_up", "0.7.1", "nothing reads it"),
    Gone(f"{ROLLOUT}.over_sample_rate", "0.7.1", "nothing reads it"),
    Gone(f"{ROLLOUT}.multi_turn.num_repeat_rollouts", "0.7.1", "nothing reads it"),
    Gone(f"{ROLLOUT}.multi_turn.tokenization_sanity_check_mode", "0.9.1", "no agent loop reads it"),
    Gone(f"{ROLLOUT}.multi_turn.use_inference_chat_template", "0.9.1", "no agent loop reads it"),
    *(
        Gone(
            f"{section}.grad_offload",
            "0.7.1",
            "nothing reads it; parameters and optimizer have keys of their own",
        )
        for section in (
            "actor_rollout_ref.actor.fsdp_config",
            "actor_rollout_ref.ref.fsdp_config",
            "critic.model.fsdp_config",
            "critic.fsdp",
        )
    ),
    Gone("reward_model.launch_reward_fn_async", "0.7.1", "the reward always has workers of its own"),
    Gone("trainer.use_legacy_worker_impl", "0.8.0", "there is one implementation of the workers"),
    Gone("actor_rollout_ref.nccl_timeout", "0.8.0", "nothing reads it (verl issue 7815)"),
    Gone("actor_rollout_ref.actor.sum_pi_squared_checkpointing", "0.8.0", "removed; it saved memory only"),
    Gone(
        f"{ROLLOUT}.multi_turn.interaction_config_path",
        "0.8.0",
        "interactions were removed",
        "the interaction; an agent loop of your own can hold it: agent: {class: file.py:Loop}",
    ),
    Gone(
        "data.sampler",
        "0.8.0",
        "the curriculum sampler was removed",
        "the order in which the sampler drew rows",
    ),
    Gone("data.datagen", "0.8.0", "data generation during training was removed", "the generated rows"),
    Gone(f"{ROLLOUT}.skip_rollout", "0.8.0", "removed", "the recorded rollouts (rollout.skip.* in 0.8.0)"),
    Gone(f"{ROLLOUT}.skip_dump_dir", "0.8.0", "removed", "the recorded rollouts (rollout.skip.* in 0.8.0)"),
    Gone(
        f"{ROLLOUT}.skip",
        "0.9.0",
        "removed",
        "the recorded rollouts (skip.rollout_tq.* for trainer v1, skip.rollout.* for v0)",
    ),
    Gone(
        f"{ROLLOUT}.agent.custom_agent_loop_loader",
        "0.7.1",
        "agent.agent_loop_config_path names the agent loops instead",
        "the agent loop",
    ),
    Gone("data.continuous_token", "0.9.1", "it is always on"),
    *(
        Gone(f"{role}.megatron.grad_offload", "0.9.1", "gradients go where param_offload puts the parameters")
        for role in ("actor_rollout_ref.actor", "actor_rollout_ref.ref", "critic")
    ),
    Gone(
        "reward_model.model.external_lib",
        "0.9.0",
        "the section is no longer read",
        "the reward model's import",
    ),
    Gone(
        "reward_model.model.trust_remote_code",
        "0.9.0",
        "the section is no longer read",
        "the reward model's own code",
    ),
)

# Keys that the v1 trainer does not read and the v0 trainer does.
ONLY_V0: tuple[str, ...] = (
    "trainer.balance_batch",
    "trainer.esi_redundant_time",
    f"{ROLLOUT}.trace",
    f"{ROLLOUT}.val_kwargs.do_sample",
    "data.reward_fn_key",
    "algorithm.filter_groups.max_num_gen_batches",
)


@lru_cache(maxsize=8192)
def name_in(key: str, version: str) -> str:
    """The name in `version` of what some release calls `key`; `key` itself where no table knows another."""
    for old, new in LEGACY.items():
        if below(key, old):
            return name_in(new + key[len(old) :], version)
    for names in BY_RELEASE:
        for name in names.values():
            if below(key, name):
                return names[version] + key[len(name) :]
    for moves in MOVES.values():
        for new, old in moves.items():
            if below(key, old):
                return moved(new + key[len(old) :], version) if version in MOVES else new + key[len(old) :]
    return moved(key, version) if version in MOVES else key


@lru_cache(maxsize=8192)
def gone(key: str, version: str) -> Gone | None:
    """Why `version` does nothing with `key`; None where it reads it, or nothing is known of it."""
    found = [entry for entry in GONE if below(key, entry.key)]
    return next((e for e in found if TABLES.index(version) >= TABLES.index(e.since)), None)


def below(key: str, section: str) -> bool:
    """Whether `key` is the section or in it."""
    return key == section or key.startswith(section + ".")


@lru_cache(maxsize=8192)
def legacy_of(key: str) -> str | None:
    """The old name that the key is, or is below; None for a name of today."""
    return next((name for name in (key, *ancestors(key)) if name in LEGACY), None)


def takes(key: str, version: str) -> bool:
    """Whether `version` takes the key and does something with it, as far as is known."""
    unread = version not in LEGACY_READ and legacy_of(key) is not None
    return release(version).knows(key) and gone(key, version) is None and not unread


def is_moved(key: str) -> bool:
    """Whether the key is an old name that some main_ppo moves to where it is read."""
    return legacy_of(key) is not None and not any(below(key, old) for old in NEVER_MOVED)


def common_name(key: str, version: str) -> str:
    """A key of `version` in the newest names; an old name that the release does not read stays as it is."""
    if version not in LEGACY_READ and legacy_of(key) is not None:
        return key
    return name_in(key, TABLES[-1])
