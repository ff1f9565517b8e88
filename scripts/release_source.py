"""The Python source of one verl wheel, read with `ast`: nothing of verl is imported.

Answers what the generated configs cannot: the annotated type of a dataclass field, the fields that a section
accepts beyond its defaults, and the values that a dataclass asserts.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

SCALARS = {"int", "float", "bool", "str"}
LISTS = {"list", "List", "tuple", "Tuple", "Sequence", "set", "ListConfig"}
MAPPINGS = {"dict", "Dict", "Mapping", "DictConfig", "BaseConfig"}

# Where verl keeps the dataclasses that `_target_` names.
CONFIG_MODULES = (
    "base_config.py",
    "workers/config/*.py",
    "trainer/config/*.py",
    "utils/profiler/*.py",
    "utils/skip/*.py",
    "utils/*.py",
)


@dataclass(frozen=True)
class Field:
    """One annotated field of a dataclass; `choices` are the strings that its `__post_init__` asserts."""

    name: str
    type: str
    source: str
    of_class: str | None
    choices: tuple[str, ...] = ()
    choices_source: str = ""


@dataclass(frozen=True)
class Class:
    name: str
    file: str
    node: ast.ClassDef


@dataclass(frozen=True)
class Package:
    """`root` is the folder `verl` of an unpacked wheel."""

    root: Path
    _trees: dict[str, ast.Module] = field(default_factory=dict)

    def tree(self, file: str) -> ast.Module:
        if file not in self._trees:
            self._trees[file] = ast.parse((self.root / file).read_text(encoding="utf-8"))
        return self._trees[file]

    def files(self, pattern: str) -> list[str]:
        """Paths inside the package that match a glob, sorted."""
        return sorted(p.relative_to(self.root).as_posix() for p in self.root.glob(pattern))

    @cached_property
    def classes(self) -> dict[str, Class]:
        """Config dataclasses by name; two of one name are an error, since types would be guessed."""
        found: dict[str, Class] = {}
        for file in sorted({f for pattern in CONFIG_MODULES for f in self.files(pattern)}):
            for node in self.tree(file).body:
                if isinstance(node, ast.ClassDef) and any(map(is_dataclass, node.decorator_list)):
                    if node.name in found:
                        raise SystemExit(f"{found[node.name].file} and {file} both define {node.name}")
                    found[node.name] = Class(node.name, file, node)
        return found

    def ancestry(self, name: str) -> list[Class]:
        """The class and its bases, most derived first."""
        if name not in self.classes:
            return []
        found = [self.classes[name]]
        for base in found[0].node.bases:
            found += self.ancestry(ast.unparse(base).rsplit(".", 1)[-1])
        return found

    def fields(self, name: str) -> dict[str, Field]:
        """Fields of a dataclass with those that it inherits; {} for a class that is not known."""
        found: dict[str, Field] = {}
        for cls in reversed(self.ancestry(name)):
            for stmt in cls.node.body:
                if isinstance(stmt, ast.AnnAssign) and isinstance(stmt.target, ast.Name):
                    key, of_class = stmt.target.id, self.config_class(stmt.annotation)
                    found[key] = Field(key, self.type_of(stmt.annotation), source(cls.file, stmt), of_class)
            for key, (values, node) in asserted_choices(cls.node):
                if key in found:
                    found[key] = replace(found[key], choices=values, choices_source=source(cls.file, node))
        return {k: f for k, f in found.items() if not k.startswith("_")}

    def config_class(self, annotation: ast.expr) -> str | None:
        """The dataclass named in an annotation, through Optional and unions."""
        names = {n.id for n in ast.walk(annotation) if isinstance(n, ast.Name)} & set(self.classes)
        return names.pop() if len(names) == 1 else None

    def type_of(self, annotation: ast.expr) -> str:
        """An annotation as `int`, `float|list`, `str?`; a dataclass is a `dict`, the rest `any`."""
        return written(self._types(annotation))

    def _types(self, node: ast.expr) -> set[str]:
        match node:
            case ast.Constant(value=None):
                return {"null"}
            case ast.Constant(value=str() as text):
                return self._types(ast.parse(text, mode="eval").body)
            case ast.BinOp(op=ast.BitOr(), left=left, right=right):
                return self._types(left) | self._types(right)
            case ast.Subscript(value=head, slice=inner):
                return self._subscript(ast.unparse(head).rsplit(".", 1)[-1], inner)
            case ast.Name() | ast.Attribute():
                name = ast.unparse(node).rsplit(".", 1)[-1]
                if name in SCALARS:
                    return {name}
                if name in LISTS:
                    return {"list"}
                return {"dict"} if name in MAPPINGS or name in self.classes else {"any"}
        return {"any"}

    def _subscript(self, head: str, inner: ast.expr) -> set[str]:
        parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
        if head == "Optional":
            return self._types(inner) | {"null"}
        if head == "Union":
            return {t for part in parts for t in self._types(part)}
        if head == "Literal":
            return {type_of_value(part.value) for part in parts if isinstance(part, ast.Constant)}
        if head in LISTS:
            return {"list"}
        return {"dict"} if head in MAPPINGS else {"any"}


def is_dataclass(decorator: ast.expr) -> bool:
    return "dataclass" in ast.unparse(decorator)


def source(file: str, node: ast.AST) -> str:
    return f"verl/{file}:{getattr(node, 'lineno', 1)}"


def type_of_value(value: object) -> str:
    """The type of a YAML value: int, float, bool, str, list, dict or null."""
    if value is None:
        return "null"
    for kind in (bool, int, float, str, list, dict):
        if isinstance(value, kind):
            return kind.__name__
    return "any"


def written(types: set[str]) -> str:
    """Type names as one text: `|` between them, `?` at the end where null is allowed; float covers int."""
    names = types - {"null"}
    if "any" in names or not names:
        return "any"
    if "float" in names:
        names -= {"int"}
    return "|".join(sorted(names)) + ("?" if "null" in types else "")


def parsed(text: str) -> set[str]:
    """The inverse of `written`."""
    return set(text.rstrip("?").split("|")) | ({"null"} if text.endswith("?") else set())


def chain(node: ast.expr) -> tuple[str, ...]:
    """`a.b.get("c")` as (a, b, c); () for what is no such chain."""
    match node:
        case ast.Name(id=name):
            return (name,)
        case ast.Attribute(value=value, attr=attr):
            return (*before, attr) if (before := chain(value)) else ()
        case ast.Call(func=ast.Attribute(value=value, attr="get"), args=[ast.Constant(value=name), *_]):
            return (*before, str(name)) if (before := chain(value)) else ()
    return ()


def strings(node: ast.expr) -> tuple[str, ...]:
    """The texts of a list, tuple or set of texts, or of one text; () for anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return (node.value,)
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        values = [e.value for e in node.elts if isinstance(e, ast.Constant) and isinstance(e.value, str)]
        return tuple(values) if len(values) == len(node.elts) else ()
    return ()


def asserted_choices(node: ast.ClassDef) -> Iterator[tuple[str, tuple[tuple[str, ...], ast.Assert]]]:
    """Unconditional `assert self.field in [texts]` of `__post_init__`."""
    for method in node.body:
        if isinstance(method, ast.FunctionDef) and method.name == "__post_init__":
            for stmt in method.body:
                match getattr(stmt, "test", None):
                    case ast.Compare(left=ast.Attribute() as left, ops=[ast.In()], comparators=[values]) if (
                        isinstance(stmt, ast.Assert)
                        and ast.unparse(left) == f"self.{left.attr}"
                        and strings(values)
                    ):
                        yield left.attr, (strings(values), stmt)
