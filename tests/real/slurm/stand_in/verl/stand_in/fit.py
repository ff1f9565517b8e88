"""The trainer's loop, in the order of trainer/ppo/ray_trainer.py and of trainer/ppo/v1/trainer_base.py."""

from __future__ import annotations

import datetime
import json
import os
import signal
import socket
import sys
import time
import uuid
from pathlib import Path
from pprint import pprint
from typing import Any

from omegaconf import OmegaConf

from verl.stand_in import checkpoint, faults, metrics
from verl.stand_in.nodes import Nodes
from verl.stand_in.plan import Plan

SAVE_SECONDS = 60.0  # should_save_ckpt_esi's own guess
ENDING_OF_ALLOCATION = "MLP_CURRENT_CAPACITY_BLOCK_EXPIRATION_TIMESTAMP"


class TaskRunner:
    """The actor that trains."""

    def run(self, config: Any, plan: Plan) -> int | None:
        """All of training; how the driver is to end, if by a fault."""
        if not plan.v1:
            print(f"TaskRunner hostname: {socket.gethostname()}, PID: {os.getpid()}")
        else:
            config.transfer_queue.enable = True
        pprint(OmegaConf.to_container(config, resolve=True))
        sys.stdout.flush()
        OmegaConf.resolve(config)
        return Trainer(config, plan).fit()


def train(config: Any, plan: Plan) -> int | None:
    """Run the task runner where the plan has it."""
    if not plan.ray:
        return TaskRunner().run(config, plan)
    import ray

    actor = type(
        plan.runner, (TaskRunner,), {}
    )  # named as verl's, since its name is in front of what it prints
    ended: int | None = ray.get(ray.remote(num_cpus=1)(actor).remote().run.remote(config, plan))
    return ended


