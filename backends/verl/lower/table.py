"""The lowering table: plan path → verl key, in the names of the newest release.

Every plan path stands here, in `COMPOSED` (several values make one key: lower.py) or in `NOT_LOWERED` (no verl key
carries it); a test asserts that it is one of the three.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toolspec.backends.verl.lower.row import Row
from toolspec.compiler.plan.decision import Plan
from toolspec.specs.reward import TERMS

ACTOR = "actor_rollout_ref.actor"
REF = "actor_rollout_ref.ref"
ROLLOUT = "actor_rollout_ref.rollout"
MODEL = "actor_rollout_ref.model"


def critic(plan: Plan) -> bool:
    return bool(plan["algorithm.estimator"] == "gae")


def reference(plan: Plan) -> bool:
    return bool(plan["algorithm.kl.where"] != "none")


def kl_in(where: str) -> Any:
    return lambda plan: plan["algorithm.kl.where"] == where


def adaptive(plan: Plan) -> bool:
    return bool(plan["algorithm.kl.where"] == "reward" and plan["algorithm.kl.schedule"] == "adaptive")


def given(path: str, absent: Any) -> Any:
    return lambda plan: plan[path] != absent


def dynamic(plan: Plan) -> bool:
    return plan.flag("train.dynamic")


def fixed(plan: Plan) -> bool:
    return not plan.flag("train.dynamic")


def tools(plan: Plan) -> bool:
    return bool(plan["tools.names"])


def loop_runs_tools(plan: Plan) -> bool:
    return bool(plan["agent.loop"] != "single_turn_agent")


def filtering(plan: Plan) -> bool:
    return plan.flag("algorithm.filter.enable")


def never(value: Any) -> Any:
    """`never` is -1 in verl's frequencies."""
    return -1 if value == "never" else value


def or_null(value: Any) -> Any:
    """0 stands for no limit in a plan; verl's 0 would be unlimited or none, by key, and null is always none."""
    return value or None


DATA = (
    Row("data.train_files", "data.train", lambda files: files[0] if len(files) == 1 else list(files)),
    Row("data.val_files", "data.val", lambda files: files[0] if len(files) == 1 else list(files)),
    Row("data.train_batch_size", "algorithm.batch", note="prompts a step; verl counts prompts here"),
    Row("data.max_prompt_length", "budget.prompt_tokens", note="chat template and tool schemas included"),
    Row("data.max_response_length", "budget.trajectory_tokens", note="every turn and every tool response"),
    Row(
        "data.filter_overlong_prompts",
        "data.filter_overlong",
        note="verl would cut a longer prompt from the left: the system prompt and the tool schemas first",
    ),
    Row("data.shuffle", "data.shuffle"),
    Row("data.seed", "data.seed"),
    Row("data.custom_cls.path", "data.class_file", when=given("data.class_file", "none")),
    Row("data.custom_cls.name", "data.class_name", when=given("data.class_file", "none")),
    Row(
        "data.apply_chat_template_kwargs.enable_thinking",
        "model.thinking",
        when=given("model.thinking", "template"),
    ),
    Row(
        "data.trust_remote_code", "model.trust_remote_code", note="the tokenizer's, loaded by the task runner"
    ),
)

