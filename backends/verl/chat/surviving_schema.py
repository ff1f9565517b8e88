"""A tool's schema so that a release keeps all of it: what its model drops is said in the descriptions.

What the release keeps is in seen_schema.py. Nothing is put in that the schema does not say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from toolspec.backends.verl.chat.schema_noun import Noun, Part, joined, says
from toolspec.backends.verl.chat.schema_shape import TYPES, Schema, Shape, is_closed, kinds_of
from toolspec.backends.verl.chat.schema_words import AS_JSON, Words

MOST_CHARACTERS = 4_000
"""What one description may gain; it stands in every prompt."""
OLDEST = "0.7.1"
"""One text as `type`, texts as `enum`, `required` always (tools/schemas.py of each release)."""
_TRUE, _FALSE = (True, 1, "true", "True", "1", "yes", "on"), (False, 0, "false", "False", "0", "no", "off")


def surviving(schema: Mapping[str, Any], release: str) -> dict[str, Any] | None:
    """schema: `{type: function, function: {…}}`, as `tool_schema:` has it. A second time changes nothing.

    None where it is no tool's schema: without a function that has a name, or with parameters that are no mapping.
    """
    function = schema.get("function")
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        return None
    parameters = function.get("parameters")
    if parameters is not None and not isinstance(parameters, Mapping):
        return None
    shape = Shape([one for one in (parameters, function, schema) if isinstance(one, Mapping)])
    own = shape.resolved(parameters or {})
    said = [*(_of_parameters(own, shape) if parameters is not None else ()), *_of_function(function, shape)]
    made: dict[str, Any] = {"name": function["name"], "description": _told(_description(function), said)}
    if parameters is not None:
        made["parameters"] = _parameters(own, shape, oldest=release == OLDEST)
    if (strict := _truth(function.get("strict"))) is not None:
        made["strict"] = strict
    kind = schema["type"] if isinstance(schema.get("type"), str) else "function"
    return _in_order(schema, {"type": kind, "function": _in_order(function, made)})


def _in_order(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """`new` with its keys as `old` has them, what is added behind."""
    first = [key for key in old if key in new]
    return {key: new[key] for key in (*first, *(key for key in new if key not in old))}


def _truth(value: Any) -> bool | None:
    if value is None:
        return None
    return True if value in _TRUE else False if value in _FALSE else None


def _description(schema: Mapping[str, Any], name: str = "") -> str:
    """What it says, else its title where that is more than the name written otherwise."""
    found = schema.get("description")
    if found is not None:
        return found if isinstance(found, str) else str(found)[:MOST_CHARACTERS]
    title = schema.get("title")
    if not isinstance(title, str) or _plain(title) == _plain(name):
        return ""
    return title


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())


def _parameters(own: Schema, shape: Shape, *, oldest: bool) -> dict[str, Any]:
    written = own.get("properties")
    properties = dict(written) if isinstance(written, Mapping) else {}
    for one in _branches(own):
        more = shape.resolved(one).get("properties")
        properties = {**(more if isinstance(more, Mapping) else {}), **properties}
    listed = own.get("required")
    required = [one for one in listed if isinstance(one, str)] if isinstance(listed, list) else []
    for name, value in properties.items():  # `required: true` of a property, as in draft 3
        if isinstance(value, Mapping) and value.get("required") is True and name not in required:
            required.append(str(name))
    made = {
        "type": own["type"] if isinstance(own.get("type"), str) else "object",
        "properties": {
            str(name): _property(str(name), value, shape, oldest=oldest) for name, value in properties.items()
        },
    }
    if required or oldest or isinstance(listed, list):
        made["required"] = required
    return _in_order(own, made)


def _branches(own: Schema) -> list[Schema]:
    listed = [one for key in ("anyOf", "oneOf") if isinstance(one := own.get(key), list)]
    return [one for several in listed for one in several if isinstance(one, Mapping)]


def _property(name: str, value: Any, shape: Shape, *, oldest: bool) -> dict[str, Any]:
    own = shape.resolved(value) if isinstance(value, Mapping) else {}
    kinds = kinds_of(own, shape)
    kind, told = _type(own.get("type"), kinds, oldest=oldest)
    choices = own.get("enum")
    kept = isinstance(choices, list) and all(
        isinstance(one, str) if oldest else one is None or isinstance(one, (str, int, float))
        for one in choices
    )
    noun = Words(shape).noun(
        value if isinstance(value, Mapping) else {}, enum=not kept, null="null" not in _all(kind)
    )
    described = _described(_description(own, name), noun, told=told)
    made: dict[str, Any] = {"type": kind}
    if described or isinstance(own.get("description"), str):
        made["description"] = described
    if kept:
        made["enum"] = list(choices or ())
    return _in_order(value if isinstance(value, Mapping) else {}, made)


def _all(kind: str | list[str]) -> list[str]:
    return [kind] if isinstance(kind, str) else kind


def _type(written: Any, kinds: Sequence[str], *, oldest: bool) -> tuple[str | list[str], bool]:
    """The `type` that says what values there may be, and whether it says all of it."""
    if isinstance(written, str):
        return written, True
    if isinstance(written, list) and written and not oldest and all(isinstance(one, str) for one in written):
        return list(written), True
    real = [kind for kind in kinds if kind != "null"] or list(kinds)
    if len(real) == 1:
        return real[0], True  # null is said by the noun
    if not oldest:
        return list(kinds or TYPES), True
    return (real[0] if real else "string"), False


def _described(description: str, noun: Noun, *, told: bool) -> str:
    """told: whether `type` already says what the noun is called."""
    parts = [part for part in noun.parts if not _said(part, description)]
    if not parts and ((told and noun.plain) or _said(Part("", noun.facts), description)):
        return description
    return _told(description, [noun.text(parts)])


def _said(part: Part, description: str) -> bool:
    return bool(part.facts) and all(says(description, fact) for fact in part.facts)


def _told(description: str, sentences: Sequence[str]) -> str:
    """The description and, behind it, each of the sentences (without stops)."""
    text = description.rstrip()
    for sentence in sentences:
        cut = sentence if len(sentence) <= MOST_CHARACTERS else f"{sentence[:MOST_CHARACTERS]}…"
        if text and text[-1] not in ".!?:;。！？" and cut[0].isupper():
            text += f". {cut}"
        elif text and text[-1] not in ".!?:;。！？":
            text += f": {cut}" if ": " not in text.rsplit(". ", 1)[-1] else f"; {cut}"
        else:
            cut = cut[0].upper() + cut[1:]
            text += f" {cut}" if text else cut
        if text[-1] not in ".!?…":
            text += "."
    return text if sentences else description


def _of_parameters(own: Schema, shape: Shape) -> Iterator[str]:
    """What is said of the parameters as a whole, in sentences without stops."""
    about = own.get("description")
    if isinstance(about, str) and about.strip():
        yield about.strip().rstrip(".")
    branches = _branches(own)
    if branches and all(one.keys() <= {"required", "title"} for one in branches):
        listed = [joined([f"`{name}`" for name in one.get("required") or ()]) for one in branches]
        yield f"{'Exactly' if 'oneOf' in own else 'At least'} one of these is required: {'; '.join(listed)}"
        branches = []
    if branches:
        nouns = [Words(shape).noun(one) for one in branches]
        yield f"The arguments are {joined([noun.text() for noun in nouns], 'or')}"
    rest = {key: own[key] for key in (*AS_JSON, "patternProperties", "minProperties") if key in own}
    rest.update({key: own[key] for key in ("maxProperties", "dependentRequired", "not") if key in own})
    others = own.get("additionalProperties")
    if isinstance(others, Mapping) and others:
        rest["additionalProperties"] = others
    for part in Words(shape).noun({"type": "object", **rest}).parts if rest else ():
        yield f"The arguments are an object{part.text}"
    if is_closed(own):
        yield "No other arguments are taken"


def _of_function(function: Mapping[str, Any], shape: Shape) -> Iterator[str]:
    """What a function's schema says beside its parameters: what it returns, as some write it."""
    for key in ("returns", "return", "response"):
        value = function.get(key)
        if isinstance(value, str) and value.strip():
            yield f"Returns {value.strip().rstrip('.')}"
        elif isinstance(value, Mapping) and value:
            about = value.get("description")
            said = f" ({about.strip().rstrip('.')})" if isinstance(about, str) and about.strip() else ""
            yield f"Returns {Words(shape).noun(value).text()}{said}"
