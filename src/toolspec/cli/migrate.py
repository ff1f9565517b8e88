"""`toolspec migrate`."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from toolspec.cli.document import print_json
from toolspec.cli.options import FORMAT, SPEC, release_option
from toolspec.cli.output import paint
from toolspec.cli.replace import replace_file
from toolspec.cli.terminal import wants_colour, width

if TYPE_CHECKING:
    from toolspec.backends.verl.migrate import Migration

_COLOURS = {"+": "32", "-": "31", "@": "36"}


@click.command("migrate")
@SPEC
@release_option("--to", "target", text="verl release, such as verl==0.9.1.", required=True)
@click.option("--write", is_flag=True, help="Write the spec. Without it, the change is only shown.")
@FORMAT
def migrate(spec: str, target: str, write: bool, form: str) -> int:
    """Move a spec to another verl release: its target, and raw verl keys under other names.

    \b
    Example:
      toolspec migrate exp.yaml --to verl==0.9.1
      toolspec migrate exp.yaml --to verl==0.9.1 --write

    Shows the change as a unified diff, then what it means and what is left to decide. Exit code 1: the result
    does not compile for the release.
    """
    from toolspec.backends.verl.migrate import migrate as move

    result = move(Path(spec), target)
    changed = result.after != result.before
    if write and changed:
        replace_file(result.file, result.after)
    if form == "json":
        print_json(_document(result, written=write and changed))
    else:
        _print(result, written=write and changed)
    return 1 if result.problems else 0


def _diff(result: Migration) -> str:
    import difflib

    before, after = (data.decode("utf-8").splitlines(keepends=True) for data in (result.before, result.after))
    lines = difflib.unified_diff(before, after, str(result.file), str(result.file))
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)


def _print(result: Migration, *, written: bool) -> None:
    from toolspec.specs.excerpt import render

    for line in _diff(result).splitlines():
        print(paint(line, _COLOURS[line[0]]) if line[:1] in _COLOURS else line)
    for title, lines in _sections(result):
        print(paint(title, "1"))
        for line in lines:
            print(
                "\n".join(textwrap.wrap(line, width() - 2, initial_indent="  ", subsequent_indent="      "))
            )
    if result.problems:
        sys.stdout.flush()
        sys.stderr.write(
            render(result.problems, result.sources, color=wants_colour(sys.stderr), width=width())
        )
    print(_last(result, written))


def _sections(result: Migration) -> Iterator[tuple[str, list[str]]]:
    from toolspec.cli.diff import short, shown

    if result.decisions:
        yield "for you to decide", list(result.decisions)
    if result.changes:
        lines = []
        for change in result.changes:
            keep = f"; to keep the old: {change.keep}" if change.keep else ""
            moved = f", verl's default moved in {change.moved_in}" if change.moved_in else ""
            reason = f" ({change.reason})" if change.reason else ""
            lines.append(f"{short(change.key)}: {shown(change.a)} → {shown(change.b)}{moved}{keep}{reason}")
        yield f"changes the result, from verl {result.source} to {result.target}", lines
    elif result.changes is None and result.source is not None and not result.problems:
        yield (
            f"as it stood, the spec did not compile for verl {result.source}: its meaning is not compared",
            [],
        )


def _last(result: Migration, written: bool) -> str:
    name = str(result.file)
    if result.problems:
        state = "written" if written else "not written"
        return f"{name}: does not compile for verl {result.target} yet ({state})"
    if result.after == result.before:
        return f"{name}: nothing to change for verl {result.target}"
    if written:
        return f"{name}: written for verl {result.target}   next: toolspec compile {name}"
    return f"{name}: compiles for verl {result.target} with this change; --write makes it"


def _document(result: Migration, *, written: bool) -> dict[str, Any]:
    from toolspec.cli.diff import shown
    from toolspec.specs.excerpt import to_json

    return {
        "version": 1,
        "file": str(result.file),
        "from": result.source,
        "to": result.target,
        "written": written,
        "diff": _diff(result),
        "edits": [
            {
                "kind": e.kind,
                "line": e.line or None,
                "old": e.old or None,
                "new": e.new or None,
                "why": e.why or None,
            }
            for e in result.edits
        ],
        "decisions": list(result.decisions),
        "changes": None
        if result.changes is None
        else [
            {
                "key": c.key,
                "a": shown(c.a),
                "b": shown(c.b),
                "moved_in": c.moved_in or None,
                "keep": c.keep or None,
            }
            for c in result.changes
        ],
        "findings": to_json(result.problems),
    }
