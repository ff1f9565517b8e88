"""The lowering table read backwards: which spec path says a verl key, and how its value is said there.

The paths of `lower/table.py`, whose rows a test compares with these. A row that cannot say a value raises
NotKnownError, and the key goes to `overrides`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from toolspec.backends.verl.importing import reading as read
from toolspec.backends.verl.importing.wanted import Wanted
from toolspec.backends.verl.lower.table import ACTOR, MODEL, REF, ROLLOUT

Value = Callable[[Wanted], Any]


@dataclass(frozen=True, slots=True)
class Inverse:
    """path: of the spec. keys: in the newest names, the one that decides first. value: what to write there.

    derived: toolspec's default follows from other values, so that it is compared after they are said.
    """

    path: str
    keys: tuple[str, ...]
    value: Value
    derived: bool = False


def same(path: str, *keys: str, derived: bool = False) -> Inverse:
    """A path that says its key's value as it is."""
    return Inverse(path, keys, lambda wanted: wanted.get(keys[0]), derived)


MULTI_TURN, VALIDATION = f"{ROLLOUT}.multi_turn", f"{ROLLOUT}.val_kwargs"
COMPUTED = "mixed_precision.param_dtype"
FSDP, CRITIC_FSDP = f"{ACTOR}.fsdp_config", "critic.fsdp"


def _optimiser(section: str) -> tuple[str, ...]:
    names = (
        "lr",
        "lr_warmup_steps_ratio",
        "lr_warmup_steps",
        "lr_scheduler_type",
        "weight_decay",
        "clip_grad",
    )
    return (*(f"{section}.optim.{name}" for name in names), f"{section}.grad_clip")


