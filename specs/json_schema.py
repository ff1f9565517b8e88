"""The JSON Schema of the language, for editors: every short form, description, default and example."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, get_args, get_origin

from toolspec.specs.reward import PRESETS
from toolspec.specs.section import Section
from toolspec.specs.shape import fields_of, members
from toolspec.specs.spec import Spec
from toolspec.specs.yaml_tree import parse_value

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
ID = "urn:toolspec:spec:1"

_NAME = {"type": "string", "minLength": 1}
# Bare values that a validator of the section turns into the mapping, beside Section.short_form.
_BARE: Mapping[str, tuple[Schema, ...]] = MappingProxyType(
    {
        "Clip": ({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},),
        "Offload": (
            {"type": "string", "enum": ["none", "params", "optimizer", "all", "auto"]},
            {"type": "boolean"},
        ),
        "Reward": ({"type": "string", "enum": list(PRESETS)},),
        "Tool": (_NAME,),
    }
)
# (section, key) of the lists for which one entry may stand.
_ONE_OF_A_LIST = frozenset(
    {("Data", "train"), ("Data", "val"), ("Tracking", "to"), ("Slurm", "modules"), ("Slurm", "setup")}
)
_VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]*$"
_EXAMPLE = re.compile(r"Example: ((?:`[^`]+`(?: or )?)+)")


def json_schema() -> Schema:
    """The schema of a spec file, draft 2020-12. The same value every time.

    It takes every file that `loading.load` takes. What depends on two keys at once (`mini_batch`, `updates`)
    is left to `toolspec compile`, whose message says more than an editor's. A file with `extends` may leave
    out what its parent says.
    """
    generated = Spec.model_json_schema(by_alias=True)
    definitions: dict[str, Schema] = generated.pop("$defs")
    for section in _sections(Spec):
        if section is not Spec:
            definitions[section.__name__] = _section(section, definitions[section.__name__])
    root = _mapping(Spec, generated)
    root["properties"]["env"] = _env(root["properties"]["env"])
    return {
        "$schema": DIALECT,
        "$id": ID,
        "title": "toolspec experiment, version 1",
        "description": _words(Spec),
        **root,
        "if": {"required": ["extends"]},
        "else": _required(Spec),
        "$defs": dict(sorted(definitions.items())),
    }


def _sections(section: type[Section]) -> tuple[type[Section], ...]:
    """The section and every one below it, each once."""
    found: dict[type[Section], None] = {section: None}
    for info in section.model_fields.values():
        for annotation in _inner(info.annotation):
            found.update(dict.fromkeys(_sections(annotation)))
    return tuple(found)


def _inner(annotation: Any) -> tuple[type[Section], ...]:
    """The sections that an annotation names, inside unions, lists and mappings."""
    found: list[type[Section]] = []
    for member in members(annotation):
        if get_origin(member) in (dict, tuple):
            found += [below for argument in get_args(member) for below in _inner(argument)]
        elif isinstance(member, type) and issubclass(member, Section):
            found.append(member)
    return tuple(found)


def _words(section: type[Section]) -> str:
    return " ".join((section.__doc__ or "").split())


def _section(section: type[Section], generated: Schema) -> Schema:
    """A section as a mapping, or as the bare values that stand for one."""
    mapping = _mapping(section, generated)
    bare = [*_BARE.get(section.__name__, ())]
    if section.short_form:
        keys = {name: info.alias or name for name, info in section.model_fields.items()}
        bare += _forms(mapping["properties"][keys[section.short_form]])
    if not bare:
        return {"description": _words(section), **mapping}
    return {"description": _words(section), "anyOf": [*bare, mapping]}


def _forms(schema: Schema) -> list[Schema]:
    """The forms of a field but null, without its description and default."""
    plain = {key: value for key, value in schema.items() if key not in ("description", "default", "examples")}
    forms = plain.pop("anyOf", [plain])
    return [form for form in forms if form.get("type") != "null"]


def _mapping(section: type[Section], generated: Schema) -> Schema:
    """The mapping form. Required keys are said once, in `_required`, since a parent file may give them."""
    properties = {
        key: _field(section, key, generated["properties"][key], info.description or "")
        for key, info in fields_of(section).items()
    }
    spread: Schema = {}
    if section.spread:
        # Keys that are none of the section's own: spec paths, which begin with a key of a spec.
        values = properties[section.spread]["additionalProperties"]
        spread = {"patternProperties": {rf"^({'|'.join(fields_of(Spec))})(\..+)?$": values}}
    return {"type": "object", "properties": properties, **spread, "additionalProperties": False}


def _field(section: type[Section], key: str, generated: Schema, description: str) -> Schema:
    schema = _without_titles(generated)
    if schema.get("default", 0) is None:
        del schema["default"]
    if "patternProperties" in schema:
        schema["additionalProperties"] = False
    place = (section.__name__, key)
    if place in _ONE_OF_A_LIST:
        schema = _with_forms(schema, *(form["items"] for form in _forms(schema) if "items" in form))
    elif place == ("Algorithm", "kl"):
        schema = _with_forms(schema, {"const": False})
    if examples := [parse_value(text) for text in _examples(description)]:
        schema["examples"] = examples
    # Beside a reference or a choice the description must stand first to be seen in an editor.
    return {"description": description, **schema}


def _with_forms(schema: Schema, *forms: Schema) -> Schema:
    rest: Schema = {key: schema[key] for key in ("default", "description") if key in schema}
    nulls = [{"type": "null"}] if {"type": "null"} in schema.get("anyOf", ()) else []
    return {**rest, "anyOf": [*forms, *_forms(schema), *nulls]}


def _examples(description: str) -> list[str]:
    found = _EXAMPLE.search(description)
    return re.findall(r"`([^`]+)`", found[1]) if found else []


def _without_titles(value: Any) -> Any:
    """A generated schema without the titles that only repeat a key."""
    if isinstance(value, dict):
        return {
            key: _without_titles(item)
            for key, item in value.items()
            if not (key == "title" and isinstance(item, str))
        }
    return [_without_titles(item) for item in value] if isinstance(value, list) else value


def _env(schema: Schema) -> Schema:
    """`env` is a mapping, one name to pass on, or a list of names and mappings."""
    mapping = {
        "type": "object",
        "additionalProperties": schema["additionalProperties"],
        "propertyNames": {"pattern": _VARIABLE},
    }
    name = {"type": "string", "pattern": _VARIABLE}
    said: Schema = {key: schema[key] for key in ("description", "examples") if key in schema}
    return {**said, "anyOf": [mapping, name, {"type": "array", "items": {"anyOf": [name, mapping]}}]}


def _required(section: type[Section]) -> Schema:
    """What must be there in a section and below it. Bare values pass: `required` speaks of mappings only."""
    fields = fields_of(section)
    keys = [key for key, info in fields.items() if info.is_required()]
    below = {key: found for key, info in fields.items() if (found := _required_in(info.annotation))}
    return {**({"required": keys} if keys else {}), **({"properties": below} if below else {})}


def _is_list(annotation: Any) -> bool:
    return all(get_origin(member) is tuple for member in members(annotation))


def _required_in(annotation: Any) -> Schema:
    found: Schema = {}
    for member in members(annotation):
        origin, arguments = get_origin(member), get_args(member)
        if origin is dict:
            named = _required_in(arguments[1]) if annotation is member else {}
            found.update({"additionalProperties": named} if named else {})
        elif origin is tuple and (entries := _required_in(arguments[0])):
            # One entry may stand for a list of one, unless its mapping may also be one of names (`data.val`).
            found.update({"items": entries, **(entries if _is_list(annotation) else {})})
        elif isinstance(member, type) and issubclass(member, Section):
            found.update(_required(member))
    return found
