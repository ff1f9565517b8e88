"""`toolspec compile`."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from toolspec.cli.document import print_json
from toolspec.cli.options import FORMAT, OUT, SET, SPECS, TARGET
from toolspec.cli.output import paint, progress, report, with_files
from toolspec.cli.terminal import wants_colour, width
from toolspec.specs.problem import Problem, ProblemError

if TYPE_CHECKING:
    from toolspec.backends.verl.compile import Compiled
    from toolspec.backends.verl.emit.bundle import Bundle


@click.command("compile")
@SPECS
@TARGET
@SET
@OUT
@click.option("--force", is_flag=True, help="Replace a bundle that differs.")
@click.option("--pack", is_flag=True, help="Put the rows into the bundle, in place of the store beside it.")
@click.option("--check", is_flag=True, help="Do everything but write. Takes several specs.")
@click.option("--skip-others", is_flag=True, help="Pass over files that are no specs.")
@FORMAT
def compile_(
    *,
    specs: tuple[str, ...],
    target: str | None,
    sets: tuple[str, ...],
    out: str | None,
    force: bool,
    pack: bool,
    check: bool,
    skip_others: bool,
    form: str,
) -> int:
    """Check a spec and write its bundle.

    \b
    Example:
      toolspec compile exp.yaml --target verl==0.8.0 --set algorithm.group=8
      toolspec compile --check specs/*.yaml
    """
    chosen = _specs(specs) if skip_others else specs
    if len(specs) > 1 and not check:
        raise click.UsageError("several specs are only checked: add --check, or compile one after the other")
    if len(specs) > 1 and (out is not None or form == "json"):
        raise click.UsageError(f"{'--out' if out is not None else '--format json'} is for one spec")
    if not chosen:
        print_json({"version": 1, "findings": []}) if form == "json" else print("nothing to compile: no spec")
        return 0
    code = 0
    for spec in chosen:
        try:
            _compile(spec, target, sets, out, force=force, pack=pack, check=check, form=form)
        except ProblemError as error:
            if len(chosen) == 1:
                raise
            report(error)
            code = 1
    return code


def _specs(files: Sequence[str]) -> tuple[str, ...]:
    from toolspec.backends.verl.lint.inputs import is_spec
    from toolspec.backends.verl.written.files import Files

    read = Files()
    return tuple(name for name in files if is_spec(Path(name), read))


def _compile(
    spec: str,
    target: str | None,
    sets: tuple[str, ...],
    out: str | None,
    *,
    force: bool,
    pack: bool,
    check: bool,
    form: str,
) -> None:
    """Compile one spec and print what became of it. Raises ProblemError."""
    from toolspec.backends.verl.compile import check as checked
    from toolspec.backends.verl.compile import compile_spec, write

    compiled = compile_spec(Path(spec), sets, target, Path(out) if out else None, pack, progress=progress)
    if check:
        bundle, warnings = checked(compiled, progress=progress)
        state = "checked"
    else:
        outcome = write(compiled, force, progress=progress)
        bundle, warnings, state = outcome.bundle, outcome.warnings, outcome.written.state
    notes = compiled.notes + warnings
    if form == "json":
        _print_json(compiled, bundle, state, notes)
        return
    if notes:
        from toolspec.specs.excerpt import render

        sources = with_files(notes, compiled.loaded.sources)
        sys.stderr.write(render(notes, sources, color=wants_colour(sys.stderr), width=width()))
    _print(spec, compiled, bundle, state)


def _counts(compiled: Compiled) -> tuple[int, int]:
    """Keys that are written, and keys that are left at verl's defaults."""
    settings = compiled.config.settings
    left = len(compiled.config.release.defaults) - sum(1 for key in settings if settings[key].written)
    return len(compiled.config.written), left


def _print_json(compiled: Compiled, bundle: Bundle, state: str, notes: tuple[Problem, ...]) -> None:
    from toolspec.specs.excerpt import to_json

    print_json(
        {
            "version": 1,
            "name": bundle.name,
            "verl": compiled.plan.target,
            "folder": str(compiled.folder),
            "state": state,
            "bundle": bundle.digest,
            "keys_written": _counts(compiled)[0],
            "findings": to_json(notes),
            "assumed": list(compiled.assumed),
        }
    )


def _print(spec: str, compiled: Compiled, bundle: Bundle, state: str) -> None:
    derived = sum(1 for decision in compiled.plan.decisions.values() if decision.kind == "derived")
    print(f"{paint(bundle.name, '1')} → verl {compiled.plan.target}")
    count, left = _counts(compiled)
    keys = f"{count} keys written, {left} left at verl's defaults"
    lines = [
        ("", keys, f" · {derived} derived (toolspec plan {shlex.quote(spec)})"),
        (
            "bundle",
            str(compiled.folder),
            f"   {len(bundle.files)} files, sha256 {bundle.digest[:12]}…",
            f"   {state}",
        ),
        *(("assumed", line) for line in compiled.assumed),
    ]
    if state != "checked":
        launcher = shlex.quote(str(compiled.folder / "launch.sh"))
        lines.append(("next", f"bash {launcher}", f"   (on a machine with verl {compiled.plan.target})"))
    for label, *parts in lines:
        print("\n".join(_in_width(label, parts)))


def _in_width(label: str, parts: Sequence[str]) -> Iterator[str]:
    """Lines of whole parts: one that would make its line too wide begins the next. A path is never broken."""
    line = f"  {label:<7} " if label else "  "
    indent = " " * len(line)
    for part in parts:
        if line.strip() != label and len(line) + len(part) > width():
            yield line
            line = indent + part.lstrip(" ·")
        else:
            line += part
    yield line
