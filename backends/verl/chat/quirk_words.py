"""What is worth knowing of a template's quirks, in sentences, for a run that sets some of its variables."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from toolspec.backends.verl.chat.quirks import Quirks
from toolspec.backends.verl.chat.schema_noun import joined
from toolspec.backends.verl.chat.switches import Switch


class Told(NamedTuple):
    """about: one word."""

    about: str
    text: str


def told(found: Quirks, settings: Mapping[str, Any]) -> Iterator[Told]:
    """settings: variables that the run sets (`data.apply_chat_template_kwargs`)."""
    yield from _system(found)
    yield from _content(found)
    yield from _calls(found)
    for switch in found.switches:
        yield _switch(switch, settings)
    yield from _thinking(found)
    if found.date:
        why = (
            "the day of the run; every count here is made with this one"
            if found.clock
            else "the template's own"
        )
        yield Told("date", f"the prompt has a date, {found.date}: {why}")
    if found.changed:
        yield Told("history", f"{joined(found.changed)} changes how what stands before it is rendered")
    if found.opens or found.ends:
        ends = f"an answer ends with {_quoted(found.ends)}" if found.ends else "nothing ends an answer"
        yield Told("turn", f"the model's turn opens with {_quoted(found.opens)}; {ends}")


def _system(found: Quirks) -> Iterator[Told]:
    if found.default_system:
        yield Told(
            "system",
            f"a row without a system message gets one: {json.dumps(found.default_system, ensure_ascii=False)}",
        )
    if found.preamble:
        yield Told("system", "words of the template's own stand before every conversation")
    for role, state in (("system", found.system), ("developer", found.developer)):
        if state != "taken":
            yield Told(role, f"a {role} message is {state}")


def _content(found: Quirks) -> Iterator[Told]:
    if found.string != "taken":
        yield Told("content", f"content given as a text is {found.string}: a list of parts is needed")
    elif found.parts != "taken":
        how = "written into the prompt as data" if found.parts == "as data" else found.parts
        yield Told("content", f"content given as a list of parts is {how}: a text is needed")


def _calls(found: Quirks) -> Iterator[Told]:
    if found.calls == "taken":
        form = "as JSON" if found.arguments == "JSON" else "in a form of its own"
        text = {
            "refused": "; arguments given as JSON text are refused",
            "otherwise": "; arguments given as JSON text come out otherwise",
        }
        yield Told("calls", f"arguments are written {form}{text.get(found.text_arguments, '')}")
    for state in ("left out", "refused"):
        parts = (
            ("tools", found.tools),
            ("calls in the history", found.calls),
            ("tool answers", found.answers),
        )
        names = [name for name, one in parts if one == state]
        if names:
            yield Told("calls", f"{joined(names)} are {state}")


def _switch(switch: Switch, settings: Mapping[str, Any]) -> Told:
    about = "thinking" if switch.thinking else "variable"
    values = joined([json.dumps(one) for one in switch.values[:4]], "or")
    default = (
        f"as good as {json.dumps(switch.default)} where nobody sets it"
        if switch.default is not None
        else f"{values} change the prompt"
    )
    if switch.name in settings:
        here = f"this run sets {json.dumps(settings[switch.name])}"
    else:
        here = (
            f"this run leaves it (data.apply_chat_template_kwargs.{switch.name})"
            if switch.thinking
            else "not set"
        )
    return Told(about, f"`{switch.name}`: {default}; {here}")


def _thinking(found: Quirks) -> Iterator[Told]:
    if "dropped" in (found.thinking, found.thought_field):
        yield Told("thinking", "thinking of earlier turns is dropped from the history")


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
