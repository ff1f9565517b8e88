"""Run by the peer's Python: `hydra_compose.py CONFIG_FOLDER [--warm N]`. Composes verl's ppo_trainer.

Without --warm: once, as a process of its own. With it: one compose to warm up, then N more in this process, each
with one value changed; prints their seconds, one a line, and the memory (MiB) at the start and the end.
"""

import sys
import time
from pathlib import Path

OVERRIDES = (
    "data.train_files=[/data/toolcall/train.parquet]",
    "data.val_files=[/data/toolcall/val.parquet]",
    "data.train_batch_size=128",
    "data.max_prompt_length=2048",
    "data.max_response_length=1024",
    "data.return_raw_chat=true",
    "data.truncation=error",
    "data.filter_overlong_prompts=true",
    "actor_rollout_ref.model.path=Qwen/Qwen2.5-3B-Instruct",
    "actor_rollout_ref.model.enable_gradient_checkpointing=true",
    "actor_rollout_ref.actor.strategy=fsdp2",
    "actor_rollout_ref.actor.optim.lr=1e-6",
    "actor_rollout_ref.actor.ppo_mini_batch_size=128",
    "actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu=8",
    "actor_rollout_ref.actor.use_kl_loss=true",
    "actor_rollout_ref.actor.kl_loss_coef=0.001",
    "actor_rollout_ref.actor.kl_loss_type=low_var_kl",
    "actor_rollout_ref.ref.log_prob_micro_batch_size_per_gpu=8",
    "actor_rollout_ref.rollout.name=sglang",
    "actor_rollout_ref.rollout.n=4",
    "actor_rollout_ref.rollout.tensor_model_parallel_size=1",
    "actor_rollout_ref.rollout.gpu_memory_utilization=0.8",
    "actor_rollout_ref.rollout.log_prob_micro_batch_size_per_gpu=8",
    "actor_rollout_ref.rollout.multi_turn.enable=true",
    "actor_rollout_ref.rollout.multi_turn.max_assistant_turns=5",
    "actor_rollout_ref.rollout.multi_turn.format=hermes",
    "critic.optim.lr=1e-5",
    "critic.ppo_micro_batch_size_per_gpu=8",
    "algorithm.adv_estimator=gae",
    "trainer.total_epochs=5",
    "trainer.save_freq=50",
    "trainer.test_freq=20",
    "trainer.project_name=qwen-ppo-toolcall",
    "trainer.logger=[console,wandb]",
    "trainer.n_gpus_per_node=8",
)
assert len(OVERRIDES) == 35
CHANGED = "actor_rollout_ref.actor.kl_loss_coef"


def main() -> None:
    from hydra import compose, initialize_config_dir

    folder, *rest = sys.argv[1:]
    with initialize_config_dir(config_dir=folder, version_base=None):
        config = compose(config_name="ppo_trainer", overrides=list(OVERRIDES))
        assert config.data.train_batch_size == 128
        if rest:
            start = _memory()
            for number in range(int(rest[1])):
                coef = round(0.001 + 1e-6 * number, 6)
                begin = time.perf_counter(), time.process_time()
                config = compose(config_name="ppo_trainer", overrides=[*OVERRIDES, f"{CHANGED}={coef}"])
                print(time.perf_counter() - begin[0], time.process_time() - begin[1])
                assert config.actor_rollout_ref.actor.kl_loss_coef == coef
            print("memory", start, _memory())


def _memory() -> float:
    """Resident memory now, MiB (Linux)."""
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * 4096 / 2**20


if __name__ == "__main__":
    main()