ALGORITHM = (
    Row("algorithm.adv_estimator", "algorithm.estimator"),
    Row("algorithm.gamma", "algorithm.gamma"),
    Row("algorithm.lam", "algorithm.lambda"),
    Row("algorithm.norm_adv_by_std_in_grpo", "algorithm.normalize"),
    Row("algorithm.use_kl_in_reward", "algorithm.kl.where", lambda where: where == "reward"),
    Row("algorithm.kl_penalty", "algorithm.kl.type", when=kl_in("reward")),
    Row("algorithm.kl_ctrl.type", "algorithm.kl.schedule", when=kl_in("reward")),
    Row("algorithm.kl_ctrl.kl_coef", "algorithm.kl.coef", when=kl_in("reward")),
    Row("algorithm.kl_ctrl.target_kl", "algorithm.kl.target", when=adaptive),
    Row("algorithm.kl_ctrl.horizon", "algorithm.kl.horizon", when=adaptive),
    Row("algorithm.filter_groups.enable", "algorithm.filter.enable"),
    Row("algorithm.filter_groups.metric", "algorithm.filter.metric", when=filtering),
    Row("algorithm.filter_groups.max_inflight_gen_batches", "algorithm.filter.in_flight", when=filtering),
    Row(f"{ACTOR}.use_kl_loss", "algorithm.kl.where", lambda where: where == "loss"),
    Row(f"{ACTOR}.kl_loss_type", "algorithm.kl.type", when=kl_in("loss")),
    Row(f"{ACTOR}.kl_loss_coef", "algorithm.kl.coef", when=kl_in("loss")),
    Row(
        f"{ACTOR}.ppo_mini_batch_size",
        "algorithm.mini_batch",
        note="prompts, before they are multiplied by the group",
    ),
    Row(f"{ACTOR}.ppo_epochs", "algorithm.passes"),
    Row(
        f"{ACTOR}.clip_ratio",
        "algorithm.clip.low",
        note="the clip that counts is clip_ratio_low and clip_ratio_high (core_algos.py); this one follows it",
    ),
    Row(f"{ACTOR}.clip_ratio_low", "algorithm.clip.low"),
    Row(f"{ACTOR}.clip_ratio_high", "algorithm.clip.high"),
    Row(f"{ACTOR}.clip_ratio_c", "algorithm.clip.dual"),
    Row(f"{ACTOR}.loss_agg_mode", "algorithm.loss_aggregation"),
    Row(f"{ACTOR}.entropy_coeff", "algorithm.entropy"),
    Row(f"{ACTOR}.policy_loss.loss_mode", "algorithm.policy_loss"),
    Row("trainer.critic_warmup", "algorithm.critic_warmup"),
    Row(f"{ROLLOUT}.n", "algorithm.group"),
)


def optimiser(section: str, path: str, when: Any = None) -> tuple[Row, ...]:
    return (
        Row(f"{section}.optim.lr", f"{path}.peak", when=when),
        Row(
            f"{section}.optim.lr_warmup_steps",
            f"{path}.warmup_steps",
            lambda steps: steps or -1,
            when=when,
            note="-1 leaves it to lr_warmup_steps_ratio",
        ),
        Row(f"{section}.optim.lr_warmup_steps_ratio", f"{path}.warmup_share", when=when),
        Row(f"{section}.optim.lr_scheduler_type", f"{path}.schedule", when=when),
        Row(f"{section}.optim.weight_decay", f"{path}.decay", when=when),
        Row(f"{section}.optim.clip_grad", f"{path}.clip", when=when, note="read by the engine workers"),
        Row(f"{section}.grad_clip", f"{path}.clip", when=when, note="read by the older FSDP workers"),
    )


def sharding(section: str, fsdp: str, role: str, when: Any = None) -> tuple[Row, ...]:
    optimizer = (
        ()
        if role == "ref"
        else (Row(f"{fsdp}.optimizer_offload", f"train.offload.{role}.optimizer", when=when),)
    )
    strategy = () if role == "ref" else (Row(f"{section}.strategy", "train.strategy", when=when),)
    return (
        *strategy,
        Row(f"{fsdp}.strategy", "train.strategy", when=when),
        Row(f"{fsdp}.param_offload", f"train.offload.{role}.params", when=when),
        *optimizer,
        Row(f"{fsdp}.dtype", "model.dtype", when=when, note="of the computation; the master copy stays fp32"),
        # 0.7.1 reads `dtype` too, later ones this alone (workers/engine/fsdp/transformer_impl.py _build_fsdp_module).
        Row(
            f"{fsdp}.mixed_precision.param_dtype",
            "model.dtype",
            when=lambda plan: plan["model.dtype"] != "bfloat16" and (when is None or when(plan)),
        ),
        Row(f"{fsdp}.seed", "train.seed", when=when),
    )


