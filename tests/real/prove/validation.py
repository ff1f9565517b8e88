"""Stages on the composed values: the release's validation, its dataclasses, the names it looks up late."""

# mypy: disable-error-code="import-not-found,import-untyped"
from __future__ import annotations

import contextlib
import copy
import importlib.util
import sys
import types
import unittest.mock
from collections.abc import Iterator
from typing import Any

from real.prove.proof import Failed, Proof, described

HIGHEST_LORA_RANK = 512
STRATEGIES = ("fsdp", "fsdp2")
RESUME_MODES = ("auto", "disable", "resume_path")
# 0.9.1 renames these before it builds the reference's dataclass (verl/workers/engine_workers.py:543-553).
REFERENCE_NAMES = {
    "ppo_micro_batch_size": "log_prob_micro_batch_size",
    "ppo_micro_batch_size_per_gpu": "log_prob_micro_batch_size_per_gpu",
    "ppo_max_token_len_per_gpu": "log_prob_max_token_len_per_gpu",
    "use_dynamic_bsz": "log_prob_use_dynamic_bsz",
}


def validate(proof: Proof) -> str:
    """migrate_legacy_reward_impl where `main` calls it (0.7.1, 0.8.0), validate_config, interpolations."""
    import verl.trainer.main_ppo as entry
    from omegaconf import OmegaConf
    from verl.trainer.ppo.utils import need_critic, need_reference_policy
    from verl.utils.config import validate_config

    if hasattr(entry, "migrate_legacy_reward_impl"):
        proof.config = entry.migrate_legacy_reward_impl(proof.config)
    proof.use_reference = bool(need_reference_policy(proof.config))
    proof.use_critic = bool(need_critic(proof.config))
    proof.facts |= {"use_reference": proof.use_reference, "use_critic": proof.use_critic}
    with _lora_ranks(proof):
        validate_config(
            config=proof.config, use_reference_policy=proof.use_reference, use_critic=proof.use_critic
        )
    OmegaConf.resolve(proof.config)
    roles = ["actor", "rollout"]
    roles += ["reference"] if proof.use_reference else []
    roles += ["critic"] if proof.use_critic else []
    return ", ".join(roles)


@contextlib.contextmanager
def _lora_ranks(proof: Proof) -> Iterator[None]:
    """With LoRA on vLLM, validate_config asks a module that needs vLLM for the highest rank.

    Where vLLM is missing, a stand-in answers for that module with the ranks that verl falls back to
    (verl/workers/rollout/vllm_rollout/utils.py of the three releases: at most 512).
    """
    if importlib.util.find_spec("vllm") is not None:
        yield
        return

    def highest_rank(rank: int) -> int:
        if rank > HIGHEST_LORA_RANK:
            raise ValueError(f"vLLM takes LoRA ranks up to {HIGHEST_LORA_RANK}, not {rank}")
        proof.notes.append(
            f"vLLM is not installed: LoRA rank {rank} was compared with {HIGHEST_LORA_RANK} only"
        )
        return rank

    package = "verl.workers.rollout.vllm_rollout"
    stand_in = types.ModuleType(f"{package}.utils")
    stand_in.__dict__["get_vllm_max_lora_rank"] = highest_rank
    replaced = {package: types.ModuleType(package), f"{package}.utils": stand_in}
    with unittest.mock.patch.dict(sys.modules, replaced):
        yield


def classes(proof: Proof) -> str:
    """The dataclasses of the workers: actor, rollout, model, algorithm; critic and reference if used."""
    from omegaconf import OmegaConf
    from verl.utils.config import omega_conf_to_dataclass
    from verl.workers.rollout.utils import get_max_position_embeddings

    sections = {
        "actor": "actor_rollout_ref.actor",
        "rollout": "actor_rollout_ref.rollout",
        "model": "actor_rollout_ref.model",
        "algorithm": "algorithm",
    }
    if proof.use_critic:
        sections["critic"] = "critic"
    problems = []
    for name, key in sections.items():
        try:
            built = omega_conf_to_dataclass(OmegaConf.select(proof.config, key))
        except Exception as error:
            problems.append(f"{name}: {described(error)}")
            continue
        if name == "model":
            proof.tokenizer, proof.processor = built.tokenizer, built.processor
            proof.positions = get_max_position_embeddings(built.hf_config)
    if proof.setting.release == "0.9.1":
        problems += _reference_problems(proof)
    if problems:
        raise Failed("; ".join(problems))
    return ", ".join(sections)


