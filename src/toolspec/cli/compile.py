"""`toolspec compile`."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from toolspec.cli.document import print_json
from toolspec.cli.options import FORMAT, OUT, SET, SPEC, TARGET
from toolspec.cli.output import paint, report, with_files
from toolspec.cli.terminal import wants_colour, width
from toolspec.specs.named_file import UnreadableError, read
from toolspec.specs.problem import ProblemError
from toolspec.specs.source import MAX_BYTES


@click.command("compile")
@SPEC
@click.argument("more", nargs=-1, type=click.Path(path_type=str))
@TARGET
@SET
@OUT
@click.option("--force", is_flag=True, help="Replace a bundle that differs.")
@click.option("--pack", is_flag=True, help="Put the rows into the bundle, in place of the store beside it.")
@click.option("--check", is_flag=True, help="Do everything but write. Takes several specs.")
@click.option("--skip-others", is_flag=True, help="With --check: pass over files that are no specs (hooks).")
@FORMAT
def compile_(
    *,
    spec: str,
    more: tuple[str, ...],
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
    """
    if not check and (more or skip_others):
        raise click.UsageError("several specs, and --skip-others, go with --check alone")
    specs = [name for name in (spec, *more) if not skip_others or _is_spec(Path(name))]
    if not more and specs:
        _one(spec, target, sets, out, force, pack, check, form)
        return 0
    if form == "json" and len(specs) > 1:
        raise click.UsageError("--format json takes one spec")
    failed = False
    for name in specs:
        try:
            _one(name, target, sets, out, force, pack, check, form)
        except ProblemError as error:
            report(error)
            failed = True
    return 1 if failed else 0


def _is_spec(path: Path) -> bool:
    """Whether a file says that it is one; one that cannot be read is for compile to tell."""
    try:
        return b"\ntoolspec:" in b"\n" + read(path, MAX_BYTES)
    except UnreadableError:
        return True


def _one(
    spec: str,
    target: str | None,
    sets: tuple[str, ...],
    out: str | None,
    force: bool,
    pack: bool,
    check: bool,
    form: str,
) -> None:
    from toolspec.backends.verl.compile import bundle_of, compile_spec, write
    from toolspec.backends.verl.emit.write import check_place

    compiled = compile_spec(Path(spec), sets, target, Path(out) if out else None, pack)
    notes = compiled.notes
    if check:
        check_place(compiled.folder)
        bundle, state = bundle_of(compiled), "checked"
    else:
        outcome = write(compiled, force, progress=_progress)
        bundle, state = outcome.bundle, outcome.written.state
        notes += outcome.warnings
    settings = compiled.config.settings
    count = len(compiled.config.written)
    derived = sum(1 for decision in compiled.plan.decisions.values() if decision.kind == "derived")
    left = len(compiled.config.release.defaults) - sum(1 for key in settings if settings[key].written)
    if form == "json":
        from toolspec.specs.excerpt import to_json

        print_json(
            {
                "version": 1,
                "name": bundle.name,
                "verl": compiled.plan.target,
                "folder": str(compiled.folder),
                "state": state,
                "bundle": bundle.digest,
                "keys_written": count,
                "findings": to_json(notes),
                "assumed": list(compiled.assumed),
            }
        )
        return
    if notes:
        from toolspec.specs.excerpt import render

        sources = with_files(notes, compiled.loaded.sources)
        sys.stderr.write(render(notes, sources, color=wants_colour(sys.stderr), width=width()))
    print(f"{paint(bundle.name, '1')} → verl {compiled.plan.target}")
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
    if not check:
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


def _progress(what: str) -> None:
    if sys.stderr.isatty():
        print(f"  {what} …", file=sys.stderr)
