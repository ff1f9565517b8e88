"""`toolspec import`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from toolspec.cli.document import print_json
from toolspec.cli.options import FORMAT, TARGET
from toolspec.cli.output import paint
from toolspec.cli.terminal import wants_colour, width

if TYPE_CHECKING:
    from toolspec.backends.verl.importing.importing import Imported

STDOUT = "-"
# Fate of a key → how the report says it.
FATES = {
    "mapped": "said by the spec",
    "override": "in overrides",
    "default": "equal to verl's default, left out",
    "unknown": "not known",
    "left": "no spec can say",
}


@click.command("import", context_settings={"ignore_unknown_options": False})
@click.argument("inputs", nargs=-1, type=click.Path(path_type=str), metavar="FILE | -- KEY=VALUE …")
@click.option("-o", "--out", metavar="SPEC", help="The spec to write. Default: `-`, standard output.")
@TARGET
@click.option(
    "--launch", type=click.IntRange(min=1), default=1, metavar="N", help="Which launch of a script."
)
@click.option("--strict", is_flag=True, help="Exit 1 where a value is not known or cannot be said.")
@click.option("--force", is_flag=True, help="Replace files that are already there.")
@FORMAT
def import_(
    inputs: tuple[str, ...],
    *,
    out: str | None,
    target: str | None,
    launch: int,
    strict: bool,
    force: bool,
    form: str,
) -> int:
    """Make a spec of a raw verl config, a run script, or arguments of main_ppo.

    Every key is accounted for: said by the spec, put in `overrides`, or equal to verl's default and left out. The spec
    is compiled back and compared with the run. Nothing in the input is run. With --format json, the flat mapping
    key → value is printed. Exit code 1: the run is outside the language, or the spec does not compile.

    \b
    Example:
      toolspec import run_grpo.sh -o exp.yaml
      toolspec import -o exp.yaml -- data.train_batch_size=64 trainer.nnodes=2
    """
    from toolspec.backends.verl.importing.importing import import_run, read_input
    from toolspec.backends.verl.written.files import Files

    path, arguments = _input(inputs)
    files = Files()
    destination = Path("exp.yaml") if out in (None, STDOUT) else Path(str(out))
    read = read_input(path, arguments, files)
    result = import_run(read, target, destination, files, launch, inline=out in (None, STDOUT))
    if not result.refused and out not in (None, STDOUT):
        _write(
            {destination: result.text, **{destination.parent / n: t for n, t in result.files.items()}}, force
        )
    if form == "json":
        print_json(_document(result))
    else:
        if not result.refused and out in (None, STDOUT):
            print(result.text, end="")
        _report(result, destination, launch, shown=out in (None, STDOUT))
    unsure = result.open or any(line.fate == "left" for line in result.lines)
    wrong = result.refused or result.findings or (result.closed is not None and result.closed.open)
    return 1 if wrong or (strict and unsure) else 0


def _input(inputs: tuple[str, ...]) -> tuple[Path | None, tuple[str, ...]]:
    """The file, or the arguments: what stands behind `--` has a `=`."""
    if not inputs:
        raise click.UsageError("name a config or a script, or give arguments of main_ppo after `--`")
    if len(inputs) == 1 and ("=" not in inputs[0] or os.path.exists(inputs[0])):  # noqa: PTH110
        return Path(inputs[0]), ()
    files = [text for text in inputs if "=" not in text and not text.startswith("~")]
    if files:
        raise click.UsageError(f"one file at a time, or arguments alone: {files[0]!r} is no key=value")
    return None, inputs


def _write(texts: dict[Path, str], force: bool) -> None:
    """Every file, or none where one is there with other content and `force` is not given."""
    taken = [
        path for path, text in texts.items() if os.path.lexists(path) and _content(path) != text.encode()
    ]
    if taken and not force:
        names = ", ".join(map(str, taken))
        raise click.UsageError(f"{names} already there; --force replaces, another name avoids it")
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _report(result: Imported, destination: Path, launch: int, *, shown: bool) -> None:
    """The account, on standard error where the spec itself is on standard output."""
    stream = sys.stderr if shown or result.refused else sys.stdout
    findings = (*result.refused, *result.findings)
    if findings:
        from toolspec.specs.excerpt import render

        sys.stdout.flush()
        sources = {**result.sources, str(destination): tuple(result.text.splitlines())}
        sys.stderr.write(render(findings, sources, color=wants_colour(sys.stderr), width=width()))
    counts = {fate: [line for line in result.lines if line.fate == fate] for fate in FATES}
    if result.refused:
        print(f"{len(result.lines)} keys read, no spec written", file=stream)
        return
    name = "spec" if shown else str(destination)
    print(f"{paint(name, '1')} for verl {result.release}, from {len(result.lines)} keys", file=stream)
    for fate, lines in counts.items():
        if lines:
            print(f"  {len(lines):>4} {FATES[fate]}", file=stream)
        for line in lines if fate in ("unknown", "left") else [one for one in lines if one.why]:
            print(f"       {line.key}: {line.why}", file=stream)
    for note in _notes(result, launch):
        print(f"  {note}", file=stream)
    if not shown:
        print(f"  next    toolspec plan {destination}", file=stream)


def _notes(result: Imported, launch: int) -> list[str]:
    closed = result.closed
    lines = [f"note    {note}" for note in result.notes]
    if len(result.launches) > 1:
        places = ", ".join(f"{number} at line {span.line}" for number, span in enumerate(result.launches, 1))
        lines.append(f"launch  {launch} of {len(result.launches)} ({places}); --launch N takes another")
    back = [k for k in closed.overrides if k not in {line.key for line in result.lines}] if closed else []
    if back:
        lines.append(f"also    {len(back)} of verl's defaults in overrides, where toolspec's differ")
    if closed is not None and closed.open:
        lines.append(f"differs {', '.join(closed.open)}: the spec does not compile to the run's value")
    elif closed is not None and not result.findings:
        lines.append("checked compiling it gives the run's configuration back")
    return lines


def _document(result: Imported) -> dict[str, Any]:
    from toolspec.specs.excerpt import to_json

    return {
        "version": 1,
        "verl": result.release,
        "keys": {
            line.key: {
                "value": line.value,
                "file": line.span.file,
                "line": line.span.line,
                "default": line.default,
                "fate": None if result.refused else line.fate,
                "to": line.to or None,
                "why": line.why or None,
            }
            for line in result.lines
        },
        "differs": list(result.closed.open) if result.closed else [],
        "spec": result.text or None,
        "files": result.files,
        "launches": [{"file": span.file, "line": span.line} for span in result.launches],
        "notes": list(result.notes),
        "findings": to_json((*result.refused, *result.findings)),
    }
