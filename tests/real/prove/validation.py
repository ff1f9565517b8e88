"""Stages on the composed values: the release's own validation, its dataclasses, and the names it looks up late."""

# mypy: disable-error-code="import-not-found,import-untyped"
from __future__ import annotations

import copy
from typing import Any

from real.prove.proof import Failed, Proof, Skipped, described

STRATEGIES = ("fsdp", "fsdp2")
RESUME_MODES = ("auto", "disable", "resume_path")
# engine_workers.init_model of 0.9.1 (verl/workers/engine_workers.py:543-553) renames these before it builds the
# reference worker's dataclass.
REFERENCE_NAMES = {
    "ppo_micro_batch_size": "log_prob_micro_batch_size",
    "ppo_micro_batch_size_per_gpu": "log_prob_micro_batch_size_per_gpu",
    "ppo_max_token_len_per_gpu": "log_prob_max_token_len_per_gpu",
    "use_dynamic_bsz": "log_prob_use_dynamic_bsz",
}


def validate(proof: Proof) -> str:
    """migrate_legacy_reward_impl where `main` calls it (0.7.1, 0.8.0), then validate_config and the interpolations."""
    import verl.trainer.main_ppo as entry
    from omegaconf import OmegaConf
    from verl.trainer.ppo.utils import need_critic, need_reference_policy
    from verl.utils.config import validate_config

    if hasattr(entry, "migrate_legacy_reward_impl"):
        proof.config = entry.migrate_legacy_reward_impl(proof.config)
    proof.use_reference = bool(need_reference_policy(proof.config))
    proof.use_critic = bool(need_critic(proof.config))
    proof.facts |= {"use_reference": proof.use_reference, "use_critic": proof.use_critic}
    validate_config(
        config=proof.config, use_reference_policy=proof.use_reference, use_critic=proof.use_critic
    )
    OmegaConf.resolve(proof.config)
    roles = ["actor", "rollout"]
    roles += ["reference"] if proof.use_reference else []
    roles += ["critic"] if proof.use_critic else []
    return ", ".join(roles)


def classes(proof: Proof) -> str:
    """The dataclasses that the workers build: actor, rollout, model, algorithm, and critic and reference if used."""
    from omegaconf import OmegaConf
    from verl.utils.config import omega_conf_to_dataclass

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
        problems.append("actor.use_dynamic_bsz differs from rollout.log_prob_use_dynamic_bsz (engine_workers.py:616)")
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


def dataset(proof: Proof) -> str:
    """The release's dataset class loads the rows, and at least one step fits in an epoch."""
    from pathlib import Path

    from omegaconf import open_dict
    from verl.utils.dataset.rl_dataset import get_dataset_class

    paths = {key: proof.files(f"data.{key}_files") for key in ("train", "val")}
    absent = [path for group in paths.values() for path in group if not Path(path).expanduser().is_file()]
    if absent:
        raise Skipped(f"no such file: {', '.join(absent)}")
    with open_dict(proof.config):
        proof.config.data.cache_dir = str(proof.setting.run_dir / "datasets")
    kind = get_dataset_class(proof.config.data)
    loaded = {
        key: kind(
            data_files=group,
            tokenizer=proof.tokenizer,
            processor=proof.processor,
            config=proof.config.data,
            max_samples=proof.get(f"data.{key}_max_samples", -1),
        )
        for key, group in paths.items()
    }
    batch = int(proof.get("data.train_batch_size"))
    for key, rows in loaded.items():
        if not len(rows):
            raise Failed(f"no {key} row is left")
        for index in {0, len(rows) - 1}:
            prompt = rows[index]["raw_prompt"]
            if not isinstance(prompt, list) or not all(isinstance(m, dict) and "role" in m for m in prompt):
                raise Failed(f"{key} row {index}: the prompt is not a list of messages")
    if len(loaded["train"]) < batch:
        raise Failed(f"{len(loaded['train'])} rows make no batch of {batch}: an epoch has no step")
    proof.rows = loaded["train"]
    counts = {f"{key}_rows": len(rows) for key, rows in loaded.items()}
    proof.facts |= counts | {"steps_per_epoch": len(loaded["train"]) // batch}
    return f"{counts['train_rows']} and {counts['val_rows']} rows"
