"""The lowering is whole: no plan path is dropped, no declaration stale, no release given what it does not have."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

TESTS = Path(__file__).resolve().parents[1]
if str(TESTS) not in sys.path:
    sys.path.insert(0, str(TESTS))

from spec_strategies import leaf_paths, rendered, specs, write_files  # noqa: E402
from toolspec.backends.verl.compile import Compiled, compile_spec  # noqa: E402
from toolspec.backends.verl.lower.moves import ABSENT, CLASHES, MOVES, moved  # noqa: E402
from toolspec.backends.verl.lower.table import (  # noqa: E402
    COMPOSED,
    NOT_LOWERED,
    NOT_LOWERED_PREFIXES,
    TABLE,
)
from toolspec.backends.verl.releases import NEWEST, RELEASES, release  # noqa: E402
from toolspec.compiler.plan.decision import Plan  # noqa: E402
from toolspec.specs.problem import Problem, ProblemError  # noqa: E402
from toolspec.specs.shape import annotations_at  # noqa: E402

EXAMPLES = tuple(sorted((TESTS.parent / "examples").glob("*/exp.yaml")))

# Every section and every kind of value at least once; what hypothesis finds comes on top.
WIDE = """
toolspec: 1
name: wide
model: {path: Qwen/Qwen2.5-3B-Instruct, revision: v1, chat_template: template.jinja, thinking: false, lora: {rank: 8}}
data: {train: rows.jsonl, val: {math: rows.jsonl, aime25: more.json}, columns: {prompt: question, answer: answer},
  system: Be brief., order: {by: answer}}
tools:
  calculator: {python: tools.py:calculator, per_row: {database: database}, timeout: 5s, concurrency: 2}
  search: {class: search.py:SearchTool, schema: search.json, config: {url: x}}
reward:
  correct: {weight: 1, match: regex, pattern: "[0-9]+"}
  valid_call: 0.1
  extra_call: {weight: -0.1, free: 2}
  bad_call: -1
  format: {weight: 0.1, pattern: "####"}
algorithm: {name: ppo, batch: 64, updates: 2, overlong: {buffer: 64}, kl: {where: reward, schedule: adaptive},
  lr: {peak: 1e-6, warmup: 3}, critic_lr: {peak: 1e-5, warmup: 5%}}
