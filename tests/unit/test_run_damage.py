"""Runs whose files are cut, flipped, forged or no files: an answer or a problem of ours, and nothing is executed."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from run_folder import ROOT, RunMaker, copied, rayed, sound, steps
from toolspec.backends.launch.report.audit import audit
from toolspec.backends.launch.report.metrics import run_metrics
from toolspec.cli.audit import audit as command
from toolspec.specs.problem import ProblemError

pytestmark = pytest.mark.slow

SAMPLE = ROOT / "tests" / "data" / "run-calculator"
EXAMPLES = int(os.environ.get("TOOLSPEC_EXAMPLES", "25"))


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "calculator-00aa11"
    sound(folder)
    return folder


@pytest.fixture
def made(template: Path, tmp_path: Path) -> RunMaker:
    """A copy of the sound run, under another name: it was moved."""
    return copied(template, tmp_path / "moved here")


@pytest.fixture(scope="module")
def victim(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small run in which much went wrong, to be damaged: few records, and the log of the real run beside its own."""
    folder = tmp_path_factory.mktemp("victim") / "calculator-00aa11"
    made = copied(template, folder)
    forced, sweep = (
        [{"code": "TS203", "reason": "x"}],
        {"id": "s", "point": "0", "values": {"algorithm.group": 4}},
    )
    made.write("run.json", {**made.run, "steps": 290, "forced": forced, "sweep": sweep})
    made.submit(2, overrides=["data.train_batch_size=32", "+a=[1"], resume="/x/global_step_1", smoke=False)
    made.event("began", submission=2, nodes=["n1", "n2"], gpus=1, resumed_from=1)
    made.event("aside", submission=2, step=3, why="no extra_state", to="aside/3")
    other = {"name": "NVIDIA A100-SXM4-40GB", "memory_mib": 40960, "driver": "1"}
    made.event("environment", submission=2, packages={"verl": "0.8.0", "ray": "2.9"}, gpus=[other])
    cause = {"kind": "error", "message": "x", "fix": "y", "step": 4}
    made.event("ended", submission=2, code=1, cause=cause, next="stop", why="z")
    made.write("faults/n2-5-1.json", {"scored": 100, "faults": 40, "first": "ValueError"})
    for file in (SAMPLE / "trajectories").glob("*.jsonl"):
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
    """As above, with documents of the bundle that are JSON and hold what nobody expects."""
    files = [victim / "bundle" / name for name in ("manifest.json", "plan.json", "ts_reward.json")]
    path = data.draw(st.sampled_from(files))
    before = path.read_bytes()
    at = found = json.loads(before)
    while True:
        key = data.draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(len(at))))
        if not (isinstance(at[key], (dict, list)) and at[key] and data.draw(st.booleans())):
            break
        at = at[key]
    at[key] = data.draw(values)
    try:
        path.write_text(json.dumps(found))
        CliRunner().invoke(command, [str(victim)], standalone_mode=False, catch_exceptions=False)
        run_metrics(victim)
    except ProblemError:
        pass
    finally:
        path.write_bytes(before)


STRANGE: tuple[Any, ...] = (None, True, -1, 1e308, "x", ["x"], {"x": 1})


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value in a document."""
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in below:
        yield (*path, key)
        yield from places(inner, (*path, key))


def test_every_value_of_the_runs_own_documents_may_be_any_other(victim: Path, tmp_path: Path) -> None:
    """Each value of run.json, submissions, events and counts, in turn replaced by one of every kind."""
    run = tmp_path / "run"
    shutil.copytree(
        victim, run, ignore=shutil.ignore_patterns("logs", "trajectories", "metrics.jsonl", "bundle")
    )
    (run / "log.txt").write_text("".join(map(rayed, steps(1, 2))))
    (run / "run.json").write_text(json.dumps({**json.loads((run / "run.json").read_text()), "spec": None}))
    tried = 0
    for file in sorted(run.rglob("*.json")):
        before = file.read_text()
        for path in places(json.loads(before)):
            if path[0] == "packages":
                continue
            for strange in STRANGE:
                at = found = json.loads(before)
                for key in path[:-1]:
                    at = at[key]
                at[path[-1]] = strange
                file.write_text(json.dumps(found))
                assert audit(run)[1] and run_metrics(run).rows, (file.name, path, strange)
                tried += 1
        file.write_text(before)
    assert tried > 700


def test_what_is_no_file_holds_nobody_up(made: RunMaker) -> None:
    """Pipes, devices and links that lead out stand where files should."""
    for name in ("run.json", "bundle/plan.json", "bundle/config.yaml", "logs/0001.0.log"):
        (made.path / name).unlink()
        os.mkfifo(made.path / name)
    (made.path / "bundle" / "tools.yaml").unlink()
    (made.path / "bundle" / "tools.yaml").symlink_to("/dev/zero")
    (made.path / "trajectories" / "x-1-1-0000.jsonl").symlink_to("/dev/zero")
    os.mkfifo(made.path / "events" / "0000000000000000099-ended-n1-7.json")
    found = [(each.check, each.message) for each in audit(made.path)[1]]
    assert ("files", "run.json cannot be read: it is a pipe, not a file") in found
    assert any("3 files of the bundle missing or not readable" in message for _, message in found)


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
    assert "trainer.experiment_name was not as asked" in result.output