MODELS = (
    Row(f"{MODEL}.path", "model.path_on_node"),
    Row(f"{MODEL}.trust_remote_code", "model.trust_remote_code"),
    Row(
        f"{MODEL}.custom_chat_template",
        "model.chat_template_text",
        when=given("model.chat_template_text", "own"),
    ),
    Row(f"{MODEL}.enable_gradient_checkpointing", "train.gradient_checkpointing"),
    Row(f"{MODEL}.use_remove_padding", "model.remove_padding"),
    Row(
        f"{MODEL}.override_config.attn_implementation",
        "model.attention",
        when=given("model.attention", "flash_attention_2"),
        note="the critic's is set by ts_start.py: verl hard-codes it (utils/model.py, load_valuehead_model)",
    ),
    Row(f"{MODEL}.lora_rank", "model.lora.rank"),
    Row(f"{MODEL}.lora_alpha", "model.lora.alpha", when=given("model.lora.rank", 0)),
    Row(
        f"{MODEL}.target_modules",
        "model.lora.targets",
        lambda targets: targets if isinstance(targets, str) else list(targets),
        when=given("model.lora.rank", 0),
    ),
    Row("critic.model.path", "model.path_on_node", when=critic),
    Row("critic.model.trust_remote_code", "model.trust_remote_code", when=critic),
    Row("critic.model.enable_gradient_checkpointing", "train.gradient_checkpointing", when=critic),
    Row("critic.model.use_remove_padding", "model.remove_padding", when=critic),
)

TRAIN = (
    *sharding(ACTOR, f"{ACTOR}.fsdp_config", "actor"),
    *sharding(REF, f"{REF}.fsdp_config", "ref", when=reference),
    *sharding("critic", "critic.fsdp", "critic", when=critic),
    *optimiser(ACTOR, "algorithm.lr"),
    *optimiser("critic", "algorithm.critic_lr", when=critic),
    Row(
        f"{ACTOR}.use_dynamic_bsz",
        "train.dynamic",
        note="reference, critic and rollout follow it by interpolation",
    ),
    Row(f"{ACTOR}.ppo_max_token_len_per_gpu", "train.token_budget", when=dynamic),
    Row("critic.ppo_max_token_len_per_gpu", "train.token_budget", when=lambda p: critic(p) and dynamic(p)),
    Row(f"{ACTOR}.ppo_micro_batch_size_per_gpu", "train.micro_batch", when=fixed),
    Row(
        f"{REF}.log_prob_micro_batch_size_per_gpu",
        "train.micro_batch",
        when=fixed,
        note="no default in verl; without it the run stops at validation",
    ),
    Row(
        f"{ROLLOUT}.log_prob_micro_batch_size_per_gpu",
        "train.micro_batch",
        when=fixed,
        note="no default in verl; without it the run stops at validation",
    ),
    Row("critic.ppo_micro_batch_size_per_gpu", "train.micro_batch", when=lambda p: critic(p) and fixed(p)),
    Row(f"{ACTOR}.ulysses_sequence_parallel_size", "train.sequence_parallel"),
    Row("critic.ulysses_sequence_parallel_size", "train.sequence_parallel", when=critic),
    Row(f"{ACTOR}.use_torch_compile", "train.compile"),
    Row(f"{ACTOR}.fsdp_config.use_torch_compile", "train.compile"),
    Row(f"{REF}.fsdp_config.use_torch_compile", "train.compile", when=reference),
    Row("critic.fsdp.use_torch_compile", "train.compile", when=critic),
    Row(f"{ACTOR}.data_loader_seed", "train.seed"),
    Row("critic.data_loader_seed", "train.seed", when=critic),
    Row("trainer.use_v1", "train.trainer", lambda trainer: trainer == "v1"),
)

