"""The process of inside/worker.py from the outside: messages, what its calls did, and in words why it ended."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple
from uuid import uuid4

from toolspec.backends.verl.rehearsal.ending import MARK, end_marked, said

INSIDE = Path(__file__).parent / "inside"
WORKER, VERL_WORKER, MODEL_WORKER = (
    INSIDE / f"{name}.py" for name in ("worker", "verl_worker", "model_worker")
)
READ = 1 << 16
TAIL = 2000
"""Bytes that are kept of what the process printed last."""
LONGEST_MESSAGE = 64 << 20


class Limits(NamedTuple):
    """call_seconds: of a call at most, whatever timeout the tool has. grace_seconds: beyond a timeout of its own.

    load_seconds: of the tools and the reward together. score_seconds: of one trajectory's score. cpu_seconds: of the
    process, all its episodes together. memory: bytes of address space.
    """

    call_seconds: float = 30.0
    grace_seconds: float = 3.0
    load_seconds: float = 120.0
    score_seconds: float = 30.0
    cpu_seconds: int = 900
    memory: int = 8 << 30


class ToolRun(NamedTuple):
    """One call of the user's code. part: function, or create, execute or release of a class.

    how: ok, hung, raised, or escaped: raised what is no Exception, which neither the bundle's tools nor verl catch.
    kind: type of what it returned, or of its exception. printed: bytes. altered: what of the process it changed.
    """

    tool: str
    part: str
    how: str
    kind: str
    message: str
    seconds: float
    printed: int
    altered: tuple[str, ...] = ()


RAISED = ("raised", "escaped")


class LostError(Exception):
    """The process has ended, or was ended. who: tools that were under way, or `reward`, or "" for nobody.

    how: hung or crashed. The message is a clause; tail: what the process printed last.
    """

    def __init__(self, how: str, who: tuple[str, ...], reason: str, tail: str) -> None:
        super().__init__(reason)
        self.how, self.who, self.tail = how, who, tail


class _Call(NamedTuple):
    """timeout: the tool's own, in seconds; None where a rehearsal does not wait as long."""

    tool: str
    part: str
    ends: float
    timeout: float | None


