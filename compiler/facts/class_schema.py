"""A class of the same file as JSON Schema: an enumeration, TypedDict, dataclass or pydantic model."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeGuard

from toolspec.compiler.facts.annotation import AnnotationReader, UnreadableError, quoted
from toolspec.compiler.facts.constraint import ConstraintError, field_keywords
from toolspec.compiler.facts.docstring import Docstring, parse_docstring
from toolspec.compiler.facts.literal import enum_members, fits, literal
from toolspec.compiler.facts.schema_union import JSON_TYPES, Schema, enumeration

Kind = Literal["enum", "typeddict", "dataclass", "model", "other"]

_KIND_BY_BASE: dict[str, Kind] = {
    "enum.Enum": "enum",
    "enum.IntEnum": "enum",
    "enum.StrEnum": "enum",
    "typing.TypedDict": "typeddict",
    "pydantic.BaseModel": "model",
}
_DATACLASS = frozenset({"dataclasses.dataclass", "pydantic.dataclasses.dataclass"})
_FIELD = frozenset({"dataclasses.field", "pydantic.Field"})


@dataclass(frozen=True, slots=True)
class _Field:
    """A field as written. docstring: the text that stands under it, or ""."""

    name: str
    node: ast.AnnAssign
    docstring: str


def class_schema(reader: AnnotationReader, node: ast.ClassDef) -> Schema:
    """The schema of a class: `enum` of its values, or an object. Raises UnreadableError."""
    kind = _kind(reader, node)
    if kind == "enum":
        reader.converted.append(node.name)
        return _enum(reader, node)
    if kind == "other":
        raise UnreadableError(
            node,
            f"class `{node.name}` is no Enum, TypedDict, dataclass or pydantic model",
            f"make `{node.name}` a TypedDict",
        )
    if kind != "typeddict":
        reader.converted.append(node.name)
    docs = parse_docstring(ast.get_docstring(node) or "")
    properties: dict[str, Schema] = {}
    required: dict[str, bool] = {}
    for field, owner_kind, total in _fields(reader, node):
        name, value, needed = _property(reader, field, owner_kind, total, docs)
        properties[name] = value
        required[name] = needed
    needed_names = [name for name, needed in required.items() if needed]
    schema: Schema = {"type": "object", "properties": properties, "required": needed_names}
    if _forbids_extra(node):
        schema["additionalProperties"] = False
    if docs.description:
        schema["description"] = docs.description
    return schema


def _own_bases(reader: AnnotationReader, node: ast.ClassDef) -> Iterator[ast.ClassDef]:
    for base in node.bases:
        origin = reader.names.origin(base) or ""
        if origin.startswith(":") and origin[1:] in reader.names.classes:
            yield reader.names.classes[origin[1:]]


def _kind(reader: AnnotationReader, node: ast.ClassDef) -> Kind:
    for decorator in node.decorator_list:
        target = decorator.func if isinstance(decorator, ast.Call) else decorator
        if reader.names.origin(target) in _DATACLASS:
            return "dataclass"
    for base in node.bases:
        if kind := _KIND_BY_BASE.get(reader.names.origin(base) or ""):
            return kind
    for parent in _own_bases(reader, node):
        with reader.opened(f"base of {node.name}", node):
            if (kind := _kind(reader, parent)) != "other":
                return kind
    return "other"


def _enum(reader: AnnotationReader, node: ast.ClassDef) -> Schema:
    values = []
    for name, statement, (known, value) in enum_members(node, reader.names):
        if not known or type(value) not in JSON_TYPES:
            raise UnreadableError(
                statement,
                f"`{node.name}.{name}` is not text, a number, true or false",
                "give it such a value",
            )
        values.append(value)
    if not values:
        raise UnreadableError(
            node, f"enumeration `{node.name}` has no member", "give it members, or take `str`"
        )
    return enumeration(values)


def _fields(reader: AnnotationReader, node: ast.ClassDef) -> list[tuple[_Field, Kind, bool]]:
    """The fields, those of the bases first; the class nearer to `node` wins, at the first one's place."""
    kind = _kind(reader, node)
    for base in node.bases:
        origin = reader.names.origin(base) or ""
        if isinstance(base, ast.Subscript) or (
            origin not in _KIND_BY_BASE and not origin.startswith(":") and origin not in ("object", "abc.ABC")
        ):
            raise UnreadableError(
                base,
                f"`{node.name}` has the base `{ast.unparse(base)[:40]}`, whose fields are not read",
                "write the fields out",
            )
    found: dict[str, tuple[_Field, Kind, bool]] = {}
    with reader.opened(f"fields of {node.name}", node):
        for parent in reversed(list(_own_bases(reader, node))):
            found.update({entry[0].name: entry for entry in _fields(reader, parent)})
    total = not any(
        k.arg == "total" and isinstance(k.value, ast.Constant) and k.value.value is False
        for k in node.keywords
    )
    found.update({field.name: (field, kind, total) for field in _written(reader, node, kind)})
    return list(found.values())


