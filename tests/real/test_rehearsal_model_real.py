"""`toolspec rehearse --model`: a real model of transformers writes the turns, in either engine."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from real.environment import Environment
from real.test_rehearsal_real import seen
from real.tokenizer import short_model_folder
from rehearsal_spec import QUICK, rehearsed, write_spec
from toolspec.backends.verl.rehearsal.asked import MODEL
from toolspec.backends.verl.rehearsal.authors import ModelError
from toolspec.backends.verl.rehearsal.findings import findings

pytestmark = pytest.mark.real
LIKELIEST = ("rollout.top_k=1",)


@pytest.fixture
def spec(environment: Environment, tmp_path: Path) -> Path:
    made = write_spec(tmp_path, rows=2)
    shutil.rmtree(tmp_path / "model")
    (tmp_path / "model").symlink_to(short_model_folder(environment))
    return made


def teach(environment: Environment, folder: Path, ids: list[int], mask: list[int]) -> Path:
    script = Path(__file__).with_name("taught_model.py")
    given = json.dumps({"tokenizer": str(short_model_folder(environment)), "ids": ids, "mask": mask})
    command = [str(environment.python), "-I", str(script), str(folder)]
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def test_a_model_that_learnt_an_honest_episode_plays_it(
    environment: Environment, spec: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (honest,) = rehearsed(spec, rows=1).episodes
    assert len(honest.turn_limits) == 2
    mask = [0] * len(honest.prompt_ids) + [*honest.mask]
    weights = teach(environment, tmp_path / "weights", [*honest.prompt_ids, *honest.response_ids], mask)
    given: dict[str, Any] = {"rows": 1, "policies": (MODEL,), "python": str(environment.python)}
    given |= {"weights": weights, "sets": LIKELIEST}
    own = rehearsed(spec, **given)
    (played,) = own.episodes
    assert not played.script.turns
    assert {**seen(played), "answers": []} == {**seen(honest), "answers": []}
    assert own.writer is not None and own.writer.kind == "Qwen2ForCausalLM"
    assert own.writer.tokens == sum(honest.mask)

    monkeypatch.setenv("PYTHONPATH", str(environment.wheel("0.9.1")))
    limits = QUICK._replace(load_seconds=300, score_seconds=120, call_seconds=60)
    (real,) = rehearsed(spec, **given, engine="verl", limits=limits).episodes
    assert seen(real) == seen(played)


def test_sampling_is_that_of_the_run_and_the_seed(
    environment: Environment, spec: Path, tmp_path: Path
) -> None:
    (honest,) = rehearsed(spec, rows=1).episodes
    first, prompt = honest.response_ids[0], [*honest.prompt_ids]
    weights = teach(environment, tmp_path / "weights", [*prompt, first], [0] * len(prompt) + [1])
    given: dict[str, Any] = {"rows": 1, "policies": (MODEL,), "python": str(environment.python)}
    short = ("budget.trajectory_tokens=24", "budget.tool_response_tokens=8", "rollout.temperature=5")

    def ids(*sets: str) -> tuple[int, ...]:
        (one,) = rehearsed(spec, **given, weights=weights, sets=(*short, *sets)).episodes
        assert len(one.response_ids) == 24 and one.stop == "response_length", one
        return one.response_ids

    hot = ids()
    assert hot == ids() and hot[0] != first
    assert ids("rollout.top_p=1e-9")[0] == first

    late = rehearsed(spec, **given, weights=weights, within=0.5, sets=("budget.trajectory_tokens=2000",))
    assert late.episodes == () and late.not_run == 1
    assert [one.name for one in findings(late)] == ["model-late"]


def test_what_is_no_model_for_transformers_is_said(
    environment: Environment, spec: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "odd"
    shutil.copytree(short_model_folder(environment), folder)
    (folder / "model.safetensors").write_bytes(b"no weights")
    given: dict[str, Any] = {"rows": 1, "policies": (MODEL,), "python": str(environment.python)}
    with pytest.raises(ModelError, match="Safetensor"):
        rehearsed(spec, **given, weights=folder)
    # A class of the folder's own is not looked at: it would have made a file.
    config = json.loads((folder / "config.json").read_text("utf-8"))
    config |= {
        "model_type": "mine",
        "auto_map": {"AutoConfig": "mine.Mine", "AutoModelForCausalLM": "mine.M"},
    }
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    ran = tmp_path / "ran"
    (folder / "mine.py").write_text(f"open({str(ran)!r}, 'w')\n", "utf-8")
    with pytest.raises(ModelError, match="custom code"):
        rehearsed(spec, **given, weights=folder)
    assert not ran.exists()
