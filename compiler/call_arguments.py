"""Arguments of a call made from a tool's schema alone: values that fit it, and values that may break it.

What a schema leaves free is chosen by `Free`: an example that it offers and chance, as a policy would, or another value
for each number. Bounds, lists, references and the first of several schemas hold; texts of a `pattern` are made from its
structure (patterns.py), those of a `format` are one plain example. No proof: who needs certainty checks what is made.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from toolspec.compiler.patterns import samples

DEEPEST = 12
FORMATS = {
    "date": "2024-05-17",
    "date-time": "2024-05-17T12:00:00Z",
    "time": "12:00:00Z",
    "email": "ada@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "uuid": "6ba7b810-9dad-41d1-80b4-00c04fd430c8",
}
"""Plain examples of JSON Schema's formats, of the ranges that are kept for documents."""
# "for example 3 * (4 + 5)", "e.g. Paris, France": what a description offers as an example, up to the sentence's end.
_EXAMPLE = re.compile(
    r"(?:for example|for instance|e\. ?g\.,?|such as|example:)[:\s]+(.+)", re.IGNORECASE | re.DOTALL
)
_QUOTED = re.compile(r"""^["'`“](.+?)["'`”]""", re.DOTALL)


class Free(NamedTuple):
    """What is chosen where a schema leaves a value free.

    pick: of so many, which. text: of a schema of texts. offered: whether the schema's own default and examples are
    taken. span: how many whole numbers are chosen from where no bound says it.
    """

    pick: Callable[[int], int]
    text: Callable[[Mapping[str, Any]], str]
    offered: bool
    span: int


def of_a_question(question: str, dice: random.Random) -> Free:
    """As a policy would: what the schema offers, else what the user asks for."""
    return Free(dice.randrange, lambda schema: _example(schema) or question or "text", True, 10)


def of_a_number(number: int) -> Free:
    """Other values for other numbers. A letter before: some parsers read a text of digits as a number."""
    return Free(lambda count: number % count, lambda schema: f"x{number}", False, 1001)


def fitting(parameters: Mapping[str, Any], free: Free) -> dict[str, Any]:
    """parameters: of a tool's schema. What is required; all that there is where nothing is."""
    found = _value(parameters or {"type": "object"}, free, parameters, 0)
    return found if isinstance(found, dict) else {}


def breaking(parameters: Mapping[str, Any], free: Free) -> dict[str, Any] | None:
    """Arguments that the schema refuses for certain; None where none are known."""
    given = fitting(parameters, free)
    left_out = next((name for name in parameters.get("required") or () if name in given), None)
    if left_out is not None:
        return {name: value for name, value in given.items() if name != left_out}
    if parameters.get("additionalProperties") is False:
        return {**given, "no_such_parameter": 1}
    return None


def odd(parameters: Mapping[str, Any], free: Free) -> Iterator[Any]:
    """What the schema may refuse, to be tried: one left out, one too many, of another type, no object."""
    surely = breaking(parameters, free)
    if surely is not None:
        yield surely
    given = fitting(parameters, free)
    yield {**given, "no_such_parameter": "x"}
    for name in given:
        yield {**given, name: ["x"]}
        yield {**given, name: "x"}
    yield ["not", "an", "object"]


def _value(schema: Any, free: Free, root: Mapping[str, Any], depth: int) -> Any:
    if not isinstance(schema, Mapping) or depth > DEEPEST:
        return free.text({})
    if "const" in schema:
        return schema["const"]
    if free.offered and "default" in schema:
        return schema["default"]
    if free.offered and schema.get("examples"):
        return _one(schema["examples"], free)
    if schema.get("enum"):
        return _one(schema["enum"], free)
    if "$ref" in schema:
        return _value(_referred(schema["$ref"], root), free, root, depth + 1)
    for several in ("anyOf", "oneOf"):
        if schema.get(several):
            return _value(schema[several][0], free, root, depth + 1)
    if schema.get("allOf"):
        whole: dict[str, Any] = {key: value for key, value in schema.items() if key != "allOf"}
        for part in schema["allOf"]:
            given = _referred(part["$ref"], root) if isinstance(part, Mapping) and "$ref" in part else part
            whole |= given if isinstance(given, Mapping) else {}
        return _value(whole, free, root, depth + 1)
    kind = schema.get("type", "object" if "properties" in schema else "string")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), "null")
    match kind:
        case "object":
            return _object(schema, free, root, depth)
        case "array":
            least = max(1, int(schema.get("minItems") or 1))
            return [_value(schema.get("items", {}), free, root, depth + 1) for _ in range(least)]
        case "integer" | "number":
            return _number(schema, kind, free)
        case "boolean":
            return free.pick(2) == 0
        case "null":
            return None
        case _:
            return _text(schema, free)


def _object(schema: Mapping[str, Any], free: Free, root: Mapping[str, Any], depth: int) -> dict[str, Any]:
    properties = schema.get("properties") or {}
    names = schema.get("required") or properties
    return {
        name: _value(properties.get(name, {}), free, root, depth + 1)
        for name in names
        if name in properties or schema.get("additionalProperties", True) is not False
    }


def _one(values: Sequence[Any], free: Free) -> Any:
    return list(values)[free.pick(len(values))]


def _number(schema: Mapping[str, Any], kind: str, free: Free) -> int | float:
    """A whole number, or a multiple of the schema's step, within the bounds."""
    step = schema.get("multipleOf") or 1
    over, under = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    low = max((each for each in (schema.get("minimum"), over) if each is not None), default=None)
    high = min((each for each in (schema.get("maximum"), under) if each is not None), default=None)
    if low is None:
        low = 1 if high is None or high > 1 else high - (free.span - 1) * step
    first = -(-low // step)
    first += over is not None and first * step <= over
    if high is None:
        last = first + free.span - 1
    else:
        last = high // step
        last -= under is not None and last * step >= under
    count = int(last - first) + 1
    if count < 1:  # no multiple lies between the bounds
        return low if high is None or kind == "integer" else (low + high) / 2
    value = (int(first) + free.pick(count)) * step
    return int(value) if kind == "integer" else value


def _text(schema: Mapping[str, Any], free: Free) -> str:
    pattern, form = schema.get("pattern"), schema.get("format")
    if isinstance(pattern, str):
        made = samples(pattern)
        if made:
            return made[free.pick(len(made))]
    if isinstance(form, str) and form in FORMATS:
        return FORMATS[form]
    text = free.text(schema)[: int(schema.get("maxLength", 400))]
    return text.ljust(int(schema.get("minLength", 0)), ".")


def _example(schema: Mapping[str, Any]) -> str:
    """What the description offers, "" for nothing."""
    found = _EXAMPLE.search(str(schema.get("description") or ""))
    if found is None:
        return ""
    quoted = _QUOTED.match(found[1])
    return quoted[1] if quoted else re.split(r"[.;]\s|[.;]?$|\n", found[1], maxsplit=1)[0].strip()


def _referred(reference: Any, root: Mapping[str, Any]) -> Any:
    found: Any = root
    for part in str(reference).removeprefix("#/").split("/"):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found
