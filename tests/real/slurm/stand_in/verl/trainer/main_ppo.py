"""`python3 -m verl.trainer.main_ppo`, in the order of trainer/main_ppo.py of each release."""

import os
import signal
import sys
import time
from typing import Any

import hydra
from omegaconf import DictConfig, OmegaConf

import verl
from verl.stand_in.fit import train
from verl.stand_in.plan import Plan, read_plan


@hydra.main(config_path="config", config_name="ppo_trainer", version_base=None)
def main(config: DictConfig) -> None:
    """Compose the config, then train."""
    plan = read_plan(verl.__version__, bool(config.trainer.get("use_v1", False)))
    if plan.release >= (0, 9):
        print("[validate_config] All configuration checks passed successfully!")
    ended = run_ppo(config, plan)
    if ended is not None:  # a fault of this very process
        sys.stdout.flush()
        if ended < 0:
            os.kill(os.getpid(), -ended)
            signal.pause()
        os._exit(ended)


def run_ppo(config: DictConfig, plan: Plan) -> int | None:
    """Ray as verl starts or joins it, and the task runner in it. An exit code, or minus a signal, to end by."""
    if not plan.ray:
        alone: int | None = train(config, plan)
        return alone
    import ray

    environment = {"env_vars": {"TOKENIZERS_PARALLELISM": "true", "NCCL_DEBUG": "WARN"}}
    given: Any = OmegaConf.to_container(config.ray_kwargs.get("ray_init", {}), resolve=True)
    given["runtime_env"] = environment | (given.get("runtime_env") or {})
    print(f"ray init kwargs: {given}")
    if plan.pretend_gpus and not os.environ.get("RAY_ADDRESS"):
        given["num_gpus"] = config.trainer.n_gpus_per_node
    ray.init(**given)
    ended: int | None = train(config, plan)
    if ended is not None:
        time.sleep(1)  # what the actor printed is still on its way here
    return ended


if __name__ == "__main__":
    main()
