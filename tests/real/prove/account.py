"""What one trajectory was: its texts, mask, calls and score as JSON, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from real.prove.policy import Transcript
from real.prove.proof import Proof

TOOL_FAILURES = ("Error", "Unknown function", "Invalid JSON")  # how an answer begins that is no answer


def account_of(
    proof: Proof, trajectory: dict[str, Any], seen: Transcript, output: Any, rendered: int
) -> dict[str, Any]:
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
        "turn_limits": seen.limits,
        "turn_stops": seen.stops,
        "exhausted": seen.exhausted,
        "turns": int(fields["__num_turns__"]),
        "extra_fields": {key: value for key, value in fields.items() if key.startswith(("ts_", "tool_"))},
        "score": seen.reward and seen.reward["reward_score"],
        "extra_info": seen.reward and seen.reward["reward_extra_info"],
    }
    written = [token for token, on in zip(response, mask, strict=True) if on]
    room = int(proof.get("actor_rollout_ref.rollout.prompt_length"))
    account["problems"] = list(_problems(trajectory, seen, account, written, room))
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


def _problems(
    trajectory: dict[str, Any], seen: Transcript, account: dict[str, Any], written: list[int], room: int
) -> Iterator[str]:
    policy = [token for ids in seen.turns for token in ids]
    if written != policy:
        yield f"the mask marks {len(written)} tokens; the policy wrote {len(policy)}"
    own = [[start, count] for on, start, count in runs(account["mask"]) if on]
    if account["spans"] is not None and [list(span) for span in account["spans"]] != own:
        yield f"ts_spans is {account['spans']}, the mask says {own}"
    if account["rendered_tokens"] > room:  # 0.8.0 and later cut its head off
        yield f"the prompt has {account['rendered_tokens']} tokens, rollout.prompt_length is {room}"
    executed = [call["name"] for call in seen.calls]
    if "calls" in trajectory:
        if executed != trajectory["calls"]:
            yield f"executed {executed}, expected {trajectory['calls']}"
        yield from (
            f"{call['name']}: {call['text']}"
            for call in seen.calls
            if str(call["text"]).startswith(TOOL_FAILURES)
        )
        if seen.cut:
            yield "a turn was cut by the length budget"
        if len(seen.turns) < len(seen.replies):
            yield f"the episode ended after turn {len(seen.turns)} of {len(seen.replies)}"
