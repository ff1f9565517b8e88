"""A sweep's points: the sets that they are drawn from, their names, and that each is the spec with its values."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from dataclasses import replace
from math import comb
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import EXAMPLES, ROOT
from counted_spec import SPEC as COUNTED
from counted_spec import settle
from toolspec.backends.verl.chat.prompt_lengths import prompt_lengths
from toolspec.backends.verl.compile import bundle_of, compile_spec
from toolspec.backends.verl.emit.side_files import reward_json
from toolspec.backends.verl.lint.lint import lint_file
from toolspec.backends.verl.sweep.expand import expand
from toolspec.backends.verl.sweep.shared import NO_FACT, reads
from toolspec.backends.verl.written.files import Files
from toolspec.compiler.facts.gather import gather
from toolspec.compiler.sweep.expansion import Expansion, points_of
from toolspec.compiler.sweep.point_spec import point_spec
from toolspec.specs.loading import load
from toolspec.specs.problem import Problem, ProblemError
from toolspec.specs.spec import Spec
from toolspec.specs.sweep import KINDS, MOST_POINTS

pytestmark = pytest.mark.slow

SEED = EXAMPLES / "seed-ppo" / "exp.yaml"
CALCULATOR = EXAMPLES / "calculator" / "exp.yaml"
TERMS = {"correct": 1.0, "valid_call": 0.2, "extra_call": -0.1, "bad_call": -1.0}
SIZES = st.floats(0.01, 100, allow_nan=False).map(lambda x: round(x, 4))


def points(sweep: dict[str, Any], spec: Path = SEED, *sets: str) -> Expansion:
    return points_of(load(spec, (*sets, f"sweep={json.dumps(sweep)}")))


def names(found: Expansion) -> list[str]:
    return [point.name for point in found.points]


def test_a_path_of_the_spec_is_no_kind() -> None:
    assert not set(KINDS) & set(Spec.model_fields)


def test_kinds_are_multiplied() -> None:
    found = points(
        {
            "reward.valid_call": [0.1, 0.2],
            "zip": {"algorithm.batch": [64, 128], "algorithm.lr": [1e-6, 2e-6]},
            "random": {"points": 3, "over": {"algorithm.entropy": {"uniform": [0, 0.1]}}},
            "simplex": {"terms": ["correct", "bad_call"], "steps": 4},
        }
    )
    assert len(found.points) == 2 * 2 * 3 * 5
    assert len(set(names(found))) == len(found.points)
    pairs = {(p.values["algorithm.batch"], p.values["algorithm.lr"]) for p in found.points}
    assert pairs == {(64, 1e-6), (128, 2e-6)}
    load_name = found.points[0].name
    assert points({"algorithm.lr": [1e-6]}, SEED, f"name={'x' * 100}").points[0].name.startswith("x" * 80)
    assert len(load_name) <= 100


@given(
    st.lists(st.sampled_from(list(TERMS)), min_size=2, max_size=4, unique=True),
    st.none() | SIZES,
    st.sampled_from((0.0, 0.05, 0.2)),
    st.integers(1, 5),
    st.integers(0, 6),
    st.integers(0, 99),
)
@settings(max_examples=40, deadline=None)
def test_weights_keep_their_sum_and_their_signs(
    terms: list[str], total: float | None, least: float, steps: int, samples: int, seed: int
) -> None:
    asked: dict[str, Any] = {"terms": terms, "least": least, "steps": steps, "seed": seed}
    asked |= {"total": total} if total is not None else {}
    asked |= {"points": samples} if samples else {}
    found = points({"simplex": asked}).points
    wanted = total if total is not None else sum(abs(TERMS[term]) for term in terms)
    for point in found:
        weights = {path.split(".")[1]: value for path, value in point.values.items()}
        assert list(weights) == terms
        assert sum(map(abs, weights.values())) == pytest.approx(wanted, rel=1e-12)
        for term, weight in weights.items():
            assert weight * TERMS[term] >= 0
            assert abs(weight) >= wanted * least * (1 - 1e-12)
    lattice = comb(steps + len(terms) - 1, len(terms) - 1)
    assert lattice <= len(found) <= lattice + samples


@given(
    st.lists(st.sampled_from(list(TERMS)), min_size=2, max_size=4, unique=True),
    SIZES,
    SIZES,
    st.integers(4, 7),
    st.integers(0, 6),
    st.integers(0, 99),
)
@settings(max_examples=40, deadline=None)
def test_weights_keep_their_order(
    terms: list[str], low: float, width: float, steps: int, samples: int, seed: int
) -> None:
    between = [low, round(low + width, 4)]
    asked: dict[str, Any] = {
        "terms": terms,
        "keep": "order",
        "between": between,
        "steps": steps,
        "seed": seed,
    }
    asked |= {"points": samples} if samples else {}
    found = points({"simplex": asked}).points
    for point in found:
        sizes = [abs(value) for value in point.values.values()]
        assert all(a > b for a, b in itertools.pairwise(sizes))
        assert between[0] < sizes[-1] and sizes[0] <= between[1]
    assert comb(steps, len(terms)) <= len(found) <= comb(steps, len(terms)) + samples


@given(st.data())
@settings(max_examples=30, deadline=None)
def test_names_stay_when_a_sweep_is_shuffled_respelt_and_extended(data: Any) -> None:
    values = data.draw(st.lists(SIZES, min_size=1, max_size=5, unique=True))
    rates = data.draw(
        st.lists(st.sampled_from((1e-7, 1e-6, 3e-6, 1e-5)), min_size=1, max_size=3, unique=True)
    )
    more = data.draw(st.lists(SIZES, max_size=3))
    before = points({"reward.valid_call": values, "grid": {"algorithm.lr": rates}})
    after = points(
        {
            "grid": {
                "algorithm.lr.peak": data.draw(st.permutations(rates)),
                "reward.valid_call.weight": data.draw(st.permutations([*dict.fromkeys([*values, *more])])),
            }
        }
    )
    assert set(names(before)) <= set(names(after))
    assert len(set(names(after))) == len(after.points)


def test_more_draws_and_more_paths_keep_those_that_are_there() -> None:
    lr = {"algorithm.lr": {"log_uniform": [1e-7, 1e-5]}}
    few = points({"random": {"points": 5, "seed": 3, "over": lr}})
    many = points({"random": {"points": 9, "seed": 3, "over": lr}})
    assert names(many)[:5] == names(few)
    assert all(1e-7 <= p.values["algorithm.lr"] <= 1e-5 for p in many.points)
    both = points({"random": {"points": 5, "seed": 3, "over": {"data.seed": {"integer": [1, 99]}, **lr}}})
    assert [p.values["algorithm.lr"] for p in both.points] == [p.values["algorithm.lr"] for p in few.points]
    assert names(points({"random": {"points": 5, "seed": 4, "over": lr}})) != names(few)


def test_draws_are_the_same_on_every_machine() -> None:
    """Written out: `random.Random` of a text and six digits gave these on CPython 3.10, 3.11, 3.12 and 3.13."""
    found = points(
        {
            "random": {
                "points": 2,
                "seed": 1,
                "over": {
                    "algorithm.lr": {"log_uniform": [1e-7, 1e-5]},
                    "algorithm.entropy": {"uniform": [0, 0.1]},
                    "data.seed": {"integer": [1, 100]},
                    "algorithm.name": ["ppo", "grpo", "rloo"],
                },
            }
        }
    )
    assert [list(point.values.values()) for point in found.points] == DRAWN


DRAWN = [[7.69031e-07, 0.0157123, 65, "rloo"], [1.83357e-06, 0.0626999, 40, "grpo"]]


def test_few_different_values_are_said() -> None:
    found = points({"random": {"points": 9, "over": {"algorithm.name": ["ppo", "grpo"]}}})
    assert len(found.points) == 2
    assert ["only 2 different points" in note.message for note in found.notes] == [True]
    found = points({"algorithm.lr": [1e-6, 1e-6]})
    assert len(found.points) == 1
    assert ["1 of 2 points" in note.message for note in found.notes] == [True]


def test_a_point_has_a_name_an_experiment_and_a_folder_of_its_own() -> None:
    loaded = load(SEED, ("checkpoint.dir=/ckpt/", 'sweep={"algorithm.lr": [1e-6, 2e-6]}'))
    specs = [point_spec(loaded, point).spec for point in points_of(loaded).points]
    own = [(spec.name, spec.tracking.experiment, spec.checkpoint.dir) for spec in specs]
    assert all(len(set(each)) == 2 for each in zip(*own, strict=True))
    assert all(s.checkpoint.dir == f"/ckpt/{s.name}" and s.sweep is None for s in specs)


CASES: tuple[tuple[Path, dict[str, Any]], ...] = (
    (SEED, {"reward.valid_call": [0.1, 0.3], "algorithm": ["ppo", "grpo"], "train.micro_batch": [8, 7]}),
    (SEED, {"target": ["verl==0.8.0", "verl==0.9.1"], "overrides.trainer.balance_batch": [True, False]}),
    (CALCULATOR, {"reward.correct.match": ["number", "exact"], "data.system": ["Be brief.", "Use tools."]}),
    (CALCULATOR, {"budget.prompt_tokens": [64, 512], "reward.correct": [1.0, 0.5], "data.order": ["given"]}),
)


@pytest.mark.parametrize(("spec", "sweep"), CASES)
def test_a_point_is_the_spec_with_its_settings(spec: Path, sweep: dict[str, Any]) -> None:
    """Every point against a compile and a lint of its own: what is shared between points changes nothing."""
    assert compared(spec, sweep) > 0


def test_points_share_the_lengths_of_prompts_that_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(tmp_path, monkeypatch)
    spec = tmp_path / "exp.yaml"
    spec.write_text(COUNTED, "utf-8")
    sweep = {
        "data.system": ["Be brief.", "Be as brief as you can be, if you can."],
        "budget.prompt_tokens": ["auto", {"quantile": 0.5, "margin": 0}],
        "train.micro_batch": [7, 4],  # the first point of each prompt cannot be compiled
        "algorithm.lr": [1e-6, 2e-6],
    }
    monkeypatch.setattr("toolspec.backends.verl.chat.prompt_facts.prompt_lengths", counting := Counting())
    assert compared(spec, sweep, alone=False) == 8
    # Both splits, of two systems and two limits, and once more for the points that fail at first.
    assert counting.times <= 2 * 2 * 2 * 3
    assert compared(spec, sweep) == 8


class Counting:
    def __init__(self) -> None:
        self.times = 0

    def __call__(self, *arguments: Any) -> Any:
        self.times += 1
        return prompt_lengths(*arguments)


def compared(spec: Path, sweep: dict[str, Any], alone: bool = True) -> int:
    """How many points can be compiled. alone: whether each is compared with a compile and a lint of its own."""
    swept = expand(load(spec, (f"sweep={json.dumps(sweep)}",)))
    seen = 0
    for found in swept:
        seen += found.compiled is not None
        if not alone:
            continue
        sets = point_spec(swept.expansion.loaded, found.point).sets[1:]
        other = lint_file(spec, None, Files(), sets=sets)
        assert told(found.findings) == told(other.findings), found.point.values
        if found.compiled is None or found.bundle is None:
            assert any(finding.severity == "error" for finding in other.findings)
            continue
        again = compile_spec(spec, sets)
        assert found.compiled.config.values == again.config.values
        assert reward_json(found.compiled.plan, found.compiled.facts) == reward_json(again.plan, again.facts)
        assert found.digest is not None
        assert set(bundle_of(again).files) == set(found.bundle.files)
    return seen


class Without:
    """A spec whose sections of NO_FACT cannot be asked for."""

    def __init__(self, spec: Spec) -> None:
        self._spec = spec

    def __getattr__(self, name: str) -> Any:
        assert name not in NO_FACT, f"facts read `{name}`"
        return getattr(self._spec, name)


@pytest.mark.parametrize("example", sorted(path.parent.name for path in EXAMPLES.glob("*/exp.yaml")))
def test_facts_read_nothing_that_points_share_them_over(example: str) -> None:
    loaded = load(EXAMPLES / example / "exp.yaml")
    bare = replace(loaded, spec=cast(Spec, Without(loaded.spec)))
    assert gather(bare, writing=False) == gather(loaded, writing=False)
    assert reads("reward.correct", {"weight": 1, "match": "python", "python": "reward.py:score"})
    assert not reads("reward.valid_call") and not reads("algorithm") and not reads("budget.turns")
    assert all(
        map(reads, ("reward.correct.match", "reward.python", "budget.prompt_tokens", "tools.calculator"))
    )


def told(findings: tuple[Problem, ...]) -> list[tuple[str, str, str]]:
    return sorted((p.code, p.severity, p.message) for p in findings if p.code != "TS035")


def test_the_same_run_under_two_names_is_found() -> None:
    found = list(expand(load(SEED, ('sweep={"reward.valid_call": [1, 1.0], "description": ["a", "b"]}',))))
    assert [f.same_as for f in found] == [None, *[found[0].point.name] * 3]
    different = list(expand(load(CALCULATOR, ('sweep={"data.train": ["train.jsonl", "val.jsonl"]}',))))
    assert [f.same_as for f in different] == [None, None]


def test_a_target_beside_a_swept_one_is_refused() -> None:
    with pytest.raises(ProblemError, match="--target"):
        expand(load(SEED, ('sweep={"target": ["verl==0.8.0"]}',)), "verl==0.9.1")


def test_a_spec_without_a_sweep_has_no_points() -> None:
    for sweep in ((), ("sweep={}",), ("sweep={parallel: 4}",)):
        with pytest.raises(ProblemError) as error:
            points_of(load(SEED, sweep))
        assert [p.code for p in error.value.problems] == ["TS027"]


def test_too_many_points_are_counted_and_not_made() -> None:
    sweep = {f"reward.{term}": [n / 1000 for n in range(1, 23)] for term in TERMS}
    with pytest.raises(ProblemError, match=f"{22**4:,} points, and {MOST_POINTS:,}"):
        points(sweep)


def test_points_do_not_hang_on_the_hash_seed() -> None:
    """Two processes with other hash seeds give the same names."""
    script = (
        "import sys; from pathlib import Path; from toolspec.specs.loading import load;"
        "from toolspec.compiler.sweep.expansion import points_of;"
        "print([p.name for p in points_of(load(Path(sys.argv[1]), (sys.argv[2],))).points])"
    )
    sweep = (
        "sweep={simplex: {terms: [correct, bad_call], points: 4}, algorithm: [ppo, {name: grpo, group: 4}]}"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", script, str(SEED), sweep],
            env={"PYTHONPATH": str(ROOT / "src"), "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(said) == 1
