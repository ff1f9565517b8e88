"""A value in the rows that verl cannot use where it stands.

The prompt is a list of messages with `role` and `content`: of a text the chat template sees single characters and
renders no question. `reward_model` is a mapping with `ground_truth`, `extra_info` a mapping.

Why: the policy is asked nothing, or every score of such a row fails.
Source: experimental/agent_loop/tool_agent_loop.py run (list(raw_prompt), 0.9.1: :132) and single_turn_agent_loop.py of
each release; reward_manager/naive.py:42-44; rl_dataset.py __getitem__ (0.9.1: :401-408); run on 0.9.1
Bad:
    --- train.parquet
    {"data_source": "calculator", "prompt": "What is 2 + 2?", "reward_model": {"ground_truth": "4"}}
Good:
    --- train.parquet
    {"data_source": "calculator", "prompt": [{"role": "user", "content": "2?"}], "reward_model": {"ground_truth": "2"}}
Bad:
    --- train.parquet
    {"data_source": "calculator", "prompt": [{"from": "human", "value": "2?"}], "reward_model": {"ground_truth": "2"}}
Bad:
    --- train.parquet
    {"data_source": "calculator", "prompt": [{"role": "user", "content": "2?"}], "reward_model": {"answer": "2"}}
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from toolspec.backends.verl.lint.derived import MANAGER, ROLLOUT
from toolspec.backends.verl.lint.facts.reward import reads_rows
from toolspec.backends.verl.lint.facts.rows import Rows
from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.specs.problem import Severity

RULE = Rule("TS612", "row-value", "error")

ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function", "ipython", "observation"})
DOUBTFUL = ("has the roles", "ends with a")


def check(view: View) -> Iterator[Found]:
    unknown: NotKnownError | None = None
    for split in ("train", "val"):
        try:
            yield from _of(view, split, view.facts.rows(split))
        except NotKnownError as error:
            unknown = unknown or error
    if unknown is not None:
        raise unknown


def _of(view: View, split: str, rows: Rows) -> Iterator[Found]:
    prompt, files = view.text("data.prompt_key"), f"data.{split}_files"
    own_loop = bool(view.value(f"{ROLLOUT}.agent.agent_loop_config_path"))
    for fault, number in _faults(rows, prompt, _prompt_fault):
        yield Found(
            f"{rows.files[0].name}: `{prompt}` {fault} in {number} of {len(rows.sample)} rows",
            (f"dataset:{prompt}", "data.prompt_key", files),
            fix='[{"role": "user", "content": "…"}]',
            why="the answer may stand in the prompt"
            if fault.startswith(DOUBTFUL[1])
            else "the chat template renders no question of it",
            span=view.span("data.prompt_key", files),
            # A loop of the user's own may make messages of it; a template of its own may know other roles.
            severity="warning" if own_loop or fault.startswith(DOUBTFUL) else None,
        )
    for fault, number in _faults(rows, "extra_info", _info_fault):
        yield _found(
            view, rows, files, "extra_info", fault, number, "the data loader asks it for `index` and stops"
        )
    if reads_rows(view) and view.value(f"{MANAGER}.source") == "register":
        for fault, number in _faults(rows, "reward_model", _reward_fault):
            why = "the reward manager reads reward_model['ground_truth'] of every row"
            yield _found(view, rows, files, "reward_model", fault, number, why)


def _found(
    view: View,
    rows: Rows,
    files: str,
    column: str,
    fault: str,
    number: int,
    why: str,
    severity: Severity | None = None,
) -> Found:
    message = f"{rows.files[0].name}: `{column}` {fault} in {number} of {len(rows.sample)} rows"
    return Found(message, (f"dataset:{column}", files), why=why, span=view.span(files), severity=severity)


def _faults(rows: Rows, column: str, fault_of: Any) -> Iterator[tuple[str, int]]:
    if column not in rows.names:
        return

    def counted() -> list[tuple[str, int]]:
        faults = (fault_of(value) for value in rows.values(column))
        return Counter(fault for fault in faults if fault is not None).most_common(2)

    yield from rows.once(f"{fault_of.__name__} {column}", counted)


def _info_fault(value: Any) -> str | None:
    return None if value is None else _mapping_fault(value)


def _prompt_fault(value: Any) -> str | None:
    if not isinstance(value, list):
        return (
            f"is {'null' if value is None else 'a text' if isinstance(value, str) else 'no list of messages'}"
        )
    if not value:
        return "is an empty list"
    if not all(isinstance(message, dict) for message in value):
        return "is a list of texts" if isinstance(value[0], str) else "is no list of messages"
    for name in ("role", "content"):
        if all(name not in message for message in value):
            return f"has messages without `{name}` (they have {', '.join(value[0])})"
    roles = [message.get("role") for message in value]
    strange = [str(role) for role in roles if role not in ROLES]
    if strange:
        return f"{DOUBTFUL[0]} {', '.join(dict.fromkeys(strange))}"
    if roles[-1] == "assistant":
        return f"{DOUBTFUL[1]} message of the assistant, and verl asks for another"
    return None


def _mapping_fault(value: Any) -> str | None:
    return None if isinstance(value, dict) else f"is {'a text' if isinstance(value, str) else 'no mapping'}"


def _reward_fault(value: Any) -> str | None:
    if value is None:
        return "is null"
    if isinstance(value, dict) and "ground_truth" not in value:
        return f"has no `ground_truth` (it has {', '.join(value) or 'nothing'})"
    return _mapping_fault(value)
