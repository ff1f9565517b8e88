"""Whether model, tools and format fit: what the template shows, and whether verl's parser reads it back.

Nothing is taken from a model's name. The template is rendered over probes, and the release's
parser reads what it wrote.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Literal, NamedTuple

from toolspec.backends.verl.chat.probe import (
    ANSWER,
    PROBE,
    QUESTION,
    Message,
    awkward,
    call_message,
    probe_tool,
    result_message,
    words,
)
from toolspec.backends.verl.parsers import FORMATS, NoAnswer, ParserFailure, parse
from toolspec.compiler.chat.process import ChatProcess, Failure

# Harmony lets the recipient stand with the role, as templates write the history, or with the channel, as gpt-oss writes
# its calls and verl's parser reads them (openai/harmony docs/format.md, "Receiving tool calls").
_HISTORY = re.compile(
    r"(?:<\|start\|>assistant)? to=functions\.([^<\s]+)<\|channel\|>commentary json<\|message\|>"
)
_AS_GENERATED = r"<|start|>assistant<|channel|>commentary to=functions.\1 <|constrain|>json<|message|>"

PLAIN = {"text": "value-6174"}
State = Literal["ok", "warning", "error", "unknown"]
Tool = Mapping[str, Any]


class Check(NamedTuple):
    """One question to the template, and its answer."""

    name: str
    state: State
    message: str
    fix: str = ""


class Gate:
    """process: has the template. tools: as the template gets them. variables: its other names.

    Methods raise ChatError where the process does not answer.
    """

    def __init__(
        self,
        process: ChatProcess,
        release: str,
        format: str,
        tools: Sequence[Tool],
        variables: Mapping[str, Any],
        pad_token: str | None,
    ) -> None:
        self.process, self.release, self.format = process, release, format
        self.tools, self.variables, self.pad_token = list(tools), variables, pad_token
        self._shown: dict[str, str | Failure] = {}

    def text(
        self, messages: Sequence[Message], tools: Sequence[Tool], generation: bool = False
    ) -> str | Failure:
        """What is rendered. A probe that several questions ask is rendered once."""
        asked = json.dumps([messages, tools, generation])
        if asked not in self._shown:
            listed = list(tools) or None
            rows = self.process.rows("render", [messages], listed, generation, self.variables)
            self._shown[asked] = rows[0]
        return self._shown[asked]

    @cached_property
    def prompt(self) -> str | Failure:
        """A question with the tools, as the model gets it."""
        return self.text([QUESTION], self.tools, True)

    @cached_property
    def formats(self) -> tuple[str, ...]:
        """The release's formats that read back a plain call which the template writes."""
        turn = self._plain_turn
        if turn is None:
            return ()
        names = [name for name, one in FORMATS.items() if self.release in one.releases]
        return tuple(name for name in names if self._reads(name, turn, probe_tool(), PLAIN) is True)

    @cached_property
    def _plain_turn(self) -> str | None:
        return self.turn(PLAIN, probe_tool())

    def checks(self) -> Iterator[Check]:
        shown = self.prompt
        if isinstance(shown, Failure):
            yield Check("prompt", "error", f"the template refuses a prompt with these tools: {shown.reason}")
            return
        yield Check("prompt", "ok", "a question with the tools is rendered")
        if self.tools:
            yield self._tools_shown(shown)
            yield from self._turns()
            yield from self._round_trip()
        yield from self._roles()

    def _tools_shown(self, shown: str) -> Check:
        missing = [(tool, what) for tool, what, text in words(self.tools) if not _says(shown, text)]
        if not missing:
            return Check(
                "tools", "ok", "names, descriptions, parameters and values of the tools are in the prompt"
            )
        plain = self.text([QUESTION], [], True)
        if plain == shown:
            return Check(
                "tools",
                "error",
                "the template writes nothing of the tools",
                "a template that knows `tools`, or another model",
            )
        listed = ", ".join(f"{what} of {tool}" for tool, what in missing[:4])
        more = f" and {len(missing) - 4} more" if len(missing) > 4 else ""
        # Without a name the model cannot call; without a description or a value it has to guess.
        named = any(what == "its name" or what.startswith("parameter ") for _, what in missing)
        return Check("tools", "error" if named else "warning", f"the prompt lacks {listed}{more}")

    def _turns(self) -> Iterator[Check]:
        name = str(self.tools[0]["function"]["name"])
        call = call_message(name, {"a": "value-6174"})
        turns = [QUESTION, call, result_message()]
        shown = [self.text(turns[: end + 1], self.tools) for end in range(3)]
        if isinstance(shown[1], Failure):
            yield Check("calls", "error", f"the template refuses a call in the history: {shown[1].reason}")
            return
        said = _says(shown[1], name) and "value-6174" in shown[1]
        yield (
            Check("calls", "ok", "calls in the history are rendered")
            if said
            else Check(
                "calls", "error", "a call in the history is left out: the model does not see what it called"
            )
        )
        if isinstance(shown[2], Failure):
            yield Check("answers", "error", f"the template refuses a tool's answer: {shown[2].reason}")
            return
        yield (
            Check("answers", "ok", "a tool's answer is rendered")
            if ANSWER in shown[2]
            else Check("answers", "error", "a tool's answer is left out: the model never sees a result")
        )
        yield self._prefixes(shown)

    def _prefixes(self, shown: Sequence[str | Failure]) -> Check:
        texts = [text for text in shown if isinstance(text, str)]
        for before, after, what in zip(texts, texts[1:], ("a call", "a tool's answer"), strict=False):
            if not after.startswith(before):
                at = next(
                    (i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), len(after)
                )
                return Check(
                    "prefix",
                    "warning",
                    f"{what} changes what stands before it, from character {at} on: the history is rendered otherwise"
                    " than the policy saw it",
                )
        return Check("prefix", "ok", "each turn is rendered as it was when the next one comes")

    def _round_trip(self) -> Iterator[Check]:
        fitting = self.formats
        if self.format in fitting:
            yield Check("format", "ok", f"`{self.format}` reads the calls that the template writes")
            yield self._awkward()
        elif self.format not in FORMATS or self.release not in FORMATS[self.format].releases:
            names = ", ".join(name for name, one in FORMATS.items() if self.release in one.releases)
            yield Check(
                "format", "error", f"verl {self.release} has no format `{self.format}`", f"one of {names}"
            )
        elif self._plain_turn is None:
            yield Check("format", "unknown", "no call can be told from what the template writes before it")
        else:
            said = f"`{self.format}` does not read the calls that the template writes"
            if fitting:
                yield Check("format", "error", said, f"format {' or '.join(fitting)}")
            else:
                yield Check("format", "error", f"{said}, nor does another format of verl {self.release}")

    def _awkward(self) -> Check:
        tool = probe_tool()
        wrong = []
        for what, arguments in awkward():
            turn = self.turn(arguments, tool)
            if turn is None or self._reads(self.format, turn, tool, arguments) is not True:
                wrong.append(what)
        if not wrong:
            return Check(
                "arguments", "ok", "awkward arguments come back as they were: quotes, newlines, nested, large"
            )
        return Check(
            "arguments",
            "warning",
            f"arguments with {', '.join(wrong)} come back as something else, or not at all",
        )

    def turn(self, arguments: Mapping[str, Any], tool: Tool) -> str | None:
        """The text of a turn that calls the tool, without what stands before it; None where it has none."""
        whole = self.text([QUESTION, call_message(PROBE, arguments)], [tool])
        if isinstance(whole, Failure):
            return None
        for generation in (True, False):
            before = self.text([QUESTION], [tool], generation)
            if isinstance(before, str) and whole.startswith(before):
                return whole[len(before) :]
        return None

    def _reads(self, name: str, turn: str, tool: Tool, arguments: Mapping[str, Any]) -> bool | None:
        if name == "gpt-oss":
            turn = _HISTORY.sub(_AS_GENERATED, turn)
        try:
            parsed = parse(name, self.release, turn, [tool], self.pad_token)
        except NoAnswer:
            return None
        except ParserFailure:
            return False
        return [(one.name, _loaded(one.arguments)) for one in parsed.calls] == [(PROBE, dict(arguments))]

    def _roles(self) -> Iterator[Check]:
        tried = {
            "a system message": [{"role": "system", "content": "s-1"}, QUESTION],
            "several user turns": [QUESTION, {"role": "assistant", "content": "a-1"}, QUESTION],
            "a developer message": [{"role": "developer", "content": "d-1"}, QUESTION],
        }
        marks = {"a system message": "s-1", "several user turns": "a-1", "a developer message": "d-1"}
        refused = []
        for what, messages in tried.items():
            shown = self.text(messages, self.tools, True)
            if isinstance(shown, Failure):
                refused.append(f"{what} is refused ({shown.reason})")
            elif marks[what] not in shown:
                refused.append(f"{what} is left out")
        state: State = "warning" if any("system" in one or "several" in one for one in refused) else "ok"
        yield Check("roles", state, "; ".join(refused) or "system, user, assistant and developer are taken")


def _says(shown: str, text: str) -> bool:
    """Whether a text is in the prompt, as it is or as JSON writes it."""
    if text in shown:
        return True
    return any(json.dumps(text, ensure_ascii=escaped)[1:-1] in shown for escaped in (False, True))


def _loaded(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
