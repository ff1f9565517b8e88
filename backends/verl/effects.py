"""What a difference in a verl key, a plan value or a variable of the environment can change.

`result`: the distribution of what is sampled, paid, learnt or measured. `resources`: only speed, memory or rounding;
a different order of sampling draws other random numbers from the same distribution and counts as this. `names`: what
things are called, where they are written, what is logged. What stands in no rule is taken to change the result.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

Effect = Literal["result", "resources", "names"]
EFFECTS: Mapping[Effect, str] = {
    "result": "changes the result",
    "resources": "speed or memory only",
    "names": "names and logging",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """The effect of a key and of all keys below it. pattern: dotted, `*` stands for one part.

    reason: why, where it is not obvious. result_on: releases in which it changes the result all the same.
    """

    pattern: str
    effect: Effect
    reason: str = ""
    result_on: tuple[str, ...] = ()


UNKNOWN = Rule("", "result", "not classified, so taken to change the result")

_SCHEDULE = "the same distribution is sampled in another order, with other random numbers"
_ROUNDING = "equal up to rounding"
_SPLIT = "gradients are equal up to rounding"
# dp_actor.py:583 and dp_critic.py of 0.7.1 average the tokens of each micro batch, then the micro batches by their
# trajectories; later releases divide by the tokens of the whole mini batch (core_algos.py, agg_loss).
_SPLIT_071 = "gradients are equal up to rounding; 0.7.1 averages tokens within each micro batch, so there it counts"
_OLD_SPLIT = ("0.7.1",)
_REMOVED = "read by no trainer"


def _rules(effect: Effect, reason: str, *patterns: str, result_on: tuple[str, ...] = ()) -> Iterator[Rule]:
    for pattern in patterns:
        yield Rule(pattern, effect, reason, result_on)


RULES: tuple[Rule, ...] = (
    # Whole sections first; a longer pattern wins over a shorter one.
    *_rules(
        "result", "", "data", "algorithm", "reward", "reward_model", "custom_reward_function", "sandbox_fusion",
        "actor_rollout_ref.actor", "actor_rollout_ref.ref", "actor_rollout_ref.rollout", "actor_rollout_ref.model",
        "critic", "trainer", "distillation", "model_engine",
    ),
    *_rules("result", "a recorded rollout may take the place of sampling", "skip", "actor_rollout_ref.rollout.skip"),
    *_rules("resources", "", "ray_kwargs", "transfer_queue", "actor_rollout_ref.hybrid_engine"),
    *_rules("names", "profiles, writes and changes nothing", "global_profiler", "*.profiler", "*.*.profiler"),
    *_rules("resources", "a limit on waiting", "actor_rollout_ref.nccl_timeout", "trainer.ray_wait_register_center_timeout"),
    # data
    *_rules(
        "resources", "", "data.dataloader_num_workers", "data.filter_overlong_prompts_workers", "data.use_shm",
        "data.val_batch_size", "data.return_full_prompt", "data.return_raw_input_ids", "data.return_multi_modal_inputs",
    ),
    *_rules("names", _REMOVED, "data.return_raw_chat", "data.truncation", "data.tokenizer"),
    *_rules("names", "the order in which validation rows are reported", "data.validation_shuffle"),
    # model
    *_rules(
        "resources", "", "*.model.use_shm", "*.model.enable_gradient_checkpointing",
        "*.model.enable_activation_offload", "*.model.tiled_mlp",
    ),
    *_rules(
        "resources", _ROUNDING, "*.model.use_remove_padding", "*.model.use_fused_kernels", "*.model.fused_kernel_options",
        "*.model.use_liger", "*.model.override_config.attn_implementation", "*.actor.use_remove_padding",
        "*.actor.use_fused_kernels", "*.model.lora.a2a_experimental",
    ),
    *_rules("result", "the repository's own code may be another model", "*.model.trust_remote_code", "data.trust_remote_code"),
    # how the update is split over GPUs
    *_rules("resources", _ROUNDING, "*.*.strategy", "critic.strategy", "*.*.fsdp_config", "critic.fsdp", "critic.model.fsdp_config"),
    *_rules("result", "", "*.*.fsdp_config.seed", "critic.fsdp.seed", "critic.model.fsdp_config.seed"),
    *_rules("result", "precision of the computation", *(
        f"{section}.{name}"
        for section in ("*.*.fsdp_config", "critic.fsdp", "critic.model.fsdp_config")
        for name in ("dtype", "model_dtype", "qat", "forward_only", "turbo_config.distributed.fsdp_plan")
    )),
    *_rules("resources", _ROUNDING, "*.*.ulysses_sequence_parallel_size", "critic.ulysses_sequence_parallel_size"),
    *_rules("resources", "", "*.*.use_torch_compile", "*.*.entropy_checkpointing", "*.*.use_prefix_grouper"),
    *_rules(
        "resources", _ROUNDING, "*.*.entropy_from_logits_with_chunking", "*.*.entropy_from_logits_chunk_size",
        "*.*.pad_to_length", "*.*.sum_pi_squared_checkpointing",
    ),
    *_rules(
        "resources", _SPLIT_071, "*.actor.use_dynamic_bsz", "*.actor.ppo_max_token_len_per_gpu",
        "*.actor.ppo_micro_batch_size", "*.actor.ppo_micro_batch_size_per_gpu", "critic.use_dynamic_bsz",
        "critic.ppo_max_token_len_per_gpu", "critic.ppo_micro_batch_size", "critic.ppo_micro_batch_size_per_gpu",
        result_on=_OLD_SPLIT,
    ),
    *_rules(
        "resources", _SPLIT, "*.*.log_prob_use_dynamic_bsz", "*.*.log_prob_max_token_len_per_gpu",
        "*.*.log_prob_micro_batch_size", "*.*.log_prob_micro_batch_size_per_gpu", "critic.forward_max_token_len_per_gpu",
        "critic.forward_micro_batch_size", "critic.forward_micro_batch_size_per_gpu",
    ),
    *_rules("names", "a metric", "*.actor.calculate_entropy"),
    *_rules(
        "names", "clip_ratio_low and clip_ratio_high are what is read (core_algos.py)", "actor_rollout_ref.actor.clip_ratio"
    ),
    *_rules("names", "what is saved, not what is learnt", "*.*.checkpoint.save_contents", "critic.checkpoint.save_contents"),
    *_rules("resources", "", "*.*.checkpoint.async_save", "critic.checkpoint.async_save"),
    # rollout
    *_rules("resources", _SCHEDULE, *(
        f"actor_rollout_ref.rollout.{name}"
        for name in (
            "max_num_seqs", "max_num_batched_tokens", "enable_chunked_prefill", "enable_prefix_caching",
            "scheduling_policy", "gpu_memory_utilization", "tensor_model_parallel_size", "data_parallel_size",
            "pipeline_model_parallel_size", "expert_parallel_size", "enforce_eager", "cudagraph_capture_sizes",
            "free_cache_engine", "agent.num_workers", "disaggregation", "router_config_path",
        )
    )),
    *_rules("resources", "the trainer sends its weights before the first sample", "actor_rollout_ref.rollout.load_format"),
    *_rules("resources", "", *(
        f"actor_rollout_ref.rollout.{name}"
        for name in (
            "checkpoint_engine", "layered_summon", "multi_stage_wake_up", "nnodes", "n_gpus_per_node",
            "skip_tokenizer_init", "agent.agent_loop_manager_class",
        )
    )),
    *_rules("resources", "the longest sequence that the engine holds; where it is too small, every trajectory is cut short",
            "actor_rollout_ref.rollout.max_model_len"),
    *_rules("result", "the engine's own arguments", "actor_rollout_ref.rollout.engine_kwargs"),
    *_rules("result", "the engines' samplers and kernels differ", "actor_rollout_ref.rollout.name"),
    *_rules("result", "enters the loss with algorithm.rollout_correction; without it, metrics only",
            "actor_rollout_ref.rollout.calculate_log_probs"),
    *_rules("names", "", "actor_rollout_ref.rollout.trace", "actor_rollout_ref.rollout.prometheus",
            "actor_rollout_ref.rollout.disable_log_stats", "actor_rollout_ref.rollout.moe_load_balance_metrics_interval"),
    *_rules("names", _REMOVED, *(
        f"actor_rollout_ref.rollout.{name}"
        for name in (
            "over_sample_rate", "multi_turn.num_repeat_rollouts", "multi_turn.tokenization_sanity_check_mode",
            "multi_turn.use_inference_chat_template",
        )
    )),
    *_rules("names", "bookkeeping of the v0 trainer; the agent loop decides whether tools run",
            "actor_rollout_ref.rollout.multi_turn.enable"),
    # reward
    *_rules("resources", "", "reward.num_workers", "reward.reward_model.rollout", "reward.reward_model.nnodes",
            "reward.reward_model.n_gpus_per_node", "reward.reward_model.enable_resource_pool",
            "reward.sandbox_fusion.max_concurrent"),
    *_rules("result", "samples of the reward model", *(
        f"reward.reward_model.rollout.{name}"
        for name in ("name", "dtype", "temperature", "top_p", "top_k", "n", "do_sample", "prompt_length",
                     "response_length", "max_model_len", "quantization", "ignore_eos", "engine_kwargs", "seed", "mtp")
    )),
    # run
    *_rules("resources", "the batch is split over more or fewer GPUs: " + _SPLIT, "trainer.nnodes", "trainer.n_gpus_per_node"),
    *_rules("resources", "which GPU takes which trajectory", "trainer.balance_batch"),
    *_rules("resources", "", "trainer.use_legacy_worker_impl", "trainer.esi_redundant_time", "trainer.device",
            result_on=()),
    *_rules("names", "when the model is measured, not how it learns", "trainer.test_freq", "trainer.val_before_train"),
    *_rules("names", "when the model is saved", "trainer.save_freq", "trainer.max_actor_ckpt_to_keep",
            "trainer.max_critic_ckpt_to_keep", "trainer.del_local_ckpt_after_load",
            "trainer.remove_previous_ckpt_in_save", "trainer.checkpoint_callback_class"),
    *_rules("names", "where checkpoints are written, and looked for when a run goes on", "trainer.default_local_dir",
            "trainer.default_hdfs_dir"),
    *_rules("result", "a run that goes on from a checkpoint starts with its weights", "trainer.resume_mode",
            "trainer.resume_from_path"),
    *_rules("names", "", "trainer.logger", "trainer.project_name", "trainer.experiment_name", "trainer.log_val_generations",
            "trainer.rollout_data_dir", "trainer.validation_data_dir"),
    # the configuration's own machinery: which dataclass verl builds, no setting
    *_rules("names", "the dataclass that verl builds", "_target_"),
)

# Plan values that no verl key carries. The rest of what a bundle says beside its config changes the result.
PLAN_RULES: tuple[Rule, ...] = (
    *_rules("result", "", "algorithm", "budget", "model", "data", "tools", "reward", "agent", "evaluation", "env"),
    *_rules("resources", "", "cluster"),
    *_rules("names", "", "checkpoint", "tracking"),
    *_rules("resources", "a bound, not a setting of the run", "budget.gpu_hours"),
    *_rules("resources", "", "tools.*.concurrency"),
    *_rules("names", "passed on from the shell; its value is not known", "env.passed_on"),
)

# Environment variables by the start of their name.
ENV_RULES: tuple[tuple[str, Effect], ...] = (
    ("WANDB_", "names"),
    ("MLFLOW_", "names"),
    ("TENSORBOARD_", "names"),
    ("NCCL_DEBUG", "names"),
    ("NCCL_", "resources"),
    ("GLOO_", "resources"),
    ("HF_", "names"),
    ("TRANSFORMERS_CACHE", "names"),
    ("TOKENIZERS_PARALLELISM", "resources"),
    ("OMP_", "resources"),
    ("PYTORCH_CUDA_ALLOC_CONF", "resources"),
    ("PYTORCH_ALLOC_CONF", "resources"),
    ("CUDA_DEVICE_MAX_CONNECTIONS", "resources"),
    ("RAY_", "resources"),
    ("TMPDIR", "names"),
)


def rule_of(key: str) -> Rule:
    """The rule of a verl key (in the newest release's names): the longest pattern that fits it, or UNKNOWN."""
    if key.endswith("_target_"):
        return _longest("_target_", RULES)
    return _longest(key, RULES)


def effect_of(key: str, releases: Iterable[str] = ()) -> Effect:
    """The effect of a verl key between runs on these releases."""
    rule = rule_of(key)
    return "result" if set(rule.result_on) & set(releases) else rule.effect


def plan_rule_of(path: str) -> Rule:
    """The rule of a plan path that no verl key carries; of a variable as `env.values.NAME`."""
    prefix = "env.values."
    if path.startswith(prefix):
        name = path.removeprefix(prefix)
        effects = [effect for start, effect in ENV_RULES if name.startswith(start)]
        return Rule(path, effects[0]) if effects else Rule(path, "result", "a variable that toolspec does not know")
    return _longest(path, PLAN_RULES)


def _longest(key: str, rules: tuple[Rule, ...]) -> Rule:
    """The fitting rule with the most parts; of two as long, the one with fewer `*`, then the later one."""
    parts = key.split(".")
    best, rank = UNKNOWN, (0, 0)
    for rule in rules:
        pattern = rule.pattern.split(".")
        if len(pattern) <= len(parts) and all(p in ("*", k) for p, k in zip(pattern, parts, strict=False)):
            here = (len(pattern), -pattern.count("*"))
            if here >= rank:
                best, rank = rule, here
    return best
