"""What a difference in a verl key, a plan value or a variable of the environment can change.

`result`: the distribution of what is sampled, paid, learnt or measured. `resources`: only speed, memory or
rounding; another order of sampling draws other random numbers from the same distribution and counts as
this. `names`: what things are called, where they are written, what is logged. What stands in no rule is
taken to change the result.
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

_ROLLOUT = "actor_rollout_ref.rollout"
_FSDP = "*.*.fsdp_config critic.fsdp critic.model.fsdp_config"
_SCHEDULE = "the same distribution is sampled in another order, with other random numbers"
_ROUNDING = "equal up to rounding"
# dp_actor.py:583 of 0.7.1 averages the tokens of each micro batch, then the micro batches by their
# trajectories (the critic's worker too); later releases divide by the tokens of the mini batch
# (core_algos.py, agg_loss).
_SPLIT_071 = "gradients equal up to rounding, but for 0.7.1, which averages tokens within each micro batch"
_UNREAD = "read by no trainer"


def _rules(
    effect: Effect, reason: str, names: str, under: str = "", result_on: tuple[str, ...] = ()
) -> Iterator[Rule]:
    """A rule for each of the names, below each of the sections in `under`; both are separated by blanks."""
    for section in under.split() or [""]:
        for name in names.split():
            yield Rule(f"{section}.{name}" if section else name, effect, reason, result_on)


RULES: tuple[Rule, ...] = (
    # Whole sections first; a longer pattern wins over a shorter one.
    *_rules("result", "", "actor ref rollout model", under="actor_rollout_ref"),
    *_rules("result", "", "data algorithm critic reward trainer distillation model_engine"),
    *_rules("result", "", "reward_model custom_reward_function sandbox_fusion"),
    *_rules("result", "a recorded rollout may take the place of sampling", f"skip {_ROLLOUT}.skip"),
    *_rules("resources", "", "ray_kwargs transfer_queue actor_rollout_ref.hybrid_engine"),
    *_rules("names", "it measures and changes nothing", "global_profiler *.profiler *.*.profiler"),
    *_rules("resources", "a limit on waiting", "actor_rollout_ref.nccl_timeout"),
    *_rules("resources", "a limit on waiting", "ray_wait_register_center_timeout", under="trainer"),
    # data
    *_rules(
        "resources",
        "",
        """dataloader_num_workers filter_overlong_prompts_workers use_shm val_batch_size return_full_prompt
        return_raw_input_ids return_multi_modal_inputs""",
        under="data",
    ),
    *_rules("names", _UNREAD, "return_raw_chat truncation tokenizer", under="data"),
    *_rules("names", "the order in which validation rows are reported", "data.validation_shuffle"),
    # model
    *_rules(
        "resources",
        "",
        "use_shm enable_gradient_checkpointing enable_activation_offload tiled_mlp lora.a2a_experimental",
        under="*.model",
    ),
    *_rules(
        "resources",
        _ROUNDING,
        """use_remove_padding use_fused_kernels fused_kernel_options use_liger
        override_config.attn_implementation""",
        under="*.model",
    ),
    *_rules("resources", _ROUNDING, "use_remove_padding use_fused_kernels", under="*.actor"),
    *_rules("result", "the repository's own code may be another model", "*.model.trust_remote_code"),
    *_rules("result", "the tokenizer's own code", "data.trust_remote_code"),
    # how the update is split over GPUs
    *_rules("resources", _ROUNDING, f"*.*.strategy critic.strategy {_FSDP}"),
    *_rules("result", "", "seed", under=_FSDP),
    *_rules(
        "result",
        "the precision of the computation",
        "dtype model_dtype mixed_precision qat forward_only",
        under=_FSDP,
    ),
    *_rules("result", "the precision of the computation", "turbo_config.distributed.fsdp_plan", under=_FSDP),
    *_rules("resources", _ROUNDING, "ulysses_sequence_parallel_size", under="*.* critic"),
    *_rules("resources", "", "use_torch_compile entropy_checkpointing use_prefix_grouper", under="*.*"),
    *_rules(
        "resources",
        _ROUNDING,
        """entropy_from_logits_with_chunking entropy_from_logits_chunk_size pad_to_length
        sum_pi_squared_checkpointing""",
        under="*.*",
    ),
    *_rules(
        "resources",
        _SPLIT_071,
        "use_dynamic_bsz ppo_max_token_len_per_gpu ppo_micro_batch_size ppo_micro_batch_size_per_gpu",
        under="*.actor critic",
        result_on=("0.7.1",),
    ),
    *_rules(
        "resources",
        _ROUNDING,
        """log_prob_use_dynamic_bsz log_prob_max_token_len_per_gpu log_prob_micro_batch_size
        log_prob_micro_batch_size_per_gpu""",
        under="*.*",
    ),
    *_rules(
        "resources",
        _ROUNDING,
        "forward_max_token_len_per_gpu forward_micro_batch_size forward_micro_batch_size_per_gpu",
        under="critic",
    ),
    *_rules("names", "a metric", "*.actor.calculate_entropy"),
    *_rules("names", "clip_ratio_low and clip_ratio_high are read (core_algos.py)", "*.actor.clip_ratio"),
    *_rules("names", "what is saved, not what is learnt", "checkpoint.save_contents", under="*.* critic"),
    *_rules("resources", "", "checkpoint.async_save", under="*.* critic"),
    # rollout
    *_rules(
        "resources",
        _SCHEDULE,
        """max_num_seqs max_num_batched_tokens enable_chunked_prefill enable_prefix_caching
        scheduling_policy gpu_memory_utilization tensor_model_parallel_size data_parallel_size
        pipeline_model_parallel_size expert_parallel_size enforce_eager cudagraph_capture_sizes
        free_cache_engine agent.num_workers disaggregation router_config_path""",
        under=_ROLLOUT,
    ),
    *_rules("resources", "the trainer sends its weights before the first sample", f"{_ROLLOUT}.load_format"),
    *_rules(
        "resources",
        "",
        """checkpoint_engine layered_summon multi_stage_wake_up nnodes n_gpus_per_node skip_tokenizer_init
        agent.agent_loop_manager_class""",
        under=_ROLLOUT,
    ),
    *_rules(
        "resources",
        "what the engine can hold; below prompt and trajectory together, it would cut them short",
        f"{_ROLLOUT}.max_model_len",
    ),
    *_rules("result", "the engine's own arguments", f"{_ROLLOUT}.engine_kwargs"),
    *_rules("result", "the engines' samplers and kernels differ", f"{_ROLLOUT}.name"),
    *_rules(
        "result",
        "enters the loss with algorithm.rollout_correction; without it, metrics only",
        f"{_ROLLOUT}.calculate_log_probs",
    ),
    *_rules(
        "names", "", "trace prometheus disable_log_stats moe_load_balance_metrics_interval", under=_ROLLOUT
    ),
    *_rules(
        "names",
        _UNREAD,
        """over_sample_rate multi_turn.num_repeat_rollouts multi_turn.tokenization_sanity_check_mode
        multi_turn.use_inference_chat_template""",
        under=_ROLLOUT,
    ),
    *_rules(
        "names",
        "bookkeeping of the v0 trainer; the agent loop decides whether tools run",
        f"{_ROLLOUT}.multi_turn.enable",
    ),
    # reward
    *_rules("resources", "", "num_workers sandbox_fusion.max_concurrent", under="reward"),
    *_rules(
        "resources", "", "rollout nnodes n_gpus_per_node enable_resource_pool", under="reward.reward_model"
    ),
    *_rules(
        "result",
        "what the reward model answers",
        """name dtype temperature top_p top_k n do_sample prompt_length response_length max_model_len
        quantization ignore_eos engine_kwargs seed mtp""",
        under="reward.reward_model.rollout",
    ),
    # run
    *_rules(
        "resources", "a batch is split over more or fewer GPUs", "nnodes n_gpus_per_node", under="trainer"
    ),
    *_rules("resources", "which GPU takes which trajectory", "trainer.balance_batch"),
    *_rules("resources", "", "use_legacy_worker_impl esi_redundant_time device", under="trainer"),
    *_rules(
        "names",
        "when the model is measured, not how it learns",
        "test_freq val_before_train",
        under="trainer",
    ),
    *_rules(
        "names",
        "when the model is saved",
        """save_freq max_actor_ckpt_to_keep max_critic_ckpt_to_keep del_local_ckpt_after_load
        remove_previous_ckpt_in_save checkpoint_callback_class""",
        under="trainer",
    ),
    *_rules(
        "names",
        "where checkpoints are written, and looked for when a run goes on",
        "default_local_dir default_hdfs_dir",
        under="trainer",
    ),
    *_rules(
        "result",
        "a run that goes on from a checkpoint starts with its weights",
        "resume_mode resume_from_path",
        under="trainer",
    ),
    *_rules(
        "names",
        "",
        "logger project_name experiment_name log_val_generations rollout_data_dir validation_data_dir",
        under="trainer",
    ),
    # the configuration's own machinery
    *_rules("names", "the dataclass that verl builds, no setting", "_target_"),
)

# Plan values that no verl key carries. The rest of what a bundle says beside its config changes the result.
PLAN_RULES: tuple[Rule, ...] = (
    *_rules("result", "", "algorithm budget model data tools reward agent evaluation env"),
    *_rules("resources", "", "cluster"),
    *_rules("names", "", "checkpoint tracking"),
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
    """The rule of a verl key, in the newest names: the longest pattern that fits it, or UNKNOWN."""
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
        return (
            Rule(path, effects[0])
            if effects
            else Rule(path, "result", "a variable that toolspec does not know")
        )
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