ROLLOUTS = (
    Row(f"{ROLLOUT}.name", "rollout.engine"),
    Row(f"{ROLLOUT}.temperature", "rollout.temperature"),
    Row(f"{ROLLOUT}.top_p", "rollout.top_p"),
    Row(f"{ROLLOUT}.top_k", "rollout.top_k"),
    Row(f"{ROLLOUT}.tensor_model_parallel_size", "rollout.tensor_parallel", note="verl's default is 2"),
    Row(f"{ROLLOUT}.gpu_memory_utilization", "rollout.gpu_memory"),
    Row(f"{ROLLOUT}.dtype", "model.dtype"),
    Row(
        f"{ROLLOUT}.max_model_len",
        "model.max_model_len",
        note="null would be the model's maximum: more KV cache",
    ),
    Row(f"{ROLLOUT}.max_num_batched_tokens", "rollout.max_batched_tokens"),
    Row(
        f"{ROLLOUT}.max_num_seqs",
        "rollout.max_sequences",
        note="verl's default went from 1024 to 256 in 0.9.0",
    ),
    Row(f"{ROLLOUT}.enforce_eager", "rollout.eager"),
    Row(f"{ROLLOUT}.free_cache_engine", "rollout.free_cache"),
    Row(f"{ROLLOUT}.seed", "rollout.seed", when=given("rollout.seed", "release")),
    Row(f"{ROLLOUT}.load_format", "rollout.load_format"),
    Row(f"{ROLLOUT}.val_kwargs.n", "evaluation.samples"),
    Row(f"{ROLLOUT}.val_kwargs.temperature", "evaluation.temperature"),
    Row(f"{ROLLOUT}.val_kwargs.top_p", "evaluation.top_p"),
    Row(f"{ROLLOUT}.val_kwargs.top_k", "evaluation.top_k"),
    Row(
        f"{ROLLOUT}.val_kwargs.do_sample",
        "evaluation.sampled",
        note="the v1 trainer reads the temperature alone",
    ),
    Row(
        f"{ROLLOUT}.multi_turn.enable",
        "tools.names",
        bool,
        note="bookkeeping of the v0 trainer; the loop decides",
    ),
    Row(f"{ROLLOUT}.multi_turn.tool_config_path", "tools.names", lambda _: "tools.yaml", when=tools),
    Row(f"{ROLLOUT}.multi_turn.format", "model.tool_format"),
    Row(f"{ROLLOUT}.multi_turn.max_assistant_turns", "budget.turns", when=loop_runs_tools),
    Row(f"{ROLLOUT}.multi_turn.max_user_turns", "budget.user_turns", or_null),
    Row(f"{ROLLOUT}.multi_turn.max_parallel_calls", "rollout.parallel_calls"),
    Row(
        f"{ROLLOUT}.multi_turn.max_tool_response_length",
        "budget.tool_response_tokens",
        lambda tokens: tokens * CHARACTERS_A_TOKEN,
        when=tools,
        note=(
            "verl counts characters; ts_loop.py cuts at the tokens afterwards, and no token of a known vocabulary is "
            "longer than this limit allows for, so it never binds first"
        ),
    ),
    Row(f"{ROLLOUT}.agent.num_workers", "rollout.workers"),
    Row(f"{ROLLOUT}.agent.default_agent_loop", "agent.loop", note="verl's default shows the model no tool"),
    Row(
        f"{ROLLOUT}.agent.agent_loop_config_path",
        "agent.loop",
        lambda _: "agent_loops.yaml",
        when=loop_runs_tools,
    ),
    Row(f"{ROLLOUT}.agent.agent_loop_manager_class", "agent.manager", when=given("agent.manager", "none")),
    Row(f"{ROLLOUT}.trace.backend", "tracking.trace", when=given("tracking.trace", "none")),
)
# The longest token of the vocabularies in use is 128 blanks (Qwen, Llama 3) and 256 in others; 1024 leaves room.
CHARACTERS_A_TOKEN = 1024

REWARD = (
    Row("reward.reward_manager.source", "reward.manager", lambda _: "importlib"),
    Row("reward.reward_manager.name", "reward.manager"),
    Row("reward.reward_manager.module.path", "reward.manager", lambda _: "ts_reward.py"),
    Row("reward.custom_reward_function.path", "reward.python_file", when=given("reward.python_file", "none")),
    Row("reward.custom_reward_function.name", "reward.python_name", when=given("reward.python_file", "none")),
)

