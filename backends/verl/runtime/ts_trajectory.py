"""What a reward term sees of a trajectory: a frozen value, read once from what verl hands to the manager.

verl gives the token ids but no response mask (agent_loop.py `_compute_score` of the three releases), so the
turns come from the spans that ts_loop left in `tool_extra_fields`. They are never cut by role markers: a
tool's text can hold them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Call:
    """A call that the policy wrote. `fault` is None for a valid one, else what is wrong with it."""

    turn: int
    name: str
    arguments: str
    fault: str | None


@dataclass(frozen=True)
class Trajectory:
    """One finished trajectory.

    turns: text of each policy turn, special tokens kept. calls: parsed calls in order, also those of the last
    turn, which verl never executes. malformed: calls opened that no parser could read. answer: the last
    turn's text if the trajectory ends with it and it calls nothing, reasoning and special tokens removed,
    else "". truncated: a limit cut the last turn. response_tokens: of the whole response; policy_tokens: of
    the policy's turns. stop: why the loop ended (ts_loop.py). solution: the whole response as verl decodes it
    for reward functions, tool texts included. truths: accepted answers. extra_info: the row's, as verl's
    naive manager passes it.
    """

    turns: tuple[str, ...] = ()
    calls: tuple[Call, ...] = ()
    malformed: int = 0
    answer: str = ""
    truncated: bool = False
    response_tokens: int = 0
    policy_tokens: int = 0
    stop: str = ""
    solution: str = ""
    data_source: str = ""
    truths: tuple[Any, ...] = ()
    ground_truth: Any = None
    extra_info: Mapping[str, Any] = field(default_factory=dict)

    @property
    def valid(self) -> tuple[Call, ...]:
        """Calls of a known tool with arguments that fit its schema."""
        return tuple(call for call in self.calls if call.fault is None)

    @property
    def bad(self) -> int:
        """Calls that name no known tool, break its schema, or cannot be parsed."""
        return len(self.calls) - len(self.valid) + self.malformed


def plain(value: Any) -> Any:
    """numpy scalars and arrays as Python values, in depth."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def accepted(truth: Any) -> tuple[Any, ...]:
    """The accepted answers of a ground truth: the items of a list, else the value alone; none for null."""
    truth = plain(truth)
    if truth is None:
        return ()
    if isinstance(truth, list):
        return tuple(item for item in truth if item is not None)
    return (truth,)


def lookup(row: Mapping[str, Any], path: str) -> Any:
    """`a.b.c` in nested mappings; None where a step is missing."""
    value: Any = row
    for part in path.split("."):
        value = plain(value)
        if not isinstance(value, Mapping) or part not in value:
            return None
        value = value[part]
    return plain(value)


def told(row: Mapping[str, Any], info: Mapping[str, Any]) -> dict[str, Any]:
    """The `extra_info` that verl's naive manager passes to a reward function; `info` is the row's."""
    return {
        **info,
        **dict(row.get("tool_extra_fields") or {}),
        "num_turns": plain(row.get("__num_turns__")),
        "rollout_reward_scores": row.get("reward_scores", {}),
    }


def response_ids(item: Any) -> list[int]:
    """The response's token ids without padding.

    0.8.0 and later: `response_len` of the row. 0.7.1: responses are right padded and the attention mask has
    the same layout.
    """
    responses = item.batch["responses"]
    width = responses.shape[-1]
    if "response_len" in item.non_tensor_batch:
        length = int(item.non_tensor_batch["response_len"])
    else:
        length = int(item.batch["attention_mask"][-width:].sum())
    ids: list[int] = responses[:length].tolist()
    return ids


def spans(mask: list[int]) -> list[list[int]]:
    """Run-length form of a response mask: [[start, length], ...] of its ones.

    >>> spans([1, 1, 0, 0, 1])
    [[0, 2], [4, 1]]
    """
    out: list[list[int]] = []
    for index, bit in enumerate(mask):
        if not bit:
            continue
        if out and out[-1][0] + out[-1][1] == index:
            out[-1][1] += 1
        else:
            out.append([index, 1])
    return out


def policy_turns(ids: list[int], spans: Any) -> tuple[list[list[int]], bool]:
    """(token ids of each policy turn, whether the response ends with the last of them)."""
    turns: list[list[int]] = []
    end = 0
    for start, length in plain(spans):
        end = min(int(start) + int(length), len(ids))
        if end > int(start):
            turns.append(ids[int(start) : end])
    return turns, bool(turns) and end == len(ids)
