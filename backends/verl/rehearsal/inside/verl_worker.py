"""The same as worker.py in an environment that has verl: its real agent loop and reward worker, the policy scripted.

No Ray and no engine: the agent loop worker is used as a plain object, its language model client writes the script, and
its handle on the reward worker calls it directly. turn_limit.py is loaded by its path, as nothing else of toolspec is.
"""

# mypy: disable-error-code="import-not-found,import-untyped"
from __future__ import annotations

import asyncio
import gc
import importlib.util
import inspect
import json
import logging
import os
import sys
import warnings
from pathlib import Path
from typing import Any

from rehearsal_pipe import Pipe, die_with_the_parent, hold_to, text_of
from rehearsal_watch import Notes, Watch

ENDED = {"sglang": ("stop", "length"), "vllm": ("completed", "completed")}
"""What the servers say of a turn that ended by itself, and of one that was cut."""
MODEL_KEYS = ("actor_rollout_ref.model.path", "critic.model.path")


class Client:
    """What the loop needs of its engine: `generate`. Turns end as the release's servers end them."""

    def __init__(self, pipe: Pipe, given: dict[str, Any], tokenizer: Any, limit: Any) -> None:
        self.pipe, self.given, self.tokenizer, self.limit = pipe, given, tokenizer, limit
        self.turns: list[Any] | None = None
        self.limits: list[int] = []
        self.scored: dict[str, Any] = {}

    def begin(self, turns: list[Any] | None) -> None:
        """turns: of the script; None where a model writes, which is asked for."""
        self.turns, self.limits, self.scored = turns, [], {}

    async def generate(self, request_id: str, *, prompt_ids: Any, sampling_params: Any, **more: Any) -> Any:
        from verl.workers.rollout.replica import TokenOutput

        settings, given = self.given["settings"], self.given
        limit = self.limit(
            settings["release"],
            given["engine"],
            settings["prompt_length"],
            settings["response_length"],
            given["context"],
            len(prompt_ids),
            sampling_params.get("max_tokens"),
        )
        if limit is None:
            raise ValueError(f"the context of {given['context']} tokens is full")
        ends = {self.tokenizer.eos_token_id, *(sampling_params.get("stop_token_ids") or [])}
        if self.turns is None:
            ids = self.pipe.ask("write", ids=list(prompt_ids), limit=limit)
        else:
            ids = self._ids(self.turns, limit, ends)
        self.limits.append(limit)
        ended, cut = ENDED[given["engine"]]
        fields = {
            "token_ids": ids,
            "log_probs": [0.0] * len(ids),
            "stop_reason": ended if ids and ids[-1] in ends else cut,
            "extra_fields": {"global_steps": self.given["step"] - 1},
        }
        return TokenOutput(
            **{name: value for name, value in fields.items() if name in TokenOutput.model_fields}
        )

    def _ids(self, turns: list[Any], limit: int, ends: set[int]) -> list[int]:
        text, endless = turns[len(self.limits)] if len(self.limits) < len(turns) else ("", False)
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=False)
        ids = ids * (limit // max(1, len(ids)) + 1) if endless else [*ids, self.tokenizer.eos_token_id]
        length = next((at + 1 for at, one in enumerate(ids) if one in ends), len(ids))
        return ids[: min(length, limit)]


class Reward:
    """Stands for the Ray handle of a reward worker: `handle.compute_score.remote(data)`."""

    def __init__(self, worker: Any, pipe: Pipe, client: Client) -> None:
        self.worker, self.pipe, self.client = worker, pipe, client
        self.compute_score = self

    async def remote(self, data: Any) -> Any:
        self.pipe.send({"event": "scoring"})
        result = await self.worker.compute_score(data)
        self.client.scored = {"score": result["reward_score"], "metrics": dict(result["reward_extra_info"])}
        return result


class Work:
    def __init__(self, pipe: Pipe, given: dict[str, Any]) -> None:
        self.pipe, self.given = pipe, given
        pipe.send({"event": "building", "what": "verl"})
        config = _composed(given["model"])
        from omegaconf import OmegaConf
        from verl.experimental.agent_loop import AgentLoopWorker
        from verl.utils import hf_tokenizer

        OmegaConf.set_struct(config, False)
        config.actor_rollout_ref.rollout.trace.backend = None
        self.tokenizer = hf_tokenizer(given["model"], trust_remote_code=False)
        import ts_call

        self.watch = Watch(pipe, ts_call)
        self.client = Client(pipe, given, self.tokenizer, _turn_limit(given["turn_limit"]))
        pipe.send({"event": "building", "what": "reward"})
        from verl.experimental.reward_loop.reward_loop import RewardLoopWorker

        handles = [Reward(RewardLoopWorker(config, None), pipe, self.client)]
        pipe.send({"event": "building", "what": "tools"})
        if "llm_client" in inspect.signature(AgentLoopWorker.__init__).parameters:
            self.worker = AgentLoopWorker(config, self.client, reward_loop_worker_handles=handles)
        else:  # 0.7.1 takes a client that is preset on the class

            class Preset(AgentLoopWorker):  # type: ignore[misc]
                server_manager = self.client

            self.worker = Preset(config, [], None, reward_loop_worker_handles=handles)
        self.calls: list[Any] = []
        self._watch_calls()
        # Leaks are looked for with a collection an episode; what verl's import left need not be gone through in each.
        gc.collect()
        gc.freeze()
        pipe.send({"event": "ready"})

    def _watch_calls(self) -> None:
        """Every call that the bundle's loop executes or refuses, with what the model reads."""
        if not self.given["tools"]:
            return
        import ts_loop

        call = ts_loop.SpanToolAgentLoop._call_tool
        noted = self.calls

        async def watched(loop: Any, tool_call: Any, kwargs: Any, data: Any) -> Any:
            at = [data.assistant_turns - 1, tool_call.name, tool_call.arguments, ""]
            noted.append(at)
            answer = await call(loop, tool_call, kwargs, data)
            at[3] = answer[0].text or ""
            return answer

        ts_loop.SpanToolAgentLoop._call_tool = watched  # type: ignore[method-assign, assignment]

    async def episode(self, row: dict[str, Any], turns: list[Any] | None) -> dict[str, Any]:
        from verl.protocol import DataProto
        from verl.utils.dataset.rl_dataset import collate_fn

        self.client.begin(turns)
        self.calls.clear()
        batch = DataProto.from_single_dict(collate_fn([{**row, "uid": "rehearsal"}]))
        output = await self.worker.generate_sequences(batch)
        leaks = self.watch.leaks()
        width = output.batch["prompts"].shape[1]
        attention = output.batch["attention_mask"][0].tolist()
        prompts = output.batch["prompts"][0].tolist()
        length = sum(attention[width:])
        fields = {name: value[0] for name, value in output.non_tensor_batch.items()}
        return {
            "prompt_ids": [one for one, on in zip(prompts, attention[:width], strict=True) if on],
            "response_ids": output.batch["responses"][0].tolist()[:length],
            "mask": output.batch["response_mask"][0].tolist()[:length],
            "turns": int(fields["__num_turns__"]),
            "limits": self.client.limits,
            "calls": list(self.calls),
            "fields": {name: value for name, value in fields.items() if _told(name)},
            "record": _last_record(),
            "leaks": leaks,
            **self.client.scored,
        }


def _told(name: str) -> bool:
    """Whether the loop tells it the reward, and it is no metric of the reward's."""
    return name in ("tool_rewards", "turn_scores") or (name.startswith("ts_") and name != "ts_fault")


def _composed(model: str) -> Any:
    """The bundle's configuration as main_ppo gets it: composed, with old reward keys moved where the release does."""
    import verl.trainer.main_ppo as entry
    from hydra import compose, initialize_config_dir
    from omegaconf import OmegaConf

    with initialize_config_dir(str(Path.cwd()), version_base=None):
        config = compose("config")
    OmegaConf.set_struct(config, False)
    for key in MODEL_KEYS:
        OmegaConf.update(config, key, model)
    if hasattr(entry, "migrate_legacy_reward_impl"):
        config = entry.migrate_legacy_reward_impl(config)
    OmegaConf.resolve(config)
    return config


def _turn_limit(file: str) -> Any:
    spec = importlib.util.spec_from_file_location("_turn_limit", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.turn_limit


def _last_record() -> dict[str, Any]:
    lines = [
        line
        for path in Path(os.environ["TOOLSPEC_RUN_DIR"]).rglob("*.jsonl")
        for line in path.read_text("utf-8").splitlines()[-1:]
    ]
    found: dict[str, Any] = json.loads(lines[-1]) if lines else {}
    return found


def _import_verl(wanted: str) -> None:
    """Raises ImportError, or RuntimeError for another release than the target."""
    warnings.simplefilter("ignore")
    import torch
    import verl

    torch.set_num_threads(1)
    found = (Path(verl.__file__).parent / "version/version").read_text().strip()
    if found != wanted:
        raise RuntimeError(f"this Python has verl {found}, and the target is verl {wanted}")


def _plain(value: Any) -> Any:
    """numpy's scalars and arrays as Python values; anything else as its text."""
    return value.tolist() if hasattr(value, "tolist") else str(value)


class PlainPipe(Pipe):
    def send(self, message: dict[str, Any]) -> None:
        self.answers.write(json.dumps(message, default=_plain).encode("ascii") + b"\n")
        self.answers.flush()


def main() -> None:
    pipe = PlainPipe(int(sys.argv[1]), int(sys.argv[2]))
    start = pipe.receive()
    die_with_the_parent()
    hold_to(start["limits"])
    sys.path[0] = str(Path.cwd())  # in place of this file's folder
    logging.getLogger("toolspec").addHandler(Notes(pipe))
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    work: Any = None
    try:
        pipe.send({"event": "building", "what": "verl"})
        _import_verl(start["settings"]["release"])
        loop.run_until_complete(asyncio.sleep(0))
        work = _in_loop(loop, pipe, start)
        pipe.send({"done": []})
    except BaseException as error:
        pipe.send({"failure": type(error).__name__, "message": text_of(error)})
    while True:
        request = pipe.receive()
        try:
            pipe.send({"done": loop.run_until_complete(work.episode(**request["with"]))})
        except BaseException as error:
            unclean = not isinstance(error, Exception)  # other tasks of the loop may still stand
            pipe.send({"failure": type(error).__name__, "message": text_of(error), "unclean": unclean})


def _in_loop(loop: Any, pipe: Pipe, start: dict[str, Any]) -> Work:
    """Made while the loop runs: some of verl's objects ask for it."""

    async def made() -> Work:
        return Work(pipe, start)

    found: Work = loop.run_until_complete(made())
    return found


if __name__ == "__main__":
    main()
