"""Asked against ran: a sound run has nothing to say, and every difference that is put into one is named."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from run_folder import ROOT, RunMaker, console, record
from toolspec.backends.launch.report.audit import audit
from toolspec.backends.launch.report.metrics import run_metrics
from toolspec.backends.verl.constraints import pins
from toolspec.cli.audit import audit as command
from toolspec.specs.problem import ProblemError

SAMPLE = ROOT / "tests" / "data" / "run-calculator"
BATCH = 512
EXAMPLES = int(os.environ.get("TOOLSPEC_EXAMPLES", "30"))
H100 = {"name": "NVIDIA H100 80GB HBM3", "memory_mib": 81559, "driver": "570.1"}


def packages() -> dict[str, str]:
    return {
        **pins("0.9.1"),
        "verl": "0.9.1",
        "flash-attn": "2.8.3",
        "dill": "0.4",
        "pybind11": "3",
        "pylatexenc": "2.10",
    }


def steps(*numbers: int, score: float = 1.2) -> list[str]:
    return [console(n, {"training/global_step": n, "critic/score/mean": score}) for n in numbers]


def sound(path: Path) -> RunMaker:
    """A run of four steps that did what was asked."""
    path.mkdir(parents=True)
    made = RunMaker(path)
    made.event("began", nodes=["n1"], gpus=1, resumed_from=None)
    made.event("environment", at=1, python="3.12.3", packages=packages(), gpus=[H100])
    made.log("0001.0.log", made.config(), *steps(1, 2, 3, 4))
    made.event("ended", at=90, code=0, cause={"kind": "done"}, next="done", why="")
    made.records("n1-5-1800000010000-0000.jsonl", [record(x) for x in (1, 2, 3, 4) for _ in range(BATCH)])
    made.write("faults/n1-5-1.json", {"scored": 2048, "faults": 0, "first": ""})
    return made


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "calculator-00aa11"
    sound(folder)
    return folder


@pytest.fixture
def made(template: Path, tmp_path: Path) -> RunMaker:
    """A copy of the sound run, under another name: it was moved."""
    copy = RunMaker.__new__(RunMaker)
    copy.path, copy.version, copy.number = tmp_path / "moved here", "0.9.1", 10
    shutil.copytree(template, copy.path)
    copy.run = json.loads((copy.path / "run.json").read_text())
    return copy


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
    (edit("events/0000000000000000001-began-n1-7.json", "{", ""), "files", "unknown", "it is no JSON, or was cut"),
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


@pytest.fixture(scope="module")
def victim(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small whole run, to be damaged: few records, and the log of the real one beside its own."""
    folder = tmp_path_factory.mktemp("victim") / "calculator-00aa11"
    shutil.copytree(template, folder)
    lines = (SAMPLE / "trajectories").glob("*.jsonl")
    for file in lines:
        (folder / "trajectories" / file.name).write_bytes(file.read_bytes()[:20_000])
    (folder / "trajectories" / "n1-5-1800000010000-0000.jsonl").unlink()
    shutil.copy(SAMPLE / "metrics.jsonl", folder)
    shutil.copy(SAMPLE / "log.txt", folder / "logs" / "0002.0.log")
    return folder


READ_BY_AUDIT = ("run.json", "submissions", "events", "logs", "metrics.jsonl", "trajectories", "faults")
NAMED = (
    "bundle/manifest.json",
    "bundle/plan.json",
    "bundle/config.yaml",
    "bundle/ts_reward.json",
    "bundle/tools.yaml",
)
junk = st.binary(max_size=12) | st.sampled_from(
    [
        b"\n",
        b"{",
        b"}}",
        b"[[[[",
        b'"',
        b"\x1b]0;x\x07",
        b"null",
        b"1e999",
        b"-1",
        b"[]",
        b"true",
        b"NaN",
        b"\xff",
        b"${",
        b"\\",
    ]
)


