"""The process in which the user's tools and reward run: requests on one pipe, answers, questions and events on another.

usage: worker.py REQUESTS ANSWERS (file descriptors), in a bundle's folder

One line of JSON each. It imports the standard library and the bundle, and nothing of toolspec, so that any Python runs
it. Limits are set by who starts it; what it does is told in events before it does it, so that a call that never ends
has a name.
"""

from __future__ import annotations

import asyncio
import functools
import importlib
import json
import logging
import os
import resource
import sys
import threading
import time
from pathlib import Path
from typing import Any

import stand_in

BUILTIN = "verl"
"""In place of a file and a function: verl's own scorer by the row's data_source."""
MESSAGE = 400
"""Characters of an exception's message."""
GRACE_SECONDS = 0.05
"""How long a thread may take to end behind its tool."""


class Failure(Exception):
    """What was asked for failed where it is worked out. The message is the class of its exception."""


class Pipe:
    def __init__(self, requests: int, answers: int) -> None:
        for number in (requests, answers):
            os.set_inheritable(number, False)
        self.requests = os.fdopen(requests, "rb")
        self.answers = os.fdopen(answers, "wb")

    def send(self, message: dict[str, Any]) -> None:
        self.answers.write(json.dumps(message, default=str).encode("ascii") + b"\n")
        self.answers.flush()

    def receive(self) -> dict[str, Any]:
        line = self.requests.readline()
        if not line:
            os._exit(0)  # nobody asks any more; threads of tools must not keep the process
        found: dict[str, Any] = json.loads(line)
        return found

    def ask(self, what: str, **more: Any) -> Any:
        self.send({"ask": what, **more})
        found = self.receive()
        if "failure" in found:
            raise Failure(found["failure"])
        return found["answer"]


class Tokenizer:
    """The model's tokenizer, as far as a bundle's modules use one."""

    def __init__(self, pipe: Pipe, eos: int | None) -> None:
        self.pipe, self.eos_token_id = pipe, eos

    def decode(self, ids: list[int], skip_special_tokens: bool = False) -> str:
        return str(self.pipe.ask("decode", ids=list(ids), skip=skip_special_tokens))

    def encode(self, text: str, add_special_tokens: bool = False) -> list[int]:
        found: list[int] = self.pipe.ask("encode", text=text)
        return found

    def __call__(self, text: str, **how: Any) -> dict[str, Any]:
        return {"offset_mapping": self.pipe.ask("offsets", text=text)}


class Watch:
    """Tells of every call of the user's code, and of what it leaves behind."""

    def __init__(self, pipe: Pipe, ts_call: Any) -> None:
        self.pipe, self.ts_call = pipe, ts_call
        self.call = ts_call.call
        self.number = 0
        self.left: dict[Any, str] = {}
        self.told: set[Any] = set()
        ts_call.call = self.watched

    async def watched(self, function: Any, kwargs: dict[str, Any], seconds: float | None, door: Any) -> Any:
        name = next((name for name, one in self.ts_call._gates.items() if one is door), "?")
        self.number += 1
        number, what = self.number, _part(function, kwargs)
        before = self._standing()
        self.pipe.send({"event": "call", "tool": name, "number": number, "seconds": seconds, "part": what})
        began = time.perf_counter()
        ended: dict[str, Any] = {"how": "ok"}
        try:
            result = await self.call(function, kwargs, seconds, door)
            ended["kind"] = _kind(result, what)
            return result
        except self.ts_call.Refused as error:
            ended = {"how": "hung", "message": str(error)[:MESSAGE]}
            raise
        except BaseException as error:
            ended = {"how": "raised", "kind": type(error).__name__, "message": _text(error)}
            raise
        finally:
            self.left.update(dict.fromkeys(self._standing() - before, name))
            took = time.perf_counter() - began
            self.pipe.send({"event": "ended", "tool": name, "number": number, "took": took, **ended})

    def leaks(self) -> list[list[str]]:
        """(tool, what) of threads and processes that the last calls left behind and that still run."""
        found = []
        for one, name in self.left.items():
            if isinstance(one, threading.Thread):
                one.join(GRACE_SECONDS)
                if one.is_alive() and one.name != "toolspec-tool":  # those have a hung call of their own
                    found.append([name, f"thread {one.name}"])
            elif _runs(one):
                found.append([name, f"process {_command(one)}"])
        self.left = {}
        return found

    def _standing(self) -> set[Any]:
        return {*threading.enumerate(), *_children()}


