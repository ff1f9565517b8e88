"""Names that other frameworks use for what the language has, and keys that stand in another section."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from toolspec.specs.nearest import nearest
from toolspec.specs.shape import all_paths

# Spec path → what it is called in TRL, OpenRLHF, prime-rl, verl, SkyRL and their scripts.
_NAMES: Mapping[str, str] = {
    "model.path": "model_name model_name_or_path base_model pretrain pretrained_model_name_or_path model_path",
    "model.chat_template": "custom_chat_template chat_template_path",
    "model.dtype": "torch_dtype bf16 fp16",
    "model.attention": "attn_implementation attn flash_attn",
    "model.thinking": "enable_thinking",
    "model.lora": "peft peft_config use_peft use_lora",
    "model.lora.rank": "r lora_r lora_rank",
    "model.lora.alpha": "lora_alpha",
    "model.lora.targets": "target_modules lora_target_modules",
    "data.train": "train_files train_file dataset dataset_name prompt_data train_data",
    "data.val": "val_files test_files eval_dataset eval_files validation",
    "data.columns": "prompt_key input_key label_key answer_key",
    "data.system": "system_prompt",
    "tools": "tool_config_path functions",
    "reward": "reward_fn reward_funcs reward_function reward_model rewards",
    "algorithm.name": "adv_estimator advantage_estimator algo trainer_type",
    "algorithm.batch": "train_batch_size rollout_batch_size batch_size",
    "algorithm.mini_batch": "ppo_mini_batch_size mini_batch_size",
    "algorithm.passes": "ppo_epochs num_iterations num_ppo_epochs",
    "algorithm.group": "num_generations n_samples_per_prompt rollouts_per_example group_size rollout_n n",
    "algorithm.lr": "learning_rate actor_learning_rate actor_lr",
    "algorithm.critic_lr": "critic_learning_rate",
    "algorithm.clip": "epsilon eps_clip clip_ratio clip_range cliprange",
    "algorithm.clip.low": "clip_ratio_low eps_clip_low",
    "algorithm.clip.high": "clip_ratio_high eps_clip_high epsilon_high",
    "algorithm.clip.dual": "clip_ratio_c",
    "algorithm.kl": "beta init_kl_coef kl_beta use_kl_loss use_kl_in_reward",
    "algorithm.kl.coef": "kl_coef kl_loss_coef",
    "algorithm.kl.type": "kl_loss_type kl_penalty kl_estimator",
    "algorithm.entropy": "entropy_coeff entropy_coef entropy_loss_coef",
    "algorithm.lambda": "lam lambd gae_lambda",
    "algorithm.loss_aggregation": "loss_agg_mode loss_type",
    "algorithm.normalize": "scale_rewards norm_adv_by_std_in_grpo",
    "algorithm.lr.warmup": "warmup_steps warmup_ratio lr_warmup_steps lr_warmup_ratio",
    "algorithm.lr.schedule": "lr_scheduler_type lr_scheduler",
    "algorithm.lr.decay": "weight_decay",
    "algorithm.lr.clip": "max_grad_norm grad_clip max_norm",
    "rollout.engine": "backend inference_engine",
    "rollout.tensor_parallel": "tensor_model_parallel_size vllm_tensor_parallel_size tensor_parallel_size tp",
    "rollout.gpu_memory": "gpu_memory_utilization vllm_gpu_memory_utilization mem_fraction_static",
    "rollout.eager": "enforce_eager",
    "rollout.max_sequences": "max_num_seqs",
    "rollout.max_batched_tokens": "max_num_batched_tokens",
    "rollout.parallel_calls": "max_parallel_calls parallel_tool_calls",
    "budget.turns": "max_turns max_assistant_turns num_turns max_tool_calling_iterations",
    "budget.user_turns": "max_user_turns",
    "budget.calls": "max_tool_calls max_calls",
    "budget.prompt_tokens": "max_prompt_length prompt_max_len max_prompt_len max_prompt_tokens",
    "budget.trajectory_tokens": "max_completion_length max_response_length generate_max_len max_new_tokens "
    "response_length max_tokens seq_len",
    "budget.tool_response_tokens": "max_tool_response_length",
    "budget.epochs": "num_train_epochs total_epochs num_epochs max_epochs num_episodes",
    "budget.steps": "max_steps total_training_steps total_steps",
    "evaluation.every": "eval_steps test_freq eval_interval eval_freq",
    "evaluation.before_train": "val_before_train",
    "checkpoint.every": "save_steps save_freq save_interval",
    "checkpoint.dir": "output_dir default_local_dir save_path ckpt_path",
    "checkpoint.keep": "save_total_limit max_ckpt_num max_actor_ckpt_to_keep",
    "checkpoint.resume": "resume_mode resume_from_checkpoint resume_from_path load_checkpoint",
    "tracking.to": "logger loggers report_to use_wandb wandb",
    "tracking.project": "project_name wandb_project",
    "tracking.experiment": "experiment_name run_name wandb_run_name",
    "train.offload": "param_offload optimizer_offload adam_offload cpu_offload",
    "train.micro_batch": "per_device_train_batch_size micro_train_batch_size micro_batch_size "
    "ppo_micro_batch_size_per_gpu",
    "train.token_budget": "ppo_max_token_len_per_gpu max_tokens_per_gpu",
    "train.sequence_parallel": "ulysses_sequence_parallel_size ring_attn_size context_parallel",
    "train.gradient_checkpointing": "enable_gradient_checkpointing activation_checkpointing",
    "cluster.gpus": "n_gpus_per_node num_gpus num_gpus_per_node gpus_per_node actor_num_gpus_per_node n_gpus",
    "cluster.nodes": "nnodes num_nodes actor_num_nodes",
    "env": "env_vars environment",
    "target": "verl version",
    "extends": "defaults base inherit include inherits",
    "overrides": "actor_rollout_ref trainer critic reward_manager hydra ray_kwargs custom_reward_function override",
}
# Section (`*` for a name of the user's) → key that is written there → key that is meant.
_MEANT: Mapping[str, Mapping[str, str]] = {
    "model": {"name": "path", "id": "path", "model": "path"},
    "cluster.slurm": dict.fromkeys(
        ("mem", "gres", "nodelist", "cpus_per_task", "ntasks", "reservation"), "extra"
    ),
    "data": {"shuffle": "order", "path": "train", "file": "train", "files": "train"},
    "data.train": {"file": "path", "files": "path", "name": "path", "data_source": "source"},
    "data.val": {"file": "path", "files": "path", "data_source": "source"},
    "data.columns": {"question": "prompt", "input": "prompt", "ground_truth": "answer", "label": "answer"},
    "tools.*": {"function": "python", "func": "python", "fn": "python", "class_name": "class"},
    "rollout": {"name": "engine"},
    "reward": {"function": "python", "path": "python"},
}
_PATH_OF: Mapping[str, str] = MappingProxyType(
    {name: path for path, names in _NAMES.items() for name in names.split()}
)


# What others write for a word of the language.
FOREIGN_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "bf16": "bfloat16",
        **dict.fromkeys(("fp16", "half"), "float16"),
        **dict.fromkeys(("fp32", "float"), "float32"),
        **dict.fromkeys(("flash_attn", "flash_attention", "flash"), "flash_attention_2"),
        **dict.fromkeys(("reinforce", "reinforce_plus_plus"), "reinforce++"),
        "gae": "ppo",
        "k1": "kl",
        "k2": "mse",
        "k3": "low_var_kl",
        "cpu": "all",
        "stdout": "console",
    }
)


def meant_key(section: str, key: str, known: Sequence[str]) -> str:
    """The fix for a key that the section (a dotted path, "" for the root) does not have; "" where none is known."""
    prefix = f"{section}." if section else ""
    general = re.sub(r"^tools\.[^.]+$", "tools.*", re.sub(r"\.\d+$", "", section))
    if (word := _MEANT.get(general, {}).get(key)) is not None:
        return f"did you mean `{word}`?"
    if (path := _PATH_OF.get(key)) is not None:
        here = path.removeprefix(prefix)
        if path == "overrides":
            return f"raw keys stand under `overrides` by their dotted name: `{key}.…`"
        return (
            f"did you mean `{here}`?"
            if path.startswith(prefix) and "." not in here
            else f"here it is `{path}`"
        )
    # The kinds of a sweep have keys of common names (`steps`, `seed`), which nobody looks for elsewhere.
    others = [
        ".".join(path)
        for path, _ in all_paths()
        if path[-1] == key and "<name>" not in path and path[0] != "sweep"
    ]
    close = nearest(key, known)
    if len(others) == 1 or (len(others) == 2 and not close):
        return f"here it is `{'` or `'.join(others)}`"
    return f"did you mean `{close[0]}`?" if close else ""
