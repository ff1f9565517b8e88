"""The state machine of verl's ToolAgentLoop: turns of the policy and answers of tools until a limit or no call.

Source: tool_agent_loop.py `run` and its handlers (0.7.1 :123-382, 0.8.0 :125-407, 0.9.1 :120-392); AgentLoopOutput is
cut as there. Not simulated: images, videos, and interactions of 0.7.1.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Sequence
from typing import Any, Literal, NamedTuple

from toolspec.backends.verl.agent_loop.boundary import Boundary
from toolspec.backends.verl.agent_loop.chat_tokens import (
    ChatTokens,
    LoopFailure,
    Message,
    NotSimulated,
    Schemas,
)
from toolspec.backends.verl.agent_loop.continuous import Continuous
from toolspec.backends.verl.agent_loop.settings import LoopSettings
from toolspec.backends.verl.agent_loop.system_prompt_cut import SystemPromptCut
from toolspec.backends.verl.agent_loop.tool_answer import Tool, tool_answer
from toolspec.backends.verl.parsers import Call, NoAnswer, Parsed, ParserFailure, parse_ids, stop_token_ids

Policy = Callable[[Sequence[int]], Sequence[int]]
"""All ids so far → the ids of the next turn, its end token included."""
Stop = Literal[
    "no_tool_call", "max_assistant_turns", "max_user_turns", "response_length", "tool_response_overflow"
]


class Trajectory(NamedTuple):
    """prompt_ids, response_ids, mask (1: the policy's): as AgentLoopOutput has them.

    turns: num_turns. stop: which limit, `no_tool_call` for none; tool_response_overflow: the answers are dropped.
    called: the calls that were executed, by round.
    """

    prompt_ids: tuple[int, ...]
    response_ids: tuple[int, ...]
    mask: tuple[int, ...]
    turns: int
    stop: Stop
    called: tuple[tuple[Call, ...], ...]


class Wanted(NamedTuple):
    """What the loop waits for: the ids of a turn where `calls` is None, else the text of an answer to each call.

    ids: all so far. mask: of those behind the prompt. messages: the conversation as the release keeps it.
    """

    ids: Sequence[int]
    mask: Sequence[int]
    messages: Sequence[Message]
    calls: tuple[Call, ...] | None = None


Steps = Generator[Wanted, Sequence[Any], Trajectory]
"""Is sent what it wants, and returns the trajectory. Raises LoopFailure where verl raises, NotSimulated, ChatError."""


class AgentLoop:
    """tools: schemas as the release hands them to the template. read: as its parser gets them, where that is another.

    Raises LoopFailure where verl raises, NotSimulated, and ChatError, as its methods do.
    """

    def __init__(
        self, tokens: ChatTokens, settings: LoopSettings, tools: Schemas, read: Schemas | None = None
    ) -> None:
        self.tokens, self.settings, self.tools = tokens, settings, tools
        self.read = tools if read is None else read
        self.keeps_turns = settings.release.startswith("0.9")
        make = Continuous if self.keeps_turns else SystemPromptCut
        self.boundary: Boundary = make(tokens, settings)
        try:
            self.stop_token_ids = stop_token_ids(settings.format, settings.release, tokens.id_of)
        except ParserFailure as failure:
            raise LoopFailure(str(failure)) from None

    def run(self, messages: Sequence[Message], policy: Policy, tool: Tool) -> Trajectory:
        names = [str(one["function"]["name"]) for one in self.tools]
        steps = self.steps(messages)
        try:
            wanted = next(steps)
            while True:
                if wanted.calls is None:
                    wanted = steps.send(policy(wanted.ids))
                else:
                    wanted = steps.send([self._answer(one, tool, names) for one in wanted.calls])
        except StopIteration as done:
            found: Trajectory = done.value
            return found

    def steps(self, messages: Sequence[Message]) -> Steps:
        limits, tools = self.settings, self.tools
        history = list(messages)
        ids, mask = self.boundary.first(history, tools), list[int]()
        assistant = user = 0
        called: list[tuple[Call, ...]] = []
        while True:
            turn = list((yield Wanted(ids, mask, history)))
            ids, mask, assistant = [*ids, *turn], mask + [1] * len(turn), assistant + 1
            stop = self._full(len(mask), assistant, user)
            if stop is not None:
                break
            parsed = self._parsed(turn)
            calls = parsed.calls[: limits.max_parallel_calls]
            if self.keeps_turns:
                history.append(_kept(parsed, calls))
            if not parsed.calls:
                stop = "no_tool_call"
                break
            called.append(calls)
            texts = yield Wanted(ids, mask, history, calls)
            answers = [_message(one, text) for one, text in zip(calls, texts, strict=True)]
            joint = self.boundary.joint(ids, history, answers, [one.name for one in calls], tools)
            history += answers
            kept = max(0, len(mask) - joint.removed)
            if kept + len(joint.added) >= limits.response_length:
                stop = "tool_response_overflow"
                break
            ids = [*ids[: len(ids) - joint.removed], *joint.added]
            mask = mask[:kept] + [0] * len(joint.added)
            user += 1
        # With an empty mask, verl takes the whole prompt for the response.
        response = ids[-len(mask) :]
        return Trajectory(
            tuple(ids[: len(ids) - len(mask)]),
            tuple(response[: limits.response_length]),
            tuple(mask[: limits.response_length]),
            user + assistant + 1,
            stop,
            tuple(called),
        )

    def _full(self, written: int, assistant: int, user: int) -> Stop | None:
        limits = self.settings
        if written >= limits.response_length:
            return "response_length"
        if limits.max_assistant_turns and assistant >= limits.max_assistant_turns:
            return "max_assistant_turns"
        if limits.max_user_turns and user >= limits.max_user_turns:
            return "max_user_turns"
        return None

    def _parsed(self, turn: Sequence[int]) -> Parsed:
        try:
            return parse_ids(
                self.settings.format,
                self.settings.release,
                turn,
                self.read,
                self.tokens.decode,
                self.tokens.folder.pad_token,
            )
        except ParserFailure as failure:
            raise LoopFailure(str(failure)) from None
        except NoAnswer:
            raise NotSimulated("verl would run the policy's text as code") from None

    def _answer(self, call: Call, tool: Tool, names: Sequence[str]) -> str:
        try:
            return tool_answer(call, tool, names, self.settings)
        except (ValueError, RecursionError) as error:
            raise LoopFailure(type(error).__name__) from None


def _message(call: Call, text: str) -> Message:
    named = {} if call.call_id is None else {"tool_call_id": call.call_id}
    return {"role": "tool", "content": text, **named}


def _kept(parsed: Parsed, calls: Sequence[Call]) -> Message:
    """The policy's turn as 0.9 keeps it (tool_agent_loop.py `_build_assistant_message`)."""
    message: dict[str, Any] = {"role": "assistant", "content": parsed.content or ""}
    if parsed.calls:
        message["tool_calls"] = [_kept_call(one) for one in calls]
    return message


def _kept_call(call: Call) -> dict[str, Any]:
    try:
        arguments = json.loads(call.arguments)
    except json.JSONDecodeError:
        arguments = None
    except (ValueError, RecursionError) as error:  # too many digits, too deep
        raise LoopFailure(type(error).__name__) from None
    function = {
        "name": call.name,
        "arguments": arguments if isinstance(arguments, dict) else call.arguments,
    }
    named = {} if call.call_id is None else {"id": call.call_id}
    return {"type": "function", "function": function, **named}