def _children() -> list[int]:
    """Processes that this one started, where the system lists them."""
    found: list[int] = []
    try:
        for task in os.listdir("/proc/self/task"):  # noqa: PTH208
            with open(f"/proc/self/task/{task}/children", encoding="ascii") as stream:  # noqa: PTH123
                found += map(int, stream.read().split())
    except (OSError, ValueError):
        pass
    return found


def _runs(process: int) -> bool:
    time.sleep(GRACE_SECONDS)
    try:
        with open(f"/proc/{process}/stat", encoding="utf-8", errors="replace") as stream:  # noqa: PTH123
            return stream.read().rpartition(")")[2].split()[0] not in "ZX"
    except (OSError, IndexError):
        return False


def _command(process: int) -> str:
    try:
        with open(f"/proc/{process}/comm", encoding="utf-8", errors="replace") as stream:  # noqa: PTH123
            return stream.read().strip()
    except OSError:
        return str(process)


def _part(function: Any, kwargs: dict[str, Any]) -> str:
    """Which of ts_tools' uses a call is: a function, or of a class `create` or `execute`."""
    if getattr(function, "__qualname__", "").startswith("ClassTool."):
        return "execute"
    return "create" if "instance_id" in kwargs else "function"


def _kind(result: Any, part: str) -> str:
    """The type of what the model is to read."""
    if part == "create":
        return "str"
    if part == "execute":
        if not (isinstance(result, tuple) and result):
            return type(result).__name__
        result = result[0]
    text = getattr(result, "text", result) if isinstance(result, stand_in.ToolResponse) else result
    if isinstance(result, stand_in.ToolResponse) and (result.image or result.video):  # type: ignore[attr-defined]
        return "image"
    return "str" if isinstance(text, str) else type(text).__name__


