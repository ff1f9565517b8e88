"""`toolspec diff`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from toolspec.cli.document import print_json
from toolspec.cli.options import FORMAT, SET, release_option, sides
from toolspec.cli.output import paint, progress
from toolspec.cli.terminal import width

if TYPE_CHECKING:
    from toolspec.backends.verl.diff import Change, Comparison
    from toolspec.backends.verl.side import Side

LONGEST_VALUE = 44


@click.command("diff")
@sides
@release_option("--from", "target_a", text="verl release for A, where A is a spec.")
@release_option("--to", "target_b", text="verl release for B, where B is a spec.")
@SET
@click.option("--exit-code", is_flag=True, help="Exit 1 if something changes the result.")
@click.option("--verbose", is_flag=True, help="List also the keys that only one release has.")
@FORMAT
def diff(
    a: str,
    b: str | None,
    target_a: str | None,
    target_b: str | None,
    *,
    sets: tuple[str, ...],
    exit_code: bool,
    verbose: bool,
    form: str,
) -> int:
    """Show what changes from A to B: specs or bundles, or one spec at two targets (B left out is A again).

    \b
    Example:
      toolspec diff exp.yaml --from verl==0.8.0 --to verl==0.9.1
      toolspec diff build/calculator exp.yaml --set algorithm.group=8
      toolspec diff build/old build/new --exit-code

    Values are compared as verl will see them, its own defaults included. --set applies to B. The exit code is
    0, whatever differs; with --exit-code it is 1 if something changes the result.
    """
    from toolspec.backends.verl.diff import compare

    left = _side(a, target_a, ())
    right = _side(a if b is None else b, target_b, sets)
    found = compare(left, right)
    edited = {text: files for text in (a, b) if text is not None and (files := _edited(text))}
    if form == "json":
        print_json({**_document(left, right, found), "edited": edited})
    else:
        _print(left, right, found, verbose)
        for text, files in edited.items():
            print(f"{text} was edited by hand: {', '.join(files)}")
    return 1 if exit_code and found.of("result") else 0


def _side(text: str, target: str | None, sets: tuple[str, ...]) -> Side:
    from toolspec.backends.verl.compile import compile_spec
    from toolspec.backends.verl.side import is_bundle, side_of_bundle, side_of_spec
    from toolspec.specs.problem import Problem, ProblemError

    path = Path(text)
    if path.is_dir() and (is_bundle(path) or not target):
        side = side_of_bundle(path, text)
        if sets or (target and target != side.release.version):
            what = "--set" if sets else f"verl {target}"
            message = f"{text} is a bundle, compiled for verl {side.release.version}; {what} needs the spec"
            raise ProblemError(
                (Problem("TS031", "no-bundle", message, None, fix=f"name the spec in place of {text}"),)
            )
        return side
    return side_of_spec(compile_spec(path, sets, target, progress=progress), text)


def _edited(text: str) -> list[str]:
    """Files of a bundle that are not as they were compiled."""
    from toolspec.backends.verl.emit.write import edited_files

    return edited_files(Path(text)) if Path(text).is_dir() else []


def _print(a: Side, b: Side, found: Comparison, verbose: bool) -> None:
    from toolspec.backends.verl.effects import EFFECTS

    print(
        f"{paint(a.label, '1')} (verl {a.release.version}) → {paint(b.label, '1')} (verl {b.release.version})"
    )
    if found.empty:
        print("no difference")
    for effect, title in EFFECTS.items():
        changes = found.of(effect)
        if changes:
            print(paint(title, "1"))
            for change in changes:
                _print_change(change)
    if found.renamed:
        print(paint("names only (no effect)", "1"))
        for before, after in found.renamed:
            print(f"  {short(before)} → {short(after)}")
    for side, keys in ((a, found.only_a), (b, found.only_b)):
        if keys and verbose:
            print(paint(f"only in verl {side.release.version}, at its defaults", "1"))
            for key in keys:
                print(f"  {short(key)}  {shown(side.value(key))}")
        elif keys:
            version = side.release.version
            print(f"{len(keys)} keys are only in verl {version}, at its defaults (--verbose lists them)")


def _print_change(change: Change) -> None:
    import textwrap

    line = f"  {short(change.key)}   {shown(change.a, change.key)} → {shown(change.b, change.key)}"
    words = _words(change)
    if words and len(line) + 5 + len(words) <= width():
        print(f"{line}     {paint(words, '2')}")
        return
    print(line)
    for part in textwrap.wrap(words, width() - 6):
        print(f"      {paint(part, '2')}")


def _words(change: Change) -> str:
    if change.moved_in:
        first = f"verl's default moved in {change.moved_in}"
    elif change.from_a != change.from_b:
        first = f"{change.from_a or '–'} → {change.from_b or '–'}"
    else:
        first = change.from_a
    keep = f"keep the old with {change.keep}" if change.keep else ""
    return "; ".join(filter(None, (first, keep, change.reason)))


def short(key: str) -> str:
    return key.removeprefix("actor_rollout_ref.")


def shown(value: Any, key: str = "") -> str:
    """A value in few characters; nothing of it where `key` is the name of a secret."""
    from toolspec.backends.verl.emit.config_yaml import flow
    from toolspec.backends.verl.side import Marker
    from toolspec.specs.secret import without_secrets

    value = without_secrets(value, key)
    text = str(value) if isinstance(value, (Marker, str)) else flow(value)
    text = " ".join(text.split()) or '""'
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"


def _document(a: Side, b: Side, found: Comparison) -> dict[str, Any]:
    from toolspec.backends.verl.side import MISSING, NOT_USED
    from toolspec.specs.secret import without_secrets

    def plain(value: Any, key: str) -> dict[str, Any]:
        if value is MISSING or value is NOT_USED:
            return {"state": "absent" if value is MISSING else "not used"}
        return {"value": without_secrets(value, key)}

    return {
        "version": 1,
        "a": {"label": a.label, "verl": a.release.version, "name": a.plan.name},
        "b": {"label": b.label, "verl": b.release.version, "name": b.plan.name},
        "changes": [
            {
                "key": change.key,
                "class": change.effect,
                "a": {**plain(change.a, change.key), "from": change.from_a or None},
                "b": {**plain(change.b, change.key), "from": change.from_b or None},
                "reason": change.reason,
                "moved_in": change.moved_in or None,
                "keep": change.keep or None,
            }
            for change in found.changes
        ],
        "renamed": [{"a": before, "b": after} for before, after in found.renamed],
        "only_in_a": list(found.only_a),
        "only_in_b": list(found.only_b),
    }
