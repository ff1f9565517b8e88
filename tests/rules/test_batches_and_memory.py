"""Runs of the kinds that users write, with what the rules on batches, algorithms and memory say of each.

An entry without codes is sound: none of these rules may say a word of it.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from rules.test_rules import base, laid_over, told
from toolspec.backends.verl.lint.page import Example

__all__ = ["base"]


class Case(NamedTuple):
    name: str
    text: str
    codes: tuple[str, ...] = ()
    version: str = ""
    files: dict[str, str] = {}  # noqa: RUF012


A, R, M = "actor_rollout_ref.actor", "actor_rollout_ref.rollout", "actor_rollout_ref.model"
REF = "actor_rollout_ref.ref"
FAMILY = ("TS1", "TS205", "TS5", "TS702")
CRITIC = "algorithm.adv_estimator=gae critic.model.path=model critic.ppo_micro_batch_size_per_gpu=4"
DYNAMIC = f"{A}.use_dynamic_bsz=True {A}.ppo_max_token_len_per_gpu=8192"
MEGATRON = (
    f"model_engine=megatron {A}.strategy=megatron {A}.megatron.tensor_model_parallel_size=2 "
    f"{A}.megatron.pipeline_model_parallel_size=2"
)
SCRIPT = """\
#!/bin/bash
#SBATCH --nodes=2
#SBATCH --gres=gpu:{gpu}:8
MINI=${{MINI:-32}}
python3 -m verl.trainer.main_ppo \\
    algorithm.adv_estimator={estimator} \\
    data.train_files=train.parquet data.val_files=val.parquet \\
    data.train_batch_size=64 data.max_prompt_length=1024 data.max_response_length=2048 \\
    actor_rollout_ref.model.path=model critic.model.path=model \\
    actor_rollout_ref.actor.ppo_mini_batch_size=$MINI \\
    actor_rollout_ref.actor.use_dynamic_bsz=True \\
    actor_rollout_ref.actor.ppo_max_token_len_per_gpu=$((2 * (1024 + 2048))) \\
    actor_rollout_ref.rollout.name=vllm actor_rollout_ref.rollout.n=8 \\
    actor_rollout_ref.rollout.tensor_model_parallel_size=2 \\
    trainer.n_gpus_per_node=8 trainer.nnodes=2
