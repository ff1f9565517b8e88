"""A tool's schema as a release of verl hands it to the chat template: parsed by its model, dumped again.

Source: tools/schemas.py OpenAIFunctionToolSchema of each release, dumped with `exclude_unset` and `exclude_none`
(tool_agent_loop.py __init__). The models here are verl's in shape, so pydantic refuses and converts as it does there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from pydantic import BaseModel, Field, ValidationError, create_model


class Seen(NamedTuple):
    """schema: what the template gets, None where verl refuses. lost: places of the schema that are not in it.

    refused: where and why verl stops, "" where it does not.
    """

    schema: Mapping[str, Any] | None
    lost: tuple[str, ...] = ()
    refused: str = ""


def as_seen(schema: Mapping[str, Any], release: str) -> Seen:
    """schema: `{type: function, function: {…}}`, as `tool_schema:` of a tools file has it."""
    try:
        read = _model(release == "0.7.1").model_validate(schema)
    except ValidationError as error:
        first = error.errors()[0]
        return Seen(None, refused=f"{'.'.join(map(str, first['loc']))}: {first['msg']}")
    found = read.model_dump(exclude_unset=True, exclude_none=True)
    return Seen(found, tuple(_lost(schema, found, "")))


@cache
def _model(oldest: bool) -> type[BaseModel]:
    kind: Any = str if oldest else str | list[str]
    enum: Any = list[str] if oldest else list[Any]
    required: Any = (list[str], ...) if oldest else (list[str], Field(default_factory=list))
    prop = create_model(
        "Property", type=(kind, ...), description=(str | None, None), enum=(enum | None, None)
    )
    parameters = create_model(
        "Parameters", type=(str, ...), properties=(dict[str, prop], ...), required=required
    )

    def empty() -> Any:
        return parameters(type="object", properties={}, required=[])

    function = create_model(
        "Function",
        name=(str, ...),
        description=(str, ...),
        parameters=(parameters, Field(default_factory=empty)),
        strict=(bool, False),
    )
    return create_model("Tool", type=(str, ...), function=(function, ...))


def _lost(given: Any, found: Any, path: str) -> Iterator[str]:
    """Places of `given` that `found` lacks or has otherwise, outermost first."""
    if isinstance(given, Mapping) and isinstance(found, Mapping):
        for name, value in given.items():
            below = f"{path}.{name}" if path else str(name)
            if name not in found:
                yield below
            else:
                yield from _lost(value, found[name], below)
    elif given != found:
        yield path