RUN = (
    Row("trainer.nnodes", "cluster.nodes"),
    Row("trainer.n_gpus_per_node", "cluster.gpus"),
    Row("trainer.total_epochs", "budget.epochs"),
    Row("trainer.total_training_steps", "budget.steps", when=given("budget.steps", 0)),
    Row("trainer.test_freq", "evaluation.every", never),
    Row("trainer.val_before_train", "evaluation.before_train"),
    Row("trainer.save_freq", "checkpoint.every", never),
    Row("trainer.default_local_dir", "checkpoint.dir_on_node"),
    Row("trainer.max_actor_ckpt_to_keep", "checkpoint.keep", when=given("checkpoint.keep", "all")),
    Row(
        "trainer.max_critic_ckpt_to_keep",
        "checkpoint.keep",
        when=lambda p: critic(p) and p["checkpoint.keep"] != "all",
    ),
    Row(
        "trainer.resume_mode",
        "checkpoint.resume",
        lambda resume: {"auto": "auto", "never": "disable"}.get(resume, "resume_path"),
    ),
    Row(
        "trainer.resume_from_path",
        "checkpoint.resume_on_node",
        when=lambda p: p["checkpoint.resume"] not in ("auto", "never"),
    ),
    Row(f"{ACTOR}.checkpoint.save_contents", "checkpoint.contents", list),
    Row("critic.checkpoint.save_contents", "checkpoint.contents", list, when=critic),
    Row("trainer.logger", "tracking.to", list),
    Row("trainer.project_name", "tracking.project"),
    Row("trainer.experiment_name", "tracking.experiment"),
    Row("trainer.log_val_generations", "tracking.samples"),
    Row("trainer.rollout_data_dir", "tracking.rollouts_dir", when=given("tracking.rollouts", False)),
    Row("trainer.validation_data_dir", "tracking.validation_dir", when=given("tracking.rollouts", False)),
)

TABLE: tuple[Row, ...] = (*DATA, *ALGORITHM, *MODELS, *TRAIN, *ROLLOUTS, *REWARD, *RUN)

# Mappings whose entries become keys below an open mapping of verl: lower.py writes one key an entry.
COMPOSED: Mapping[str, str] = {
    "rollout.engine_options": f"{ROLLOUT}.engine_kwargs.<engine>.*",
    "reward.kwargs": "reward.custom_reward_function.reward_kwargs.*",
}

# Plan paths that no verl key carries, with what carries them.
NOT_LOWERED: Mapping[str, str] = {
    "algorithm.name": "unfolded into the other algorithm paths",
    "algorithm.updates": "said by algorithm.mini_batch",
    "algorithm.trajectories": "batch × group",
    "algorithm.overlong.buffer": "ts_reward.json",
    "algorithm.overlong.penalty": "ts_reward.json",
    "budget.rounds": "said by budget.turns",
    "budget.calls": "ts_loop.json",
    "budget.turn_tokens": "ts_loop.json",
    "budget.sequence_tokens": "prompt + trajectory",
    "budget.gpu_hours": "a bound on cluster.time_seconds",
    "model.path": "model.path_on_node",
    "model.revision": "launch.sh fetches it",
    "model.chat_template": "model.chat_template_text",
    "data.layout": "how compile treats the rows",
    "data.order": "data.shuffle, and the order of converted rows",
    "evaluation.repeats": "converted rows",
    "checkpoint.dir": "checkpoint.dir_on_node",
    "tracking.rollouts": "tracking.rollouts_dir, tracking.validation_dir",
    "cluster.gpu": "memory arithmetic",
    "cluster.world_size": "nodes × GPUs",
    "cluster.time_seconds": "job.sbatch; launch.sh sets no limit",
    "env.values": "launch.sh",
    "env.passed_on": "launch.sh",
    "reward.terms": "ts_reward.json",
    "reward.clip": "ts_reward.json",
    "reward.on_error": "ts_reward.json",
    "reward.fault_limit": "ts_reward.json, for ts_job.py",
    "agent.class": "agent_loops.yaml",
    "agent.config": "agent_loops.yaml",
}
NOT_LOWERED_PREFIXES: Mapping[str, str] = {
    "tools.": "tools.yaml",
    "cluster.slurm.": "job.sbatch, batch.sh and ts_job.json; launch.sh starts no job",
    **{f"reward.{term}.": "ts_reward.json" for term in (*TERMS, "own")},
}
