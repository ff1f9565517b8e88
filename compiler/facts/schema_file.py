"""A JSON or YAML file with tool schemas, in whichever of the usual forms, as OpenAI tool schemas."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from toolspec.specs.named_file import named, read
from toolspec.specs.problem import Problem, ProblemError, Span

MAX_BYTES = 1 << 20
FORM = "a tool schema is `{type: function, function: {name, description, parameters}}`"


def load_schema_file(path: Path, written: str = "", said: Span | None = None) -> list[dict[str, Any]]:
    """The tool schemas in a JSON or YAML file, each as `{"type": "function", "function": {"name": …}}`.

    The file holds one schema (with or without the outer mapping), a list of them, or verl's tools.yaml form
    (`tools: [{class_name, config, tool_schema}]`). Keys keep their order. written: the name as the
    spec has it; said: where. Raises ProblemError.
    """
    file = str(path)
    data = named(lambda: read(path, MAX_BYTES), written or file, said or Span(file, 1, 1))
    value = _parse_json(data, file) if path.suffix.lower() == ".json" else _parse_yaml(data, file)
    listed = value["tools"] if isinstance(value, dict) and isinstance(value.get("tools"), list) else value
    entries = listed if isinstance(listed, list) else [listed]
    if not entries:
        raise _refuse("the list holds no tool schema", file)
    return [
        _normal(entry, file, f"entry {number} of {len(entries)}" if isinstance(listed, list) else "the file")
        for number, entry in enumerate(entries, 1)
    ]


def _refuse(message: str, file: str, line: int = 1, column: int = 1, fix: str = "") -> ProblemError:
    return ProblemError((Problem("TS080", "schema-file", message, Span(file, line, column), fix=fix),))


def _parse_json(data: bytes, file: str) -> Any:
    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(items)
        if len(made) < len(items):
            names = [name for name, _ in items]
            twice = next(name for name in names if names.count(name) > 1)
            raise _refuse(f"the key `{twice}` is given twice in one object", file)
        return made

    def constant(text: str) -> Any:
        raise _refuse(f"`{text}` is not JSON", file)

    try:
        return json.loads(data.decode("utf-8-sig"), object_pairs_hook=pairs, parse_constant=constant)
    except json.JSONDecodeError as error:
        raise _refuse(f"not JSON: {error.msg}", file, error.lineno, error.colno) from None
    except UnicodeDecodeError as error:
        message = f"byte {error.start} is 0x{data[error.start]:02x}, which is not UTF-8 there"
        raise _refuse(message, file, fix="save the file as UTF-8") from None
    except (RecursionError, ValueError) as error:  # ValueError: an integer of more than 4,300 digits
        reason = "nested too deep" if isinstance(error, RecursionError) else str(error)
        raise _refuse(f"not readable as JSON: {reason}", file) from None


def _parse_yaml(data: bytes, file: str) -> Any:
    from toolspec.specs.yaml_tree import parse_value

    try:
        return parse_value(data.decode("utf-8", "surrogateescape"))
    except ProblemError as error:
        moved = (p._replace(span=p.span._replace(file=file) if p.span else None) for p in error.problems)
        raise ProblemError(tuple(moved)) from None


def _normal(entry: Any, file: str, where: str) -> dict[str, Any]:
    """One entry in the OpenAI form, its keys in their order."""
    if isinstance(entry, dict) and "class_name" in entry:
        if "tool_schema" not in entry:
            raise _refuse(
                f"{where} (`{entry['class_name']}`) has no `tool_schema`", file, fix="add its tool_schema"
            )
        entry = entry["tool_schema"]
    if not isinstance(entry, dict):
        raise _refuse(f"{where} is not a tool schema", file, fix=FORM)
    if isinstance(entry.get("function"), dict):
        schema = {"type": "function", **entry}
    else:
        if "input_schema" in entry and "parameters" not in entry:
            raise _refuse(f"{where} has `input_schema`", file, fix="name it `parameters`")
        # A bare function schema, or one with `type` beside `name` as in OpenAI's later API.
        schema = {
            "type": "function",
            "function": {k: v for k, v in entry.items() if (k, v) != ("type", "function")},
        }
    if not isinstance(schema["function"].get("name"), str):
        raise _refuse(f"{where} has no `name`", file, fix=FORM)
    return schema