@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_damage_anywhere_ends_in_words(data: st.DataObject, victim: Path) -> None:
    """Bytes cut, flipped and put in, in any file: an answer or a problem of ours, never another exception."""
    every = {path.relative_to(victim).as_posix(): path for path in victim.rglob("*") if path.is_file()}
    files = [every[name] for name in sorted(every) if name.split("/")[0] in READ_BY_AUDIT or name in NAMED]
    chosen = data.draw(st.lists(st.sampled_from(files), min_size=1, max_size=3, unique=True))
    before = {path: path.read_bytes() for path in chosen}
    try:
        for path, whole in before.items():
            start = data.draw(st.integers(0, len(whole)))
            end = data.draw(st.just(len(whole)) | st.integers(start, min(len(whole), start + 40)))
            path.write_bytes(whole[:start] + data.draw(junk) + whole[end:])
        CliRunner().invoke(command, [str(victim)], standalone_mode=False, catch_exceptions=False)
        run_metrics(victim)
    except ProblemError:
        pass
    finally:
        for path, whole in before.items():
            path.write_bytes(whole)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_any_value_anywhere_ends_in_words(data: st.DataObject, victim: Path) -> None:
    """As above, with documents that are JSON and hold what nobody expects."""
    files = sorted(
        path
        for path in victim.rglob("*.json")
        if "bundle" not in path.parts or path.name in ("manifest.json", "plan.json")
    )
    path = data.draw(st.sampled_from(files))
    before = path.read_bytes()
    found = json.loads(before)
    at = found
    while True:
        key = data.draw(st.sampled_from(sorted(at)))
        below = at[key]
        if isinstance(below, dict) and below and data.draw(st.booleans()):
            at = below
            continue
        at[key] = data.draw(values)
        break
    try:
        path.write_text(json.dumps(found))
        CliRunner().invoke(command, [str(victim)], standalone_mode=False, catch_exceptions=False)
        run_metrics(victim)
    except ProblemError:
        pass
    finally:
        path.write_bytes(before)


def test_what_is_no_file_holds_nobody_up(made: RunMaker) -> None:
    """Pipes, devices and links that lead out stand where files should."""
    for name in ("run.json", "bundle/plan.json", "bundle/config.yaml", "logs/0001.0.log"):
        (made.path / name).unlink()
        os.mkfifo(made.path / name)
    (made.path / "bundle" / "tools.yaml").unlink()
    (made.path / "bundle" / "tools.yaml").symlink_to("/dev/zero")
    (made.path / "trajectories" / "x-1-1-0000.jsonl").symlink_to("/dev/zero")
    os.mkfifo(made.path / "events" / "0000000000000000099-ended-n1-7.json")
    found = states(made.path)
    assert any(
        "run.json cannot be read: it is a pipe, not a file" in each for each in found["files", "unknown"]
    )
    assert any("3 files of the bundle missing or not readable" in each for each in found["bundle", "error"])


def test_nothing_of_the_run_is_executed_and_no_terminal_obeys_it(made: RunMaker) -> None:
    mark = made.path.parent / "executed"
    code = f"open({str(mark)!r}, 'w')\n"
    for name in ("sitecustomize.py", "bundle/ts_reward.py", "bundle/yaml.py", "bundle/toolspec.py"):
        made.write(name, code)
    made.write(
        "run.json",
        {**made.run, "id": "\x1b]0;owned\x07run", "forced": [{"code": "\x1b[2J", "reason": "\x9b5n"}]},
    )
    printed = made.config().replace("'calculator'", f"__import__('os').system('touch {mark}')")
    made.log("0001.0.log", printed, *steps(1))
    result = CliRunner().invoke(command, [str(made.path)], standalone_mode=False, catch_exceptions=False)
    assert not mark.exists()
    assert not set(result.output) & {"\x1b", "\x07", "\x9b"}
    assert "no log has the whole configuration" in result.output
