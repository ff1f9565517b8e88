"""Stages that run trajectories: the release's real AgentLoopWorker and RewardLoopWorker, a scripted policy.

No Ray and no engine: the worker is used as a plain object, its language model client is replaced by a script,
and its handle on the reward worker by one that calls it directly.
"""

# mypy: disable-error-code="import-not-found,import-untyped"
from __future__ import annotations

import asyncio
import importlib.util
import inspect
import json
import math
from typing import Any

from real.prove.account import account_of
from real.prove.engine import turn_limit
from real.prove.policy import ScriptedClient, Transcript
from real.prove.proof import Failed, Proof, described
from real.prove.script import STANDARD_ROW, standard_trajectories
from real.prove.toolset import seen_schemas, template_options


class DirectReward:
    """Stands for the Ray handle of a reward worker: `handle.compute_score.remote(data)`."""

    def __init__(self, worker: Any, proof: Proof, client: ScriptedClient) -> None:
        self.worker, self.proof, self.client = worker, proof, client
        self.compute_score = self

    async def remote(self, data: Any) -> dict[str, Any]:
        """The worker's result; an error is kept for the stage `reward`, and the drive goes on."""
        try:
            result: dict[str, Any] = await self.worker.compute_score(data)
            result["reward_score"], result["reward_extra_info"]
        except Exception as error:
            self.proof.reward_error = self.proof.reward_error or described(error)
            return {"reward_score": 0.0, "reward_extra_info": {}}
        self.client.transcript.reward = result
        return result


def drive(proof: Proof) -> str:
    """Each trajectory runs as configured; the response mask covers what the policy wrote and nothing else."""
    scripted = proof.setting.script
    asyncio.run(_drive_all(proof, scripted or standard_trajectories(proof)))
    problems = [f"{t['name']}: {problem}" for t in proof.trajectories for problem in t["problems"]]
    if problems:
        raise Failed("; ".join(problems))
    return f"{len(proof.trajectories)} trajectories, {sum(len(t['calls']) for t in proof.trajectories)} calls"


async def _drive_all(proof: Proof, trajectories: list[dict[str, Any]]) -> None:
    from omegaconf import OmegaConf
    from verl.experimental.agent_loop import AgentLoopWorker
    from verl.protocol import DataProto

    OmegaConf.set_struct(proof.config, False)
    _trace_nothing(proof)
    client = _client(proof)
    handles = _reward_handles(proof, client)
    if "llm_client" in inspect.signature(AgentLoopWorker.__init__).parameters:
        worker = AgentLoopWorker(proof.config, client, reward_loop_worker_handles=handles)
    else:  # 0.7.1 takes a client that is preset on the class

        class Preset(AgentLoopWorker):  # type: ignore[misc]
            server_manager = client

        worker = Preset(proof.config, [], None, reward_loop_worker_handles=handles)
    for kind in proof.loops:
        _watch_calls(kind, client)
    outputs = []
    for trajectory in trajectories:
        row = _row(proof, trajectory)
        answer = str((row.get("reward_model") or {}).get("ground_truth"))
        replies = [_filled(reply, answer) for reply in trajectory["replies"]]
        client.transcript = Transcript(replies, str(proof.get("actor_rollout_ref.rollout.multi_turn.format")))
        output = await worker.generate_sequences(_batch(row))
        outputs.append(output)
        rendered = len(proof.tokenizer.encode(_prompt(proof, row), add_special_tokens=False))
        proof.trajectories.append(account_of(proof, trajectory, client.transcript, output, rendered))
    named = sorted({", ".join(sorted(t["extra_info"] or {})) for t in proof.trajectories})
    if len(named) > 1:
        proof.reward_error = proof.reward_error or f"trajectories name different values: {'; '.join(named)}"
    else:
        DataProto.concat(outputs)  # as the manager joins its workers' outputs: the same keys in every one
    records = sorted(proof.setting.run_dir.rglob("*.jsonl"))
    proof.facts["records"] = [json.loads(line) for path in records for line in path.read_text().splitlines()]


def _trace_nothing(proof: Proof) -> None:
    """A trace goes to a service of the user's, by a package that only the job's environment has."""
    backend = proof.get("actor_rollout_ref.rollout.trace.backend")
    if backend is not None and importlib.util.find_spec(str(backend)) is None:
        proof.config.actor_rollout_ref.rollout.trace.backend = None
        proof.notes.append(f"{backend} is not installed: no trace was written")


