"""Logs as each release writes them: its own loggers, and its own start through real Ray, printing its configuration."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from real.compiled import compile_example
from real.environment import RELEASES, Environment
from run_folder import rayed
from toolspec.backends.launch.report.audit import audit
from toolspec.backends.launch.report.course import read_course
from toolspec.backends.launch.report.folder import read_run

pytestmark = pytest.mark.real

SECONDS = 240
LOGGER = Path(__file__).with_name("logger_here.py")
OVERRIDES = [
    "data.train_batch_size=32",
    "trainer.logger=[console,file]",
    "+ray_kwargs.ray_init.include_dashboard=False",
]
STEPS = [
    (0, {"val-aux/my - set: a/score/mean@1": 0.25}),
    (
        1,
        {
            "training/global_step": 1,
            "actor/ppo_kl": 1.5e-05,
            "timing_s/gen": 2.0,
            "critic/score/mean": -0.125,
        },
    ),
    (
        2,
        {"training/global_step": 2, "actor/grad_norm": float("inf"), "val-aux/my - set: a/score/mean@1": 1.0},
    ),
]

RAY = {"RAY_prestart_worker_first_driver": "0"}  # else a worker for each core is begun that nobody needs


def variables(environment: Environment, release: str, **more: str) -> dict[str, str]:
    own = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "TOOLSPEC"))}
    path = f"{environment.python.parent}{os.pathsep}{own['PATH']}"
    return (
        own
        | {"PATH": path, "PYTHONPATH": str(environment.wheel(release)), "HF_HUB_OFFLINE": "1", **RAY}
        | more
    )


def test_the_releases_loggers_are_read_back(environment: Environment, release: str, tmp_path: Path) -> None:
    """LocalLogger and FileLogger of the release, with numpy's numbers and a data source that holds the separators."""
    answer = subprocess.run(
        [environment.python, LOGGER],
        input=json.dumps(STEPS),
        env=variables(environment, release, VERL_FILE_LOGGER_ROOT=str(tmp_path / "bundle")),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    )
    (tmp_path / "log.txt").write_text(rayed(answer.stdout))
    assert dict(read_course(read_run(tmp_path)).steps) == dict(STEPS)
    (tmp_path / "log.txt").unlink()
    alone = dict(STEPS)
    alone[2] = {key: value for key, value in alone[2].items() if key != "actor/grad_norm"}  # orjson: null
    assert dict(read_course(read_run(tmp_path)).steps) == alone


@contextmanager
def started(bundle: Path, log: Path, environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """The bundle's launch.sh in a group of its own, ended as by Ctrl-C, on which verl's Ray shuts down; then killed."""
    with log.open("wb") as stream:
        job = subprocess.Popen(
            ["bash", str(bundle / "launch.sh"), *OVERRIDES],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield job
    finally:
        for number, seconds in ((signal.SIGINT, 30), (signal.SIGKILL, 5)):
            with suppress(ProcessLookupError):
                os.killpg(job.pid, number)
            with suppress(subprocess.TimeoutExpired):
                job.wait(seconds)


STARTS = [(release, ()) for release in RELEASES] + [("0.9.1", ("train.trainer=v0",))]


@pytest.mark.parametrize(
    ("release", "settings"), STARTS, ids=lambda each: each if isinstance(each, str) else "-".join(each)
)
def test_what_verl_prints_is_what_was_asked(
    environment: Environment, home: Path, tmp_path: Path, release: str, settings: tuple[str, ...]
) -> None:
    """Through Ray's driver, colours and prefixes, of V0 and V1: no key of the whole configuration differs. And one does
    where the submission is said to have asked for another value.
    """
    run = tmp_path / "run with a space"
    (run / "logs").mkdir(parents=True)
    (run / "submissions").mkdir()
    name = f"audited-{'-'.join(('calculator', *settings)).replace('=', '-')}"
    bundle = compile_example("calculator", release, home, name, settings)
    shutil.copytree(bundle, run / "bundle")
    log = run / "logs" / "0001.0.log"
    # Python writes to a file in blocks of 8 KiB: where verl then waits, the last lines would not come.
    live = {"PYTHONUNBUFFERED": "1", "TOOLSPEC_RUN_DIR": str(run), "HOME": str(home)}
    environ = variables(environment, release, **live)
    until = time.monotonic() + SECONDS
    with started(bundle, log, environ) as job:
        while job.poll() is None and time.monotonic() < until:
            attempts = read_course(read_run(run)).attempts
            if any(attempt.printed for attempt in attempts):
                break
            time.sleep(1)

    def submitted(overrides: list[str]) -> list[tuple[str, str, str]]:
        (run / "submissions" / "0001.json").write_text(
            json.dumps({"version": 1, "number": 1, "overrides": overrides})
        )
        return [(each.state, each.asked, each.ran) for each in audit(run)[1] if each.check == "config"]

    assert [state for state, *_ in submitted(OVERRIDES)] == ["ok"], log.read_text()[-3000:]
    assert submitted([*OVERRIDES, "data.train_batch_size=64"]) == [("error", "64", "32")]
