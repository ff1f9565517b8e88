"""The scripted policy: it stands for the engine, and notes what the loop asked of it."""

# mypy: disable-error-code="import-not-found,import-untyped"
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from real.prove.script import reply_text


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
