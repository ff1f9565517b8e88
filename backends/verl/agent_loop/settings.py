"""What of a run's config the tool agent loop reads."""

from __future__ import annotations

from typing import NamedTuple


class LoopSettings(NamedTuple):
    """Named as in verl's config: `rollout.*`, `rollout.multi_turn.*`, and `model_type` of the model's config.json.

    Lengths are in tokens, except max_tool_response_length: characters. No limit of turns is None or 0.
    """

    release: str
    prompt_length: int
    response_length: int
    format: str = "hermes"
    max_assistant_turns: int | None = None
    max_user_turns: int | None = None
    max_parallel_calls: int = 1
    max_tool_response_length: int = 256
    tool_response_truncate_side: str = "middle"
    model_type: str | None = None