"""
BIG = (
    '{"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "hidden_size": 5120, "intermediate_size": 27648, '
    '"num_hidden_layers": 64, "num_attention_heads": 40, "num_key_value_heads": 8, "vocab_size": 152064, '
    '"max_position_embeddings": 32768, "tie_word_embeddings": false, "torch_dtype": "bfloat16"}'
)

CASES = (
    Case("dynamic batches", DYNAMIC),
    Case("two nodes", "trainer.nnodes=2 data.train_batch_size=64"),
    Case("two nodes that do not divide", f"trainer.nnodes=3 {A}.ppo_mini_batch_size=32", ("TS102",)),
    Case("V0 of 0.9", "trainer.use_v1=False"),
    Case("V0 workers", f"trainer.use_v1=False {R}.agent.num_workers=12", ("TS503",)),
    Case("V0 mini batch, dynamic", f"trainer.use_v1=False {DYNAMIC} {A}.ppo_mini_batch_size=24", ("TS101",)),
    Case(
        "legacy workers round down",
        f"{A}.ppo_mini_batch_size=4 {R}.n=5 {DYNAMIC} {A}.ppo_micro_batch_size_per_gpu=null",
        ("TS102",),
        "0.7.1",
    ),
    Case(
        "legacy micro batches of log-probs need not divide",
        f"{R}.log_prob_micro_batch_size_per_gpu=24",
        (),
        "0.7.1",
    ),
    Case("the same on 0.8.0", f"{R}.log_prob_micro_batch_size_per_gpu=24", ("TS103",), "0.8.0"),
    Case("old micro batch key on 0.8.0", f"{REF}.log_prob_micro_batch_size=32", ("TS129",), "0.8.0"),
    Case("critic's old micro batch key", f"{CRITIC} critic.ppo_micro_batch_size=8", ("TS129",)),
    Case("critic", CRITIC),
    Case("critic on 0.7.1", CRITIC, (), "0.7.1"),
    Case("critic on 0.8.0", CRITIC, (), "0.8.0"),
    Case(
        "critic's micro batch on 0.7.1",
        f"{CRITIC} critic.ppo_micro_batch_size_per_gpu=5",
        ("TS103",),
        "0.7.1",
    ),
    Case("long critic", f"{CRITIC} data.max_response_length=40000 {R}.max_model_len=null", ("TS205",)),
    Case(
        "budget below the padded width",
        f"{DYNAMIC} {A}.ppo_max_token_len_per_gpu=3000",
        ("TS205",) * 3,
        "0.7.1",
    ),
    Case(
        "budget that sequence parallelism doubles",
        f"{DYNAMIC} {A}.ppo_max_token_len_per_gpu=2000 {A}.ulysses_sequence_parallel_size=2",
    ),
    Case(
        "sequence parallelism of the engine section",
        f"{A}.fsdp_config.ulysses_sequence_parallel_size=2 {M}.use_remove_padding=False",
        ("TS504",),
    ),
    Case("Megatron", f"{MEGATRON}"),
    Case("Megatron that does not divide", f"{MEGATRON} {A}.megatron.context_parallel_size=3", ("TS511",)),
    Case("Megatron's micro batch", f"{MEGATRON} {A}.ppo_micro_batch_size_per_gpu=3", ("TS102", "TS103")),
    Case("Megatron's LoRA", f"{MEGATRON} {M}.lora.rank=16"),
    Case("FSDP's LoRA", f"{M}.lora_rank=16 {M}.lora_alpha=32 {R}.load_format=safetensors"),
    Case("Megatron with FSDP's LoRA", f"{MEGATRON} {M}.lora_rank=16", ("TS130",)),
    Case(
        "expert parallel engine",
        f"{R}.tensor_model_parallel_size=2 {R}.data_parallel_size=4 {R}.expert_parallel_size=8",
    ),
    Case("expert parallel that is no product", f"{R}.expert_parallel_size=4", ("TS510",)),
    Case("clip higher", f"{A}.clip_ratio_low=0.2 {A}.clip_ratio_high=0.28 {A}.clip_ratio_c=10"),
    Case(
        "CISPO's wide lower bound",
        f"{A}.policy_loss.loss_mode=cispo {A}.clip_ratio_low=10 {A}.clip_ratio_high=0.2",
    ),
    Case(
        "clip_ratio with the others null",
        f"{A}.clip_ratio=0.3 {A}.clip_ratio_low=null {A}.clip_ratio_high=null",
    ),
    Case("no KL, written out", f"{A}.use_kl_loss=False {A}.kl_loss_coef=0.0 algorithm.kl_ctrl.kl_coef=0.0"),
    Case("REINFORCE++ without a group", f"algorithm.adv_estimator=reinforce_plus_plus {R}.n=1"),
    Case(
        "DAPO under V1",
        "algorithm.filter_groups.enable=True algorithm.filter_groups.metric=score data.gen_batch_size=96",
    ),
    Case(
        "DAPO on 0.8.0",
        "+algorithm.filter_groups.enable=True +algorithm.filter_groups.metric=acc",
        ("TS119",),
        "0.8.0",
    ),
    Case("greedy validation", f"{R}.val_kwargs.temperature=0 {R}.val_kwargs.n=1"),
    Case(
        "sampled validation",
        f"{R}.val_kwargs.temperature=0.6 {R}.val_kwargs.n=8 {R}.val_kwargs.do_sample=True",
    ),
    Case("bypass on 0.8.0", "algorithm.rollout_correction.bypass_mode=True", ("TS120",), "0.8.0"),
    Case("importance weights on 0.9", "algorithm.rollout_correction.rollout_is=token"),
    Case("ReMax on 0.8.0", f"algorithm.adv_estimator=remax {R}.agent.num_workers=4", (), "0.8.0"),
    Case("warm-up by ratio", f"{A}.optim.lr_warmup_steps_ratio=0.05 {A}.optim.lr_warmup_steps=-1"),
    Case(
        "one GPU at the default",
        f"trainer.n_gpus_per_node=1 ~{R}.tensor_model_parallel_size +{R}.tensor_model_parallel_size=2",
        ("TS502",),
    ),
    Case(
        "an engine over two nodes",
        f"trainer.nnodes=2 data.train_batch_size=64 {R}.tensor_model_parallel_size=16",
    ),
    Case("hybrid shards", f"{A}.fsdp_config.fsdp_size=4 {REF}.fsdp_config.fsdp_size=4"),
    Case("a share in percent", f"{R}.gpu_memory_utilization=80", ("TS512",)),
    Case(
        "a high share with LoRA",
        f"{R}.gpu_memory_utilization=0.9 {M}.lora_rank=16 {R}.load_format=safetensors",
    ),
    Case(
        "32B on one GPU",
        f"trainer.n_gpus_per_node=1 {R}.tensor_model_parallel_size=1",
        ("TS514", "TS515"),
        "",
        {"model/config.json": BIG},
    ),
    Case(
        "32B on 16 GPUs",
        f"trainer.nnodes=2 data.train_batch_size=64 {R}.tensor_model_parallel_size=4",
        (),
        "",
        {"model/config.json": BIG},
    ),
    Case("script, H100", "", (), "", {"run.sh": SCRIPT.format(gpu="h100", estimator="grpo")}),
    Case("script, GAE on A100", "", (), "", {"run.sh": SCRIPT.format(gpu="a100-80gb", estimator="gae")}),
    Case("script, GAE on V100", "", ("TS516",), "", {"run.sh": SCRIPT.format(gpu="v100", estimator="gae")}),
    Case(
        "script, GRPO left at n=1",
        "",
        ("TS110",),
        "",
        {"run.sh": SCRIPT.format(gpu="h100", estimator="grpo").replace("rollout.n=8", "rollout.n=1")},
    ),
    Case(
        "separate rollout",
        f"trainer.v1.trainer_mode=separate_async {A}.ppo_mini_batch_size=8 {R}.nnodes=1"
        f" {R}.checkpoint_engine.backend=nccl {R}.gpu_memory_utilization=0.9",
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_is_said_of_a_run(
    case: Case, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = laid_over(Example(case.text, case.files, case.version), base, tmp_path, monkeypatch)
    mine = sorted(p.code for p in result.findings if p.code.startswith(FAMILY) and p.severity != "note")
    assert mine == sorted(case.codes), told(result)
