"""A rehearsal's own engine against verl's real loop and reward worker: the same episodes, to the id and the term."""

from __future__ import annotations

import collections
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from real.environment import Environment
from real.parser_texts import broken, sound
from real.tokenizer import short_model_folder
from rehearsal_spec import QUICK, rehearsed, write_spec
from toolspec.backends.verl.parsers.writing import written
from toolspec.backends.verl.rehearsal import policies
from toolspec.backends.verl.rehearsal.episode import Episode
from toolspec.backends.verl.rehearsal.findings import findings
from toolspec.backends.verl.rehearsal.policies import RAMBLE, Task, Turn

pytestmark = pytest.mark.real

ROWS = int(os.environ.get("TOOLSPEC_REHEARSED_ROWS", "10"))
NAMES = ("honest", "lazy", "sloppy", "cheating", "random")
HEAD = '''
import asyncio, json
from verl.tools.base_tool import BaseTool
from verl.tools.schemas import ToolResponse


async def echo(text: str, times: int = 1) -> dict:
    """Says it again.

    Args:
        text: For example 12 é 中.
        times: How often.
    """
    await asyncio.sleep(0)
    if times > 50:
        raise ValueError("too often:\\\\n" + text)
    return {"said": text * times}


class Counter(BaseTool):
    async def create(self, instance_id=None, **kwargs):
        self.start = (kwargs.get("create_kwargs") or {}).get("start", 0)
        return await super().create(instance_id, **kwargs)

    async def execute(self, instance_id, parameters, **kwargs):
        fields = kwargs["agent_data"].extra_fields
        fields["ts_calls"] += 0
        seen = len(kwargs["agent_data"].messages)
        return ToolResponse(text=f"{self.start} {parameters['by']} {seen} <|im_end|>"), 0.25, {}
'''
SCHEMA = (
    "{type: function, function: {name: count, description: Counts., parameters: {type: object, "
    "properties: {by: {type: integer, minimum: 2}}, required: [by]}}}"
)
TOOLS = (
    "  tool: {python: tools.py:tool, timeout: 5s}\n"
    "  echo: {python: tools.py:echo, timeout: 5s}\n"
    "  count: {class: 'tools.py:Counter', schema: schema.yaml, timeout: 5s}"
)
REWARD = """\
def score(data_source, solution_str, ground_truth, extra_info=None, bonus=0.0):
    if "raise" in solution_str:
        raise ValueError("asked to")
    told = extra_info["ts_calls"] + extra_info["num_turns"] + len(extra_info["tool_rewards"])
    return {"score": bonus + told + (ground_truth in solution_str), "told": told}
"""
# Budget and reward of each spec: limits that bind, every one of them somewhere.
SPECS = {
    "limits": (
        ", turn_tokens: 60, calls: 2",
        "tool_response_tokens: 400",
        "tool_response_tokens: 12",
        "{correct: {weight: 1, match: number}, valid_call: 0.2, extra_call: -0.1, bad_call: {weight: -1, cap: -0.9}, "
        "repeat_call: -0.05, tool_error: -0.2, used_result: 0.3, forged_result: -2, turns: -0.01, "
        "truncated: -0.5, clip: [-3, 3]}",
        "rollout.parallel_calls=3",
    ),
    "lengths": (
        "",
        "trajectory_tokens: 2000",
        "trajectory_tokens: 150",
        "{correct: {weight: 1, match: exact}, format: {weight: 0.5, pattern: '[0-9]+'}, bad_call: -0.5}",
        "budget.rounds=2",
    ),
    "alone": (
        "",
        "rounds: 3, prompt_tokens: 2000, trajectory_tokens: 2000, tool_response_tokens: 400",
        "prompt_tokens: 2000, trajectory_tokens: 2000",
        "{correct: {weight: 1, match: verl}, format: {weight: 0.5, pattern: '[0-9]+'}}",
        "budget.trajectory_tokens=150",
    ),
    "function": (
        "",
        "rounds: 3",
        "turns: 3",
        "{python: reward.py:score, kwargs: {bonus: 0.5}}",
        "rollout.parallel_calls=2",
    ),
}
STOPS = {
    "limits": {"no_tool_call", "max_assistant_turns"},
    "lengths": {"no_tool_call", "response_length", "tool_response_overflow"},
    "alone": {"no_tool_call", "response_length"},
    "function": {"no_tool_call", "max_assistant_turns", "response_length"},
}


def _random(task: Task) -> Sequence[Turn]:
    """Turns of calls, sound and broken, of texts, and of what never ends."""
    dice, turns = task.dice, []
    given: dict[str, Any] = {
        "tool": {"x": dice.choice(("abc", "é\n中", "<tool_response>9</tool_response>"))},
        "echo": {
            "text": dice.choice(("12 ", "raise", "0123456789" * 9)),
            "times": dice.choice((1, 1, 9, 99)),
        },
        "count": {"by": dice.choice((2, 5, 1, "2"))},
        "nosuch": {"a": 1},
    }
    for _ in range(dice.randrange(1, 6)):
        how = dice.random()
        if how < 0.6:
            names = dice.choices([*given], (4, 4, 3, 1), k=dice.choice((1, 1, 2, 4)))
            turns.append(Turn("\n".join(written("hermes", name, given[name]) for name in names)))
        elif how < 0.8:
            turns.append(Turn(dice.choice((sound, broken))(dice, "hermes")))
        elif how < 0.9:
            turns.append(Turn(RAMBLE, endless=True))
        else:
            turns.append(task.answer(dice.choice((task.truth, task.guess, ""))))
    return turns


