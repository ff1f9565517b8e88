"""What a reward term sees of a trajectory: a frozen value, read once (ts_read.py)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

UNKNOWN_TOOL = "unknown tool"
OUT_OF_TURNS = ("max_assistant_turns", "max_user_turns")
OUT_OF_TOKENS = ("response_length", "tool_response_overflow")


@dataclass(frozen=True)
class Answer:
    """What the model read in answer to a call that the loop took up.

    text: cut to the budget. error: "" for none; `raised` and `no_answer` (time limit, stuck) are the tool's own,
    `arguments` (against the schema) and `refused` (no such tool, no JSON, no calls left) the call's. seconds: wall.
    """

    text: str
    error: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Call:
    """A call that the policy wrote. `fault` is None for a valid one, else what is wrong with it.

    turn: of the policy, from 0. arguments: JSON as the parser gives it. answer: None where the loop never took it up
    (beyond the parallel calls, or in the last turn).
    """

    turn: int
    name: str
    arguments: str
    fault: str | None
    answer: Answer | None = None

    @property
    def kind(self) -> str:
        """`valid`, `unknown_tool` or `schema`."""
        if self.fault is None:
            return "valid"
        return "unknown_tool" if self.fault == UNKNOWN_TOOL else "schema"


@dataclass(frozen=True)
class Trajectory:
    """One finished trajectory.

    turns: text of each policy turn, special tokens kept. calls: parsed calls in order, also those of the last
    turn, which verl never executes. malformed: calls opened that no parser could read. forged: tool responses that
    the policy wrote itself. answer: the last turn's text if the trajectory ends with it and it calls nothing,
    reasoning and special tokens removed, else "". truncated: a limit cut the last turn. response_tokens: of the whole
    response; policy_tokens: of the policy's turns. stop: why the loop ended (ts_loop.py), "" where it does not say.
    solution: the whole response as verl decodes it for reward functions, tool texts included; "" where no term reads
    it. truths: accepted answers. extra_info: the row's, as verl's naive manager passes it.
    """

    turns: tuple[str, ...] = ()
    calls: tuple[Call, ...] = ()
    malformed: int = 0
    forged: int = 0
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

    @property
    def answers(self) -> tuple[Answer, ...]:
        """What tools and loop answered, in the order of the calls."""
        return tuple(call.answer for call in self.calls if call.answer is not None)

    @property
    def out_of_tokens(self) -> bool:
        """A limit of tokens ended it: the last turn was cut, or no token was left for another."""
        return self.truncated or self.stop in OUT_OF_TOKENS

    @property
    def out_of_turns(self) -> bool:
        """The turns ran out on a call: the last turn opens one, and it was never taken up."""
        return self.stop in OUT_OF_TURNS and not self.answer


_PLAIN = frozenset({str, int, float, bool, type(None)})


def plain(value: Any) -> Any:
    """numpy scalars and arrays as Python values, in depth."""
    if type(value) in _PLAIN:
        return value
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, dict | Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def copied(value: Any) -> Any:
    """Its mappings, lists and tuples anew, in depth; all else is shared."""
    if isinstance(value, Mapping):
        return {key: copied(item) for key, item in value.items()}
    if isinstance(value, list):
        return [copied(item) for item in value]
    return tuple(copied(item) for item in value) if type(value) is tuple else value


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
        if hasattr(value, "tolist"):
            value = value.tolist()
        if not isinstance(value, dict | Mapping) or part not in value:
            return None
        value = value[part]
    return plain(value)


def info(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row's extra_info; {} where it has none (null, or NaN from a frame with gaps)."""
    given = plain(row.get("extra_info"))
    return given if isinstance(given, dict) else {}


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
