"""Stages that run trajectories: the release's real AgentLoopWorker and RewardLoopWorker with a scripted policy.

No Ray and no engine: the worker is used as a plain object, its language model client is replaced by a script, and
its handle on the reward worker by one that calls it directly.
"""

# mypy: disable-error-code="import-not-found,import-untyped"
from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from real.prove.proof import Failed, Proof, described
from real.prove.script import STANDARD_ROW, reply_text, standard_trajectories
from real.prove.toolset import seen_schemas, template_options

TOOL_FAILURES = ("Error", "Unknown function", "Invalid JSON")


@dataclass
class Transcript:
    """What was seen of one trajectory while it ran. `turns`: the token ids that the policy wrote, by turn."""

    replies: list[Any]
    tool_format: str
    turns: list[list[int]] = field(default_factory=list)
    prompts: list[int] = field(default_factory=list)
    calls: list[dict[str, Any]] = field(default_factory=list)
    cut: bool = False
    exhausted: bool = False
    reward: dict[str, Any] | None = None


class ScriptedClient:
    """What the loop needs of its engine: `generate`. Turns are cut as the engines cut them.

    At most min(response_length, prompt_length + response_length - prompt) tokens a turn (sglang_rollout and
    vllm_rollout's async servers of the three releases), and max_model_len in all where it is set.
    """

    def __init__(self, tokenizer: Any, rollout: Any) -> None:
        self.tokenizer = tokenizer
        self.rollout = rollout
        self.transcript = Transcript([], "")

    async def generate(self, request_id: str, *, prompt_ids: list[int], **options: Any) -> Any:
        from verl.workers.rollout.replica import TokenOutput

        seen = self.transcript
        seen.prompts.append(len(prompt_ids))
        ids: list[int] = []
        if len(seen.turns) < len(seen.replies):
            reply = seen.replies[len(seen.turns)]
            ids = list(reply["ids"]) if isinstance(reply, dict) and "ids" in reply else self._encode(reply)
        else:
            seen.exhausted = True
            ids = [self.tokenizer.eos_token_id]
        rollout = self.rollout
        room = min(rollout.response_length, rollout.prompt_length + rollout.response_length - len(prompt_ids))
        if rollout.max_model_len:
            room = min(room, rollout.max_model_len - len(prompt_ids))
        seen.cut = seen.cut or len(ids) > room
        ids = ids[: max(room, 0)]
        seen.turns.append(ids)
        fields = {
            "token_ids": ids,
            "log_probs": [0.0] * len(ids),
            "stop_reason": "completed",
            "extra_fields": {"global_steps": 0},
        }
        return TokenOutput(**{key: value for key, value in fields.items() if key in TokenOutput.model_fields})

    def _encode(self, reply: Any) -> list[int]:
        ids: list[int] = self.tokenizer.encode(
            reply_text(reply, self.transcript.tool_format), add_special_tokens=False
        )
        ends = not (isinstance(reply, dict) and reply.get("eos") is False)
        return [*ids, self.tokenizer.eos_token_id] if ends else ids


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
    """Each trajectory runs as configured; what the policy wrote, and nothing else, is under the response mask."""
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
    client = ScriptedClient(proof.tokenizer, proof.config.actor_rollout_ref.rollout)
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
        proof.trajectories.append(_account(proof, trajectory, client.transcript, output, rendered))
    named = sorted({", ".join(sorted(t["extra_info"] or {})) for t in proof.trajectories})
    if len(named) > 1:
        proof.reward_error = proof.reward_error or f"trajectories name different values: {'; '.join(named)}"
    else:
        DataProto.concat(outputs)  # as the manager joins its workers' outputs: the same keys in every one
    records = sorted(proof.setting.run_dir.rglob("*.jsonl"))
    proof.facts["records"] = [json.loads(line) for path in records for line in path.read_text().splitlines()]


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
    """A row of the data, or the standard row where there are none, with the trajectory's own fields over it."""
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
        row["raw_prompt"], tools=tools or None, add_generation_prompt=True, tokenize=False, **template_options(proof)
    )
    return text


