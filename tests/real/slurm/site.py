"""What a fault's test works with: toolspec as its user has it, runs as they lie on disk, and the lab's nodes."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from real.slurm.client import Lab
from real.slurm.training import JobEnvironment
from toolspec import __file__ as package

SOURCE = Path(package).resolve().parents[1]
EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "calculator"
PAPER = Path(__file__).with_name("paper_ray")
MAIN = (
    f"import sys; sys.path.insert(0, {str(SOURCE)!r}); from toolspec.__main__ import main;"
    " sys.argv[0] = 'toolspec'; sys.exit(main())"
)
SECONDS = 120.0
# An environment without verl's packages is refused, rightly; the stand-in needs none of them.
FORCED = ("--force", "TS947=the stand-in")
OVER = ("done", "failed", "cancelled", "lost")
Json = dict[str, Any]


class Answer(NamedTuple):
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Json:
        """The document that it printed."""
        value: Json = json.loads(self.out)
        return value

    def errors(self) -> list[str]:
        """Of a document of findings: the errors; all that was said where it is none."""
        try:
            found = self.json["findings"]
        except (ValueError, LookupError):
            return [self.err + self.out]
        return [f"{each['code']} {each['message']}" for each in found if each["severity"] == "error"]


class Kept(NamedTuple):
    """What of a run must not be lost from now on: file → (bytes, hash of them)."""

    files: Mapping[str, tuple[int, str]]


class Site:
    """One test's corner of the lab: a folder of runs, a home, and the commands."""

    def __init__(self, lab: Lab, jobs: JobEnvironment, folder: Path) -> None:
        self.lab, self.jobs, self.folder = lab, jobs, folder
        self.runs = folder / "runs"
        self.home = folder / "home"
        self.home.mkdir(parents=True)
        for name in ("train.jsonl", "val.jsonl", "tools.py"):
            shutil.copy(EXAMPLE / name, folder)

    def close(self) -> None:
        """Give the lab's connection back."""
        self.lab.close()

    # Commands

    def environment(self, plan: Json | None = None, release: str = "0.9.1", **more: str) -> dict[str, str]:
        """Of a user's shell. plan: of the stand-in; Ray is real where it says `ray`, else of paper."""
        plan = {"ray": False, "step_seconds": 0.1, **(plan or {})}
        said = self.jobs.variables(plan, release)
        if not plan["ray"]:
            said["PYTHONPATH"] = f"{PAPER}{os.pathsep}{said['PYTHONPATH']}"
        clean = {name: value for name, value in self.lab.environment().items() if "TOOLSPEC" not in name}
        own = {"TOOLSPEC_RUNS": str(self.runs), "HOME": str(self.home), "COLUMNS": "100", "NO_COLOR": "1"}
        own["RAY_prestart_worker_first_driver"] = (
            "0"  # else a worker for each core is begun that nobody needs
        )
        if self.lab.layout.namespaces:
            own["RAY_TMPDIR"] = (
                "/var/tmp"  # which each node has for itself, as machines have; they share /tmp
            )
        return {**clean, **said, **own, **more}

    def start(self, *words: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """A command that is not waited for."""
        return subprocess.Popen(
            [sys.executable, "-c", MAIN, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            env=dict(env or self.environment()),
            start_new_session=True,
        )

    def toolspec(self, *words: str, env: Mapping[str, str] | None = None, limit: float = 120) -> Answer:
        """A command to its end."""
        process = self.start(*words, env=env)
        try:
            out, err = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            process.kill()
            raise AssertionError(f"toolspec {' '.join(words)}: no end within {limit:g} s") from None
        return Answer(process.returncode, out, err)

    def spec(self, nodes: list[str], **more: Any) -> Path:
        """A spec for these nodes. more: parts of the spec, laid over the usual ones; `slurm` of cluster.slurm."""
        cpus = 1 + 3 * more.get("cluster", {}).get("gpus", 1)  # what verl reserves
        slurm = {
            **{"partition": "gpu", "time": "10m", "cpus": cpus, "memory": "4GB", "notice": "60s"},
            **({"extra": {"nodelist": ",".join(nodes)}} if nodes else {}),
            **more.pop("slurm", {}),
        }
        spec: Json = {
            "toolspec": 1,
            "name": more.pop("name", "fault"),
            "target": "verl==0.9.1",
            "model": "Qwen/Qwen2.5-0.5B-Instruct",
            "data": {
                **{name: f"{name}.jsonl" for name in ("train", "val")},
                "columns": {"prompt": "question", "answer": "answer"},
            },
            "tools": {"calculator": {"python": "tools.py:calculator"}},
            "reward": "tool_calling",
            "algorithm": {"name": "grpo", "batch": 64, "group": 8, "lr": 1e-6},
            "budget": {
                **{"rounds": 3, "prompt_tokens": 512, "trajectory_tokens": 512, "tool_response_tokens": 64},
                **{"epochs": 1, "steps": 6},
                **more.pop("budget", {}),
            },
            "checkpoint": {"every": 2, **more.pop("checkpoint", {})},
            "cluster": {"nodes": max(1, len(nodes)), "gpus": 1, **more.pop("cluster", {}), "slurm": slurm},
            **more,
        }
        number = len(list(self.folder.glob("*.yaml")))
        file = self.folder / f"exp{number or ''}.yaml"
        file.write_text("".join(f"{key}: {json.dumps(value)}\n" for key, value in spec.items()), "utf-8")
        return file

    def submit(self, spec: Path, *words: str, env: Mapping[str, str] | None = None) -> Run:
        """A run that was taken. Raises AssertionError with what was said."""
        told = self.toolspec("submit", str(spec), "--slurm", *FORCED, "--format", "json", *words, env=env)
        assert told.code == 0, told.errors()
        return Run(self, Path(told.json["folder"]))

    def refused(self, spec: Path, *words: str, env: Mapping[str, str] | None = None) -> str:
        """What is said where a submission is refused; nothing of it may be left."""
        before = sorted(self.runs.glob("*"))
        told = self.toolspec("submit", str(spec), "--slurm", *FORCED, *words, env=env)
        assert told.code == 1, (told.code, told.out, told.err)
        assert "Traceback" not in told.err
        left = [each for each in self.runs.glob("*") if each not in before and each.name != "data"]
        assert left == []
        return " ".join((told.err + told.out).split())

    # The cluster

    @contextlib.contextmanager
    def nodes(self, count: int) -> Iterator[list[str]]:
        """Nodes of this test alone; nothing may be left on them: no process, no port, no folder of a Ray."""
        with self.lab.lease(count) as nodes:
            try:
                yield nodes
            except BaseException:
                self._clear()
                raise
            if self.lab.layout.namespaces:
                assert self.lab.leftovers(nodes, seconds=15) == []

    def _clear(self) -> None:
        """After a failure: its jobs must not disturb others."""
        for file in self.runs.glob("*/submissions/*.json"):
            job = json.loads(file.read_text("utf-8")).get("job")
            if job:
                self.lab.run("scontrol", "update", f"JobId={job}", "Requeue=0")
                self.lab.run("scancel", "--signal=KILL", "--full", job)
                self.lab.run("scancel", job)

    def until(self, come: Callable[[], Any], what: str, seconds: float = SECONDS) -> Any:
        """Waits for a thing; what it is. Raises AssertionError."""
        limit = time.monotonic() + seconds
        while not (value := come()):
            assert time.monotonic() < limit, f"not within {seconds:g} s: {what}"
            time.sleep(0.2)
        return value

    def wrapper(self, name: str, script: str) -> str:
        """A PATH with a command of one's own before Slurm's; `$REAL` in it is Slurm's. Lines of bash."""
        folder = self.folder / "bin"
        folder.mkdir(exist_ok=True)
        file = folder / name
        file.write_text(f"#!/bin/bash\nREAL={shutil.which(name)}\n{script}\n")
        file.chmod(0o755)
        return os.pathsep.join((str(folder), self.environment()["PATH"]))


class Run:
    """A run's folder, and what the commands say of it."""

    def __init__(self, site: Site, folder: Path) -> None:
        self.site, self.folder = site, folder

    @property
    def id(self) -> str:
        return self.folder.name

    def submission(self, number: int = 1) -> Json:
        """submissions/NUMBER.json."""
        value: Json = json.loads((self.folder / "submissions" / f"{number:04d}.json").read_text("utf-8"))
        return value

    @property
    def job(self) -> str:
        """Slurm's id of the newest submission's job."""
        newest = max((self.folder / "submissions").glob("[0-9]*.json"))
        return str(json.loads(newest.read_text("utf-8"))["job"])

    def events(self, kind: str = "") -> list[Json]:
        """By the names of their files."""
        found = [
            json.loads(file.read_text("utf-8")) for file in sorted((self.folder / "events").glob("*.json"))
        ]
        return [event for event in found if kind in ("", event["kind"])]

    def begun(self, count: int) -> None:
        """Waits until training was begun so many times."""
        self.site.until(lambda: len(self.events("started")) == count, f"start {count} of {self.id}")

    def ended(self, count: int = 1, seconds: float = SECONDS) -> list[Json]:
        """Waits until so many attempts wrote their end; those events."""
        self.site.until(
            lambda: len(self.events("ended")) >= count,
            f"{count} ends of {self.id}: {self.events()}\n{self.log()[-3000:]}",
            seconds,
        )
        return self.events("ended")

    def log(self) -> str:
        """All logs, in their order."""
        files = sorted((self.folder / "logs").glob("*.log")) + sorted(
            (self.folder / "submissions").glob("*.out")
        )
        return "".join(file.read_text("utf-8", "replace") for file in files)

    def step(self, number: int, seconds: float = SECONDS) -> None:
        """Waits until it has logged a step."""
        self.site.until(
            lambda: f"step:{number} - " in self.log(),
            f"step {number} of {self.id}:\n{self.log()[-3000:]}",
            seconds,
        )

    def steps(self) -> list[int]:
        """Steps that it trained, in the order of the log."""
        return [
            int(line.partition("step:")[2].partition(" - ")[0])
            for line in self.log().splitlines()
            if "step:" in line and " - " in line and "global_seqlen" in line
        ]

    def status(self) -> Json:
        """`toolspec status`, as JSON."""
        told = self.site.toolspec("status", f"{self.folder}/", "--format", "json")
        assert told.code in (0, 1), told.err
        (run,) = told.json["runs"]
        assert told.code == int(run["state"] in ("failed", "lost", "cancelled"))
        return dict(run)

    def over(self, state: str, seconds: float = SECONDS) -> Json:
        """Waits until its job is over for Slurm, and asserts what `status` says: the state, and nothing unread."""
        self.site.lab.wait(self.job, *SLURM_OVER, "", seconds=seconds)
        said = self.status()
        assert said["state"] == state, (said, self.log()[-3000:])
        assert said["faults"] == []
        self.tidy()
        return said

    def tidy(self) -> None:
        """No half-written file is anywhere in the run."""
        half = [
            str(file)
            for file in self.folder.rglob("*")
            if file.suffix in (".part", ".draft", ".tmp") or (file.name.startswith(".") and file.name != MARK)
        ]
        assert half == []

    def slurm(self) -> list[str]:
        """States of each start by accounting, and the exit code of the last: `["REQUEUED", "COMPLETED 0:0"]`."""
        rows = [row for row in self.site.lab.sacct(self.job) if row["JobID"] == self.job]
        states = [row["State"].split()[0] for row in rows]
        return [*states[:-1], f"{states[-1]} {rows[-1]['ExitCode']}"] if rows else []

    def resubmit(self, *words: str, env: Mapping[str, str] | None = None) -> Answer:
        """`toolspec resubmit`."""
        return self.site.toolspec("resubmit", str(self.folder), *FORCED, *words, env=env)

    def checkpoints(self) -> list[int]:
        """Steps of the folders that are there."""
        found = (self.folder / "checkpoints").glob("global_step_*")
        return sorted(int(folder.name.rpartition("_")[2]) for folder in found)

    def keep(self, step: int | None = None) -> Kept:
        """What must be there from now on: events, records, logs, the checkpoint of `step`, else the newest whole."""
        files = [file for part in KEPT for file in sorted((self.folder / part).glob("*")) if file.is_file()]
        tracker = self.folder / "checkpoints" / "latest_checkpointed_iteration.txt"
        newest = tracker.read_text().strip() if tracker.exists() else ""
        whole = self.folder / "checkpoints" / f"global_step_{step or newest}"
        files += [file for file in sorted(whole.rglob("*")) if file.is_file()]
        told = {}
        for file in files:
            if not file.name.startswith("."):
                data = file.read_bytes()
                told[str(file.relative_to(self.folder))] = (len(data), hashlib.sha256(data).hexdigest())
        return Kept(told)

    def lost(self, kept: Kept) -> list[str]:
        """Which of it is not there any more, or changed; a file may have grown."""
        lost = []
        for name, (size, digest) in kept.files.items():
            try:
                data = (self.folder / name).read_bytes()[:size]
            except OSError:
                data = b""
            if hashlib.sha256(data).hexdigest() != digest:
                lost.append(name)
        return lost


MARK = ".toolspec-run"
KEPT = ("events", "trajectories", "logs")
SLURM_OVER = (
    *("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "OUT_OF_MEMORY", "NODE_FAIL", "PREEMPTED", "DEADLINE"),
)