class Trainer:
    """One run of the loop."""

    def __init__(self, config: Any, plan: Plan) -> None:
        self.config, self.plan = config, plan
        self.nodes = Nodes(config, plan)
        for node, where in enumerate(self.nodes.call("where")):
            print(f"node {node}: {where}")
        time.sleep(plan.start_seconds)
        trainer = config.trainer
        self.folder = Path(trainer.default_local_dir)
        asked = config.critic.enable  # need_critic of trainer/ppo/utils.py
        self.critic = config.algorithm.adv_estimator == "gae" if asked is None else bool(asked)
        self.rotations = {
            "actor": checkpoint.Rotation(trainer.max_actor_ckpt_to_keep),
            "critic": checkpoint.Rotation(trainer.max_critic_ckpt_to_keep),
        }
        self.last = int(trainer.total_training_steps or plan.steps)
        self.longest_step = 0.0
        logger = [trainer.logger] if isinstance(trainer.logger, str) else list(trainer.logger)
        self.console = "console" in logger
        self.file = self._file_logger() if "file" in logger else None

    def fit(self) -> int | None:
        """From the newest checkpoint to the last step."""
        trainer = self.config.trainer
        step = self._load()
        if trainer.val_before_train:
            values = metrics.validation(step)
            if not self.plan.v1:
                pprint(f"Initial validation metrics: {values}")
            self._records(step, "val")
            self._log(values, step)
            if trainer.val_only:
                return None
        while step < self.last:
            step += 1
            fault = faults.due(self.plan, step)
            if fault and fault.kind not in faults.IN_A_WORKER:
                ended = self._fail(fault)
                if ended is not None:
                    return ended
            self._step(step, fault)
        return None

    def _step(self, step: int, fault: faults.Fault | None) -> None:
        trainer, began = self.config.trainer, time.monotonic()
        self.nodes.call("actor_rollout_update_actor", fault)
        time.sleep(self.plan.step_seconds)
        self._records(step, "train")
        saved = self._saves(step)
        if saved:
            self._save(step)
        seconds = time.monotonic() - began
        self.longest_step = max(self.longest_step, seconds)
        values = metrics.training(step, seconds, 34061, self.critic, self.plan.v1)
        if saved:
            values["timing_s/save_checkpoint"] = self.plan.save_seconds
        if trainer.test_freq > 0 and (step == self.last or step % trainer.test_freq == 0):
            self._records(step, "val")
            values = metrics.validation(step) | values
        self._log(values, step)
        done = "█" * (10 * step // self.last)
        bar = f"\rTraining Progress: {100 * step // self.last:3d}%|{done:10}| {step}/{self.last} [{seconds:.2f}s/it]"
        print(bar, file=sys.stderr, flush=True)

    def _saves(self, step: int) -> bool:
        """Whether a checkpoint is due. Only the older trainer asks when the allocation ends."""
        every = self.config.trainer.save_freq
        if every <= 0:
            return False
        ends = os.environ.get(ENDING_OF_ALLOCATION)
        closing = False
        if ends and not self.plan.v1:
            left = float(ends) - time.time()
            reserve = SAVE_SECONDS + self.longest_step + float(self.config.trainer.esi_redundant_time)
            closing = left > 0 and self.longest_step > 0 and left <= reserve
        if closing:
            print("Force saving checkpoint: ESI instance expiration approaching.")
        return closing or step == self.last or step % every == 0

    def _save(self, step: int) -> None:
        fault = faults.due(self.plan, step, saving=True)
        there = self.folder / f"global_step_{step}"
        self._say(f"Saving checkpoint to {there}" if self.plan.v1 else f"local_global_step_folder: {there}")
        fsdp = 2 if self.config.actor_rollout_ref.actor.strategy == "fsdp2" else 1
        for role in ("actor", "critic") if self.critic else ("actor",):
            self.rotations[role].before()
            self.nodes.call("save", there / role, step, fsdp, fault)
            if fault and fault.kind == "half_checkpoint":
                os._exit(1)
            self.rotations[role].after(there / role)
        time.sleep(self.plan.save_seconds)
        checkpoint.torch_save({"_sampler_iter_yielded": step}, there / "data.pt")
        (self.folder / checkpoint.TRACKER).write_text(str(step))
        if fault and fault.kind == "truncated":
            model = next((there / "actor").glob("model_*.pt"))
            os.truncate(model, model.stat().st_size // 2)
            raise RuntimeError("NCCL error: unhandled system error")

    def _load(self) -> int:
        """The step from which training goes on."""
        trainer = self.config.trainer
        if trainer.resume_mode == "disable":
            return 0
        found = checkpoint.latest(self.folder.absolute())
        if trainer.resume_mode == "resume_path":
            assert "global_step_" in trainer.resume_from_path, "resume ckpt must specify the global_steps"
            found = Path(trainer.resume_from_path).absolute()
        if found is None:
            self._say("Training from scratch")
            return 0
        step = int(found.name.split("global_step_")[-1])
        if self.plan.v1:
            self._say(f"Resuming from {found}, setting global step to {step}")
        else:
            self._say(f"Setting global step to {step}")
            self._say(f"Resuming from {found}")
        for role in ("actor", "critic") if self.critic else ("actor",):
            steps = set(self.nodes.call("load", found / role))
            assert steps == {step}, f"{found / role} holds steps {steps}"
        if (found / "data.pt").exists():
            checkpoint.torch_load(found / "data.pt")
        else:
            self._say(f"Warning: No dataloader state found at {found / 'data.pt'}, will start from scratch")
        return step

    def _say(self, text: str) -> None:
        """V1 logs, V0 prints."""
        now = datetime.datetime.now().strftime("%Y-%m-%d %H:%M:%S,%f")[:-3]
        print(f"INFO:{now}:{text}" if self.plan.v1 else text, flush=True)

    def _fail(self, fault: faults.Fault) -> int | None:
        if fault.kind == "exit":
            return int(fault.code)
        if fault.kind == "kill":
            return -signal.SIGKILL
        if fault.kind == "kill_runner":
            os.kill(os.getpid(), signal.SIGKILL)
        if fault.kind == "hang":
            time.sleep(10**8)
        raise ValueError(f"shape mismatch: value tensor of shape [8, 1024] at step {fault.at}")

    def _records(self, step: int, split: str) -> None:
        """Records as ts_scorer.py of the bundle writes them, by the bundle's own module."""
        import ts_record

        for index in range(self.plan.trajectories):
            solved = float((step + index) % 2)
            values = {"score": 1.2 * solved, "correct": solved, "tool_calls": 1.0, "tool_parse_success": 1.0}
            ts_record.append(
                {
                    "version": 1,
                    "time": time.time(),
                    "uid": str(uuid.uuid4()),
                    "session": 0,
                    "step": step,
                    "weights": max(step - 1, 0),
                    "split": split,
                    "index": index,
                    "data_source": split,
                    "turns": 2,
                    "response_tokens": 52,
                    "policy_tokens": 32,
                    "stop": "no_tool_call",
                    "truncated": False,
                    "calls": [
                        {"turn": 0, "name": "calculator", "fault": None, "executed": True, "error": None}
                    ],
                    "malformed": 0,
                    "forged": 0,
                    "answer": "The result is 67.",
                    "score": 1.2 * solved,
                    "paid": {"correct": solved},
                    "metrics": values | {"ts_fault": 0.0, "acc": solved, "task_success": solved},
                    "fault": None,
                }
            )

    def _log(self, values: dict[str, float], step: int) -> None:
        if self.console:
            print(metrics.line(values, step), flush=True)
        if self.file:
            self.file.write(json.dumps({"step": step, "data": values}).encode() + b"\n")

    def _file_logger(self) -> Any:
        """FileLogger of utils/tracking.py, which begins its file anew at every start."""
        path = os.environ.get("VERL_FILE_LOGGER_PATH")
        if not path:
            root = Path(os.environ.get("VERL_FILE_LOGGER_ROOT", ".")).expanduser()
            names = self.config.trainer.project_name, f"{self.config.trainer.experiment_name}.jsonl"
            path = str(root.joinpath(*names))
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        return Path(path).open("wb", buffering=0)
