"""`toolspec template`."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from toolspec.cli.document import print_json
from toolspec.cli.options import FORMAT, TARGET
from toolspec.cli.output import paint
from toolspec.cli.terminal import width

if TYPE_CHECKING:
    from toolspec.backends.verl.chat.gate import Check
    from toolspec.backends.verl.chat.subject import Subject, ToolSeen

STYLES = {"ok": "32", "warning": "33", "error": "31", "unknown": "2"}
MOST_LOST = 6


@click.command("template")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--show", is_flag=True, help="Print a prompt with the tools as the model sees it.")
@TARGET
@FORMAT
def template(*, file: Path, show: bool, target: str | None, form: str) -> int:
    """Show what the model really sees of the tools, and whether verl reads the calls that its template writes.

    \b
    Example:
      toolspec template exp.yaml
      toolspec template run_qwen.sh --target verl==0.9.1
      toolspec template exp.yaml --show

    FILE is a spec, a verl config or a run script. The chat template is that of the model's folder; it is rendered in
    a process of its own, with limits, and no other code of the model's is run.

    Exit codes: 0 no errors, 1 errors, 2 wrong usage or a fault of toolspec's own.
    """
    from toolspec.backends.verl.chat.gate import Check, Gate
    from toolspec.backends.verl.chat.probe import QUESTION
    from toolspec.backends.verl.chat.subject import read_subject
    from toolspec.compiler.chat.process import ChatError, ChatProcess

    subject = read_subject(file, target)
    checks: list[Check] = []
    fitting: tuple[str, ...] = ()
    prompt: Any = ""
    with ChatProcess() as process:
        try:
            process.template(subject.template)
            gate = Gate(
                process,
                subject.release,
                subject.format,
                subject.schemas,
                subject.variables,
                subject.pad_token,
            )
            checks += _refused(subject)
            checks += gate.checks()
            fitting = gate.formats()
            prompt = gate.text([QUESTION], subject.schemas, True)
        except ChatError as error:
            checks.append(Check("prompt", "error", f"the chat template cannot be rendered: {error}"))
    if form == "json":
        print_json(_document(subject, checks, fitting, prompt if isinstance(prompt, str) else None))
    else:
        print("\n".join(_lines(subject, checks, fitting)))
        if show and isinstance(prompt, str):
            print(paint("prompt", "1"))
            print(prompt)
    return 1 if any(check.state == "error" for check in checks) else 0


def _refused(subject: Subject) -> Iterator[Check]:
    from toolspec.backends.verl.chat.gate import Check

    for tool in subject.tools:
        if tool.seen.refused:
            yield Check("schema", "error", f"verl {subject.release} refuses {tool.name}: {tool.seen.refused}")


def _lines(subject: Subject, checks: Sequence[Check], fitting: Sequence[str]) -> Iterator[str]:
    columns = width()
    yield f"{paint('template', '1')} of {subject.owner} → verl {subject.release} · format {subject.format}"
    if subject.tools:
        yield paint("tools", "1")
        for tool in subject.tools:
            yield from _tool(tool, columns)
    yield paint("checks", "1")
    for check in checks:
        state = paint(f"{check.state:<7}", STYLES[check.state])
        first, *rest = textwrap.wrap(check.message, columns - 21, break_long_words=False) or [""]
        yield f"  {state}  {check.name:<9} {first}"
        yield from (f"{'':<21}{line}" for line in rest)
        if check.fix and check.state != "ok":
            yield f"{'':<21}fix: {check.fix}"
    if subject.tools:
        read = ", ".join(fitting) or f"none of verl {subject.release}"
        yield f"formats that read this template's calls: {read}"
    yield from (f"assumed  {each}" for each in subject.assumed)


def _tool(tool: ToolSeen, columns: int) -> Iterator[str]:
    if tool.seen.refused:
        yield f"  {tool.name}: refused ({tool.seen.refused})"
    elif tool.whole:
        yield f"  {tool.name}: all of its schema (the bundle's own schema class)"
    elif tool.seen.lost:
        listed = [place.removeprefix("function.parameters.properties.") for place in tool.seen.lost]
        more = f" and {len(listed) - MOST_LOST} more" if len(listed) > MOST_LOST else ""
        said = f"{tool.name}: verl drops {', '.join(listed[:MOST_LOST])}{more}"
        yield from textwrap.wrap(
            said, columns, initial_indent="  ", subsequent_indent="    ", break_long_words=False
        )
    else:
        yield f"  {tool.name}: all of its schema"


def _document(
    subject: Subject, checks: Sequence[Check], fitting: Sequence[str], prompt: str | None
) -> dict[str, Any]:
    return {
        "version": 1,
        "verl": subject.release,
        "template": subject.owner,
        "tool_format": subject.format,
        "formats": list(fitting),
        "tools": [
            {
                "name": tool.name,
                "written": tool.written,
                "seen": tool.seen.schema,
                "lost": list(tool.seen.lost),
                "refused": tool.seen.refused or None,
            }
            for tool in subject.tools
        ],
        "checks": [check._asdict() for check in checks],
        "prompt": prompt,
        "assumed": list(subject.assumed),
    }
