"""The scripted policy: it stands for the engine, and notes what the loop asked of it."""

# mypy: disable-error-code="import-not-found,import-untyped"
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from real.prove.engine import STOP_REASONS, TurnLimit
from real.prove.script import endless, reply_text


@dataclass
class Transcript:
    """What was seen of one trajectory while it ran.

    turns: the token ids that the policy wrote, by turn. limits: the most that the server would let each have.
    stops: why each ended, `stop` or `length`.
    """

    replies: list[Any]
    tool_format: str
    turns: list[list[int]] = field(default_factory=list)
    limits: list[int] = field(default_factory=list)
    stops: list[str] = field(default_factory=list)
    calls: list[dict[str, Any]] = field(default_factory=list)
    exhausted: bool = False
    reward: dict[str, Any] | None = None

    @property
    def cut(self) -> bool:
        """Whether a limit ended a turn."""
        return "length" in self.stops


class ScriptedClient:
    """What the loop needs of its engine: `generate`. Turns end as the release's servers end them.

    limit: the server's arithmetic of lengths (`real.prove.engine`), on rollout, which must say `max_model_len`: the
    servers fill it in from the model when they start.
    """

    def __init__(self, tokenizer: Any, rollout: Any, limit: TurnLimit) -> None:
        self.tokenizer = tokenizer
        self.rollout = rollout
        self.limit = limit
        self.transcript = Transcript([], "")

    async def generate(
        self, request_id: str, *, prompt_ids: list[int], sampling_params: dict[str, Any], **options: Any
    ) -> Any:
        from verl.workers.rollout.replica import TokenOutput

        seen = self.transcript
        limit = self.limit(self.rollout, list(prompt_ids), sampling_params)
        ends = {self.tokenizer.eos_token_id, *(sampling_params.get("stop_token_ids") or [])}
        ids = self._next_ids(limit, ends)
        seen.turns.append(ids)
        seen.limits.append(limit)
        seen.stops.append("stop" if ids and ids[-1] in ends else "length")
        ended, cut = STOP_REASONS[self.rollout.name]
        fields = {
            "token_ids": ids,
            "log_probs": [0.0] * len(ids),
            "stop_reason": ended if seen.stops[-1] == "stop" else cut,
            "extra_fields": {"global_steps": 0},
        }
        return TokenOutput(**{key: value for key, value in fields.items() if key in TokenOutput.model_fields})

    def _next_ids(self, limit: int, ends: set[int]) -> list[int]:
        """The next reply up to the first token that ends a turn, or to the limit."""
        seen = self.transcript
        eos = self.tokenizer.eos_token_id
        if len(seen.turns) >= len(seen.replies):
            seen.exhausted = True
            return [eos][:limit]
        reply = seen.replies[len(seen.turns)]
        text = reply_text(reply, seen.tool_format)
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=False)
        ids = ids * (limit // len(ids) + 1) if endless(reply) else [*ids, eos]
        length = next((index + 1 for index, token in enumerate(ids) if token in ends), len(ids))
        return ids[: min(length, limit)]