def _reference_problems(proof: Proof) -> list[str]:
    from omegaconf import open_dict
    from verl.utils.config import omega_conf_to_dataclass

    root = proof.config.actor_rollout_ref
    problems = []
    if root.actor.use_dynamic_bsz != root.rollout.log_prob_use_dynamic_bsz:
        problems.append(
            "actor.use_dynamic_bsz differs from rollout.log_prob_use_dynamic_bsz (engine_workers.py:616)"
        )
    if proof.use_reference:
        reference = copy.deepcopy(root.ref)
        with open_dict(reference):
            for new, old in REFERENCE_NAMES.items():
                reference[new] = reference.pop(old, None)
            reference.ppo_mini_batch_size = root.actor.ppo_mini_batch_size
        try:
            omega_conf_to_dataclass(reference)
        except Exception as error:
            problems.append(f"reference: {described(error)}")
    return problems


def enums(proof: Proof) -> str:
    """Names that are looked up only when training reaches them."""
    checks: list[tuple[str, Any]] = [
        ("algorithm.adv_estimator", _advantage),
        ("actor_rollout_ref.actor.policy_loss.loss_mode", _policy_loss),
        ("actor_rollout_ref.actor.loss_agg_mode", _aggregation),
        ("actor_rollout_ref.rollout.name", _engine),
        ("actor_rollout_ref.actor.strategy", lambda name: _member(name, STRATEGIES)),
        ("trainer.resume_mode", lambda name: _member(name, RESUME_MODES)),
    ]
    if proof.get("actor_rollout_ref.actor.use_kl_loss"):
        checks.append(("actor_rollout_ref.actor.kl_loss_type", _kl))
    if proof.get("algorithm.use_kl_in_reward"):
        checks += [("algorithm.kl_penalty", _kl), ("algorithm.kl_ctrl", _kl_control)]
    if proof.use_critic:
        checks.append(("critic.strategy", lambda name: _member(name, STRATEGIES)))
    if proof.get("reward.reward_manager.source") == "register":
        checks.append(("reward.reward_manager.name", _reward_manager))
    problems = []
    for key, check in checks:
        value = proof.get(key)
        try:
            check(value)
        except Exception as error:
            problems.append(f"{key}={value}: {described(error)}")
    if problems:
        raise Failed("; ".join(problems))
    return f"{len(checks)} names"


def _member(name: str, known: tuple[str, ...]) -> None:
    if name not in known:
        raise ValueError(f"not one of {', '.join(known)}")


def _advantage(name: str) -> None:
    from verl.trainer.ppo import core_algos

    core_algos.get_adv_estimator_fn(name)


def _policy_loss(name: str) -> None:
    from verl.trainer.ppo import core_algos

    core_algos.get_policy_loss_fn(str(name or "vanilla"))


def _aggregation(mode: str) -> None:
    import torch
    from verl.trainer.ppo import core_algos

    one = torch.ones(1, 1)
    core_algos.agg_loss(loss_mat=one, loss_mask=one, loss_agg_mode=mode)


def _kl(kind: str) -> None:
    import torch
    from verl.trainer.ppo import core_algos

    zero = torch.zeros(1, 1)
    core_algos.kl_penalty(zero, zero, str(kind))


def _kl_control(control: Any) -> None:
    from verl.trainer.ppo import core_algos

    core_algos.get_kl_controller(control)


def _engine(name: str) -> None:
    from verl.workers.rollout.replica import RolloutReplicaRegistry

    _member(name, tuple(RolloutReplicaRegistry._registry))


def _reward_manager(name: str) -> None:
    from verl.experimental.reward_loop.reward_manager import get_reward_manager_cls

    get_reward_manager_cls(name)
