"""Whether the arguments of a call fit the tool's schema: one answer for tool and reward.

JSON Schema (2020-12) decides, with one addition: an argument that the schema does not name is refused, since
the model was never shown it, unless the schema names none or says otherwise (`additionalProperties`,
`patternProperties`, or a combination such as `anyOf` or `$ref` at its top). References to other documents are
not fetched.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

Check = Callable[[Any], str | None]
LONGEST = 300
OPEN = {
    "additionalProperties",
    "patternProperties",
    "unevaluatedProperties",
    "allOf",
    "anyOf",
    "oneOf",
    "$ref",
}


def parsed(arguments: Any) -> Any:
    """The arguments of a call as verl's parsers give them (a JSON text); what is not JSON stays as it is."""
    if not isinstance(arguments, str):
        return arguments
    try:
        return json.loads(arguments)
    except (ValueError, RecursionError):
        return arguments


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    names = {bool: "a boolean", str: "a string", int: "a number", float: "a number", list: "a list"}
    return names.get(type(value), type(value).__name__)


def _unnamed(parameters: Mapping[str, Any], arguments: Mapping[str, Any]) -> str | None:
    properties = parameters.get("properties")
    if not isinstance(properties, Mapping) or not properties or OPEN & set(parameters):
        return None
    strange = [name for name in arguments if name not in properties]
    if not strange:
        return None
    return f"unknown argument {strange[0]!r}, the tool takes {', '.join(map(repr, properties))}"


def _validator(parameters: Mapping[str, Any]) -> Any:
    """A jsonschema validator, or None where jsonschema is missing or the schema itself is not valid."""
    try:
        from jsonschema import Draft202012Validator
        from referencing import Registry
    except ImportError:
        return None
    try:
        Draft202012Validator.check_schema(parameters)
    except Exception:
        return None
    return Draft202012Validator(parameters, registry=Registry())


_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
    "array": (list,),
    "object": (dict,),
}
_SAY_NOTHING = {"description", "title", "default", "examples"}


def _plainly(parameters: Mapping[str, Any]) -> Callable[[Mapping[str, Any]], bool] | None:
    """A function that is true for arguments that certainly fit, of a schema of named properties with one type each.

    A tenth of a validator's time; what it does not know is left to jsonschema. None for any other schema.
    """
    properties = parameters.get("properties")
    if set(parameters) - _SAY_NOTHING - {"type", "properties", "required"} or not isinstance(
        properties, dict
    ):
        return None
    if parameters.get("type", "object") != "object":
        return None
    types = {}
    for name, schema in properties.items():
        if not isinstance(schema, dict) or set(schema) - _SAY_NOTHING != {"type"}:
            return None
        if not isinstance(schema["type"], str):
            return None
        types[name] = _TYPES[schema["type"]]
    required = list(parameters.get("required") or ())

    def fits(arguments: Mapping[str, Any]) -> bool:
        return all(type(value) in types.get(name, ()) for name, value in arguments.items()) and all(
            name in arguments for name in required
        )

    return fits


def _place(path: Any) -> str:
    name = ""
    for part in path:
        name += f"[{part}]" if isinstance(part, int) else (f".{part}" if name else str(part))
    return name


def argument_check(raw: Mapping[str, Any]) -> Check:
    """A function from parsed arguments to what is wrong with them, or None, for the tool schema `raw`.

    Made once for a schema and process: verl 0.7.1 builds its tools anew for every trajectory.
    """
    return _check_of(json.dumps((raw.get("function") or {}).get("parameters") or {}, default=str))


@lru_cache(maxsize=1024)
def _check_of(text: str) -> Check:
    parameters = json.loads(text)
    validator = _validator(parameters)
    fits = _plainly(parameters) if validator is not None else None

    def check(arguments: Any) -> str | None:
        if not isinstance(arguments, dict):
            return f"the arguments must be a JSON object, not {_kind(arguments)}"
        if fits is not None and fits(arguments):
            return None
        strange = _unnamed(parameters, arguments)
        if strange:
            return strange[:LONGEST]
        if validator is None:
            missing = [name for name in parameters.get("required") or [] if name not in arguments]
            return f"missing argument {missing[0]!r}" if missing else None
        try:
            from jsonschema.exceptions import best_match

            error = best_match(validator.iter_errors(arguments))
        except RecursionError:
            return "the arguments are nested too deeply"
        except Exception:  # a reference that cannot be resolved: the schema's fault, not the model's
            return None
        if error is None:
            return None
        place = _place(error.absolute_path)
        return (f"argument {place!r}: {error.message}" if place else str(error.message))[:LONGEST]

    return check
