"""Asked against ran: a sound run has nothing to say, and every difference that is put into one is named."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from run_folder import BATCH, H100, ROOT, RunMaker, copied, packages, record, sound, steps
from toolspec.backends.launch.report.audit import audit
from toolspec.cli.audit import audit as command

pytestmark = pytest.mark.slow

SAMPLE = ROOT / "tests" / "data" / "run-calculator"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "calculator-00aa11"
    sound(folder)
    return folder


@pytest.fixture
def made(template: Path, tmp_path: Path) -> RunMaker:
    """A copy of the sound run, under another name: it was moved."""
    return copied(template, tmp_path / "moved here")


def states(path: Path) -> dict[tuple[str, str], list[str]]:
    found: dict[tuple[str, str], list[str]] = {}
    for each in audit(path)[1]:
        found.setdefault((each.check, each.state), []).append(each.message)
    return found


def test_a_sound_run_is_as_asked(made: RunMaker) -> None:
    found = states(made.path)
    assert {check for check, state in found} == {
        *(
            "spec",
            "bundle",
            "config",
            "packages",
            "gpus",
            "nodes",
            "steps",
            "restarts",
            "records",
            "scores",
            "faults",
        )
    }
    assert {state for _, state in found} == {"ok"}, found


Change = Callable[[RunMaker], None]


def other_config(**changed: Any) -> Change:
    return lambda made: made.log("0001.0.log", made.config(**changed), *steps(1, 2, 3, 4))


def edit(name: str, old: str, new: str) -> Change:
    def change(made: RunMaker) -> None:
        text = (made.path / name).read_text()
        assert old in text
        made.write(name, text.replace(old, new))

    return change


def said(**values: Any) -> Change:
    return lambda made: made.write("run.json", {**made.run, **values})


def environment(**values: Any) -> Change:
    def change(made: RunMaker) -> None:
        for file in (made.path / "events").glob("*-environment-*"):
            event = json.loads(file.read_text())
            file.write_text(json.dumps({**event, **values}))

    return change


def event(kind: str, **values: Any) -> Change:
    return lambda made: made.event(kind, at=200, **values)


def records(numbers: list[int], **values: Any) -> Change:
    def change(made: RunMaker) -> None:
        made.records(
            "n1-5-1800000010000-0000.jsonl", [record(x, **values) for x in numbers for _ in range(BATCH)]
        )

    return change


def other_spec(made: RunMaker) -> None:
    folder = made.path.parent / "spec"
    shutil.copytree(ROOT / "examples" / "calculator", folder)
    text = (folder / "exp.yaml").read_text()
    (folder / "exp.yaml").write_text(text.replace("lr: 1e-6", "lr: 3e-6"))
    said(spec=str(folder / "exp.yaml"))(made)


def cut_short(made: RunMaker) -> None:
    made.log("0001.0.log", made.config(), *steps(1, 2))
    cause = {"kind": "gpu-memory", "message": "CUDA out of memory", "fix": "train.offload: true"}
    made.event("ended", at=99, code=1, cause=cause, next="stop", why="")


def started_anew(made: RunMaker) -> None:
    made.event("began", restart=1, at=200, nodes=["n1"], resumed_from=2)
    made.log("0001.1.log", made.config(), *steps(1, 2, 3, 4))


def smoke(made: RunMaker) -> None:
    made.submit(1, smoke=True)
    made.log("0001.0.log", made.config(), *steps(1, 2))


def skipping(made: RunMaker) -> None:
    made.log("0001.0.log", made.config(), *steps(1, 4))


def from_elsewhere(made: RunMaker) -> None:
    made.submit(1, resume="/other/checkpoints/global_step_2")
    made.log("0001.0.log", made.config(), *steps(3, 4))


FREE = "actor_rollout_ref.actor.optim.lr"
# (what is done to the sound run, the check that finds it, its severity, what it says)
DIFFERENCES: tuple[tuple[Change, str, str, str], ...] = (
    (other_config(data__train_batch_size=32), "config", "error", "data.train_batch_size was not as asked"),
    (other_config(actor_rollout_ref__actor__optim__lr=1e-5), "config", "error", f"{FREE} was not as asked"),
    (other_config(trainer__project_name="other"), "config", "note", "trainer.project_name was not as asked"),
    (other_config(trainer__resume_mode="disable"), "config", "note", "was set when the job started"),
    (edit("bundle/ts_terms/correct.py", "def ", "def  "), "bundle", "error", "1 file of the bundle not as compiled"),
    (lambda made: (made.path / "bundle/tools.yaml").unlink(), "bundle", "error", "1 file of the bundle missing"),
    (lambda made: made.write("bundle/ray.py", ""), "bundle", "warning", "1 module that no compile wrote: ray.py"),
    (said(bundle="0" * 64), "bundle", "error", "and run.json has 000000000000…"),
    (other_spec, "spec", "warning", f"{FREE} is another in the spec now"),
    (said(spec="/nowhere/exp.yaml"), "spec", "warning", "the spec cannot be compiled now"),
    (said(spec=None), "spec", "unknown", "does not say which spec"),
    (said(set=["algorithm.group=4"]), "spec", "warning", "rollout.n is another in the spec now"),
    (environment(packages={**packages(), "verl": "0.8.0"}), "packages", "error", "verl 0.8.0 ran, and the bundle is"),
    (environment(packages={**packages(), "ray": "2.9.0"}), "packages", "error", "ray 2.9.0"),
    (environment(packages={"verl": "0.9.1"}), "packages", "error", "packages that verl needs not in the job's Python"),
    (environment(packages={**packages(), "numpy": "2.0.1"}), "packages", "note", "numpy is not the version"),
    (environment(gpus=[]), "gpus", "error", "the job saw 0 of 1 GPUs"),
    (environment(gpus=[H100, H100]), "gpus", "note", "the job saw 2 GPUs, and verl uses 1"),
    (environment(gpus=None), "gpus", "unknown", "which GPUs the job had is not known"),
    (said(nodes=2), "nodes", "error", "the job began on 1 of 2 nodes"),
    (said(forced=[{"code": "TS203", "reason": "a trial"}]), "forced", "warning", "TS203 was found by lint"),
    (cut_short, "steps", "error", "2 of 4 steps; the last attempt ended: gpu-memory, CUDA out of memory"),
    (event("began", restart=1, nodes=["n1"], resumed_from=4), "restarts", "note", "restart 1: resumed from step 4"),
    (started_anew, "restarts", "error", "it was to go on from step 2, and trained step 1 first"),
    (from_elsewhere, "restarts", "ok", "restart 0: resumed from step 2, reached step 4"),
    (smoke, "steps", "ok", "2 steps of a smoke test; 4 are planned"),
    (other_config(trainer__val_only=True), "steps", "ok", "to validate alone"),
    (skipping, "steps", "warning", "2 steps are in no log: 2, 3"),
    (event("aside", step=3, why="no extra_state"), "checkpoints", "warning", "checkpoint of step 3 was half-written"),
    (records([1, 2, 4]), "records", "warning", "1 step has fewer records than trajectories: 3"),
    (records([1, 2, 3, 4, 4]), "records", "note", "1 step has more records than trajectories: 4"),
    (records([1, 2, 3, 4], score=1.19), "scores", "error", "4 steps of 4: the mean score of the records is not"),
    (records([1, 2, 3, 4], split=None), "scores", "unknown", "rows do not say whether they are of training"),
    (edit("faults/n1-5-1.json", '"faults": 0', '"faults": 300'), "faults", "error", "300 of 2,048 scores were faults"),
    (edit("faults/n1-5-1.json", '"faults": 0', '"faults": 3'), "faults", "warning", "3 of 2,048 scores were faults"),
    (edit("events/0000000000000000001-began-n1-7.json", "{", ""), "files", "unknown", "1 of its events cannot be read"),
)  # fmt: skip


@pytest.mark.parametrize("case", range(len(DIFFERENCES)), ids=lambda at: DIFFERENCES[at][3][:40])
def test_every_difference_is_named(case: int, made: RunMaker) -> None:
    change, check, state, message = DIFFERENCES[case]
    change(made)
    found = states(made.path)
    assert any(message in each for each in found.get((check, state), ())), found


def test_both_values_and_their_places_are_told(made: RunMaker) -> None:
    made.submit(1, overrides=["data.train_batch_size=128", "+data.shuffle=[1"])
    other_config(data__train_batch_size=32)(made)
    found = [each for each in audit(made.path)[1] if each.check == "config"]
    batch = next(each for each in found if each.state == "error")
    assert (batch.asked, batch.asked_from) == ("128", "submissions/0001.json")
    assert (batch.ran, batch.ran_from) == ("32", "logs/0001.0.log")
    assert any(each.state == "unknown" and "`+data.shuffle=[1`" in each.message for each in found)


def test_a_submission_may_override_what_the_bundle_says(made: RunMaker) -> None:
    overrides = [
        "data.train_batch_size=32",
        "~trainer.val_before_train",
        "++trainer.extra.x=1",
        "trainer.logger=[console]",
    ]
    made.submit(1, overrides=overrides)
    made.log("0001.0.log", made.config(overrides), *steps(1, 2, 3, 4))
    assert ("config", "ok") in states(made.path)


def test_the_real_run(goldens: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", "80")
    result = CliRunner().invoke(command, ["tests/data/run-calculator"], standalone_mode=False)
    assert result.return_value == 1
    assert max(map(len, result.output.splitlines())) <= 80
    goldens.check("audit.txt", result.output)
    result = CliRunner().invoke(
        command, ["tests/data/run-calculator", "--format", "json"], standalone_mode=False
    )
    found = json.loads(result.output)
    assert found["summary"]["error"] == sum(each["severity"] == "error" for each in found["findings"])
