"""Rows that verl would take and that make the run something else than the spec says are refused at compile."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from toolspec.backends.verl.compile import compile_spec, write
from toolspec.backends.verl.releases import RELEASES
from toolspec.specs.problem import Problem, ProblemError

SPEC = """\
toolspec: 1
name: fit
model: Qwen/Qwen2.5-0.5B-Instruct
data: {train: rows.parquet, val: rows.parquet}
reward: {correct: {weight: 1, match: exact}}
algorithm: {name: grpo, batch: 8, group: 4}
cluster: {gpus: 1}
"""
TOOL = "tools: {add: 'tools.py:add'}\n"
TOOLS = (
    'def add(a: int) -> str:\n    """Add.\n\n    Args:\n        a: A number.\n    """\n    return str(a)\n'
)

Row = Mapping[str, Any]
Problems = Callable[..., list[Problem]]


def row(number: int, **columns: Any) -> dict[str, Any]:
    return {
        "data_source": "openai/gsm8k",
        "prompt": [{"role": "user", "content": f"Question {number}"}],
        "reward_model": {"style": "rule", "ground_truth": "42"},
        "extra_info": {"index": number},
        **columns,
    }


@pytest.fixture
def problems(tmp_path: Path) -> Problems:
    """problems(rows, lines of the spec, sets): what compile refuses; nothing where it writes the bundle."""

    def of(
        rows: list[Row], more: str = "", sets: tuple[str, ...] = (), release: str = "0.9.1"
    ) -> list[Problem]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        shutil.rmtree(tmp_path / "build", ignore_errors=True)
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / "rows.parquet")
        (tmp_path / "tools.py").write_text(TOOLS, "utf-8")
        (tmp_path / "exp.yaml").write_text(SPEC + more, "utf-8")
        try:
            write(compile_spec(tmp_path / "exp.yaml", sets, target=release, out=tmp_path / "build" / "fit"))
        except ProblemError as error:
            assert not (tmp_path / "build" / "fit").exists()
            return list(error.problems)
        return []

    return of


ROWS = [row(number) for number in range(8)]
COLUMNS = "data.columns={prompt: prompt}"


@pytest.mark.parametrize("sets", [(), (COLUMNS,)], ids=["as they are", "converted"])
def test_an_epoch_without_a_step_is_refused(problems: Problems, sets: tuple[str, ...]) -> None:
    assert problems(ROWS, sets=sets) == []
    (problem,) = problems(ROWS[:-1], sets=sets)
    assert (problem.code, problem.fix) == ("TS621", "algorithm.batch: 7, or fewer")
    assert "8 prompts" in problem.message and "7 training rows" in problem.message
    assert problem.span is not None and problem.span.line == 6
    assert problems(ROWS[:-1], sets=(*sets, "algorithm.batch=7")) == []


def test_prompts_drawn_singly_make_steps_of_few_rows(problems: Problems) -> None:
    """0.9.1's v1 trainer with a filter goes on over the end of an epoch, for as many steps as are asked for."""
    filtered = ("algorithm.filter=true",)
    assert [p.code for p in problems(ROWS[:5], sets=filtered)] == ["TS621"]
    assert problems(ROWS[:5], sets=(*filtered, "budget.steps=3")) == []
    assert [p.code for p in problems(ROWS[:5], sets=("budget.steps=3",))] == ["TS621"]


def test_an_override_of_the_batch_is_what_counts(problems: Problems) -> None:
    said = "overrides: {data.train_batch_size: 4, actor_rollout_ref.actor.ppo_mini_batch_size: 4}\n"
    assert problems(ROWS[:5], said) == []
    assert [p.code for p in problems(ROWS[:3], said)] == ["TS621"]


@pytest.mark.parametrize("release", RELEASES)
def test_a_column_that_names_another_loop_is_refused(problems: Problems, release: str) -> None:
    """One such row is enough: its tools would never run."""
    rows = [row(n, agent_name="single_turn_agent" if n == 5 else "tool_agent") for n in range(8)]
    found = problems(rows, TOOL, release=release)
    assert [(p.code, p.path) for p in found] == [("TS622", "data.train.0"), ("TS622", "data.val.0")]
    assert "single_turn_agent" in found[0].message and "calls no tool" in found[0].why
    assert problems(rows, release=release) == []  # without tools either loop answers once
    assert problems(rows, TOOL, sets=(COLUMNS,), release=release) == []  # compile writes the column itself


def test_a_loop_that_the_release_lacks_is_refused(problems: Problems) -> None:
    found = problems([row(n, agent_name="my_agent") for n in range(8)])
    assert {p.code for p in found} == {"TS622"} and "no such loop" in found[0].why


@pytest.mark.parametrize("sets", [(), (COLUMNS,)], ids=["as they are", "converted"])
def test_a_data_source_without_a_scorer_of_verls_is_refused(
    problems: Problems, sets: tuple[str, ...]
) -> None:
    match = (*sets, "reward.correct.match=verl")
    assert problems([row(n, data_source=f"aime202{n}") for n in range(8)], sets=match) == []
    found = problems([row(n, data_source="mine" if n else "math") for n in range(8)], sets=match)
    assert [(p.code, p.path) for p in found] == [("TS623", "reward.correct.match")] * 2
    assert found[0].message.endswith("train rows: mine")
    assert problems([row(n, data_source="mine") for n in range(8)], sets=sets) == []


def test_the_name_of_a_validation_set_is_its_data_source(problems: Problems) -> None:
    named = "data.val={gsm8k: {path: rows.parquet%s}}"
    sets = ("reward.correct.match=verl",)
    (problem,) = problems(ROWS, sets=(*sets, named % ""))
    assert problem.message.endswith("val rows: gsm8k")
    assert problems(ROWS, sets=(*sets, named % ", source: openai/gsm8k")) == []


def test_a_prompt_that_is_text_is_refused_and_the_fix_converts_it(problems: Problems) -> None:
    """verl would read it as a list of characters, without a word."""
    rows = [row(n, prompt="What is 6 * 7?") for n in range(8)]
    found = problems(rows)
    assert [(p.code, p.path) for p in found] == [("TS606", "data.train.0"), ("TS606", "data.val.0")]
    assert COLUMNS.replace("=", ": ") in found[0].fix
    assert problems(rows, sets=(COLUMNS,)) == []


CALLS = "reward.extra_call={weight: -0.1, free: needed_calls}"


@pytest.mark.parametrize(
    ("needed", "message"),
    [
        ([0, 1, 2.0] * 3, None),
        ([1] * 7 + [None, 2], "1 of 9 train rows in rows.parquet have no number of calls"),
        (
            [1, -1, 0.5] * 3,
            "6 of 9 train rows in rows.parquet have no number of calls in extra_info.needed_calls; the first is row 2",
        ),
        (["1"] * 9, "9 of 9 train rows"),
        (
            None,
            "9 of 9 train rows in rows.parquet have no number of calls in extra_info.needed_calls; the first is row 1",
        ),
    ],
)
def test_rows_say_how_many_calls_they_need(
    problems: Problems, needed: list[Any] | None, message: str | None
) -> None:
    rows = [
        row(
            number,
            extra_info={"index": number}
            if needed is None
            else {"index": number, "needed_calls": needed[number]},
        )
        for number in range(9)
    ]
    found = problems(rows, TOOL, (CALLS,))
    assert [problem.code for problem in found] == ([] if message is None else ["TS627"] * 2)  # train and val
    assert message is None or message in found[0].message
    assert problems(rows, TOOL, ("reward.extra_call={weight: -0.1, free: 1}",)) == []
