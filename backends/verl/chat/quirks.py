"""What a chat template does that its name does not tell, found by rendering probes. No tokenizer, no run is asked.

Special tokens are shown to the template by their names (`<eos_token>`), so that the answers are the template's own.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from toolspec.backends.verl.chat.gate import Gate
from toolspec.backends.verl.chat.probe import (
    ANSWER,
    PROBE,
    QUESTION,
    Message,
    call_message,
    probe_tool,
    result_message,
)
from toolspec.backends.verl.chat.switches import Switch, switches
from toolspec.backends.verl.releases import RELEASES
from toolspec.compiler.chat.folder import NAMED
from toolspec.compiler.chat.process import ChatError, ChatProcess, Failure

TOKENS: Mapping[str, str] = {name: f"<{name}>" for name in NAMED}
SYSTEM, SAID, THOUGHT = "system-8340", "answer-1175", "thought-4401"
LATER: Message = {"role": "user", "content": "question-5209"}
_DATE = re.compile(
    r"\b(?:\d{1,2} [A-Z][a-z]{2,8},? \d{4}|[A-Z][a-z]{2,8} \d{1,2},? \d{4}|\d{4}-\d{2}-\d{2})\b"
)
_MARK = re.compile(r"<[^<>\n]{1,40}>|\[[^\[\]\n]{1,20}\]")
_WORDS = re.compile(r"[^\W\d_]{2,}(?:[\s,.:;]+[^\W\d_]{2,}){2,}")
LONGEST = 200
MOST_SECONDS = 20
"""For all probes: some hundred renderings, each within the limits of one. A template of today takes 0.1 s for all."""


class Quirks(NamedTuple):
    """Facts about a template. Roles and parts: `taken`, `refused` (it raises) or `left out` (the text is not shown).

    default_system: what a conversation without a system message is given as one, "" for none. preamble: whether text
    of its own stands before the first message in any case. date: of the clock or fixed, as it is rendered; clock: it
    asks for today's. switches: variables that change the prompt. string, parts: message content as a text, as a list.
    arguments: of a call, `JSON` or `own form`; text_arguments: given as JSON text, `alike`, `otherwise`, `refused`.
    thinking, thought_field: thinking of earlier turns, written in the content or as `reasoning_content`: `kept`,
    `dropped` once a user speaks again, `never shown`. changed: what changes the rendering of what stands before it.
    opens, ends: what begins the model's turn and ends an answer. formats: by release, verl's that read its calls.
    """

    system: str
    developer: str
    string: str
    parts: str
    tools: str
    calls: str
    answers: str
    arguments: str
    text_arguments: str
    thinking: str
    thought_field: str
    default_system: str
    preamble: bool
    date: str
    clock: bool
    switches: tuple[Switch, ...]
    changed: tuple[str, ...]
    opens: str
    ends: str
    formats: Mapping[str, tuple[str, ...]]

    def document(self) -> dict[str, Any]:
        """As plain data."""
        return {
            **self._asdict(),
            "switches": [one._asdict() for one in self.switches],
            "changed": list(self.changed),
            "formats": {release: list(names) for release, names in self.formats.items()},
        }


def signature(found: Quirks) -> dict[str, Any]:
    """What it does, without its makers' words: templates that do the same have the same one."""
    document = found.document()
    document["default_system"] = bool(found.default_system)
    document["date"] = "" if not found.date else "clock" if found.clock else "fixed"
    document["switches"] = sorted(one.name for one in found.switches)
    return document


def quirks(process: ChatProcess) -> Quirks:
    """process: has the template. Raises ChatError where it does not answer within its limits."""
    probe = _Probe(process)
    plain, more = probe.text([QUESTION]), probe.text([QUESTION], generation=True)
    own_system, preamble = _system_of(probe, plain)
    calls = [probe.text(turns, tools=True) for turns in _CALLING]
    answered = probe.text([QUESTION, _said(SAID)])
    shown = more if isinstance(more, str) else ""
    found = _DATE.search(shown)
    gates = {
        release: Gate(process, release, "hermes", [probe_tool()], TOKENS, TOKENS["pad_token"])
        for release in RELEASES
    }
    return Quirks(
        system=probe.took([{"role": "system", "content": SYSTEM}, QUESTION], SYSTEM),
        developer=probe.took([{"role": "developer", "content": SYSTEM}, QUESTION], SYSTEM),
        string=probe.took([QUESTION], str(QUESTION["content"])),
        parts=_parts(probe),
        tools=probe.took([QUESTION], PROBE, tools=True),
        calls=_took(calls[1], "value-6174"),
        answers=_took(calls[2], ANSWER),
        arguments=_arguments(calls[1]),
        text_arguments=_text_arguments(probe, calls[1]),
        thinking=_thinking(probe, {"content": f"<think>\n{THOUGHT}\n</think>\n\n{SAID}"}),
        thought_field=_thinking(probe, {"content": SAID, "reasoning_content": THOUGHT}),
        default_system=own_system,
        preamble=preamble,
        date=found[0] if found else "",
        clock="strftime_now" in process.names(),
        switches=switches(process, probe.text),
        changed=_changed(calls, [plain, answered, probe.text([QUESTION, _said(SAID), LATER])]),
        opens=shown[len(plain) :] if isinstance(plain, str) and shown.startswith(plain) else "",
        ends=answered.rpartition(SAID)[2] if isinstance(answered, str) and SAID in answered else "",
        formats={release: gate.formats for release, gate in gates.items()},
    )