INVERSE: tuple[Inverse, ...] = (
    Inverse("data.train", ("data.train_files",), read.files("data.train_files")),
    Inverse("data.val", ("data.val_files",), read.files("data.val_files")),
    Inverse("data.order", ("data.shuffle",), read.order),
    same("data.seed", "data.seed"),
    Inverse("model.path", (f"{MODEL}.path", "critic.model.path"), lambda w: w.place(f"{MODEL}.path")),
    same(
        "model.trust_remote_code",
        f"{MODEL}.trust_remote_code",
        "data.trust_remote_code",
        "critic.model.trust_remote_code",
    ),
    same(
        "model.dtype",
        f"{ROLLOUT}.dtype",
        *(f"{one}.{key}" for one in (FSDP, f"{REF}.fsdp_config", CRITIC_FSDP) for key in ("dtype", COMPUTED)),
    ),
    same("model.attention", f"{MODEL}.override_config.attn_implementation", f"{MODEL}.use_remove_padding"),
    same("model.thinking", "data.apply_chat_template_kwargs.enable_thinking"),
    same("model.max_model_len", f"{ROLLOUT}.max_model_len", derived=True),
    same("model.tool_format", f"{MULTI_TURN}.format"),
    Inverse(
        "model.lora", (f"{MODEL}.lora_rank", f"{MODEL}.lora_alpha", f"{MODEL}.target_modules"), read.lora
    ),
    same("algorithm.batch", "data.train_batch_size"),
    same("algorithm.mini_batch", f"{ACTOR}.ppo_mini_batch_size", derived=True),
    same("algorithm.passes", f"{ACTOR}.ppo_epochs"),
    same("algorithm.group", f"{ROLLOUT}.n"),
    Inverse("algorithm.lr", _optimiser(ACTOR), read.learning_rate(ACTOR)),
    Inverse("algorithm.critic_lr", _optimiser("critic"), read.critic_rate),
    Inverse("algorithm.critic_warmup", ("trainer.critic_warmup",), read.critic_warmup),
    Inverse(
        "algorithm.clip",
        (
            f"{ACTOR}.clip_ratio_high",
            f"{ACTOR}.clip_ratio_low",
            f"{ACTOR}.clip_ratio_c",
            f"{ACTOR}.clip_ratio",
        ),
        read.clip,
    ),
    Inverse(
        "algorithm.filter",
        tuple(f"algorithm.filter_groups.{name}" for name in ("enable", "metric", "max_inflight_gen_batches")),
        read.group_filter,
    ),
    Inverse(
        "algorithm.kl",
        (
            f"{ACTOR}.use_kl_loss",
            "algorithm.use_kl_in_reward",
            f"{ACTOR}.kl_loss_type",
            f"{ACTOR}.kl_loss_coef",
            "algorithm.kl_penalty",
            *(f"algorithm.kl_ctrl.{name}" for name in ("type", "kl_coef", "target_kl", "horizon")),
        ),
        read.kl,
    ),
    same("algorithm.entropy", f"{ACTOR}.entropy_coeff"),
    same("algorithm.gamma", "algorithm.gamma"),
    same("algorithm.lambda", "algorithm.lam"),
    Inverse("algorithm.normalize", ("algorithm.norm_adv_by_std_in_grpo",), read.normalize),
    same("algorithm.loss_aggregation", f"{ACTOR}.loss_agg_mode"),
    same("rollout.engine", f"{ROLLOUT}.name"),
    same("rollout.temperature", f"{ROLLOUT}.temperature"),
    same("rollout.top_p", f"{ROLLOUT}.top_p"),
    same("rollout.top_k", f"{ROLLOUT}.top_k"),
    same("rollout.tensor_parallel", f"{ROLLOUT}.tensor_model_parallel_size"),
    same("rollout.gpu_memory", f"{ROLLOUT}.gpu_memory_utilization"),
    same("rollout.parallel_calls", f"{MULTI_TURN}.max_parallel_calls"),
    same("rollout.workers", f"{ROLLOUT}.agent.num_workers", derived=True),
    same("rollout.max_batched_tokens", f"{ROLLOUT}.max_num_batched_tokens", derived=True),
    same("rollout.max_sequences", f"{ROLLOUT}.max_num_seqs"),
    same("rollout.eager", f"{ROLLOUT}.enforce_eager"),
    same("rollout.free_cache", f"{ROLLOUT}.free_cache_engine"),
    same("rollout.seed", f"{ROLLOUT}.seed"),
    Inverse("rollout.engine_options", (f"{ROLLOUT}.engine_kwargs",), read.engine_options),
    Inverse("agent.name", (f"{ROLLOUT}.agent.default_agent_loop",), read.loop),
    same("agent.manager", f"{ROLLOUT}.agent.agent_loop_manager_class"),
    Inverse("train.trainer", ("trainer.use_v1",), read.trainer),
    same(
        "train.strategy",
        f"{ACTOR}.strategy",
        f"{FSDP}.strategy",
        f"{REF}.fsdp_config.strategy",
        "critic.strategy",
        f"{CRITIC_FSDP}.strategy",
    ),
    Inverse(
        "train.offload",
        tuple(
            f"{section}.{name}"
            for section in (FSDP, f"{REF}.fsdp_config", CRITIC_FSDP)
            for name in ("param_offload", "optimizer_offload")
            if (section, name) != (f"{REF}.fsdp_config", "optimizer_offload")
        ),
        read.offload,
    ),
    same(
        "train.gradient_checkpointing",
        f"{MODEL}.enable_gradient_checkpointing",
        "critic.model.enable_gradient_checkpointing",
    ),
    same(
        "train.sequence_parallel",
        f"{ACTOR}.ulysses_sequence_parallel_size",
        "critic.ulysses_sequence_parallel_size",
    ),
    Inverse(
        "train.micro_batch",
        (
            f"{ACTOR}.use_dynamic_bsz",
            f"{ACTOR}.ppo_micro_batch_size_per_gpu",
            f"{REF}.log_prob_micro_batch_size_per_gpu",
            f"{ROLLOUT}.log_prob_micro_batch_size_per_gpu",
            "critic.ppo_micro_batch_size_per_gpu",
        ),
        read.micro_batch,
    ),
    Inverse(
        "train.token_budget",
        (f"{ACTOR}.ppo_max_token_len_per_gpu", "critic.ppo_max_token_len_per_gpu"),
        read.token_budget,
        derived=True,
    ),
    same(
        "train.compile",
        f"{ACTOR}.use_torch_compile",
        f"{FSDP}.use_torch_compile",
        f"{REF}.fsdp_config.use_torch_compile",
        f"{CRITIC_FSDP}.use_torch_compile",
    ),
    same(
        "train.seed",
        f"{FSDP}.seed",
        f"{ACTOR}.data_loader_seed",
        "critic.data_loader_seed",
        f"{CRITIC_FSDP}.seed",
        f"{REF}.fsdp_config.seed",
    ),
    same("budget.turns", f"{MULTI_TURN}.max_assistant_turns"),
    same("budget.user_turns", f"{MULTI_TURN}.max_user_turns"),
    same("budget.prompt_tokens", "data.max_prompt_length"),
    same("budget.trajectory_tokens", "data.max_response_length"),
    same("budget.epochs", "trainer.total_epochs"),
    same("budget.steps", "trainer.total_training_steps"),
    Inverse("evaluation.every", ("trainer.test_freq",), read.never("trainer.test_freq")),
    same("evaluation.before_train", "trainer.val_before_train"),
    same("evaluation.samples", f"{VALIDATION}.n"),
    same("evaluation.temperature", f"{VALIDATION}.temperature", f"{VALIDATION}.do_sample"),
    same("evaluation.top_p", f"{VALIDATION}.top_p"),
    same("evaluation.top_k", f"{VALIDATION}.top_k"),
    Inverse("checkpoint.dir", ("trainer.default_local_dir",), lambda w: w.place("trainer.default_local_dir")),
    Inverse("checkpoint.every", ("trainer.save_freq",), read.never("trainer.save_freq")),
    same("checkpoint.keep", "trainer.max_actor_ckpt_to_keep", "trainer.max_critic_ckpt_to_keep"),
    Inverse("checkpoint.resume", ("trainer.resume_mode", "trainer.resume_from_path"), read.resume),
    same("checkpoint.contents", f"{ACTOR}.checkpoint.save_contents", "critic.checkpoint.save_contents"),
    same("tracking.to", "trainer.logger"),
    same("tracking.project", "trainer.project_name"),
    same("tracking.experiment", "trainer.experiment_name"),
    same("tracking.samples", "trainer.log_val_generations"),
    Inverse("tracking.rollouts", ("trainer.rollout_data_dir", "trainer.validation_data_dir"), read.rollouts),
    same("tracking.trace", f"{ROLLOUT}.trace.backend"),
    same("cluster.nodes", "trainer.nnodes"),
    same("cluster.gpus", "trainer.n_gpus_per_node"),
)
BY_KEY: dict[str, Inverse] = {key: row for row in reversed(INVERSE) for key in row.keys}
BY_PATH: dict[str, Inverse] = {row.path: row for row in INVERSE}


def row_of(key: str) -> Inverse | None:
    """The row that says a key (in the newest names)."""
    if key.startswith(f"{ROLLOUT}.engine_kwargs."):
        return BY_PATH["rollout.engine_options"]
    return BY_KEY.get(key)
