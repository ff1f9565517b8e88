"""`reward` in a spec: every term compiles to an entry that the runtime builds; settings without a meaning are named."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from spec_strategies import write_files
from toolspec.backends.verl.compile import compile_spec
from toolspec.backends.verl.emit.bundle import build_bundle
from toolspec.backends.verl.rows.findings import Findings
from toolspec.specs.problem import ProblemError
from toolspec.specs.reward import TERMS

RUNTIME = Path(__file__).parents[2] / "backends" / "verl" / "runtime"
sys.path.append(str(RUNTIME))

ts_scorer = importlib.import_module("ts_scorer")
ts_start = importlib.import_module("ts_start")
ts_terms = importlib.import_module("ts_terms")

SPEC = """toolspec: 1
name: x
model: Qwen/Qwen2.5-0.5B-Instruct
data: {train: rows.jsonl, columns: {prompt: question, answer: answer, needed_calls: calls}}
tools: {calculator: tools.py:calculator}
algorithm: {name: grpo, batch: 4}
cluster: {gpus: 1}
reward:
  """


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_files(tmp_path)


def bundle(folder: Path, reward: str) -> dict[str, bytes]:
    file = folder / "exp.yaml"
    file.write_text(SPEC + reward + "\n")
    done = compile_spec(file)
    return dict(build_bundle(done.loaded, done.plan, done.config, done.facts).files)


def entries(folder: Path, reward: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(bundle(folder, reward)["ts_reward.json"])["terms"]
    return found


EXAMPLES = {
    "correct": "correct: {weight: 1, match: number, wrong: -0.5}",
    "valid_call": "valid_call: {weight: 0.2, per: share, cap: 0.5}",
    "extra_call": "extra_call: {weight: -0.1, free: needed_calls}",
    "bad_call": "bad_call: {weight: -1, unknown_tool: -2, malformed: -0.5, cap: -3}",
    "format": "format: {weight: 0.1, pattern: '####'}",
    "repeat_call": "repeat_call: -0.1",
    "tool_error": "tool_error: {weight: -0.1, pattern: ^error}",
    "used_result": "used_result: {weight: 0.1, by: text}",
    "length": "length: {weight: -1, shape: overlong, buffer: 64}",
    "turns": "turns: {weight: -0.05, free: 2, schedule: [[100, 0]], between: linear}",
    "truncated": "truncated: {weight: -0.5, turns: true}",
    "forged_result": "forged_result: -1",
}


def test_there_is_an_example_of_every_term_and_the_runtime_has_them_all() -> None:
    assert tuple(EXAMPLES) == TERMS == tuple(ts_terms.TERMS)


@pytest.mark.parametrize("name", TERMS)
def test_a_term_compiles_to_an_entry_that_the_runtime_builds(folder: Path, name: str) -> None:
    (entry,) = entries(folder, EXAMPLES[name])
    assert entry["name"] == name
    ts_scorer.Scorer({"version": 1, "terms": [entry]}, None)


@pytest.mark.parametrize(
    "match",
    ["exact", "number", "choice", "json", "math", "qa_em", "qa_f1", "calls", "verl"],
)
def test_every_match_is_built(folder: Path, match: str) -> None:
    files = bundle(folder, f"correct: {{weight: 1, match: {match}}}")
    ts_scorer.Scorer(json.loads(files["ts_reward.json"]), None, parse=print)
    assert ("requirements.txt" in files) == (match == "math")
    if match == "math":
        assert b"\nmath-verify" in files["requirements.txt"]


def test_a_term_of_ones_own_is_shipped_and_built(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = bundle(folder, "own: {brief: {weight: 0.1, python: reward.py:term, kwargs: {scale: 3}}}")
    (tmp_path / "user").mkdir()
    (tmp_path / "user" / "reward.py").write_bytes(files["ts_user/reward.py"])
    monkeypatch.setattr(ts_start, "USER", tmp_path / "user")
    spec = json.loads(files["ts_reward.json"])
    assert spec["terms"] == [
        {
            "name": "brief",
            "own": True,
            "weight": 0.1,
            "python": {"file": "reward.py", "function": "term"},
            "kwargs": {"scale": 3},
        }
    ]
    assert ts_scorer.Scorer(spec, None, parse=print).terms[0].name == "brief"


def test_what_is_derived_for_length_is_the_budget(folder: Path) -> None:
    (entry,) = entries(folder, "length: -1")
    assert entry["end"] == 1024
    assert entries(folder, "length: {weight: -1, end: 200}")[0]["end"] == 200


@pytest.mark.parametrize(
    ("reward", "message"),
    [
        ("valid_call: {weight: 0.2, cap: 0}", "`cap: 0` pays nothing"),
        ("valid_call: {weight: 0.2, cap: -1}", "a weight of 0.2 never gets so far; write `cap: 1`"),
        ("valid_call: {weight: 0.2, schedule: [[0, 1]]}", "a whole number from 1, not 0"),
        ("valid_call: {weight: 0.2, schedule: [[1.5, 1]]}", "a whole number from 1, not 1.5"),
        ("valid_call: {weight: 0.2, schedule: [[5, 1], [5, 2]]}", "must rise: 5, 5"),
        ("valid_call: {weight: 0.2, schedule: [[5]]}", "a step and the weight from it on"),
        ("valid_call: {weight: 0.2, between: linear}", "`between` belongs to `schedule`"),
        ("valid_call: {weight: 0.2, only_if: correct}", "`valid_call.only_if: correct` needs the term `correct`"),
        ("correct: {weight: 1, only_if: correct}", "only_if"),
        ("correct: {weight: 1, pattern: a}", "`pattern` belongs to `match: regex`, or to json, math, qa_em, qa_f1"),
        ("correct: {weight: 1, match: regex}", "which needs it"),
        ("correct: {weight: 1, match: qa_em, pattern: '('}", "not a regular expression"),
        ("correct: {weight: 1, ordered: true}", "`ordered` belongs to `match: calls`"),
        ("correct: {weight: 1, match: number, ignore_case: true}", "`ignore_case` belongs to `match: exact`"),
        ("correct: {weight: 1, choices: ABC}", "`choices` belongs to `match: choice`"),
        ("correct: {weight: 1, match: choice, choices: 'A)'}", "text of the form ^[A-Za-z]{2,26}$ is needed"),
        ("bad_call: {weight: -1, schema: -2, schedule: [[5, -2]]}", "would not follow it"),
        ("used_result: {weight: 1, pattern: a}", "`pattern` belongs to `by: text`"),
        ("length: {weight: -1, shape: overlong}", "`buffer` belongs to `shape: overlong`, which needs it"),
        ("length: {weight: -1, buffer: 5}", "`buffer` belongs to `shape: overlong`"),
        ("length: {weight: -1, shape: overlong, buffer: 5, start: 1}", "drop `start`"),
        ("length: {weight: -1, start: 9, end: 9}", "`start` must be less than `end`: 9 and 9"),
        ("length: {weight: -1, start: 1024}", "start is 1024 tokens, and the value is 1 at 1024"),
        ("length: {weight: -1, shape: overlong, buffer: 1025}", "the buffer is 1025 tokens"),
        ("own: {format: {weight: 1, python: reward.py:term}}", "the name is taken"),
        ("own: {acc: {weight: 1, python: reward.py:term}}", "the name is taken"),
        ("own: {Brief: {weight: 1, python: reward.py:term}}", "Brief"),
        ("own: {brief: {weight: 1, python: reward.py:nosuch}}", "nosuch"),
        ("own: {brief: {weight: 1, python: reward.py:score}}", "needs `data_source`"),
        ("own: {brief: {weight: 1, python: reward.py:term, kwargs: {size: 1}}}", "size"),
        ("{correct: 1, clip: [1]}", "clip"),
        ("{correct: 1, clip: [1, 1]}", "`clip` is [least, most], and 1 is not less than 1"),
        ("{clip: [0, 1]}", "a reward needs at least one term"),
        ("{correct: 1, fault_limit: 0}", "fault_limit"),
    ],
)  # fmt: skip
def test_settings_without_a_meaning_are_refused_at_their_place(
    folder: Path, reward: str, message: str
) -> None:
    with pytest.raises(ProblemError) as caught:
        bundle(folder, reward)
    told = [f"{problem.message} {problem.path} {problem.fix}" for problem in caught.value.problems]
    assert any(message in text for text in told), told
    spans = [problem.span for problem in caught.value.problems]
    assert all(span is not None and (span.line >= 8 or span.file.endswith("reward.py")) for span in spans)


@pytest.mark.parametrize("value", [-1, 1.5, "two", None, True])
def test_needed_calls_of_a_row_must_be_a_number(value: Any) -> None:
    from toolspec.backends.verl.rows.layout import Layout, RowSettings, RowSource
    from toolspec.backends.verl.rows.prompt import Unusable

    source = RowSource((Path("x"),), {"prompt": "q", "needed_calls": "n"})
    layout = Layout(source, RowSettings(), Findings())
    assert layout._needed_calls({"n": 2.0}) == {"needed_calls": 2}
    with pytest.raises(Unusable, match="`n` is"):
        layout._needed_calls({"n": value})
