"""One episode: the loop of ids on this side, the bundle's loop, tools and reward on the other, in step.

The worker asks for the prompt, for each turn with as many tokens as the bundle's loop allows, and for what stands
between turns; toolspec's loop (agent_loop/) answers, and the scripted policy writes. Neither side decides what the
other knows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from toolspec.backends.verl.agent_loop import (
    AgentLoop,
    ChatTokens,
    LoopFailure,
    NotSimulated,
    SingleTurnLoop,
    Steps,
    Trajectory,
    Wanted,
    turn_limit,
)
from toolspec.backends.verl.parsers import NoAnswer, ParserFailure, parse_ids
from toolspec.backends.verl.rehearsal.authors import Author, ModelError, scripted
from toolspec.backends.verl.rehearsal.episode import Episode, Lost, Scored, ToolCall
from toolspec.backends.verl.rehearsal.experiment import Experiment
from toolspec.backends.verl.rehearsal.scripts import Script
from toolspec.backends.verl.rehearsal.user_process import RAISED, LostError, UserProcess
from toolspec.compiler.chat.process import ChatError


class Task(NamedTuple):
    """row: the number, and its columns. loop: with the row's tools. told: what tools answer that are not run."""

    number: int
    columns: Mapping[str, Any]
    policy: str
    script: Script
    loop: AgentLoop | SingleTurnLoop
    told: str | None = None


def ends_of(loop: AgentLoop | SingleTurnLoop, eos: int | None) -> set[int | None]:
    """Ids that end a turn."""
    return {eos, *loop.stop_token_ids}


class _Done(NamedTuple):
    """The worker's answer to an episode."""

    turns: int = 0
    fields: Mapping[str, Any] = {}
    scored: Scored | None = None
    leaks: tuple[tuple[str, str, str], ...] = ()


_MALFORMED = (KeyError, TypeError, ValueError, AttributeError, IndexError, AssertionError)
"""What reading a message raises that the worker did not write: the user's code can write at its files."""


def _done(given: Mapping[str, Any]) -> _Done:
    scored = Scored(**given["scored"])
    float(scored.score)
    return _Done(int(given["turns"]), dict(given["fields"]), scored, leaks_of(given))


def leaks_of(done: Mapping[str, Any]) -> tuple[tuple[str, str, str], ...]:
    return tuple((str(tool), str(kind), str(which)) for tool, kind, which in done["leaks"])


def would_raise(failure: LoopFailure) -> str:
    kind = str(failure)
    return f"verl raises {kind}: {failure.reason.removeprefix(kind).removeprefix(': ')}".removesuffix(": ")


def raised(message: Mapping[str, Any], process: UserProcess, before: int, trouble: str = "") -> Lost:
    """An episode that ends by an exception: a tool's, where one of its calls did. before: runs of other episodes.

    The process is ended where the exception may have left something half done.
    """
    kind, runs = message["failure"], process.runs[before:]
    who = [run.tool for run in runs if run.how in RAISED and run.kind == kind]
    if message.get("unclean"):
        who = who or list(process.under_way)
        process.close()
    if not trouble:
        who = who or list(process.doing)
    return Lost("raised", tuple(dict.fromkeys(who)), trouble or f"{kind}: {message['message']}".rstrip(": "))


class _Failed(Exception):
    """What is told to the worker: the class of the exception that verl would raise here."""


