"""One attempt of a submitted run: Ray, the checkpoint that is taken up, verl, its end, and what comes next."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any

import ts_address
import ts_attempt
import ts_cause
import ts_checkpoint
import ts_event
import ts_faults
import ts_load
import ts_machine
import ts_memory
import ts_nodes
import ts_process
import ts_ray
import ts_restart
import ts_resume

TOLD_SECONDS = 0.2
ALIVE_SECONDS = 30.0
TIME_LIMIT = 75  # EX_TEMPFAIL of sysexits.h
LOOKING_SECONDS = 2.0  # beyond the end, for what the job's environment is
UNAVAILABLE = 69  # EX_UNAVAILABLE
LAST_SECONDS = 45.0  # before the allocation ends, kept for taking everything down
# By SIGTERM at once, since Slurm kills KillWait (30 s as it comes) after its own.
SOON = ((signal.SIGTERM, 15.0), (signal.SIGKILL, 5.0))
_TOLD = (128 + signal.SIGTERM, 128 + signal.SIGINT)


class Told:
    """What signals said. stop: the number of SIGTERM or SIGINT. ending: the time limit nears (SIGUSR2)."""

    def __init__(self) -> None:
        self.stop = 0
        self.ending = False
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._stop)
        signal.signal(signal.SIGUSR2, self._end)

    def _stop(self, number: int, _: FrameType | None) -> None:
        self.stop = self.stop or number

    def _end(self, _number: int, _: FrameType | None) -> None:
        self.ending = True

    def stopped(self) -> bool:
        return bool(self.stop) or self.ending


def run(attempt: ts_attempt.Attempt, command: list[str], faults: ts_faults.Watched) -> int:
    """The exit code of this node's process: that of the job, on each node."""
    told = Told()
    settings = ts_load.read_json("ts_job.json")
    settings |= json.loads(os.environ.get("TOOLSPEC_SETTINGS") or "{}")
    if settings.get("trainer") == "v0" and attempt.ends is not None:
        # should_save_ckpt_esi of verl saves where this time is nearer than a step and 60 s (V0 trainers alone read it).
        ends = attempt.ends - float(settings["notice_seconds"])
        os.environ.setdefault("MLP_CURRENT_CAPACITY_BLOCK_EXPIRATION_TIMESTAMP", str(int(ends)))
    if attempt.token:
        ts_nodes.tell_begun(attempt)
        if attempt.rank > 0:
            return ts_ray.join(
                attempt, int(settings["gpus"]), float(settings["wait_seconds"]), os.environ, told.stopped
            )
    return _Lead(attempt, settings, told, faults).run(command)


