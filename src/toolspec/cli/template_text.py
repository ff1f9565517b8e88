"""What `toolspec template` prints."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from toolspec.cli.output import paint
from toolspec.cli.terminal import width

if TYPE_CHECKING:
    from toolspec.backends.verl.chat.gate import Check
    from toolspec.backends.verl.chat.quirk_words import Told
    from toolspec.backends.verl.chat.quirks import Quirks
    from toolspec.backends.verl.chat.subject import Subject, ToolSeen
    from toolspec.backends.verl.chat.template_family import Family

STYLES = {"ok": "32", "warning": "33", "error": "31", "unknown": "2"}
MOST_LOST, MOST_REWRITTEN = 6, 8
ASIDE = 21
"""Columns before the text of a check or of a quirk."""


class Answer(NamedTuple):
    """family, quirks, prompt: None where the template cannot be rendered. formats: that read its calls."""

    checks: tuple[Check, ...]
    family: Family | None = None
    quirks: Quirks | None = None
    told: tuple[Told, ...] = ()
    formats: tuple[str, ...] = ()
    prompt: str | None = None


def lines(subject: Subject, answer: Answer) -> Iterator[str]:
    columns = width()
    yield f"{paint('template', '1')} of {subject.owner} → verl {subject.release} · format {subject.format}"
    if answer.family is not None:
        yield from _aside("  family", answer.family.told, columns)
    for about, text in answer.told:
        yield from _aside(f"  {about}", text, columns)
    if subject.tools:
        yield paint("tools", "1")
        for tool in subject.tools:
            yield from _tool(tool, subject, columns)
    yield paint("checks", "1")
    for check in answer.checks:
        state = paint(f"{check.state:<7}", STYLES[check.state])
        yield from _aside(f"  {state}  {check.name:<9}", check.message, columns, ASIDE + len(state) - 7)
        if check.fix and check.state != "ok":
            yield from _aside("", f"fix: {check.fix}", columns)
    if subject.tools:
        read = ", ".join(answer.formats) or f"none of verl {subject.release}"
        yield f"formats that read this template's calls: {read}"
    yield from (f"assumed  {each}" for each in subject.assumed)


def _aside(head: str, text: str, columns: int, wide: int = ASIDE) -> Iterator[str]:
    """A text beside its name; wide: the name's columns, with those of its colour."""
    first, *rest = textwrap.wrap(text, columns - ASIDE, break_long_words=False, break_on_hyphens=False) or [
        ""
    ]
    yield f"{head:<{wide}}{first}"
    yield from (f"{'':<{ASIDE}}{line}" for line in rest)


def _tool(tool: ToolSeen, subject: Subject, columns: int) -> Iterator[str]:
    if tool.seen.refused:
        yield from _wrapped(f"{tool.name}: refused ({tool.seen.refused})", columns)
    elif tool.whole:
        yield f"  {tool.name}: all of its schema (the bundle's own schema class)"
    elif tool.seen.lost:
        listed = [place.removeprefix("function.parameters.properties.") for place in tool.seen.lost]
        more = f" and {len(listed) - MOST_LOST} more" if len(listed) > MOST_LOST else ""
        yield from _wrapped(f"{tool.name}: verl drops {', '.join(listed[:MOST_LOST])}{more}", columns)
    else:
        yield f"  {tool.name}: all of its schema"
    if tool.rewritten is not None:
        yield from _wrapped(
            f"kept whole if written so (toolspec template {subject.file} --rewrite):", columns, 4
        )
        told = list(_rewritten(tool.written, tool.rewritten))
        for text in told[:MOST_REWRITTEN]:
            yield from _wrapped(text, columns, 6)
        if len(told) > MOST_REWRITTEN:
            yield f"      and {len(told) - MOST_REWRITTEN} more"


def _rewritten(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """What the rewritten schema says otherwise: the description, and each property, on a line."""
    from toolspec.backends.verl.chat.schema_change import one_line

    before, after = old.get("function") or {}, new["function"]
    if before.get("description") != after["description"]:
        yield f"description: {one_line(after['description'])}"
    properties = (before.get("parameters") or {}).get("properties") or {}
    for name, value in after.get("parameters", {}).get("properties", {}).items():
        if properties.get(name) != value:
            yield f"{name}: {one_line(value)}"


def _wrapped(text: str, columns: int, indent: int = 2) -> Iterator[str]:
    yield from textwrap.wrap(
        text,
        columns,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + 2),
        break_long_words=False,
        break_on_hyphens=False,
    )


def document(subject: Subject, answer: Answer) -> dict[str, Any]:
    family, quirks = answer.family, answer.quirks
    return {
        "version": 1,
        "verl": subject.release,
        "template": subject.owner,
        "family": {"name": family.name or None, "alike": list(family.alike)} if family is not None else None,
        "quirks": quirks.document() if quirks is not None else None,
        "settings": dict(subject.settings),
        "tool_format": subject.format,
        "formats": list(answer.formats),
        "tools": [
            {
                "name": tool.name,
                "written": tool.written,
                "seen": tool.seen.schema,
                "lost": list(tool.seen.lost),
                "refused": tool.seen.refused or None,
                "rewritten": tool.rewritten,
            }
            for tool in subject.tools
        ],
        "checks": [check._asdict() for check in answer.checks],
        "prompt": answer.prompt,
        "assumed": list(subject.assumed),
    }
