"""The JSON Schema of the language and the loader say the same of a file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from toolspec.specs.json_schema import json_schema
from toolspec.specs.loading import load, read
from toolspec.specs.problem import ProblemError

EXAMPLES = Path(__file__).parents[2] / "examples"
SCHEMA = json_schema()
VALIDATOR = Draft202012Validator(SCHEMA)

BASE = {
    "toolspec": "1",
    "name": "x",
    "model": "Qwen/Qwen3-4B",
    "data": "{train: a.parquet}",
    "reward": "{valid_call: 0.2}",
    "algorithm": "grpo",
}
# One value of one key, as YAML; it takes the place of the base's.
ACCEPTED = (
    ("model", "{path: a/b, revision: abc, thinking: true, attention: sdpa, max_model_len: auto, lora: 32}"),
    ("model", "{path: a/b, lora: {rank: 8, alpha: 16, targets: [q_proj]}, revision: null}"),
    ("data", "{train: {path: a.parquet, source: gsm8k, columns: {prompt: q}}, val: b.parquet}"),
    ("data", "{train: [a.parquet, {path: b.jsonl}], val: {aime: a.parquet, math: {path: b.parquet}}}"),
    ("data", "{train: a.jsonl, val: [a.jsonl], order: {by: level}, seed: 0, class: d.py:Set}"),
    ("data", "{train: a.parquet, val: {path: b.parquet}, order: given, columns: {answer: a}}"),
    ("tools", "{add: tools.py:add}"),
    ("tools", "{add: {python: tools.py:add, timeout: 1d12h, concurrency: 4, per_row: {db: db_id}}}"),
    ("tools", "{s: {class: m.S, schema: {type: function}, config: {a: x}}, t: {class: m.T, schema: t}}"),
    ("reward", "tool_calling"),
    ("reward", "{python: r.py:f, kwargs: {a: 1}}"),
    ("reward", "{correct: 1, bad_call: -1.0, extra_call: {weight: -0.1, free: 2}, format: {weight: 1}}"),
    ("reward", "{correct: {weight: 1, match: regex, pattern: '(\\d+)'}}"),
    ("algorithm", "{name: ppo, critic_lr: 1e-5, critic_warmup: 10, lr: {peak: 1e-6, warmup: 5%, decay: 0}}"),
    ("algorithm", "{name: dapo, clip: 0.2, kl: none, filter: true, overlong: false, lambda: 0.95}"),
    ("algorithm", "{name: grpo, clip: {low: 0.2, high: 5, dual: null}, kl: false, filter: {in_flight: 2}}"),
    ("algorithm", "{name: gspo, overlong: {buffer: 10}, kl: {where: reward, schedule: adaptive, target: 1}}"),
    ("algorithm", "{name: 'reinforce++', lr: {peak: 1e-6, warmup: 10}, loss_aggregation: token-mean}"),
    ("rollout", "{engine: vllm, top_p: 1, gpu_memory: auto, tensor_parallel: 2, engine_options: {a: [1]}}"),
    ("agent", "single_turn"),
    ("agent", "{class: a.py:Loop, config: {x: 1}, manager: m.M}"),
    ("train", "{offload: all, micro_batch: 4, trainer: v0}"),
    ("train", "{offload: {actor: none, ref: params}, token_budget: auto, strategy: fsdp}"),
    ("train", "{offload: true, token_budget: 4096}"),
    ("budget", "{rounds: 0, turn_tokens: 512, gpu_hours: 12.5}"),
    ("evaluation", "10"),
    ("evaluation", "never"),
    ("evaluation", "{every: 5, samples: {aime: 32}, temperature: 1}"),
    ("checkpoint", "never"),
    ("checkpoint", "{keep: all, resume: /c/global_step_5, contents: [model, hf_model]}"),
    ("tracking", "wandb"),
    ("tracking", "[console, file]"),
    ("tracking", "{to: mlflow, samples: 4, rollouts: true}"),
    ("cluster", "{gpus: 4, slurm: {time: '1-12:00:00', modules: cuda, setup: [a, b], extra: {nice: 5}}}"),
    ("cluster", "{slurm: {container: {image: a.sqsh, mounts: ['/a:/b']}, time: 12h}}"),
    ("env", "WANDB_API_KEY"),
    ("env", "[A, {B: 1}]"),
    ("env", "{A: , B: true, C: 1.5, D: text}"),
    ("sweep", "{reward.valid_call: [0.1, 0.2]}"),
    (
        "sweep",
        "{algorithm: [ppo, grpo], grid: {data.seed: [1]}, zip: {algorithm.batch: [8, 16]}, parallel: 2}",
    ),
    ("sweep", "{random: {points: 2, over: {algorithm.lr: {log_uniform: [1e-7, 1e-5]}, data.seed: [1, 2]}}}"),
    ("overrides", "{actor_rollout_ref.actor.grad_clip: 0.5}"),
    ("target", "verl==0.9.1"),
    ("description", "Some words."),
)
REFUSED = (
    ("toolspec", "2"),
    ("name", "a b"),
    ("model", "{pth: a/b}"),
    ("model", "{path: ''}"),
    ("model", "{path: a/b, lora: {alpha: 16}}"),
    ("model", "{path: a/b, thinking: maybe}"),
    ("model", "{path: a/b, vision: {freeze: true}}"),
    ("data", "{val: a.parquet}"),
    ("data", "a.parquet"),
    ("data", "{train: []}"),
    ("data", "{train: [{columns: {prompt: q}}]}"),
    ("data", "{train: {source: q}}"),
    ("data", "{train: a, order: random}"),
    ("tools", "{'a b': t.py:f}"),
    ("tools", "{add: {python: t.py:f, timeout: 30}}"),
    ("tools", "{add: {python: t.py:f, timeout: half an hour}}"),
    ("reward", "other"),
    ("reward", "{correct: true}"),
    ("reward", "{correct: {match: number}}"),
    ("reward", "{judge: 1}"),
    ("algorithm", "a2c"),
    ("algorithm", "{batch: 8}"),
    ("algorithm", "{name: grpo, batch: '8'}"),
    ("algorithm", "{name: grpo, batch: 0}"),
    ("algorithm", "{name: grpo, clip: 1.0}"),
    ("algorithm", "{name: grpo, clip: {low: 1}}"),
    ("algorithm", "{name: grpo, kl: true}"),
    ("algorithm", "{name: grpo, lr: fast}"),
    ("algorithm", "{name: grpo, lr: {peak: 1e-6, warmup: 5 percent}}"),
    ("algorithm", "{name: grpo, lambda_: 0.9}"),
    ("rollout", "sglang"),
    ("rollout", "{gpu_memory: 1.5}"),
    ("rollout", "{engine: trtllm}"),
    ("agent", "other"),
    ("train", "{offload: some}"),
    ("train", "{offload: {ref: optimizer}}"),
    ("train", "{strategy: megatron}"),
    ("budget", "{turns: -1}"),
    ("budget", "{epochs: true}"),
    ("evaluation", "0"),
    ("evaluation", "{samples: {a: 0}}"),
    ("checkpoint", "{contents: []}"),
    ("tracking", "[comet]"),
    ("cluster", "{slurm: {time: 12}}"),
    ("cluster", "{slurm: {container: {mounts: [a]}}}"),
    ("env", "{A-B: 1}"),
    ("env", "[[A]]"),
    ("env", "{A: [1]}"),
    ("sweep", "{a: 1}"),
    ("sweep", "{a: [1]}"),
    ("sweep", "{algorithm.lr: []}"),
    ("sweep", "{random: {points: 2}}"),
    ("sweep", "{random: {points: 2, over: {algorithm.lr: {log_uniform: [0, 1]}}}}"),
    ("services", "{}"),
)


def spec_text(key: str = "", value: str = "") -> str:
    return "".join(f"{name}: {text}\n" for name, text in {**BASE, **({key: value} if key else {})}.items())


def write(folder: Path, text: str) -> Path:
    file = folder / "exp.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def is_valid(file: Path) -> bool:
    return bool(VALIDATOR.is_valid(read(file, {}).value))


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert json.dumps(json_schema()) == json.dumps(SCHEMA)


@pytest.mark.parametrize(("key", "value"), ACCEPTED)
def test_what_the_loader_takes_the_schema_takes(key: str, value: str, tmp_path: Path) -> None:
    file = write(tmp_path, spec_text(key, value))
    load(file)
    assert [error.message for error in VALIDATOR.iter_errors(read(file, {}).value)] == []


@pytest.mark.parametrize(("key", "value"), REFUSED)
def test_what_the_schema_refuses_the_loader_refuses(key: str, value: str, tmp_path: Path) -> None:
    file = write(tmp_path, spec_text(key, value))
    with pytest.raises(ProblemError):
        load(file)
    assert not is_valid(file)


@pytest.mark.parametrize("key", list(BASE))
def test_a_required_key_may_come_from_the_parent_only(key: str, tmp_path: Path) -> None:
    (tmp_path / "parent.yaml").write_text(spec_text(), encoding="utf-8")
    without = "".join(f"{name}: {text}\n" for name, text in BASE.items() if name != key)
    assert not is_valid(write(tmp_path, without))
    child = write(tmp_path, without + "extends: parent.yaml\n")
    load(child)
    assert is_valid(child)


def test_a_child_may_leave_out_what_a_section_needs(tmp_path: Path) -> None:
    (tmp_path / "parent.yaml").write_text(spec_text("model", "{path: a/b, lora: 8}"), encoding="utf-8")
    child = write(
        tmp_path, "extends: parent.yaml\nname: y\nalgorithm: {batch: 8}\nmodel: {lora: {alpha: 16}}\n"
    )
    load(child)
    assert is_valid(child)


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*/exp.yaml")), ids=lambda file: file.parent.name)
def test_examples_fit(file: Path) -> None:
    assert [error.message for error in VALIDATOR.iter_errors(read(file, {}).value)] == []


def fields(node: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(node, dict):
        for key, field in node.get("properties", {}).items():
            if "description" in field:
                yield f"{path}.{key}", field
        for key, below in node.items():
            yield from fields(below, f"{path}.{key}" if key != "properties" else path)
    elif isinstance(node, list):
        for below in node:
            yield from fields(below, path)


def test_every_field_is_described_and_its_examples_and_default_fit() -> None:
    found = dict(fields(SCHEMA))
    assert len(found) > 120
    examples = 0
    for path, field in found.items():
        assert field["description"], path
        validator = VALIDATOR.evolve(schema={**field, "$defs": SCHEMA["$defs"]})
        for value in (*field.get("examples", ()), *([field["default"]] if "default" in field else ())):
            examples += 1
            assert validator.is_valid(value), (path, value)
    assert examples > 60