class UserProcess:
    """A context manager. python: the interpreter that has what the tools import. folder: the bundle. worker: the file.

    scoring_printed: bytes that the reward has printed.
    told: is called with each token of a turn that a model writes. spoke: whether the worker has run at all.

    Every method raises LostError where the process does not answer within its limits; it is of no more use then.
    """

    def __init__(
        self,
        python: str,
        folder: Path,
        environment: Mapping[str, str],
        limits: Limits,
        worker: Path = WORKER,
    ) -> None:
        self.python, self.folder, self.limits, self.worker = python, folder, limits, worker
        self.mark = uuid4().hex
        self.environment = {**environment, MARK: self.mark}
        self.runs: list[ToolRun] = []
        self.log: list[str] = []
        self._open: dict[int, _Call] = {}
        self._printed: dict[int, int] = {}
        self._tail = self._rest = b""
        self.scoring_printed = 0
        self._doing, self._ends = "", 0.0
        self.spoke = False
        self.told: Callable[[int], None] = lambda tokens: None
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> UserProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def ended(self) -> bool:
        return self._process is None

    @property
    def under_way(self) -> tuple[str, ...]:
        """Tools of calls that have not ended."""
        return tuple(dict.fromkeys(one.tool for one in self._open.values()))

    @property
    def doing(self) -> tuple[str, ...]:
        """What is being loaded or scored, as LostError names it."""
        return (self._doing,) if self._doing else ()

    def start(self, given: Mapping[str, Any]) -> Any:
        """Loads the tools and the reward; returns the worker's first answer."""
        theirs_in, self._requests = os.pipe()
        self._answers, theirs_out = os.pipe()
        self._output, output = os.pipe()
        self._process = subprocess.Popen(
            [self.python, str(self.worker), str(theirs_in), str(theirs_out)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=self.folder,
            env=dict(self.environment),
            pass_fds=(theirs_in, theirs_out),
            start_new_session=True,
        )
        for end in (theirs_in, theirs_out, output):
            os.close(end)
        os.set_blocking(self._output, False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._answers, selectors.EVENT_READ)
        self._selector.register(self._output, selectors.EVENT_READ)
        rlimits = {"RLIMIT_AS": self.limits.memory, "RLIMIT_CPU": self.limits.cpu_seconds, "RLIMIT_CORE": 0}
        self.send({**given, "limits": rlimits})
        self._doing, self._ends = "", time.monotonic() + self.limits.load_seconds
        return self.receive()

    def send(self, message: Mapping[str, Any]) -> None:
        data = memoryview(json.dumps(message, default=str).encode("ascii") + b"\n")
        if "do" in message:
            self._doing = ""
        self._drain()  # the process waits for this message, so what it has printed belongs to what was before
        self._ends = max(self._ends, time.monotonic() + self.limits.score_seconds)
        try:
            while data:
                data = data[os.write(self._requests, data) :]
        except OSError:
            raise self._gone() from None

    def receive(self) -> dict[str, Any]:
        """The next question or answer; events on the way are noted."""
        while True:
            line = self._line()
            try:
                message = json.loads(line)
                self.spoke = True
                if "event" in message:
                    self._note(message)
                    continue
            except (ValueError, KeyError, TypeError):
                raise self.broken() from None
            if not isinstance(message, dict) or not message.keys() & {"ask", "done", "failure"}:
                raise self.broken()
            self._ends = time.monotonic() + self.limits.score_seconds
            found: dict[str, Any] = message
            return found

    def broken(self) -> LostError:
        """The process is ended: what came from it is no message of the worker's."""
        return self._ended("crashed", "it wrote into a file that is not its own")

    def _line(self) -> bytes:
        while b"\n" not in self._rest:
            left = self._deadline() - time.monotonic()
            if left <= 0:
                raise self._ended("hung", self._late())
            ready = {key.fd for key, _ in self._selector.select(left)}
            if self._answers not in ready:
                self._drain(1)
            else:  # first: what is printed belongs to a call that is told of before
                part = os.read(self._answers, READ)
                if not part:
                    raise self._gone()
                self._rest += part
                if len(self._rest) > LONGEST_MESSAGE:
                    raise self._ended("crashed", "it answers with more than 64 MiB")
        line, _, self._rest = self._rest.partition(b"\n")
        return line

    def _deadline(self) -> float:
        return max((one.ends for one in self._open.values()), default=self._ends)

    def _late(self) -> str:
        own = [one.timeout for one in self._open.values() if one.timeout is not None]
        if own:
            return f"it keeps the whole process beyond its timeout of {max(own):g} s"
        if self._open:
            return f"it has not returned after {self.limits.call_seconds:g} s (--timeout)"
        return f"it takes more than {self.limits.score_seconds:g} s"

    def _note(self, event: Mapping[str, Any]) -> None:
        kind, now = event["event"], time.monotonic()
        if kind == "call":
            most, own = self.limits.call_seconds, event["seconds"]
            kept = own is not None and own <= most
            ends = now + (float(own) + self.limits.grace_seconds if kept else most)
            self._open[event["number"]] = _Call(
                event["tool"], event["part"], ends, float(own) if kept else None
            )
            self._printed[event["number"]] = 0
        elif kind == "ended":
            self._drain()
            call = self._open.pop(event["number"])
            printed = self._printed.pop(event["number"])
            self._ends = now + self.limits.score_seconds
            made = ToolRun(
                call.tool,
                call.part,
                str(event["how"]),
                str(event.get("kind", "")),
                str(event.get("message", "")),
                float(event["took"]),
                printed,
                tuple(map(str, event.get("altered", ()))),
            )
            self.runs.append(made)
        elif kind == "building":
            self._doing, self._ends = str(event["what"]), now + self.limits.load_seconds
        elif kind == "scoring":
            self._doing, self._ends = "reward", now + self.limits.score_seconds
        elif kind == "written":
            self._ends = now + self.limits.score_seconds
            self.told(int(event["tokens"]))
        elif kind == "ready":
            self._doing = ""
        elif kind == "log":
            self.log.append(str(event["message"]))

    def _drain(self, most: int = 1 << 10) -> None:
        """What is printed, counted for the call that began last."""
        for _ in range(most):
            try:
                part = os.read(self._output, READ)
            except BlockingIOError:
                return
            if not part:
                with contextlib.suppress(KeyError):
                    self._selector.unregister(self._output)
                return
            self._tail = (self._tail + part)[-TAIL:]
            if self._printed:
                self._printed[max(self._printed)] += len(part)
            elif self._doing == "reward":
                self.scoring_printed += len(part)

    def _gone(self) -> LostError:
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(1)
        reason = said(self._process.returncode if self._process is not None else None)
        return self._ended("crashed", reason)

    def _ended(self, how: str, reason: str) -> LostError:
        self._drain()
        who = self.under_way or self.doing
        tail = self._tail.decode("utf-8", "replace")
        self.close()
        return LostError(how, who, reason, tail)

    def close(self) -> None:
        """Ends the process and all that its tools have started."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.wait()
        end_marked(self.mark)
        self._selector.close()
        for end in (self._requests, self._answers, self._output):
            os.close(end)
