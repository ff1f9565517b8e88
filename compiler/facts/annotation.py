"""A type annotation as JSON Schema (2020-12), read from the syntax tree."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from toolspec.compiler.facts.constraint import ConstraintError, annotated
from toolspec.compiler.facts.literal import enum_members, literal
from toolspec.compiler.facts.module_names import ModuleNames
from toolspec.compiler.facts.schema_union import JSON_TYPES, Schema, enumeration, union

MAX_DEPTH = 24
MAX_NODES = 2_000
"""A tool's schema stands in every prompt; 2,000 nodes are some 20,000 tokens."""

_ANY = frozenset({"typing.Any", "object"})
_LISTS = frozenset(
    f"typing.{name}" for name in ("List", "Sequence", "MutableSequence", "Iterable", "Collection")
) | {"list"}
_SETS = frozenset(f"typing.{name}" for name in ("Set", "FrozenSet", "AbstractSet", "MutableSet")) | {
    "set",
    "frozenset",
}
_TUPLES = frozenset({"tuple", "typing.Tuple"})
_MAPPINGS = frozenset(f"typing.{name}" for name in ("Dict", "Mapping", "MutableMapping")) | {"dict"}
_WRAPPERS = frozenset(f"typing.{name}" for name in ("Required", "NotRequired", "ReadOnly", "Final")) | {
    "dataclasses.InitVar"
}
_PLAIN: Mapping[str, Schema] = {
    "str": {"type": "string"},
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "bool": {"type": "boolean"},
    "typing.Text": {"type": "string"},
    "typing.LiteralString": {"type": "string"},
    "types.NoneType": {"type": "null"},
    "pydantic.PositiveInt": {"type": "integer", "exclusiveMinimum": 0},
    "pydantic.NonNegativeInt": {"type": "integer", "minimum": 0},
    "pydantic.NegativeInt": {"type": "integer", "exclusiveMaximum": 0},
    "pydantic.NonPositiveInt": {"type": "integer", "maximum": 0},
    "pydantic.PositiveFloat": {"type": "number", "exclusiveMinimum": 0},
    "pydantic.NonNegativeFloat": {"type": "number", "minimum": 0},
    "pydantic.StrictStr": {"type": "string"},
    "pydantic.StrictInt": {"type": "integer"},
    "pydantic.StrictFloat": {"type": "number"},
    "pydantic.StrictBool": {"type": "boolean"},
}
# Types without a JSON form that people write all the same, with what to write.
_INSTEAD: Mapping[str, str] = {
    "bytes": "take text: `str`",
    "complex": "take two numbers",
    "datetime.datetime": "take text and parse it: `str`",
    "datetime.date": "take text and parse it: `str`",
    "pathlib.Path": "take text: `str`",
    "decimal.Decimal": "take a number or text: `float` or `str`",
    "uuid.UUID": "take text: `str`",
    "typing.Callable": "a model cannot pass a function",
}


class UnreadableError(Exception):
    """An annotation that has no schema. `name`: one of the codes of `python_source`."""

    def __init__(
        self, node: ast.AST, message: str, fix: str = "", name: str = "annotation-unreadable"
    ) -> None:
        super().__init__(message)
        self.node, self.message, self.fix, self.name = node, message, fix, name