def _client(proof: Proof) -> ScriptedClient:
    rollout = proof.config.actor_rollout_ref.rollout.copy()
    if rollout.max_model_len is None:
        rollout.max_model_len = proof.positions
    return ScriptedClient(proof.tokenizer, rollout, turn_limit(proof.setting.wheel, rollout.name))


def _reward_handles(proof: Proof, client: ScriptedClient) -> list[Any] | None:
    from verl.experimental.reward_loop.reward_loop import RewardLoopWorker

    try:
        return [DirectReward(RewardLoopWorker(proof.config, None), proof, client)]
    except Exception as error:
        proof.reward_error = described(error)
        return None


def _watch_calls(kind: Any, client: ScriptedClient) -> None:
    """Note every call that loops of this class execute or refuse, as the model sees its answer."""
    call = getattr(kind, "_call_tool", None)
    if call is None:
        return

    async def watch(self: Any, tool_call: Any, *args: Any, **kwargs: Any) -> Any:
        record = {"name": tool_call.name, "arguments": tool_call.arguments, "text": None, "reward": None}
        client.transcript.calls.append(record)
        answer = await call(self, tool_call, *args, **kwargs)
        record["text"], record["reward"] = answer[0].text, answer[1]
        return answer

    kind._call_tool = watch


def _row(proof: Proof, trajectory: dict[str, Any]) -> dict[str, Any]:
    """A row of the data, or the standard row where there is none, with the trajectory's own fields."""
    row = dict(STANDARD_ROW) if proof.rows is None else dict(proof.rows[trajectory.get("row", 0)])
    row |= trajectory.get("fields", {})
    if "messages" in trajectory:
        row["raw_prompt"] = trajectory["messages"]
    return row


def _filled(reply: Any, answer: str) -> Any:
    return reply.replace("{answer}", answer) if isinstance(reply, str) else reply


def _batch(row: dict[str, Any]) -> Any:
    """The row as the trainer hands it to the worker (collate_fn, then DataProto), with a uid."""
    from verl.protocol import DataProto
    from verl.utils.dataset.rl_dataset import collate_fn

    return DataProto.from_single_dict(collate_fn([{**row, "uid": "prove"}]))


def _prompt(proof: Proof, row: dict[str, Any]) -> str:
    """The prompt of a row as the chat template writes it, before any cut."""
    tools = seen_schemas(proof.tools, (row.get("extra_info") or {}).get("tool_selection"))
    text: str = proof.tokenizer.apply_chat_template(
        row["raw_prompt"],
        tools=tools or None,
        add_generation_prompt=True,
        tokenize=False,
        **template_options(proof),
    )
    return text


def _faults(proof: Proof) -> str:
    """What the bundle's reward wrote about its own failures (it pays `on_error` and goes on)."""
    return "; ".join({str(record["fault"]) for record in proof.facts["records"] if record.get("fault")})


def reward(proof: Proof) -> str:
    """The release's reward worker loads the manager; every trajectory got a finite score and named values."""
    if proof.reward_error:
        raise Failed(proof.reward_error)
    if not proof.trajectories:
        raise Failed("no trajectory was driven")
    for trajectory in proof.trajectories:
        score, extra = trajectory["score"], trajectory["extra_info"]
        if isinstance(score, bool) or not isinstance(score, int | float) or math.isnan(score):
            raise Failed(f"{trajectory['name']}: the score is {score!r}")
        if extra.get("ts_fault"):
            raise Failed(f"{trajectory['name']}: the reward failed: {_faults(proof)}")
        odd = [f"{key}={value!r}" for key, value in extra.items() if not isinstance(value, float | str)]
        if odd:  # 0.7.1 cannot dump anything else (ray_trainer.py:394-418); None ends validation there
            proof.notes.append(f"values that are not plain floats or texts: {', '.join(odd)}")
        if any(value is None or isinstance(value, dict) for value in extra.values()):
            raise Failed(f"{trajectory['name']}: validation cannot average {', '.join(odd)}")
    return ", ".join(f"{trajectory['score']:g}" for trajectory in proof.trajectories)
