"""Published set-ups said in the language, without overrides: what verl gets is what each of them states."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from toolspec.backends.verl.compile import Compiled, bundle_of, compile_spec, write
from toolspec.backends.verl.interpolation import UnresolvedError
from toolspec.backends.verl.lower.moves import moved
from toolspec.backends.verl.releases import NEWEST, RELEASES
from toolspec.specs.problem import ProblemError

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "tests" / "published"
NAMES = tuple(sorted(path.stem for path in FOLDER.glob("[0-9]*.yaml")))
STATED: Mapping[str, dict[str, Any]] = yaml.safe_load((FOLDER / "values.yaml").read_text("utf-8"))
PATHS = ("data.train_files", "data.val_files", "trainer.default_local_dir")

ROLLOUT, REF = "actor_rollout_ref.rollout", "actor_rollout_ref.ref"
NO_READER = "no release reads it outside its own dataclass"
NO_MODEL = "without KL there is no reference model to offload"
CONVERTED = "rows are written in verl's layout, beside the bundle"

# (set-up, key) → why verl gets something else, or nothing. Each must be needed.
DIFFERENT: Mapping[tuple[str, str], str] = {
    ("01-verl-gsm8k-tool", f"{ROLLOUT}.over_sample_rate"): NO_READER,
    ("01-verl-gsm8k-tool", "global_profiler.tool"): "a profiler's key; no profiler is on",
    ("03-verl-gsm8k-shaping-curriculum", "data.dataloader_num_workers"): "the curriculum sampler's condition",
    ("06-retool-32b", f"{REF}.log_prob_max_token_len_per_gpu"): NO_MODEL,
    ("10-langgraph-agent", "trainer.n_gpus_per_node"): "2 GPUs hold no sequence groups of 4 (TS505)",
    (
        "12-dapo-32b",
        "algorithm.filter_groups.metric",
    ): "the same number by the term's name; the reward gives both",
    ("17-toolrl", f"{REF}.fsdp_config.param_offload"): NO_MODEL,
    ("23-skyrl-mini-swe", "data.train_files"): CONVERTED,
    ("23-skyrl-mini-swe", "data.val_files"): CONVERTED,
}
# What only one release can do, with the reason that the others give.
ONLY_NEWEST: Mapping[str, str] = {"12-dapo-32b": "filter_groups"}


def compiled(name: str, release: str = NEWEST, out: Path = ROOT / "build" / "published") -> Compiled:
    return compile_spec(FOLDER / f"{name}.yaml", target=release, out=out)


def effective(found: Compiled, key: str) -> Any:
    """What verl sees; a path as the spec would write it."""
    overlay = found.config.release.overlay(found.config.values)
    name = moved(key, found.config.release.version)
    try:
        value = overlay.resolve(name)
    except UnresolvedError:
        value = overlay.raw(name)
    return as_said(found, value) if key in PATHS or key.endswith("model.path") else value


def as_said(found: Compiled, value: str) -> str:
    """`${oc.env:HOME}/x` is `~/x`, and a path from the bundle one from the spec."""
    if value.startswith("${oc.env:HOME}"):
        return "~" + value.removeprefix("${oc.env:HOME}")
    if not value.startswith(".."):
        return value
    return os.path.relpath(os.path.normpath(found.folder / value), FOLDER)


def agreed(name: str, release: str) -> dict[str, tuple[Any, Any]]:
    """Key → (found, stated), for every stated key."""
    found = compiled(name, release)
    return {key: (effective(found, key), stated) for key, stated in STATED[name].items()}


def test_every_set_up_has_its_values_and_no_overrides() -> None:
    assert set(STATED) == set(NAMES)
    assert len(NAMES) >= 11
    for name in NAMES:
        assert not compiled(name).loaded.spec.overrides, name


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("name", NAMES)
def test_values_are_those_stated(name: str, release: str) -> None:
    if name in ONLY_NEWEST and release != NEWEST:
        with pytest.raises(ProblemError, match=ONLY_NEWEST[name]):
            compiled(name, release)
        return
    differing = {key: pair for key, pair in agreed(name, release).items() if pair[0] != pair[1]}
    unexplained = {key: pair for key, pair in differing.items() if (name, key) not in DIFFERENT}
    assert not unexplained, "key: (found, stated)"


def test_every_difference_is_needed() -> None:
    for name, key in DIFFERENT:
        found, stated = agreed(name, NEWEST)[key]
        assert found != stated, (name, key)


@pytest.mark.parametrize("name", NAMES)
def test_what_verl_has_no_key_for_is_in_the_side_files(name: str) -> None:
    """Turn limits, tools with their schemas and settings, own loops and passed-on variables."""
    found = compiled(name)
    spec, files = found.loaded.spec, bundle_of(found).files
    loop = json.loads(files["ts_loop.json"])
    turn = spec.budget.turn_tokens
    assert loop["turn_tokens"] == (None if turn == "auto" else turn)
    tools = yaml.safe_load(files["tools.yaml"])["tools"] if spec.tools else []
    assert [tool["config"]["schema"]["function"]["name"] for tool in tools] == list(spec.tools)
    assert [tool["config"]["config"] for tool in tools] == [tool.config for tool in spec.tools.values()]
    if spec.agent.class_ is not None:
        entries = {entry["name"]: entry for entry in yaml.safe_load(files["agent_loops.yaml"])}
        entry = entries[effective(found, f"{ROLLOUT}.agent.default_agent_loop")]
        assert entry["_target_"] == "ts_own_loop.build"
        assert entry["ts_class"] == spec.agent.class_.replace(".py:", ".")
    for variable in spec.env:
        assert f"; export {variable}\n" in files["launch.sh"].decode()


def test_the_row_state_of_a_tool_reaches_the_rows(tmp_path: Path) -> None:
    """mini-SWE: the container image of a row is its tool's create argument."""
    import pyarrow.parquet as pq

    found = compiled("23-skyrl-mini-swe", out=tmp_path / "build" / "bundle")
    write(found)
    (table,) = (found.folder.parent / "data").glob("*/train.parquet")
    rows = pq.read_table(table).to_pylist()
    assert [row["extra_info"]["tools_kwargs"]["bash"]["create_kwargs"] for row in rows] == [
        {"image": f"swe/train:{number}"} for number in range(16)
    ]
    assert [row["reward_model"]["ground_truth"] for row in rows] == [f"train-{n}" for n in range(16)]


def test_dapo_pays_for_length_as_published() -> None:
    reward = json.loads(bundle_of(compiled("12-dapo-32b")).files["ts_reward.json"])
    assert reward["overlong"] == {"buffer": 4096, "penalty": 1.0, "length": 20480}