rollout: {engine: sglang, engine_options: {attention_backend: triton}}
agent: {class: mine.py:Loop, config: {a: 1}, manager: mine.py:Manager}
train: {offload: {actor: none, ref: params}}
budget: {rounds: 3, calls: 2, turn_tokens: 256, steps: 9, gpu_hours: 1000}
evaluation: {every: 5, samples: {math: 4, aime25: 2}, temperature: 1}
checkpoint: {dir: ~/checkpoints, keep: 2, resume: ~/run/global_step_100}
tracking: {to: [console], samples: 3, rollouts: true}
cluster: {gpus: 8, gpu: h100-80gb, slurm: {partition: gpu, time: 12h}}
env: {NCCL_DEBUG: WARN, WANDB_API_KEY: }
"""
PYTHON_REWARD = """
toolspec: 1
name: wide
model: Qwen/Qwen2.5-3B-Instruct
data: {train: ~/data/train.parquet, class: mine.py:Rows}
reward: {python: reward.py:score, kwargs: {a: 1}}
algorithm: dapo
train: {micro_batch: 4}
"""
PYTHON_TERM = PYTHON_REWARD.replace(
    "reward: {python: reward.py:score, kwargs: {a: 1}}",
    "reward: {correct: {weight: 1, match: python, python: reward.py:score}}",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_files(tmp_path_factory.mktemp("specs"))


def compiled(folder: Path, text: str, target: str = NEWEST, *sets: str) -> Compiled:
    file = folder / "exp.yaml"
    file.write_text(text, "utf-8")
    return compile_spec(file, sets, target, folder / "build" / "exp")


def refusal(folder: Path, target: str, *sets: str) -> tuple[Problem, ...]:
    """The problems of a plain spec with `sets`, which must be refused."""
    text = "toolspec: 1\nname: x\nmodel: Qwen/Qwen2.5-3B-Instruct\ndata: ~/rows.parquet\n"
    text = text.replace("data: ~/rows.parquet", "data: {train: ~/rows.parquet, val: ~/rows.parquet}")
    text += "reward: {correct: 1}\nalgorithm: {name: grpo}\ntools: {calculator: tools.py:calculator}\n"
    with pytest.raises(ProblemError) as caught:
        compiled(folder, text, target, *sets)
    return caught.value.problems


# Plan paths: lowered, composed or declared.

LOWERED = {row.plan for row in TABLE}


def carried(path: str) -> bool:
    return (
        path in LOWERED
        or path in COMPOSED
        or path in NOT_LOWERED
        or any(path.startswith(prefix) for prefix in NOT_LOWERED_PREFIXES)
    )


def plans(folder: Path) -> Iterator[Plan]:
    for target in RELEASES:
        yield from (compile_spec(spec, target=target).plan for spec in EXAMPLES)
    yield compiled(folder, WIDE).plan
    yield compiled(folder, PYTHON_REWARD).plan
    yield compiled(folder, PYTHON_TERM).plan


def test_every_plan_path_is_carried(folder: Path) -> None:
    assert sorted({path for plan in plans(folder) for path in plan if not carried(path)}) == []


@settings(
    max_examples=100,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],
)
@given(specs(), st.integers(0, 9).map(random.Random))
def test_every_plan_path_of_any_spec_is_carried(
    folder: Path, spec: dict[str, Any], dice: random.Random
) -> None:
    try:
        plan = compiled(folder, rendered(spec, dice)).plan
    except ProblemError:
        return
    assert [path for path in plan if not carried(path)] == []


# Spec paths that no plan path carries, with what carries them.
NOT_PLANNED: Mapping[str, str] = {
    "toolspec": "says which language it is",
    "name": "Plan.name",
    "description": "for the reader",
    "extends": "merged before anything is planned",
    "target": "Plan.target",
    "sweep": "each variant is a spec of its own",
    "overrides": "laid over the configuration that the plan becomes",
    "algorithm.filter.keep": "one word",
    "agent.name": "agent.loop",
    "data.system": "the converted rows, named in the reason of data.layout",
    "data.columns.": "the converted rows, named in the reason of data.layout",
    "tools.<name>.schema": "tools.yaml and ts_reward.json",
    "cluster.slurm.": "the job script, which reads the spec",
}
# Sections that are one decision, or one a part of it.
SECTIONS_IN_ONE = ("data.order.", "data.train.", "data.val.", "train.offload.")


def test_every_field_of_the_language_reaches_the_plan(folder: Path) -> None:
    """A field that no decision rests on would be read and dropped."""
    known = set(NOT_PLANNED)
    for plan in plans(folder):
        for path, decision in plan.decisions.items():
            known |= {named(path), *map(named, decision.sources)}
    whole = tuple(path for path in (*SECTIONS_IN_ONE, *NOT_PLANNED) if path.endswith("."))
    assert [path for path in whole if path.rstrip(".") not in known and path not in NOT_PLANNED] == []
    leaves = leaf_paths()
    assert sorted(path for path in leaves if path not in known and not path.startswith(whole)) == []
    stale = [path for path in NOT_PLANNED if not any(leaf.startswith(path) for leaf in leaves)]
    assert stale == [], "no longer of the language"


def named(path: str) -> str:
    """`tools.search.kind` as `tools.<name>.kind`."""
    parts = path.split(".")
    return ".".join([parts[0], "<name>", *parts[2:]]) if parts[0] == "tools" and len(parts) > 2 else path


def test_no_declaration_is_stale(folder: Path) -> None:
    paths = {path for plan in plans(folder) for path in plan}
    assert sorted({*LOWERED, *COMPOSED, *NOT_LOWERED} - paths) == [], "no plan decides it"
    assert [p for p in NOT_LOWERED_PREFIXES if not any(path.startswith(p) for path in paths)] == []
    assert sorted(NOT_LOWERED.keys() & LOWERED) == [], "lowered, and declared as not lowered"


def test_a_key_has_one_row_a_plan(folder: Path) -> None:
    """Two rows may say a key only under plans that exclude each other."""
    for plan in plans(folder):
        keys = [row.key for row in TABLE if row.when is None or row.when(plan)]
        assert len(keys) == len(set(keys)), sorted({key for key in keys if keys.count(key) > 1})


# Keys: in the release, or declared absent.


@pytest.mark.parametrize("version", RELEASES)
def test_every_key_is_in_the_release_or_declared_absent(version: str) -> None:
    target = release(version)
    absent = {entry.key for entry in ABSENT[version]}
    unknown = [row.key for row in TABLE if not listed(target, moved(row.key, version))]
    assert set(unknown) == absent, "a row for a key that is not there, or a declared absence of one that is"


def listed(target: Any, key: str) -> bool:
    """Whether the release's own config has the key, or it stands in a mapping whose keys verl passes on."""
    passed_on = ("data.apply_chat_template_kwargs.", "actor_rollout_ref.model.override_config.")
    return target.dp.listed(key) or key in target.dp.unlisted or key.startswith(passed_on)


@pytest.mark.parametrize("version", RELEASES)
def test_no_move_is_stale(version: str) -> None:
    for new, old in MOVES[version].items():
        assert any(row.key.startswith(f"{new}.") for row in TABLE), new
        assert release(version).dp.listed(old), old
        assert not release(version).knows(new), f"{new} did not move"


@pytest.mark.parametrize("version", RELEASES)
def test_absent_keys_are_lowered_somewhere(version: str) -> None:
    for entry in ABSENT[version]:
        assert any(row.key == entry.key for row in TABLE), entry.key
        able = [other for other in RELEASES if entry.key not in {e.key for e in ABSENT[other]}]
        assert any(other in entry.instead for other in able), f"{entry.key}: {entry.instead}"


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
    from toolspec.compiler.plan.algorithm import PRESETS

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
    text = PYTHON_REWARD.replace("algorithm: dapo", "algorithm:\n  name: grpo\n  filter: true")
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
    found = compiled(
        folder, PYTHON_REWARD.replace("algorithm: dapo", "algorithm: {name: dapo, filter: false}"), version
    )
    assert not {entry.key for entry in ABSENT[version]} & set(found.config.settings)
