"""A tool schema that reaches the model exactly as it was written.

verl's own model keeps only `type`, `description` and `enum` of a property and refuses some valid schemas
(tools/schemas.py of the three releases). verl reads `tool_schema.function.name`, the chat template gets
`tool_schema.model_dump(...)`, and two parsers read more: qwen3_coder `function.parameters.properties[...]`
with `.model_dump()` on each entry (0.9.1 tool_parser.py:219-220), kimi `type`, `function.name`,
`function.parameters.required`.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from verl.tools.schemas import OpenAIFunctionToolSchema


def flat_type(schema: Any) -> str:
    """One JSON type name for a property, which is what the qwen3_coder parser converts a value by.

    A union or an unknown form is "object": the parser then tries JSON, a Python literal, and keeps the text.
    """
    if not isinstance(schema, Mapping):
        return "string"
    kind = schema.get("type")
    if isinstance(kind, list):
        named = [name for name in kind if name != "null"]
        return str(named[0]) if len(named) == 1 else "object"
    if isinstance(kind, str):
        return kind
    for union in ("anyOf", "oneOf"):
        options = schema.get(union)
        if isinstance(options, list):
            kinds = {flat_type(option) for option in options} - {"null"}
            return kinds.pop() if len(kinds) == 1 else "object"
    values = schema.get("enum", [schema["const"]] if "const" in schema else None)
    if isinstance(values, list):
        return "string" if all(isinstance(value, str) for value in values) else "object"
    return "object" if "$ref" in schema or "properties" in schema else "string"


class RawToolSchema(OpenAIFunctionToolSchema):  # type: ignore[misc, unused-ignore]
    """`raw`: {"type": "function", "function": {"name": ..., "description": ..., "parameters": ...}}.

    Attributes are a plain stand-in that verl's models accept on every release; `model_dump` returns `raw`,
    key order kept. Raises KeyError when `raw` has no function name.
    """

    def __init__(self, raw: Mapping[str, Any]) -> None:
        function = raw["function"]
        parameters = function.get("parameters") or {}
        properties = parameters.get("properties") or {}
        super().__init__(
            type="function",
            function={
                "name": function["name"],
                "description": str(function.get("description") or ""),
                "parameters": {
                    "type": "object",
                    "properties": {
                        str(name): {"type": flat_type(value)} for name, value in properties.items()
                    },
                    "required": [str(name) for name in parameters.get("required") or []],
                },
            },
        )
        object.__setattr__(self, "_raw", copy.deepcopy(dict(raw)))

    def model_dump(self, **kwargs: Any) -> dict[str, Any]:
        """The schema as written, whatever is asked for: a copy, since templates and callers may edit it."""
        raw: dict[str, Any] = copy.deepcopy(object.__getattribute__(self, "_raw"))
        return raw