class _Lead:
    """Rank 0: the one that runs verl."""

    def __init__(
        self, attempt: ts_attempt.Attempt, settings: dict[str, Any], told: Told, faults: ts_faults.Watched
    ) -> None:
        self.attempt, self.settings, self.told, self.faults = attempt, settings, told, faults
        self.log, self.log_begins = attempt.log, _size(attempt.log)
        self.resume = ts_resume.Resume(0, (), attempt.run)
        self.cluster: ts_ray.Cluster | None = None
        self.kills = ts_memory.kills()
        self.looking = threading.Thread(target=self._tell_environment, daemon=True)

    def run(self, command: list[str]) -> int:
        attempt = self.attempt
        attempt.folder.mkdir(parents=True, exist_ok=True)
        bundle = Path(__file__).resolve().parent
        gpus = int(self.settings["nodes"]) * int(self.settings["gpus"])
        try:
            if why := self._spent(gpus):
                return self._leave(ts_resume.refuse(attempt, why))
            folder = ts_resume.folder_of(self.settings, command, bundle)
            self.resume = ts_resume.take_up(attempt, self.settings, folder)
        except ts_resume.Refused as error:
            return self._leave(ts_resume.refuse(attempt, str(error)))
        except OSError as error:
            return self._leave(ts_resume.refuse(attempt, f"the checkpoints cannot be read: {error}"))
        resumed = self.resume.step or None
        ts_event.write(attempt, "began", nodes=attempt.nodes, gpus=gpus, resumed_from=resumed)
        try:
            code, cause = self._train(command)
        except ts_address.Stopped:
            code, cause = self._stopped()
        except ts_address.ClusterError as error:
            print(f"toolspec: {error}", file=sys.stderr, flush=True)
            words = str(error)
            code, cause = (
                UNAVAILABLE,
                ts_cause.Cause(error.kind, words, "", ts_cause.signature(error.kind, words)),
            )
        self._end(code, cause, gpus)
        if self.cluster is not None:
            ts_ray.leave(self.cluster)
        return code

    def _spent(self, gpus: int) -> str:
        """Why no further restart is begun, or "": whoever asks for it (a requeue by hand, a node that fails again)."""
        events = ts_event.read(self.attempt.run)
        began = sum(
            1
            for event in events
            if event["kind"] == "began" and event.get("submission") == self.attempt.submission
        )
        most = int(self.settings["restarts"])
        if began > most:
            return f"the job was begun {began} times, 1 and the {most} restarts of cluster.slurm.restarts"
        hours = self.settings.get("gpu_hours")
        if began and hours is not None:
            spent = ts_restart.gpu_hours([*events, *_alive(self.attempt.run)], gpus)
            if spent >= float(hours):
                return f"{spent:.1f} of {hours:g} GPU-hours are spent (budget.gpu_hours)"
        return ""

    def _train(self, command: list[str]) -> tuple[int, ts_cause.Cause]:
        """Brings up Ray where it is to be, runs verl. Raises ClusterError, Stopped."""
        attempt, environment = self.attempt, dict(os.environ)
        self.looking.start()
        if attempt.token:
            began = time.monotonic()
            wait = float(self.settings["wait_seconds"])
            self.cluster = ts_ray.head(
                attempt, int(self.settings["gpus"]), wait, environment, self.told.stopped
            )
            environment = dict(self.cluster.environment)
            seconds = round(time.monotonic() - began, 1)
            ts_event.write(
                attempt, "cluster", seconds=seconds, nodes=attempt.nodes, address=self.cluster.address
            )
            # verl hands it to ray.init, which refuses a number where a cluster is there already.
            command = [*command, "ray_kwargs.ray_init.num_cpus=null"]
        # Python keeps what it prints to a file until 8 KiB are there, and the log is to be live. Of Ray's own
        # processes ts_ray.py takes it away.
        environment["PYTHONUNBUFFERED"] = "1"
        smoke = os.environ.pop("TOOLSPEC_SMOKE", "")
        environment.pop("TOOLSPEC_SMOKE", None)
        if smoke and not self.resume.step:
            code, cause = self._try(command, json.loads(smoke), environment)
            if code:
                return code, cause
        command = [*command, *self.resume.overrides]
        return self._to_its_end(
            command, environment, attempt.log, "started", resume_from=self.resume.step or None
        )

    def _try(
        self, command: list[str], overrides: list[str], environment: dict[str, str]
    ) -> tuple[int, ts_cause.Cause]:
        """The first steps of a small batch, in a folder of their own. What fails here ends the run."""
        attempt = self.attempt
        place = attempt.run / "smoke"
        place.mkdir(exist_ok=True)
        log = attempt.log.with_suffix(".smoke.log") if attempt.log else None
        print(f"toolspec: two steps of a small batch first (--smoke), log {log}", flush=True)
        code, cause = self._to_its_end(
            [*command, *overrides], {**environment, "TOOLSPEC_RUN_DIR": str(place)}, log, "smoke"
        )
        print(f"toolspec: --smoke ended with {code}", flush=True)
        return code, cause._replace(message=f"--smoke: {cause.message}")

    def _to_its_end(
        self, command: list[str], environment: dict[str, str], log: Path | None, kind: str, **fields: Any
    ) -> tuple[int, ts_cause.Cause]:
        """Starts a command, records the event `kind`, and watches it. Raises ClusterError."""
        self.log, self.log_begins = log, _size(log)
        try:
            process = self._start(command, environment)
        except OSError as error:
            words = f"{command[0]} could not be started: {error.strerror}"
            print(f"toolspec: {words}", file=sys.stderr, flush=True)
            return 127, ts_cause.Cause("error", words, "", ts_cause.signature("error", words))
        ts_event.write(self.attempt, kind, pid=process.pid, **fields)
        try:
            return self._watch(process)
        finally:
            process.end(SOON)

    def _start(self, command: list[str], environment: dict[str, str]) -> ts_process.Process:
        """Raises OSError. Its output goes to the log directly: through srun it comes late, or is lost at the end."""
        if self.log is None:
            return ts_process.Process(command, environment, ignoring=(signal.SIGUSR2,))
        sys.stdout.flush()
        with self.log.open("ab") as log:
            return ts_process.Process(command, environment, log, ignoring=(signal.SIGUSR2,))

    def _watch(self, process: ts_process.Process) -> tuple[int, ts_cause.Cause]:
        """Waits for the end, whatever brings it."""
        looked = alive = 0.0
        until = None
        while True:
            code = process.ended(TOLD_SECONDS)
            if code is not None:
                if code in _TOLD and not self.told.stop:
                    time.sleep(TOLD_SECONDS)  # Slurm signals every process: ours is on its way
                if code and self.told.stop:
                    return self._stopped()
                self.faults.too_many()
                return code, self._cause(code)
            if self.told.stop:
                process.end(SOON)
                return self._stopped()
            if self.told.ending:
                until = until or self._time_left()
                if time.monotonic() > until or not self._saving():
                    process.end(SOON)
                    return self._stopped()
            now = time.monotonic()
            if now - alive >= ALIVE_SECONDS:
                alive = now
                with contextlib.suppress(OSError):
                    (self.attempt.folder / "alive").touch()
            if now - looked < ts_faults.EVERY_SECONDS:
                continue
            looked = now
            if why := self.faults.too_many():
                process.end()
                return 70, ts_cause.Cause("faults", why, "reward.fault_limit", "faults")
            if why := self._cluster_lost():
                raise ts_address.ClusterError("nodes", why)

    def _cluster_lost(self) -> str:
        if self.cluster is None:
            return ""
        if self.cluster.ray.ended() is not None:
            return "Ray's head ended while verl ran"
        return ts_nodes.lost(self.attempt)

    def _time_left(self) -> float:
        """Until when a checkpoint that is being written is waited for (monotonic seconds)."""
        left = float(self.settings["notice_seconds"])
        if self.attempt.ends is not None:
            left = min(left, self.attempt.ends - time.time())
        ts_event.write(self.attempt, "ending", why="time limit", seconds_left=round(left))
        print(f"toolspec: the time limit is {left:.0f} s away", flush=True)
        return time.monotonic() + max(0.0, left - LAST_SECONDS)

    def _saving(self) -> bool:
        return ts_checkpoint.being_written(self.resume.folder, self.settings)

    def _stopped(self) -> tuple[int, ts_cause.Cause]:
        """The end that a signal asked for."""
        if self.told.ending and not self.told.stop:
            return TIME_LIMIT, ts_cause.Cause("time-limit", "the time limit of the job", "", "time-limit")
        name = signal.Signals(self.told.stop).name
        words = f"ended by {name}: cancelled, preempted or queued again by hand"
        fix = "toolspec resubmit goes on from the newest whole checkpoint"
        return 128 + self.told.stop, ts_cause.Cause("signal", words, fix, f"signal:{name}")

    def _cause(self, code: int) -> ts_cause.Cause:
        cause = ts_cause.cause_of(code, ts_cause.tail(self.log, self.log_begins))
        host = (
            socket.gethostname() if ts_memory.kills() > self.kills else ts_nodes.short_of_memory(self.attempt)
        )
        return ts_cause.short_of_memory(cause, host)

    def _end(self, code: int, cause: ts_cause.Cause, gpus: int) -> None:
        """Decides what comes next, records it, and leaves it for batch.sh and for the other nodes."""
        attempt = self.attempt
        self.looking.join(LOOKING_SECONDS)  # a run that ends at once would take its news with it
        newest = None
        with contextlib.suppress(OSError):
            newest = ts_checkpoint.newest_whole(ts_checkpoint.checkpoints(self.resume.folder, self.settings))
        step = newest.step if newest else 0
        limits = ts_restart.Limits(int(self.settings["restarts"]), self.settings.get("gpu_hours"), gpus)
        events = [*ts_event.read(attempt.run), *_alive(attempt.run)]
        following = ts_restart.decide(
            cause, self.resume.step, step, events, attempt.submission, limits, attempt.job is not None
        )
        told = {**cause._asdict(), "step": step or None}
        ts_event.write(attempt, "ended", code=code, cause=told, next=following.next, why=following.why)
        if following.next != "done":
            print(f"toolspec: {cause.kind}: {cause.message}", flush=True)
            print(f"toolspec: {following.next}: {following.why}", flush=True)
        with contextlib.suppress(OSError):
            if following.next == "requeue":
                ts_event.place(attempt.folder / "requeue", following.why)
        self._leave(code)

    def _leave(self, code: int) -> int:
        with contextlib.suppress(OSError):
            ts_event.place(self.attempt.folder / "code", str(code))
        return code

    def _tell_environment(self) -> None:
        """What the job really has: versions and GPUs, for `toolspec audit`."""
        ts_event.write(self.attempt, "environment", **ts_machine.environment(), gpus=ts_machine.gpus())


def _alive(run: Path) -> list[dict[str, Any]]:
    """When each attempt was last known to live, as events: one that a dead node cut off has no `ended`."""
    found: list[dict[str, Any]] = []
    for event in ts_event.read(run):
        if event["kind"] != "began":
            continue
        for file in (run / "attempts").glob(f"*.{event.get('restart')}.{event.get('nonce')}/alive"):
            with contextlib.suppress(OSError):
                found.append({**event, "kind": "alive", "time": file.stat().st_mtime})
    return found


def _size(log: Path | None) -> int:
    try:
        return log.stat().st_size if log else 0
    except OSError:
        return 0
