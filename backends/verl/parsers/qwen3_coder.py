"""qwen3_coder: `<tool_call><function=NAME><parameter=KEY>…</parameter></function></tool_call>`.

What differs between the releases: a parameter of no scalar type goes through `eval` in 0.7.1 and 0.8.0
(0.8.0 tool_parser.py:283) and through `ast.literal_eval` in 0.9.1 (:295); a header without `>` loses all calls of the
text there (0.8.0 :293, :300) and itself alone here (0.9.1 :301-317); tools of None are an error there (0.8.0 :215).
"""

from __future__ import annotations

import ast
import json
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

from toolspec.backends.verl.parsers.call import (
    Call,
    Given,
    NoAnswer,
    Parsed,
    call,
    dumped,
    functions,
    parameters,
)
from toolspec.backends.verl.parsers.expression import evaluated
from toolspec.backends.verl.parsers.scan import enclosed_or_open

OPENER, CLOSER = "<tool_call>", "</tool_call>"
EVALS = ("0.7.1", "0.8.0")
TEXTS = ("string", "str", "text", "varchar", "char", "enum")
INTEGERS = ("int", "uint", "long", "short", "unsigned")
NUMBERS = ("num", "float")
BOOLEANS = ("boolean", "bool", "binary")


def read(text: str, given: Given) -> Parsed:
    """Any error loses all calls: the whole text is content then. Marks that are not closed go on to the end."""
    if OPENER not in text:
        return Parsed(text, ())
    try:
        written = list(_functions(text))
        if not written:
            return Parsed(text, ())
        calls = tuple(found for one in written if (found := _call(one, given)) is not None)
        return Parsed(text[: text.find(OPENER)], calls)
    except NoAnswer:
        raise
    except Exception:
        return Parsed(text, ())


def _functions(text: str) -> Iterator[str]:
    for inside in enclosed_or_open(text, OPENER, CLOSER, keeps_newline=False):
        yield from enclosed_or_open(inside, "<function=", "</function>", keeps_newline=True)


def _call(written: str, given: Given) -> Call | None:
    strict = given.release in EVALS
    name, header_end, body = written.partition(">")
    if not header_end:
        _malformed(strict)
        return None
    types = _types(name, given, strict)
    arguments: dict[str, Any] = {}
    for parameter in enclosed_or_open(body, "<parameter=", "</parameter>", keeps_newline=False):
        key, key_end, value = parameter.partition(">")
        if not key_end:
            _malformed(strict)
            continue
        value = value.removeprefix("\n").removesuffix("\n")
        arguments[key] = _value(value, key, types, name, given.release)
    return call(name, dumped(arguments))


def _malformed(strict: bool) -> None:
    if strict:
        raise ValueError("no '>'")  # str.index


def _types(name: str, given: Given, strict: bool) -> Mapping[str, str]:
    """The type of each parameter of the function, in lower case; a list of types is the text of the list."""
    if given.tools is None and strict:
        raise TypeError("no tools")
    for function in functions(given.tools or ()):
        if function["name"] == name:
            return {key: _type(value) for key, value in parameters(function)["properties"].items()}
    return {}


def _type(schema: Any) -> str:
    """A schema without a type is one of a text. verl's own model of schemas refuses it; that of a bundle does not."""
    written = schema["type"] if isinstance(schema, dict) and "type" in schema else "string"
    return str(written).strip().lower()


def _value(value: str, key: str, types: Mapping[str, str], function: str, release: str) -> Any:
    if value.lower() == "null":
        return None
    kind = types.get(key)
    if kind is None or kind in TEXTS:
        return value
    if kind.startswith(INTEGERS):
        return _integer(value)
    if kind.startswith(NUMBERS):
        return _number(value)
    if kind in BOOLEANS:
        return value.lower() == "true"
    if kind == "object" or kind.startswith("dict"):
        try:
            return json.loads(value)
        except Exception:
            pass  # as a Python literal, next
    names = {"param_value": value, "param_name": key, "func_name": function, "param_type": kind}
    try:
        return evaluated(value, names) if release in EVALS else _literal(value)
    except NoAnswer:
        raise
    except Exception:
        return value


def _integer(value: str) -> int | str:
    try:
        return int(value)
    except Exception:
        return value


def _number(value: str) -> float | int | str:
    """A whole number is an integer; infinity and nan stay text, since neither is one."""
    try:
        number = float(value)
        return number if number - int(number) != 0 else int(number)
    except Exception:
        return value


def _literal(value: str) -> Any:
    with warnings.catch_warnings():  # `"\\d"` warns
        warnings.simplefilter("ignore")
        return ast.literal_eval(value)
