"""What a release cannot do is refused, at its place and with what can: names that it lacks, keys, trainers."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest

from toolspec.backends.verl.compile import Compiled, compile_spec
from toolspec.backends.verl.lower.moves import ABSENT, CLASHES, moved
from toolspec.backends.verl.lower.table import TABLE
from toolspec.backends.verl.releases import RELEASES, release
from toolspec.compiler.plan.algorithm import PRESETS
from toolspec.specs.problem import Problem, ProblemError
from toolspec.specs.shape import annotations_at

SPEC = """
toolspec: 1
name: x
model: Qwen/Qwen2.5-3B-Instruct
data: {train: ~/rows.parquet, val: ~/rows.parquet}
tools: {calculator: tools.py:calculator}
reward: {correct: 1}
algorithm:
  name: grpo
"""
TOOL = 'def calculator(expression: str) -> str:\n    """Evaluate an expression."""\n    return expression\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tools.py").write_text(TOOL)
    return tmp_path


def compiled(folder: Path, text: str, target: str, *sets: str) -> Compiled:
    file = folder / "exp.yaml"
    file.write_text(text, "utf-8")
    return compile_spec(file, sets, target, folder / "build" / "exp")


def refusal(folder: Path, target: str, *sets: str) -> tuple[Problem, ...]:
    """The problems of SPEC with `sets`, which must be refused."""
    with pytest.raises(ProblemError) as caught:
        compiled(folder, SPEC, target, *sets)
    return caught.value.problems


# Names: what the language accepts, the release accepts or the compiler refuses.


@cache
def words_of(path: str) -> tuple[str, ...]:
    """The texts that the language accepts at a spec path."""
    found: list[str] = []
    for annotation in annotations_at(path.split(".")):
        if get_origin(annotation) is tuple:
            annotation = get_args(annotation)[0]  # noqa: PLW2901
        if get_origin(annotation) is Literal:
            found += [word for word in get_args(annotation) if isinstance(word, str)]
    return tuple(found)


NAMED = [
    (row, version)
    for row in TABLE
    for version in RELEASES
    if words_of(row.plan) and release(version).choices(moved(row.key, version)) is not None
]


def test_names_are_found() -> None:
    assert {"algorithm.kl.type", "rollout.engine", "tracking.to"} <= {row.plan for row, _ in NAMED}


@pytest.mark.parametrize(("row", "version"), NAMED, ids=lambda each: getattr(each, "key", each))
def test_every_name_is_one_that_the_release_accepts(folder: Path, row: Any, version: str) -> None:
    choices = release(version).choices(moved(row.key, version))
    assert choices is not None
    for word in words_of(row.plan):
        if word in ("auto", "none"):  # what is derived, and what is off and not lowered
            continue
        value = word if row.value is None else row.value((word,) if row.value is list else word)
        for name in value if isinstance(value, list) else [value]:
            assert name in choices, f"{row.plan}: {word} is {name} in verl, which {version} does not accept"


@pytest.mark.parametrize("version", RELEASES)
def test_algorithms_stand_for_names_of_the_release(version: str) -> None:
    target = release(version)
    for preset in PRESETS.values():
        assert preset.estimator in (target.choices("algorithm.adv_estimator") or ())
        assert preset.policy_loss in (target.choices("actor_rollout_ref.actor.policy_loss.loss_mode") or ())


@pytest.mark.parametrize("version", RELEASES)
def test_a_tool_format_that_the_release_lacks_is_refused(folder: Path, version: str) -> None:
    key = "actor_rollout_ref.rollout.multi_turn.format"
    known = set(release(version).choices(key) or ())
    others = {name for other in RELEASES for name in release(other).choices(key) or ()} - known
    for name in sorted(others):
        (problem,) = refusal(folder, version, f"model.tool_format={name}")
        assert problem.code == "TS801"
        able = [other for other in RELEASES if name in (release(other).choices(key) or ())]
        assert any(other in f"{problem.why} {problem.fix}" for other in able), problem
    (problem,) = refusal(folder, version, "model.tool_format=no-such-format")
    assert "no-such-format" in problem.message


# Values that a release cannot express: an error with its place, never a dropped key.

CANNOT: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("0.7.1", ("algorithm.filter=true",), "0.9.1"),
    ("0.8.0", ("algorithm.filter=true",), "0.9.1"),
    ("0.7.1", ("algorithm.name=dapo",), "0.9.1"),
    ("0.8.0", ("algorithm.name=dapo",), "0.9.1"),
    ("0.7.1", ("train.trainer=v1",), "0.9.1"),
    ("0.8.0", ("train.trainer=v1",), "0.9.1"),
    ("0.7.1", ("rollout.seed=3",), "0.9.1"),
    ("0.8.0", ("rollout.seed=3",), "0.9.1"),
    ("0.9.1", ("algorithm.name=remax", "train.trainer=v1"), "v0"),
    ("0.9.1", ("algorithm.filter=true", "train.trainer=v0"), "v1"),
    ("0.9.1", ("tracking.trace=weave",), "v0"),
)


@pytest.mark.parametrize(("version", "sets", "instead"), CANNOT, ids=str)
def test_refused_with_its_place_and_what_can(
    folder: Path, version: str, sets: tuple[str, ...], instead: str
) -> None:
    (problem,) = refusal(folder, version, *sets)
    assert (problem.code, problem.severity) == ("TS801", "error")
    assert problem.span is not None
    assert instead in problem.fix
    assert f"releases that have it: {version}" not in problem.why
    assert version not in problem.why.removeprefix("releases that have it: ").split(", ")


def test_a_refusal_points_at_the_line(folder: Path) -> None:
    text = f"{SPEC}  filter: true\n"
    with pytest.raises(ProblemError) as caught:
        compiled(folder, text, "0.8.0")
    (problem,) = caught.value.problems
    assert problem.span is not None
    assert text.splitlines()[problem.span.line - 1] == "  filter: true"
    assert problem.span.file == str(folder / "exp.yaml")


def test_every_absence_and_clash_is_among_the_cases() -> None:
    """A new declaration needs a case above."""
    cases = {(version, tuple(text.split("=")[0] for text in sets)) for version, sets, _ in CANNOT}
    paths = {path for _, found in cases for path in found}
    rows = {row.key: row.plan for row in TABLE}
    for version, entries in ABSENT.items():
        for entry in entries:
            plan = rows[entry.key].removesuffix(".enable").removesuffix(".metric").removesuffix(".in_flight")
            assert (version, (plan,)) in cases, entry.key
    assert {clash.path for clash in CLASHES} <= paths


@pytest.mark.parametrize("version", RELEASES)
def test_what_is_harmless_where_absent_compiles(folder: Path, version: str) -> None:
    """The same spec without those values is one for every release."""
    found = compiled(folder, SPEC.replace("grpo", "dapo\n  filter: false"), version)
    assert not {entry.key for entry in ABSENT[version]} & set(found.config.settings)
