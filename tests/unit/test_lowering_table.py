"""The lowering is whole: no plan path is dropped, no declaration stale, no release given what it does not have."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.slow

TESTS = Path(__file__).resolve().parents[1]
if str(TESTS) not in sys.path:
    sys.path.insert(0, str(TESTS))

from spec_spelling import rendered  # noqa: E402
from spec_strategies import leaf_paths, specs, write_files  # noqa: E402
from toolspec.backends.verl.compile import Compiled, compile_spec  # noqa: E402
from toolspec.backends.verl.lower.moves import ABSENT, MOVES, moved  # noqa: E402
from toolspec.backends.verl.lower.table import (  # noqa: E402
    COMPOSED,
    NOT_LOWERED,
    NOT_LOWERED_PREFIXES,
    TABLE,
)
from toolspec.backends.verl.releases import NEWEST, RELEASES, release  # noqa: E402
from toolspec.compiler.plan.decision import Plan  # noqa: E402
from toolspec.specs.problem import ProblemError  # noqa: E402

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
  correct: {weight: 1, match: regex, pattern: "[0-9]+", wrong: -0.5}
  valid_call: 0.1
  extra_call: {weight: -0.1, free: 2}
  bad_call: {weight: -1, unknown_tool: -2, schema: -1, malformed: -0.5}
  format: {weight: 0.1, pattern: "####"}
  repeat_call: -0.1
  tool_error: {weight: -0.1, pattern: "^error", schedule: [[9, -0.2]], between: linear}
  used_result: {weight: 0.1, by: text, pattern: "<a>(.*)</a>", only_if: correct}
  length: {weight: -1, shape: overlong, buffer: 64, end: 500}
  turns: {weight: -0.01, free: 2}
  truncated: {weight: -0.5, turns: true}
  forged_result: {weight: -1, cap: -2}
  own: {brief: {weight: 0.1, python: reward.py:term, timeout: 2s, kwargs: {scale: 2}}}
  clip: [-3, 2]
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


_HEAD = PYTHON_REWARD[: PYTHON_REWARD.index("reward:")] + "algorithm: grpo\nreward:\n"
_PAID = "weight: 1, cap: 3, schedule: [[9, 2]], between: linear"
# Every setting of every term; those that exclude each other in another spec.
TERM_SPECS = (
    _HEAD
    + f"  correct: {{{_PAID}, match: calls, ordered: true, wrong: -1}}\n"
    + "".join(
        f"  {name}: {{{_PAID}, only_if: correct{more}}}\n"
        for name, more in {
            "valid_call": ", per: call",
            "extra_call": ", free: 2",
            "bad_call": "",
            "format": ", pattern: x",
            "repeat_call": "",
            "tool_error": ", pattern: x",
            "used_result": ", by: text, pattern: x",
            "length": ", of: policy, start: 1, end: 9",
            "turns": ", free: 2",
            "truncated": ", turns: true",
            "forged_result": "",
        }.items()
    )
    + f"  own: {{brief: {{{_PAID}, only_if: correct, python: reward.py:term, timeout: 2s, kwargs: {{scale: 2}}}}}}\n"
    + "  clip: [-3, 2]\n  on_error: -1\n  fault_limit: 0.5\n",
    _HEAD
    + "  correct: {weight: 1, match: number, tolerance: 0.1}\n"
    + "  bad_call: {weight: -1, unknown_tool: -2, schema: -1, malformed: -0.5}\n"
    + "  length: {weight: -1, shape: overlong, buffer: 64}\n",
    _HEAD + "  correct: {weight: 1, match: qa_em, pattern: x}\n",
    _HEAD + "  correct: {weight: 1, match: exact, ignore_case: true}\n",
    _HEAD + "  correct: {weight: 1, match: choice, choices: ABCD}\n",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_files(tmp_path_factory.mktemp("specs"))


def compiled(folder: Path, text: str, target: str = NEWEST, *sets: str) -> Compiled:
    file = folder / "exp.yaml"
    file.write_text(text, "utf-8")
    return compile_spec(file, sets, target, folder / "build" / "exp")


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
    yield from (compiled(folder, text).plan for text in TERM_SPECS)


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
    if parts[:2] == ["reward", "own"] and len(parts) > 3:
        return ".".join(["reward", "own", "<name>", *parts[3:]])
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
    inside = key.startswith(passed_on) or key.rpartition(".")[0].endswith(".mixed_precision")
    return target.dp.listed(key) or key in target.dp.unlisted or inside


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