def _written(reader: AnnotationReader, node: ast.ClassDef, kind: Kind) -> Iterator[_Field]:
    for at, statement in enumerate(node.body):
        if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
            continue
        name = statement.target.id
        annotation = _unquoted(statement.annotation)
        head = annotation.value if isinstance(annotation, ast.Subscript) else annotation
        origin = reader.names.origin(head)
        if origin in ("typing.ClassVar", "dataclasses.KW_ONLY"):
            continue
        if kind == "model" and (name.startswith("_") or name == "model_config"):
            continue
        if kind == "dataclass" and _says(reader, statement.value, "init", False):
            continue
        below = node.body[at + 1] if at + 1 < len(node.body) else None
        text = below.value if isinstance(below, ast.Expr) else None
        yield _Field(name, statement, str(text.value) if _is_text(text) else "")


def _is_text(node: ast.expr | None) -> TypeGuard[ast.Constant]:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _unquoted(node: ast.expr) -> ast.expr:
    return quoted(node) if _is_text(node) else node


def _says(reader: AnnotationReader, call: ast.expr | None, keyword: str, value: object) -> bool:
    return (
        isinstance(call, ast.Call)
        and reader.names.origin(call.func) in _FIELD
        and any(
            k.arg == keyword and isinstance(k.value, ast.Constant) and k.value.value is value
            for k in call.keywords
        )
    )


def _property(
    reader: AnnotationReader, field: _Field, kind: Kind, total: bool, docs: Docstring
) -> tuple[str, Schema, bool]:
    """(name in the JSON, schema, required)."""
    node = field.node
    schema = reader.schema(node.annotation)
    name, default, has_default = field.name, node.value, node.value is not None
    if isinstance(default, ast.Call) and reader.names.origin(default.func) in _FIELD:
        said = {k.arg: k.value for k in default.keywords if k.arg}
        try:
            schema |= field_keywords(default, schema)
        except ConstraintError as error:
            raise UnreadableError(error.node, error.text, "write the value itself") from None
        for alias in ("validation_alias", "alias"):
            known, text = literal(said[alias]) if alias in said else (False, None)
            name = text if known and isinstance(text, str) else name
        has_default = "default_factory" in said
        default = said.get("default", default.args[0] if default.args else None)
        has_default = has_default or default is not None
    if isinstance(default, ast.Constant) and default.value is Ellipsis:
        has_default, default = False, None
    needed = _typeddict_required(reader, node.annotation, total) if kind == "typeddict" else not has_default
    if (description := docs.parameters.get(field.name)) or field.docstring:
        schema.setdefault("description", description or " ".join(field.docstring.split()))
    if default is not None and not needed:
        known, value = reader.value(default)
        if known and fits(value, schema):
            schema["default"] = value
    return name, schema, needed


def _typeddict_required(reader: AnnotationReader, annotation: ast.expr, total: bool) -> bool:
    node = _unquoted(annotation)
    while isinstance(node, ast.Subscript):
        origin = reader.names.origin(node.value)
        if origin == "typing.Required":
            return True
        if origin == "typing.NotRequired":
            return False
        if origin not in ("typing.Annotated", "typing.ReadOnly"):
            break
        node = node.slice.elts[0] if isinstance(node.slice, ast.Tuple) else node.slice
    return total


def _forbids_extra(node: ast.ClassDef) -> bool:
    """pydantic's `extra="forbid"`, as a class keyword or in `model_config`."""

    def forbids(value: ast.expr) -> bool:
        return isinstance(value, ast.Constant) and value.value == "forbid"

    for statement in node.body:
        if isinstance(statement, ast.Assign) and any(
            isinstance(t, ast.Name) and t.id == "model_config" for t in statement.targets
        ):
            config = statement.value
            if isinstance(config, ast.Call):
                return any(k.arg == "extra" and forbids(k.value) for k in config.keywords)
            known, value = literal(config)
            return known and isinstance(value, dict) and value.get("extra") == "forbid"
    return any(k.arg == "extra" and forbids(k.value) for k in node.keywords)
