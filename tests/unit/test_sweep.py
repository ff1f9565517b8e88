"""`sweep`: a value that the spec could not have at its path is a problem before anything is compiled."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toolspec.compiler.sweep.expansion import points_of
from toolspec.compiler.sweep.point_spec import point_spec
from toolspec.specs.loading import load
from toolspec.specs.problem import ProblemError

SPEC = """\
toolspec: 1
name: s
model: a/b
data: {train: ~/x.parquet}
reward: {correct: {weight: 1, match: number, tolerance: 0.5}, valid_call: 0.2}
algorithm: grpo
env: [SET_OUTSIDE]
sweep:
"""


def found(tmp_path: Path, sweep: str) -> list[tuple[int, str]]:
    file = tmp_path / "exp.yaml"
    file.write_text(SPEC + sweep, "utf-8")
    try:
        load(file)
    except ProblemError as error:
        return [(p.span.line if p.span else 0, p.code) for p in error.problems]
    return []


@pytest.mark.parametrize(
    "sweep",
    [
        "  reward.valid_call: [0.1, 0.4]",
        "  reward.correct: [2]",
        "  algorithm.lr: [1e-6, {peak: 2e-6}]",
        "  algorithm: [grpo, rloo]\n  parallel: 2",
        "  grid: {reward.valid_call: [0.1]}\n  algorithm.lr: [1e-6]",
        "  overrides.actor_rollout_ref.actor.grad_clip: [0.5, 1.0]",
        "  simplex: {terms: [correct, valid_call], steps: 4}",
        "  simplex: {terms: [correct, valid_call], keep: order, steps: 4, points: 2}",
        # Only together could the spec have them, or not: each point is judged as a whole.
        "  zip: {algorithm.kl.where: [loss, reward], algorithm.kl.schedule: [fixed, adaptive]}",
        "  grid: {algorithm.kl.where: [loss, reward], algorithm.kl.schedule: [fixed, adaptive]}",
    ],
)
def test_values_that_fit(tmp_path: Path, sweep: str) -> None:
    assert found(tmp_path, sweep) == []


@pytest.mark.parametrize(
    ("sweep", "code"),
    [
        ("  reward.valid_call: [0.1, high]", "TS026"),
        ("  algorithm.bach: [1]", "TS023"),
        ("  extends: [a.yaml]", "TS027"),
        ("  algorithm.batch: [0]", "TS026"),
        ("  grid: {algorithm.batch: [0]}", "TS026"),
        ("  zip: {algorithm.batch: [1, 0], algorithm.group: [1, 2]}", "TS026"),
        ("  zip: {algorithm.batch: [1, 2], algorithm.group: [1]}", "TS027"),
        ("  random: {points: 2, over: {algorithm.lr: {log_uniform: [0, 1]}}}", "TS026"),
        ("  random: {points: 2, over: {algorithm.lr: {uniform: [1, 0]}}}", "TS026"),
        ("  random: {points: 2, over: {algorithm.lr: {uniform: [0, 1], choice: [1]}}}", "TS026"),
        ("  random: {points: 2, over: {algorithm.batch: {uniform: [1, 2]}}}", "TS026"),
        ("  random: {points: 2, over: {algorithm.batch: {integer: [0, 2]}}}", "TS026"),
        ("  random: {points: 2, over: {algorithm.name: [grpo, rlo]}}", "TS026"),
        ("  simplex: {terms: [correct, format], steps: 2}", "TS027"),
        ("  simplex: {terms: [correct, valid_call]}", "TS026"),
        ("  simplex: {terms: [correct, valid_call], steps: 1, keep: order}", "TS026"),
        ("  simplex: {terms: [correct, valid_call], steps: 1, between: [0, 1]}", "TS026"),
        ("  simplex: {terms: [correct, correct], steps: 1}", "TS026"),
        ("  random: {points: 10001, over: {algorithm.lr: [1e-6]}}", "TS027"),
        ("  grid: {algorithm.lr: [1e-6], algorithm.lr.peak: [1e-6]}", "TS027"),
        ("  name: [a, b]", "TS027"),
        ("  env.A: [1]", "TS027"),
        ("  gird: {algorithm.lr: [1e-6]}", "TS023"),
    ],
)
def test_values_that_do_not(tmp_path: Path, sweep: str, code: str) -> None:
    assert found(tmp_path, sweep) == [(9 - sweep.startswith("  random: {points: 10001"), code)]


def test_all_that_is_wrong_is_told_at_once_at_its_value(tmp_path: Path) -> None:
    """Line and column of each: the value, the key of an unknown path, the term."""
    file = tmp_path / "exp.yaml"
    file.write_text(
        SPEC + "  reward.valid_call: [0.1, high]\n  algorithm.bach: [1, 2]\n  extends: [a]\n"
        "  random: {points: 2, over: {data.seed: {choice: [1, x]}}}\n  simplex: {terms: [correct, tone], steps: 2}\n",
        "utf-8",
    )
    with pytest.raises(ProblemError) as error:
        load(file)
    found = [(p.span.line, p.span.column, p.span.length) for p in error.value.problems if p.span]
    assert found == [(9, 28, 4), (10, 3, 14), (11, 3, 7), (12, 54, 1), (13, 30, 4)]


def test_a_parents_sweep_is_merged_as_all_mappings_are(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(SPEC + "  reward.valid_call: [0.1, 0.4]\n  parallel: 2\n", "utf-8")
    child = tmp_path / "exp.yaml"
    child.write_text(
        "extends: base.yaml\ntoolspec: 1\nsweep: {reward.valid_call: [0.3], parallel: 8}\n", "utf-8"
    )
    sweep = load(child).spec.sweep
    assert sweep is not None
    assert (sweep.grid, sweep.parallel) == ({"reward.valid_call": (0.3,)}, 8)
    child.write_text("extends: base.yaml\ntoolspec: 1\nsweep: null\n", "utf-8")
    assert load(child).spec.sweep is None


LEAF = st.sampled_from(
    (None, True, 0, -1, 1.5, 1e308, "", "x", "a.b", "reward.valid_call", 1e-6, "correct", "sum", "order")
)
KEY = st.sampled_from(
    (
        *(
            "grid",
            "zip",
            "random",
            "simplex",
            "parallel",
            "over",
            "points",
            "steps",
            "terms",
            "keep",
            "choice",
        ),
        *(
            "uniform",
            "log_uniform",
            "integer",
            "reward",
            "reward.valid_call",
            "reward.python",
            "tools..x",
            ".",
        ),
        *(
            "algorithm",
            "algorithm.lr",
            "algorithm.lr.peak.x",
            "data.train.0.path",
            "env.X",
            "overrides",
            "overrides.",
        ),
        *(
            "overrides.trainer.n",
            "model",
            "target",
            "name",
            "sweep",
            "extends",
            "data",
            "cluster.slurm",
            "budget",
        ),
    )
)
ANY = st.recursive(
    LEAF,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEY, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(KEY, ANY, min_size=1, max_size=3))
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@pytest.mark.slow
def test_whatever_stands_in_a_sweep_is_taken_or_told(tmp_path: Path, sweep: dict[str, Any]) -> None:
    file = tmp_path / "exp.yaml"
    file.write_text(SPEC.replace("sweep:\n", ""), "utf-8")
    try:
        loaded = load(file, (f"sweep={json.dumps(sweep)}",))
        found = points_of(loaded)
    except ProblemError as error:
        assert all(problem.message and problem.span for problem in error.problems)
        return
    assert found.points
    for point in found.points[:20]:
        try:
            assert point_spec(loaded, point).spec.name == point.name
        except ProblemError as error:
            assert error.problems