def _account(proof: Proof, trajectory: dict[str, Any], seen: Transcript, output: Any, rendered: int) -> dict[str, Any]:
    """One trajectory as JSON, with the problems found in it."""
    decode = proof.tokenizer.decode
    width = output.batch["prompts"].shape[1]
    attention = output.batch["attention_mask"][0].tolist()
    prompt = [t for t, on in zip(output.batch["prompts"][0].tolist(), attention[:width], strict=True) if on]
    length = sum(attention[width:])
    response = output.batch["responses"][0].tolist()[:length]
    mask = output.batch["response_mask"][0].tolist()[:length]
    fields = {key: value[0] for key, value in output.non_tensor_batch.items()}
    segments = [
        {"by": "policy" if on else "environment", "start": start, "tokens": count,
         "text": decode(response[start : start + count])}
        for on, start, count in runs(mask)
    ]  # fmt: skip
    account = {
        "name": trajectory.get("name", "script"),
        "row": trajectory.get("row", 0),
        "prompt_text": decode(prompt),
        "response_text": decode(response),
        "prompt_tokens": len(prompt),
        "rendered_tokens": rendered,
        "response_tokens": length,
        "mask": mask,
        "segments": segments,
        "spans": fields.get("ts_spans"),
        "calls": seen.calls,
        "turn_tokens": [len(ids) for ids in seen.turns],
        "cut": seen.cut,
        "exhausted": seen.exhausted,
        "turns": int(fields["__num_turns__"]),
        "extra_fields": {key: value for key, value in fields.items() if key.startswith(("ts_", "tool_"))},
        "score": seen.reward and seen.reward["reward_score"],
        "extra_info": seen.reward and seen.reward["reward_extra_info"],
    }
    account["problems"] = list(_problems(trajectory, seen, account, [t for t, on in zip(response, mask, strict=True) if on]))
    return account


def runs(mask: list[int]) -> list[tuple[int, int, int]]:
    """(value, start, count) of each run of equal values."""
    found: list[tuple[int, int, int]] = []
    for index, value in enumerate(mask):
        if found and found[-1][0] == value:
            found[-1] = (value, found[-1][1], found[-1][2] + 1)
        else:
            found.append((value, index, 1))
    return found


def _problems(trajectory: dict[str, Any], seen: Transcript, account: dict[str, Any], written: list[int]) -> Iterator[str]:
    policy = [token for ids in seen.turns for token in ids]
    if written != policy[: len(written)] or (len(written) < len(policy) and account["mask"] and not seen.cut):
        yield f"the mask marks {len(written)} tokens; the policy wrote {len(policy)}"
    own = [[start, count] for on, start, count in runs(account["mask"]) if on]
    if account["spans"] is not None and [list(span) for span in account["spans"]] != own:
        yield f"ts_spans is {account['spans']}, the mask says {own}"
    if account["prompt_tokens"] < account["rendered_tokens"]:
        yield f"the prompt of {account['rendered_tokens']} tokens was cut to {account['prompt_tokens']}"
    executed = [call["name"] for call in seen.calls]
    if "calls" in trajectory:
        if executed != trajectory["calls"]:
            yield f"executed {executed}, expected {trajectory['calls']}"
        yield from (f"{call['name']}: {call['text']}" for call in seen.calls if str(call["text"]).startswith(TOOL_FAILURES))
        if seen.cut:
            yield "a turn was cut by the length budget"
        if len(seen.turns) < len(seen.replies):
            yield f"the episode ended after turn {len(seen.turns)} of {len(seen.replies)}"


def _faults(proof: Proof) -> str:
    """What the bundle's reward wrote about its own failures (it pays `on_error` and goes on)."""
    return "; ".join({str(record["fault"]) for record in proof.facts["records"] if record.get("fault")})


def reward(proof: Proof) -> str:
    """The release's reward worker loads the manager; every trajectory got a finite score and the same named values."""
    if proof.reward_error:
        raise Failed(proof.reward_error)
    if not proof.trajectories:
        raise Failed("no trajectory was driven")
    for trajectory in proof.trajectories:
        score, extra = trajectory["score"], trajectory["extra_info"]
        if isinstance(score, bool) or not isinstance(score, int | float) or score != score:
            raise Failed(f"{trajectory['name']}: the score is {score!r}")
        if extra.get("ts_fault"):
            raise Failed(f"{trajectory['name']}: the reward failed: {_faults(proof)}")
        odd = [f"{key}={value!r}" for key, value in extra.items() if not isinstance(value, float | str)]
        if odd:  # 0.7.1 cannot dump anything else (ray_trainer.py:394-418); None ends validation there
            proof.notes.append(f"values that are not plain floats or texts: {', '.join(odd)}")
        if any(value is None or isinstance(value, dict) for value in extra.values()):
            raise Failed(f"{trajectory['name']}: validation cannot average {', '.join(odd)}")
    return ", ".join(f"{trajectory['score']:g}" for trajectory in proof.trajectories)