class Conversation:
    """eos: the id that ends a turn. step: of the training, from 1. write: in place of the task's script."""

    def __init__(
        self,
        experiment: Experiment,
        tokens: ChatTokens,
        process: UserProcess,
        task: Task,
        eos: int | None,
        step: int,
        write: Author | None = None,
    ) -> None:
        self.experiment, self.tokens, self.process, self.task = experiment, tokens, process, task
        self.step = step
        self.write = write or scripted(task.script, tokens, eos, ends_of(task.loop, eos))
        self.steps: Steps = task.loop.steps(task.columns["raw_prompt"])
        self.wanted: Wanted | None = None
        self.trajectory: Trajectory | None = None
        self.limits: list[int] = []
        self.calls: list[ToolCall] = []
        self.turn = -1
        self.prompt: tuple[int, ...] = ()
        self.trouble = ""

    def played(self) -> Episode:
        began, before = time.monotonic(), len(self.process.runs)
        lost: Lost | None = None
        done = _Done()
        try:
            asked = {"row": self.task.columns, "told": self.task.told}
            self.process.send({"do": "episode", "with": asked})
            try:
                message = self._answered()
                if "failure" in message:
                    lost = raised(message, self.process, before, self.trouble)
                else:
                    done = _done(message["done"])
            except _MALFORMED:
                raise self.process.broken() from None
        except LostError as error:
            lost = Lost(error.how, error.who, str(error), error.tail)
        found, standing = self.trajectory, self.wanted
        ids, mask = (standing.ids[len(self.prompt) :], standing.mask) if standing else ((), ())
        if found is not None:
            ids, mask = found.response_ids, found.mask
        return Episode(
            self.task.number,
            self.task.policy,
            self.task.script,
            found.prompt_ids if found else self.prompt,
            tuple(ids),
            tuple(mask),
            found.stop if found else "",
            done.turns,
            tuple(self.limits),
            tuple(self.calls),
            tuple(self.process.runs[before:]),
            done.fields,
            done.scored,
            lost,
            self._cut(),
            done.leaks,
            time.monotonic() - began,
        )

    def _answered(self) -> Mapping[str, Any]:
        while True:
            message = self.process.receive()
            if "ask" not in message:
                return message
            try:
                self.process.send({"answer": self._answer(message)})
            except _Failed as failure:
                self.process.send({"failure": str(failure)})

    def _answer(self, message: Mapping[str, Any]) -> Any:
        try:
            return ANSWERS[message["ask"]](self, message)
        except LoopFailure as failure:
            self.trouble = would_raise(failure)
            raise _Failed(str(failure)) from None
        except (NotSimulated, ChatError, ModelError) as failure:
            self.trouble = str(failure)
            raise _Failed(type(failure).__name__) from None

    def _first(self, message: Mapping[str, Any]) -> Any:
        self.wanted = next(self.steps)
        self.prompt = tuple(self.wanted.ids)
        return {"ids": list(self.wanted.ids)}

    def _generate(self, message: Mapping[str, Any]) -> Any:
        wanted = self.wanted
        assert wanted is not None
        settings, so_far = self.experiment.settings, len(wanted.ids)
        limit = turn_limit(
            settings.release,
            self.experiment.engine,  # type: ignore[arg-type]
            settings.prompt_length,
            settings.response_length,
            self.experiment.context,
            so_far,
            message["max_tokens"],
        )
        if limit is None:
            raise LoopFailure("ValueError", f"the context of {self.experiment.context:,} tokens is full")
        ids = self.write(wanted.ids, limit)
        self.limits.append(limit)
        self.turn += 1
        self._step(ids)
        calls = None
        if self.wanted is not None and self.wanted.calls is not None:
            calls = [list(one) for one in self.wanted.calls]
        messages = self.wanted.messages if self.wanted is not None else wanted.messages
        return {
            "ids": ids,
            "calls": calls,
            "messages": list(messages),
            "fields": {"global_steps": self.step - 1},
        }

    def _joint(self, message: Mapping[str, Any]) -> Any:
        wanted = self.wanted
        assert wanted is not None and wanted.calls is not None
        texts = [str(one) for one in message["texts"]]
        self.calls += [
            ToolCall(self.turn, call.name, call.arguments, text)
            for call, text in zip(wanted.calls, texts, strict=True)
        ]
        self._step(texts)
        if self.wanted is None:
            return {"ids": None}
        return {
            "ids": list(self.wanted.ids),
            "mask": list(self.wanted.mask),
            "messages": list(self.wanted.messages),
        }

    def _step(self, given: Sequence[Any]) -> None:
        try:
            self.wanted = self.steps.send(given)
        except StopIteration as done:
            self.wanted, self.trajectory = None, done.value

    def _parse(self, message: Mapping[str, Any]) -> Any:
        return parsed(self.experiment, self.tokens, self.task.loop, message["ids"])

    def _cut(self) -> bool:
        """Whether the release took the prompt's beginning off."""
        settings = self.experiment.settings
        if settings.release == "0.7.1" or len(self.prompt) < settings.prompt_length:
            return False
        try:
            whole = self.tokens.applied(self.task.columns["raw_prompt"], self.task.loop.tools, True)
        except (LoopFailure, ChatError):
            return False
        return len(whole) > settings.prompt_length


def parsed(
    experiment: Experiment, tokens: ChatTokens, loop: AgentLoop | SingleTurnLoop, ids: Sequence[int]
) -> list[list[str]]:
    """(name, arguments) of the calls that the release's parser finds."""
    settings = experiment.settings
    try:
        found = parse_ids(
            settings.format, settings.release, ids, loop.read, tokens.decode, tokens.folder.pad_token
        )
    except ParserFailure as failure:
        raise LoopFailure(str(failure)) from None
    except NoAnswer:
        raise NotSimulated("verl would run the policy's text as code") from None
    return [[one.name, one.arguments] for one in found.calls]


def rendered(tokens: ChatTokens, message: Mapping[str, Any]) -> str | None:
    """A conversation by the template; None where it refuses."""
    try:
        return tokens.text(message["messages"], None, message["prompt"])
    except LoopFailure:
        return None


def _decode(self: Conversation, message: Mapping[str, Any]) -> Any:
    return self.tokens.decode(message["ids"], message["skip"])


def _encode(self: Conversation, message: Mapping[str, Any]) -> Any:
    return self.tokens.encode(message["text"])


def _render(self: Conversation, message: Mapping[str, Any]) -> Any:
    return rendered(self.tokens, message)


def _offsets(self: Conversation, message: Mapping[str, Any]) -> Any:
    return self.tokens.process.offsets([message["text"]])[0]


ANSWERS: Mapping[str, Callable[[Conversation, Mapping[str, Any]], Any]] = {
    "first": Conversation._first,
    "generate": Conversation._generate,
    "joint": Conversation._joint,
    "decode": _decode,
    "encode": _encode,
    "offsets": _offsets,
    "render": _render,
    "parse": Conversation._parse,
}
