"""`toolspec why`."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from toolspec.cli.document import print_json
from toolspec.cli.options import FORMAT, SET, TARGET, given
from toolspec.cli.output import paint, progress
from toolspec.cli.terminal import width

if TYPE_CHECKING:
    from toolspec.backends.verl.why import KeyAnswer
    from toolspec.backends.verl.why_path import PathAnswer, PathItem

INDENT = "      "
LONGEST_VALUE = 60


@click.command("why")
@click.argument("key", callback=given)
@click.argument("spec", type=click.Path(path_type=str), callback=given)
@TARGET
@SET
@FORMAT
def why(key: str, spec: str, target: str | None, sets: tuple[str, ...], form: str) -> None:
    """Say where a verl key's value comes from, or what a spec path becomes.

    \b
    Example:
      toolspec why data.max_prompt_length exp.yaml
      toolspec why max_tool_response_length exp.yaml --target verl==0.8.0
      toolspec why algorithm.batch exp.yaml

    KEY is a key of verl (its last parts are enough where they are clear), a path of the spec, or a section of
    either.
    """
    from toolspec.backends.verl.compile import compile_spec
    from toolspec.backends.verl.why import KeyAnswer, explain
    from toolspec.cli.spec_file import check_file

    if _is_spec(key) and not _is_spec(spec):
        key, spec = spec, key
    check_file(spec)
    compiled = compile_spec(Path(spec), sets, target, progress=progress)
    answer = explain(compiled, key)
    if form == "json":
        print_json({"version": 1, "verl": compiled.plan.target, **_document(answer)})
        return
    lines = (
        _key_lines(answer) if isinstance(answer, KeyAnswer) else _path_lines(answer, compiled.loaded.names)
    )
    for line in lines:
        print(line)


def _is_spec(text: str) -> bool:
    return text.endswith((".yaml", ".yml")) or Path(text).is_file()


def _key_lines(answer: KeyAnswer) -> Iterator[str]:
    value = _value(answer.value, answer.key) if answer.exists else "no value"
    source = f"from {answer.origin}" if answer.decided else answer.origin
    first = f"{paint(value, '1')}  {source}"
    if len(value) + 2 + len(source) <= width():
        yield first
    else:
        yield paint(value, "1")
        yield from _wrapped(source)
    yield f"{INDENT}{paint(answer.key, '2')}"
    for note in answer.notes:
        yield from _wrapped(note)
    yield from _wrapped(" · ".join(_releases(answer)))


def _releases(answer: KeyAnswer) -> Iterator[str]:
    if answer.default and answer.decided:
        yield f"verl's default: {answer.default}"
    same, other = [], []
    for version, there in answer.elsewhere.items():
        if there is None:
            other.append(f"not in {version}")
            continue
        name, default = there
        words = version + (f" (default {default})" if default else "")
        if name == answer.key:
            same.append(words)
        else:
            other.append(f"{name} in {words}")
    if same:
        yield f"same key in {', '.join(same)}"
    yield from other


def _path_lines(answer: PathAnswer, files: Mapping[str, str]) -> Iterator[str]:
    if answer.text:
        yield f"{answer.path}: {answer.text}"
    for item in answer.items:
        at = f", {_where(item, files)}" if item.span is not None else ""
        yield from _wrapped(f"{item.path}: {_value(item.value, item.path)}  {item.reason}{at}", "")
        for key, (value, written) in item.keys.items():
            default = "" if written else "   verl's default, not written"
            yield f"{INDENT}{key}: {_value(value, key)}{paint(default, '2')}"
        if item.carried:
            yield f"{INDENT}→ {item.carried}"


def _where(item: PathItem, files: Mapping[str, str]) -> str:
    from toolspec.backends.verl.reason import place

    return place(item.span, files) if item.span is not None else ""


def _wrapped(text: str, indent: str = INDENT) -> Iterator[str]:
    for number, line in enumerate(textwrap.wrap(text, width() - len(INDENT), break_on_hyphens=False)):
        yield (indent if number == 0 else INDENT) + line


def _value(value: Any, path: str) -> str:
    from toolspec.backends.verl.reason import shown
    from toolspec.specs.secret import without_secrets

    text = shown(without_secrets(value, path))
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"


def _document(answer: KeyAnswer | PathAnswer) -> dict[str, Any]:
    from toolspec.backends.verl.why import KeyAnswer
    from toolspec.specs.secret import without_secrets

    if isinstance(answer, KeyAnswer):
        return {
            "key": answer.key,
            "exists": answer.exists,
            "decided": answer.decided,
            "value": without_secrets(answer.value, answer.key),
            "origin": answer.origin,
            **_span(answer.span),
            "notes": list(answer.notes),
            "default": answer.default or None,
            "elsewhere": {
                version: None if there is None else {"key": there[0], "default": there[1] or None}
                for version, there in answer.elsewhere.items()
            },
        }
    return {
        "path": answer.path,
        "text": answer.text or None,
        "items": [
            {
                "path": item.path,
                "value": without_secrets(item.value, item.path),
                "reason": item.reason,
                **_span(item.span),
                "keys": {
                    key: {"value": value, "written": written} for key, (value, written) in item.keys.items()
                },
                "carried_by": item.carried or None,
            }
            for item in answer.items
        ],
    }


def _span(span: Any) -> dict[str, Any]:
    if span is None:
        return {"file": None, "line": None, "column": None}
    return {"file": span.file, "line": span.line, "column": span.column}
