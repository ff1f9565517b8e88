"""The process in which the user's tools and reward run: requests on one pipe, answers, questions and events on another.

usage: worker.py REQUESTS ANSWERS (file descriptors), in a bundle's folder

One line of JSON each. It imports the standard library and the bundle, and nothing of toolspec, so that any Python runs
it. Limits are set by who starts it; what it does is told in events before it does it, so that a call that never ends
has a name.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import sys
from pathlib import Path
from typing import Any

import stand_in
from rehearsal_pipe import Failure, Pipe, die_with_the_parent, hold_to, text_of
from rehearsal_watch import Notes, Watch

BUILTIN = "verl"
"""In place of a file and a function: verl's own scorer by the row's data_source."""
TIMED_OUT = "did not answer within"
"""In the fault of a term that the bundle's scorer stopped waiting for."""


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
        self.scorer = Scorer(
            start["reward"], self.tokenizer, self._function(), self._parse, markers=self._markers
        )
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
            from verl.utils.reward_score import default_compute_score

            return default_compute_score
        if not code or not given:
            return None
        import ts_load

        return functools.partial(ts_load.load_object(code["file"], code["function"]), **given)

    async def _parse(self, ids: list[int]) -> list[tuple[str, str]]:
        return [(name, arguments) for name, arguments in self.pipe.ask("parse", ids=ids)]

    def _markers(self) -> tuple[str, ...]:
        """As ts_reward.py has them of the tokenizer."""
        import ts_forged

        def render(messages: ts_forged.Messages, prompt: bool) -> str:
            text = self.pipe.ask("render", messages=messages, prompt=prompt)
            if text is None:
                raise ValueError("the template refuses it")
            return str(text)

        return ts_forged.markers(render)

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
        scores = []
        for ids in answers:
            one = await self.scorer.score(ids, [[0, len(ids)]], seen)
            if one.fault and TIMED_OUT in one.fault:
                raise TimeoutError(one.fault)  # each form would take as long, and leave a thread behind
            scores.append(one.score)
        return scores

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


def _leave_the_network() -> None:
    """A network of its own with nothing in it, where the system lets anyone have one (Linux, user namespaces)."""
    try:
        import ctypes

        ctypes.CDLL(None).unshare(0x10000000 | 0x40000000)  # CLONE_NEWUSER, CLONE_NEWNET
    except (OSError, AttributeError):
        return


def main() -> None:
    pipe = Pipe(int(sys.argv[1]), int(sys.argv[2]))
    start = pipe.receive()
    die_with_the_parent()
    hold_to(start["limits"])
    if not start.get("network", True):
        _leave_the_network()
    sys.path[0] = str(Path.cwd())  # in place of this file's folder
    folder, why_not = stand_in.real_verl(start["settings"]["release"])
    stand_in.install(folder)
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
        missing = isinstance(error, ImportError) and str(error.name).startswith("verl")
        said = why_not or "only --engine verl runs verl's own packages"
        message = f"{text_of(error)}; {said}" if missing else text_of(error)
        pipe.send({"failure": type(error).__name__, "message": message})
    while True:
        request = pipe.receive()
        try:
            asked = getattr(work, request["do"])
            pipe.send({"done": loop.run_until_complete(asked(**request["with"]))})
        except Failure as error:
            pipe.send({"failure": str(error), "message": "", "ours": True})
        except BaseException as error:
            unclean = not isinstance(error, Exception)  # other tasks of the loop may still stand
            pipe.send({"failure": type(error).__name__, "message": text_of(error), "unclean": unclean})


if __name__ == "__main__":
    main()