def _said(content: str) -> Message:
    return {"role": "assistant", "content": content}


_CALL = call_message(PROBE, {"text": "value-6174"})
_CALLING: tuple[list[Message], ...] = ([QUESTION], [QUESTION, _CALL], [QUESTION, _CALL, result_message()])


class _Probe:
    def __init__(self, process: ChatProcess) -> None:
        self.process = process
        self._end = time.monotonic() + MOST_SECONDS

    def text(
        self,
        messages: Sequence[Message],
        *,
        tools: bool = False,
        generation: bool = False,
        more: Mapping[str, Any] | None = None,
    ) -> str | Failure:
        if time.monotonic() > self._end:
            raise ChatError(f"its probes take more than {MOST_SECONDS} s", limit=True)
        listed = [probe_tool()] if tools else None
        variables = {**TOKENS, **(more or {})}
        found: str | Failure = self.process.rows("render", [messages], listed, generation, variables)[0]
        return found

    def took(self, messages: Sequence[Message], mark: str, *, tools: bool = False) -> str:
        return _took(self.text(messages, tools=tools), mark)


def _took(shown: str | Failure, mark: str) -> str:
    return "refused" if isinstance(shown, Failure) else "taken" if mark in shown else "left out"


def _parts(probe: _Probe) -> str:
    """Content as a list of parts: `as data` where the list itself is written into the prompt."""
    listed = [{"role": "user", "content": [{"type": "text", "text": "question-5208"}]}]
    shown = probe.text(listed)
    as_data = isinstance(shown, str) and re.search(r"""['"]type['"]: ['"]text['"]""", shown)
    return "as data" if as_data else _took(shown, "question-5208")


def _system_of(probe: _Probe, plain: str | Failure) -> tuple[str, bool]:
    """(default system prompt, whether it writes words of its own beside it)."""
    if isinstance(plain, Failure):
        return "", False
    given = probe.text([{"role": "system", "content": SYSTEM}, QUESTION])
    before = plain.partition(str(QUESTION["content"]))[0]
    if isinstance(given, str) and SYSTEM in given:
        lead, _, rest = given.partition(SYSTEM)
        if plain.startswith(lead) and plain.endswith(rest) and len(plain) > len(lead) + len(rest):
            return plain[len(lead) : len(plain) - len(rest)].strip()[:LONGEST], bool(_own_words(lead))
    return "", bool(_own_words(before))


def _own_words(text: str) -> str:
    found = _WORDS.search(_MARK.sub(" | ", text))
    return found[0] if found else ""


def _arguments(shown: str | Failure) -> str:
    if not isinstance(shown, str) or "value-6174" not in shown:
        return ""
    return "JSON" if re.search(r'\{\s*"text"\s*:\s*"value-6174"\s*\}', shown) else "own form"


def _text_arguments(probe: _Probe, as_mapping: str | Failure) -> str:
    text = json.dumps({"text": "value-6174"})
    call = {**_CALL, "tool_calls": [{"type": "function", "function": {"name": PROBE, "arguments": text}}]}
    shown = probe.text([QUESTION, call], tools=True)
    if isinstance(shown, Failure):
        return "refused"
    return "alike" if shown == as_mapping else "otherwise"


def _thinking(probe: _Probe, said: Mapping[str, Any]) -> str:
    turn = {"role": "assistant", **said}
    now, later = probe.text([QUESTION, turn]), probe.text([QUESTION, turn, LATER])
    if not isinstance(now, str) or THOUGHT not in now:
        return "kept" if isinstance(later, str) and THOUGHT in later else "never shown"
    return "kept" if isinstance(later, str) and THOUGHT in later else "dropped"


def _changed(calls: Sequence[str | Failure], turns: Sequence[str | Failure]) -> tuple[str, ...]:
    named = (
        ("a call", calls[0], calls[1]),
        ("a tool's answer", calls[1], calls[2]),
        ("an answer", turns[0], turns[1]),
        ("a question", turns[1], turns[2]),
    )
    return tuple(
        what
        for what, before, after in named
        if isinstance(before, str) and isinstance(after, str) and not after.startswith(before)
    )