class AnnotationReader:
    """Reads the annotations of one module.

    read_class: gives the schema of a class of the module (class_schema.py). converted: what the annotations
    name that JSON does not have, such as a class or a set; the function gets plain JSON values for it.
    """

    def __init__(
        self, names: ModuleNames, read_class: Callable[[AnnotationReader, ast.ClassDef], Schema]
    ) -> None:
        self.names = names
        self.converted: list[str] = []
        self._read_class = read_class
        self._open: list[str] = []
        self._depth = 0
        self._nodes = 0

    def schema(self, node: ast.expr) -> Schema:
        """The schema of an annotation, a fresh value. Raises UnreadableError."""
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise UnreadableError(
                node, f"the schema has more than {MAX_NODES:,} parts", "make it smaller", "schema-too-large"
            )
        if self._depth >= MAX_DEPTH:
            raise UnreadableError(
                node, f"types are nested more than {MAX_DEPTH} deep", "make it flatter", "schema-too-large"
            )
        self._depth += 1
        try:
            return self._schema(node)
        finally:
            self._depth -= 1

    @contextmanager
    def opened(self, name: str, node: ast.AST) -> Iterator[None]:
        """While a named type is being read: naming it again inside is a recursion. Raises UnreadableError."""
        if name in self._open:
            chain = " → ".join([*self._open[self._open.index(name) :], name])
            raise UnreadableError(
                node, f"`{name}` contains itself ({chain})", "write one type for each level", "recursive-type"
            )
        self._open.append(name)
        try:
            yield
        finally:
            self._open.pop()

    def _schema(self, node: ast.expr) -> Schema:
        if isinstance(node, ast.Constant):
            return self._constant(node)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            return union([self.schema(part) for part in _members(node)])
        if isinstance(node, ast.Subscript):
            return self._subscript(node)
        if isinstance(node, ast.Call):
            return self._call(node)
        origin = self.names.origin(node)
        if origin is None:
            raise UnreadableError(node, f"`{_text(node)}` cannot be read as a type without running the file")
        return self._named(origin, node)

    def _constant(self, node: ast.Constant) -> Schema:
        if node.value is None:
            return {"type": "null"}
        if not isinstance(node.value, str):
            raise UnreadableError(node, f"`{_text(node)}` is a value, not a type", f"Literal[{_text(node)}]")
        return self.schema(quoted(node))

    def _named(self, origin: str, node: ast.expr) -> Schema:
        if origin.startswith(":"):
            return self._own(origin[1:], node)
        if origin in _PLAIN:
            return dict(_PLAIN[origin])
        if origin in _ANY:
            return {}
        if origin in _LISTS:
            return {"type": "array"}
        if origin in _SETS or origin in _TUPLES:
            self._convert(node)
            return {"type": "array", "uniqueItems": True} if origin in _SETS else {"type": "array"}
        if origin in _MAPPINGS:
            return {"type": "object"}
        if origin in _INSTEAD:
            raise UnreadableError(node, f"`{_text(node)}` has no JSON form", _INSTEAD[origin])
        if origin.startswith(("typing.", "builtins.")) or "." not in origin:
            raise UnreadableError(
                node, f"`{_text(node)}` says nothing about the value", "name a type such as str or list[str]"
            )
        module = origin.rpartition(".")[0] or origin
        raise UnreadableError(
            node,
            f"`{_text(node)}` comes from `{module}`, which is not read",
            "define the type in this file, or write a plain one such as dict[str, str]",
        )

    def _own(self, name: str, node: ast.expr) -> Schema:
        names = self.names
        if name in names.classes:
            with self.opened(name, node):
                return self._read_class(self, names.classes[name])
        if name in names.aliases:
            with self.opened(name, node):
                try:
                    return self.schema(names.aliases[name])
                except UnreadableError as error:
                    if error.name != "annotation-unreadable":
                        raise
                    raise UnreadableError(node, f"`{name}`: {error.message}", error.fix) from None
        if name in names.functions:
            raise UnreadableError(node, f"`{name}` is a function, not a type")
        raise UnreadableError(
            node, f"`{name}` is not defined at the top level of this file", "define it there"
        )

    def _call(self, node: ast.Call) -> Schema:
        """`NewType("UserId", int)` is int; no other call can be read."""
        if self.names.origin(node.func) == "typing.NewType" and len(node.args) == 2:
            return self.schema(node.args[1])
        raise UnreadableError(node, f"`{_text(node)}` is a call; the file would have to run")

    def _subscript(self, node: ast.Subscript) -> Schema:
        origin = self.names.origin(node.value) or ""
        arguments = list(node.slice.elts) if isinstance(node.slice, ast.Tuple) else [node.slice]
        if origin == "typing.Literal" and arguments:
            return enumeration(list(self._literals(arguments)))
        if origin == "typing.Annotated" and len(arguments) > 1:
            try:
                return annotated(self.schema(arguments[0]), arguments[1:], self.names)
            except ConstraintError as error:
                raise UnreadableError(error.node, error.text, "write the value itself") from None
        if origin == "typing.Optional" and len(arguments) == 1:
            return union([self.schema(arguments[0]), {"type": "null"}])
        if origin == "typing.Union":
            return union([self.schema(part) for part in arguments])
        if origin in _WRAPPERS and len(arguments) == 1:
            return self.schema(arguments[0])
        if origin in _LISTS and len(arguments) == 1:
            return {"type": "array", "items": self.schema(arguments[0])}
        if origin in _SETS and len(arguments) == 1:
            self._convert(node)
            return {"type": "array", "items": self.schema(arguments[0]), "uniqueItems": True}
        if origin in _TUPLES:
            return self._tuple(node, arguments)
        if origin in _MAPPINGS and len(arguments) == 2:
            return self._mapping(arguments[0], arguments[1])
        if origin in _LISTS | _SETS | _MAPPINGS:
            raise UnreadableError(
                node, f"`{_text(node)}` has {len(arguments)} type arguments; another number belongs there"
            )
        if origin.startswith(":") and origin[1:] in self.names.classes:
            raise UnreadableError(
                node, f"`{_text(node)}` is a generic class", "write a class with its types filled in"
            )
        return self._named(origin, node.value) if origin in _INSTEAD else self._unknown(node)

    def _unknown(self, node: ast.expr) -> Schema:
        raise UnreadableError(
            node, f"`{_text(node)}` cannot be read as a type", "write a plain type such as list[str]"
        )

    def _tuple(self, node: ast.Subscript, arguments: list[ast.expr]) -> Schema:
        self._convert(node)
        if len(arguments) == 2 and isinstance(arguments[1], ast.Constant) and arguments[1].value is Ellipsis:
            return {"type": "array", "items": self.schema(arguments[0])}
        items = [self.schema(part) for part in arguments]
        size = len(items)
        if not size:
            return {"type": "array", "maxItems": 0}
        return {"type": "array", "prefixItems": items, "minItems": size, "maxItems": size}

    def _mapping(self, key: ast.expr, value: ast.expr) -> Schema:
        keys = self.schema(key)
        if keys and keys.get("type") != "string":
            raise UnreadableError(
                key, f"keys of `{_text(key)}`: the keys of a JSON object are text", "dict[str, …]"
            )
        schema: Schema = {"type": "object"}
        if values := self.schema(value):
            schema["additionalProperties"] = values
        if len(keys) > 1:
            schema["propertyNames"] = {k: v for k, v in keys.items() if k != "type"}
        return schema

    def _literals(self, arguments: list[ast.expr]) -> Iterator[Any]:
        for part in arguments:
            if isinstance(part, ast.Subscript) and self.names.origin(part.value) == "typing.Literal":
                inner = list(part.slice.elts) if isinstance(part.slice, ast.Tuple) else [part.slice]
                yield from self._literals(inner)
                continue
            known, value = self.value(part)
            if not known or type(value) not in JSON_TYPES:
                raise UnreadableError(
                    part, f"`{_text(part)}` in Literal is not text, a number, true, false or None"
                )
            yield value

    def value(self, node: ast.expr) -> tuple[bool, Any]:
        """(known, value as JSON) of a literal, or of a member of an enumeration in this file."""
        if isinstance(node, ast.Attribute) and (origin := self.names.origin(node)) and origin.startswith(":"):
            name, _, member = origin[1:].partition(".")
            if name in self.names.classes:
                members = enum_members(self.names.classes[name], self.names)
                return next((known for found, _, known in members if found == member), (False, None))
            return False, None
        return literal(node)

    def _convert(self, node: ast.expr) -> None:
        self.converted.append(_text(node))


def quoted(node: ast.Constant) -> ast.expr:
    """The expression in a string annotation, placed where the string stands. Raises UnreadableError."""
    text = str(node.value)
    try:
        if len(text) > 2_000:
            raise ValueError(f"{len(text):,} characters")
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        short = text if len(text) <= 40 else text[:39] + "…"
        raise UnreadableError(node, f'"{short}" is not an annotation') from None
    for part in ast.walk(tree):
        ast.copy_location(part, node)
    return tree


def _members(node: ast.expr) -> Iterator[ast.expr]:
    """The parts of `A | B | C`, without recursion."""
    stack = [node]
    while stack:
        part = stack.pop()
        if isinstance(part, ast.BinOp) and isinstance(part.op, ast.BitOr):
            stack.extend((part.right, part.left))
        else:
            yield part


def _text(node: ast.AST) -> str:
    text = ast.unparse(node)
    return text if len(text) <= 60 else text[:59] + "…"