def _text(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:
        text = ""
    return text[:MESSAGE].encode("utf-8", "replace").decode("utf-8")


class Notes(logging.Handler):
    """What the bundle's modules log: a tool whose release fails is told nowhere else."""

    def __init__(self, pipe: Pipe) -> None:
        super().__init__(logging.WARNING)
        self.pipe = pipe

    def emit(self, record: logging.LogRecord) -> None:
        if threading.current_thread() is threading.main_thread():
            message = record.getMessage().splitlines()[0][:MESSAGE]
            self.pipe.send({"event": "log", "message": message})


class Work:
    def __init__(self, pipe: Pipe, start: dict[str, Any]) -> None:
        import ts_call
        import ts_loop
        import ts_tools
        from ts_scorer import Scorer

        self.pipe, self.given = pipe, start
        self.tokenizer = Tokenizer(pipe, start["eos"])
        self.kinds = vars(ts_tools)
        self.loop = stand_in.ToolAgentLoop if start.get("loop") == "verl" else ts_loop.SpanToolAgentLoop
        self.tools = self._built()
        pipe.send({"event": "building", "what": "reward"})
        self.scorer = Scorer(start["reward"], self.tokenizer, self._function(), self._parse)
        pipe.send({"event": "ready"})
        self.watch = Watch(pipe, ts_call)

    def _built(self) -> dict[str, Any]:
        found = {}
        for one in self.given["tools"]:
            self.pipe.send({"event": "building", "what": one["name"]})
            tool = self.kinds[one["class_name"].rpartition(".")[2]](one["config"], None)
            found[tool.name] = tool
        return found

    def _function(self) -> Any:
        """What verl hands to its reward manager.

        The whole reward with its keyword arguments, as get_custom_reward_fn binds them; verl's own scorer where the
        reward asks for it; None where the scorer loads it itself.
        """
        reward, given = self.given["reward"], self.given["reward_kwargs"]
        code = reward.get("python")
        if code == BUILTIN or any(term.get("match") == "verl" for term in reward.get("terms") or ()):
            return importlib.import_module("verl.utils.reward_score").default_compute_score
        if not code or not given:
            return None
        import ts_load

        return functools.partial(ts_load.load_object(code["file"], code["function"]), **given)

    async def _parse(self, ids: list[int]) -> list[tuple[str, str]]:
        return [(name, arguments) for name, arguments in self.pipe.ask("parse", ids=ids)]

    def schemas(self) -> list[dict[str, Any]]:
        """Of each tool its schema as the template gets it, and as the parser does."""
        return [
            {"shown": tool.tool_schema.model_dump(), "read": stand_in.Model.model_dump(tool.tool_schema)}
            for tool in self.tools.values()
        ]

    async def probe(self, row: dict[str, Any], answers: list[list[int]]) -> list[float]:
        """What a trajectory earns that is this answer alone, for each."""
        self.pipe.send({"event": "scoring"})
        fields = {
            **{"ts_tools": sorted(self.tools), "ts_stop": "no_tool_call", "ts_truncated": 0, "ts_calls": 0},
            "ts_answers": [],
            "global_steps": self.given["step"] - 1,
        }
        seen = {**row, "__num_turns__": 2, "tool_extra_fields": fields}
        scored = [await self.scorer.score(ids, [[0, len(ids)]], seen) for ids in answers]
        return [one.score for one in scored]

    async def episode(self, row: dict[str, Any], told: str | None = None) -> dict[str, Any]:
        """told: what tools that only have a schema answer."""
        if self.given["settings"]["release"] == "0.7.1":  # it builds its tools anew for every trajectory
            self.tools = self._built()
        if told is not None:
            for tool in self.tools.values():
                tool.config["text"] = told
        given = stand_in.Given(
            self.pipe.ask,
            self.tokenizer,
            self.tools,
            self.given["settings"],
            self.given["max_model_len"],
            self.given["stop_token_ids"],
        )
        single = row["agent_name"] == "single_turn_agent"
        kind = stand_in.SingleTurnAgentLoop if single else self.loop
        output = await kind(given).run(dict(self.given["sampling"]), **row)
        leaks = self.watch.leaks()
        self.pipe.send({"event": "scoring"})
        fields = output.extra_fields
        seen = {**row, "__num_turns__": output.num_turns, "tool_extra_fields": fields}
        scored = await self.scorer.score(output.response_ids, fields.get("ts_spans"), seen)
        return {"fields": fields, "turns": output.num_turns, "leaks": leaks, "scored": scored._asdict()}


def _limit(limits: dict[str, int]) -> None:
    for name, value in limits.items():
        kind = getattr(resource, name)
        _, most = resource.getrlimit(kind)
        wanted = value if most == resource.RLIM_INFINITY else min(value, most)
        try:
            resource.setrlimit(kind, (wanted, most))
        except (OSError, ValueError):  # macOS has the name and not the limit
            continue


def _leave_the_network() -> None:
    """A network of its own with nothing in it, where the system lets anyone have one (Linux, user namespaces)."""
    try:
        import ctypes

        ctypes.CDLL(None).unshare(0x10000000 | 0x40000000)  # CLONE_NEWUSER, CLONE_NEWNET
    except (OSError, AttributeError):
        return


def _die_with_the_parent() -> None:
    try:
        import ctypes

        ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL
    except (OSError, AttributeError):
        return


def main() -> None:
    pipe = Pipe(int(sys.argv[1]), int(sys.argv[2]))
    start = pipe.receive()
    _die_with_the_parent()
    _limit(start["limits"])
    if not start.get("network", True):
        _leave_the_network()
    sys.path[0] = str(Path.cwd())  # in place of this file's folder
    stand_in.install()
    logger = logging.getLogger("toolspec")
    logger.addHandler(Notes(pipe))
    logger.propagate = False
    work: Any = None
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        work = Work(pipe, start)
        pipe.send({"done": work.schemas()})
    except BaseException as error:
        pipe.send({"failure": type(error).__name__, "message": _text(error)})
    while True:
        request = pipe.receive()
        try:
            asked = getattr(work, request["do"])
            pipe.send({"done": loop.run_until_complete(asked(**request["with"]))})
        except Failure as error:
            pipe.send({"failure": str(error), "message": "", "ours": True})
        except BaseException as error:
            pipe.send({"failure": type(error).__name__, "message": _text(error)})


if __name__ == "__main__":
    main()
