"""Rows for a reward whose data is not at hand: sums, with an accepted answer of the kind that the reward compares."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from toolspec.backends.verl.rehearsal.experiment import handed_out
from toolspec.compiler.call_arguments import fitting, of_a_number
from toolspec.compiler.reward.reward import correct_of
from toolspec.specs.dotted import put

NUMBER = 12


def made_up_rows(
    reward: Mapping[str, Any], tools: Sequence[Mapping[str, Any]], loop: str, source: str = "toolspec"
) -> tuple[Mapping[str, Any], ...]:
    """reward: as ts_reward.json has it. tools: schemas. loop: the agent loop. source: the rows' data_source."""
    return tuple(_row(number, reward, tools, loop, source) for number in range(NUMBER))


def _row(
    number: int, reward: Mapping[str, Any], tools: Sequence[Mapping[str, Any]], loop: str, source: str
) -> Mapping[str, Any]:
    one, other = 17 + 13 * number, 25 + 7 * number
    truth = _truth(number, one + other, reward, tools)
    row: dict[str, Any] = {
        "prompt": [{"role": "user", "content": f"How much is {one} + {other}?"}],
        "data_source": source,
        "reward_model": {"style": "rule", "ground_truth": truth},
        "extra_info": {"index": number, "split": "train", "needed_calls": min(1, len(tools))},
    }
    put(row, str(reward.get("answer_field") or "reward_model.ground_truth"), truth)
    return handed_out(row, "prompt", loop)


def _truth(number: int, total: int, reward: Mapping[str, Any], tools: Sequence[Mapping[str, Any]]) -> str:
    term = correct_of(reward.get("terms") or ())
    match term.get("match"):
        case "choice":
            letters = str(term.get("choices") or "ABCDE")
            return letters[number % len(letters)]
        case "json":
            return json.dumps({"answer": total})
        case "calls":
            return json.dumps([_call(number, tools)] if tools else [])
        case _:
            return str(total)


def _call(number: int, tools: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    tool = tools[number % len(tools)]
    given = fitting(tool["function"].get("parameters") or {}, of_a_number(number + 1))
    return {"name": tool["function"]["name"], "arguments": given}
