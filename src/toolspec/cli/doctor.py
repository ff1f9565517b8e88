"""`toolspec doctor`."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from toolspec.cli.document import print_json
from toolspec.cli.options import FORMAT, TARGET, given
from toolspec.cli.output import paint
from toolspec.cli.terminal import width

if TYPE_CHECKING:
    from toolspec.backends.verl.doctor.needs import Needs
    from toolspec.backends.verl.doctor.snapshot import Line

STYLES = {"ok": "32", "warning": "33", "error": "31", "unknown": "2"}
NAME_COLUMNS = 16


@click.command("doctor")
@TARGET
@click.option(
    "--spec", metavar="SPEC", type=click.Path(path_type=str), callback=given, help="What will be run."
)
@click.option("--python", metavar="PATH", callback=given, help="The Python that runs verl. Default: python3.")
@click.option("--constraints", is_flag=True, help="Print what to install for the release, and check nothing.")
@FORMAT
def doctor(*, target: str | None, spec: str | None, python: str | None, constraints: bool, form: str) -> int:
    """Say whether this machine and its Python can run verl, and what to do where they cannot.

    \b
    Example:
      toolspec doctor --spec exp.yaml
      toolspec doctor --target verl==0.9.1 --python ~/verl/bin/python
      toolspec doctor --target 0.9.1 --constraints > constraints.txt

    Nothing is written and no package is imported. Run it on the node that trains, inside a job.

    Exit codes: 0 no errors, 1 errors, 2 wrong usage or a fault of toolspec's own.
    """
    needs, assumed = _needs(spec, target)
    if constraints:
        from toolspec.backends.verl.constraints import pins, text

        if form == "json":
            print_json({"version": 1, "verl": needs.release, "pins": pins(needs.release)})
        else:
            print(text(needs.release), end="")
        return 0
    from toolspec.backends.verl.doctor.checks import diagnose
    from toolspec.backends.verl.doctor.gather import gather

    groups = diagnose(needs, gather(needs, python))
    lines = [line for _, group in groups for line in group]
    if form == "json":
        checks = [{"group": name, **asdict(line)} for name, group in groups for line in group]
        print_json({"version": 1, "verl": needs.release, "checks": checks, "assumed": list(assumed)})
    else:
        print(f"{paint('doctor', '1')} → verl {needs.release}")
        for name, group in groups:
            print(paint(name, "1"))
            for line in group:
                print("\n".join(_shown(line, width())))
        for each in assumed:
            print(f"assumed  {each}")
        print(_summary(lines))
    return 1 if any(line.state == "error" for line in lines) else 0


def _needs(spec: str | None, target: str | None) -> tuple[Needs, tuple[str, ...]]:
    """What is asked of the machine, and what was taken for granted. Raises ProblemError for a wrong spec."""
    from toolspec.backends.verl.doctor.needs import Needs, needs_of
    from toolspec.backends.verl.releases import NEWEST

    if spec is not None:
        from toolspec.backends.verl.compile import compile_spec
        from toolspec.cli.spec_file import check_file

        check_file(spec)
        compiled = compile_spec(Path(spec), (), target, writing=False, counting=False)
        return needs_of(compiled), compiled.assumed
    assumed = ["no spec: what depends on one is not checked (--spec)"]
    if target is None:
        assumed.append(f"target verl=={NEWEST}, the newest release known")
    return Needs(target or NEWEST), tuple(assumed)


def _shown(line: Line, columns: int) -> Iterator[str]:
    """State, name and what was found; of what is not fine, why and the fix below."""
    state = paint(f"{line.state:<7}", STYLES[line.state])
    yield f"  {state}  {line.name:<{NAME_COLUMNS}} {line.found}".rstrip()
    indent = " " * (2 + 7 + 2)
    if line.why:
        yield from _wrapped(line.why, indent, columns)
    if line.fix and line.state != "ok":
        yield from _wrapped(f"fix: {line.fix}", indent, columns)


def _wrapped(text: str, indent: str, columns: int) -> Iterator[str]:
    yield from textwrap.wrap(
        text,
        max(columns, len(indent) + 20),
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _summary(lines: list[Line]) -> str:
    counts = {state: sum(1 for line in lines if line.state == state) for state in STYLES}
    return ", ".join(
        [
            f"{counts['ok']} fine",
            f"{counts['warning']} warning{'' if counts['warning'] == 1 else 's'}",
            f"{counts['error']} error{'' if counts['error'] == 1 else 's'}",
            f"{counts['unknown']} unknown",
        ]
    )