def seen(one: Episode) -> dict[str, Any]:
    """What both engines must agree on."""
    scored = one.scored
    return {
        "ids": (one.prompt_ids, one.response_ids, one.mask),
        "stop": one.stop,
        "turns": one.turns,
        "limits": one.turn_limits,
        "calls": one.calls,
        "fields": {
            name: value for name, value in one.fields.items() if name not in ("global_steps", "ts_answers")
        },
        "answers": [{**told, "seconds": 0} for told in one.fields.get("ts_answers", ())],
        "score": scored and scored.score,
        "terms": scored and dict(scored.values),
        "paid": scored and dict(scored.paid),
        "metrics": scored and dict(scored.metrics),
        "fault": scored and scored.fault,
        "lost": one.lost and one.lost.how,
    }


@pytest.mark.parametrize("kind", SPECS)
def test_episodes_are_those_of_verls_own_loop_and_reward(
    environment: Environment, release: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policies, "POLICIES", {**policies.POLICIES, "random": {"anything": _random}})
    monkeypatch.setenv(
        "PYTHONPATH", str(environment.wheel(release))
    )  # of the own engine too: for `match: verl`
    more, before, after, reward, *sets = SPECS[kind]
    spec = write_spec(
        tmp_path,
        head=HEAD,
        tools=TOOLS if kind != "alone" else "  {}",
        reward=reward,
        release=release,
        budget=more,
        rows=ROWS,
    )
    text = spec.read_text("utf-8").replace(
        "train: rows.jsonl", "train: {path: rows.jsonl, source: openai/gsm8k}"
    )
    spec.write_text(text.replace(before, after), "utf-8")
    (tmp_path / "schema.yaml").write_text(SCHEMA, "utf-8")
    (tmp_path / "reward.py").write_text(REWARD, "utf-8")
    shutil.rmtree(tmp_path / "model")
    (tmp_path / "model").symlink_to(short_model_folder(environment))
    given: dict[str, Any] = {"sets": tuple(sets), "rows": ROWS, "policies": NAMES}
    own = rehearsed(spec, **given)
    limits = QUICK._replace(load_seconds=300, score_seconds=120, call_seconds=60)
    real = rehearsed(spec, **given, engine="verl", python=str(environment.python), limits=limits)
    assert own.load is None and real.load is None, (own.load, real.load)
    assert len(own.episodes) == len(real.episodes) == ROWS * len(NAMES)
    differing = [
        (mine.row, mine.policy, key, one, two)
        for mine, theirs in zip(own.episodes, real.episodes, strict=True)
        for (key, one), two in zip(seen(mine).items(), seen(theirs).values(), strict=True)
        if one != two
    ]
    assert not differing, (len(differing), differing[:3])
    stops = collections.Counter(one.stop for one in real.episodes)
    assert stops.keys() >= STOPS[kind], stops
    assert kind == "alone" or sum(len(one.calls) for one in real.episodes) > ROWS
    assert len({one.scored.score for one in real.episodes if one.scored}) > 2


LOOP = """\
from verl.experimental.agent_loop.tool_agent_loop import ToolAgentLoop


class Mine(ToolAgentLoop):
    def __init__(self, *args, note, **kwargs):
        super().__init__(*args, **kwargs)
        self.note = note

    async def run(self, sampling_params, **kwargs):
        output = await super().run(sampling_params, **kwargs)
        output.extra_fields["note"] = self.note
        return output
"""
LEAKING = """\
import threading, time
KEPT = []

async def tool(x: str) -> str:
    \"\"\"A tool.

    Args:
        x: For example abc.
    \"\"\"
    threading.Thread(target=time.sleep, args=(60,), name="poller", daemon=True).start()
    KEPT.append(open(__file__))
    return x
"""


def test_a_loop_of_ones_own_runs_in_verl_and_leaks_are_told_there(
    environment: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = write_spec(tmp_path)
    text = spec.read_text("utf-8")
    spec.write_text(text + "agent: {class: 'loop.py:Mine', config: {note: x}}\n", "utf-8")
    (tmp_path / "loop.py").write_text(LOOP, "utf-8")
    (tmp_path / "tools.py").write_text(LEAKING, "utf-8")
    shutil.rmtree(tmp_path / "model")
    (tmp_path / "model").symlink_to(short_model_folder(environment))
    monkeypatch.setenv("PYTHONPATH", str(environment.wheel("0.9.1")))
    limits = QUICK._replace(load_seconds=300, score_seconds=120, call_seconds=60)
    found = rehearsed(spec, rows=2, engine="verl", python=str(environment.python), limits=limits)
    assert [one.scored and one.scored.score for one in found.episodes] == [1.2, 1.2], findings(found)
    assert all(len(one.turn_limits) == 2 and 0 in one.mask for one in found.episodes)
    told = [(one.name, one.who, one.message) for one in findings(found) if one.severity != "note"]
    assert told == [
        ("tool-leaks", "tool", "leaves a file open behind its call (tools.py), in 2 of 2 episodes"),
        ("tool-leaks", "tool", "leaves a thread running behind its call (poller), in 2 of 2 episodes"),
    ]
