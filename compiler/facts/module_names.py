"""What the names at the top level of a module stand for: imports, classes, functions, aliases."""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, cast

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef

# Modules that only re-export: written either way, a name means the same.
_SAME = {
    "typing_extensions": "typing",
    "collections.abc": "typing",
    "_collections_abc": "typing",
    "pydantic.main": "pydantic",
    "pydantic.fields": "pydantic",
    "pydantic.types": "pydantic",
}
_STAR = frozenset({"typing", "typing_extensions", "enum", "dataclasses", "pydantic", "collections.abc"})
_TYPE_ALIAS = getattr(ast, "TypeAlias", None)  # `type X = ...`, from Python 3.12 on


class ModuleNames(NamedTuple):
    """Top-level names, also those bound inside `if`, `try` and `with` there.

    imports: name → dotted origin. classes, aliases (assigned names): name → node. functions: name →
    definitions in file order, `typing.overload` stubs left out. stars: modules imported from by `*`, of
    those that matter to types.
    """

    imports: Mapping[str, str]
    classes: Mapping[str, ast.ClassDef]
    aliases: Mapping[str, ast.expr]
    functions: Mapping[str, Sequence[FunctionNode]]
    stars: tuple[str, ...]

    def origin(self, node: ast.expr) -> str | None:
        """The dotted name that `name` or `a.b.c` stands for, `typing.List` for `t.List`; None for all else.

        A name of this module is itself with a leading colon (`:Point`); a built-in has no dot (`list`).
        """
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return None
        first = node.id
        if first in self.classes or first in self.aliases or first in self.functions:
            base = ":" + first
        elif first in self.imports:
            base = self.imports[first]
        elif hasattr(builtins, first):
            base = first
        else:
            base = self._starred(first)
        return canonical(".".join((base, *reversed(parts))))

    def _starred(self, name: str) -> str:
        for module in self.stars:
            loaded = sys.modules.get(module)
            if loaded is None or hasattr(loaded, name):
                return f"{module}.{name}"
        return ":" + name


def canonical(dotted: str) -> str:
    """One spelling for names that several modules re-export."""
    module, _, name = dotted.rpartition(".")
    return f"{_SAME[module]}.{name}" if module in _SAME else dotted


def read_names(tree: ast.Module) -> ModuleNames:
    """The names of a module. Of two bindings of a name the later one counts, as when it runs."""
    imports: dict[str, str] = {}
    classes: dict[str, ast.ClassDef] = {}
    aliases: dict[str, ast.expr] = {}
    functions: dict[str, list[FunctionNode]] = {}
    stars: list[str] = []
    single: tuple[dict[str, str], dict[str, ast.ClassDef], dict[str, ast.expr]] = (imports, classes, aliases)

    def forget(name: str) -> None:
        for table in single:
            table.pop(name, None)

    for node in statements(tree.body):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for name, origin in imported(node):
                if name == "*":
                    if origin in _STAR:
                        stars.append(origin)
                    continue
                forget(name)
                functions.pop(name, None)
                imports[name] = origin
        elif isinstance(node, ast.ClassDef):
            forget(node.name)
            functions.pop(node.name, None)
            classes[node.name] = node
        elif isinstance(node, FunctionNode):
            forget(node.name)
            functions.setdefault(node.name, []).append(node)
        else:
            for name, value in _assigned(node):
                forget(name)
                # A function that is rebound (`f = cached(f)`) stays known: its reader says what it found.
                aliases[name] = value
    real = {name: _without_overloads(found, imports) for name, found in functions.items()}
    return ModuleNames(
        MappingProxyType(imports),
        MappingProxyType(classes),
        MappingProxyType(aliases),
        MappingProxyType(real),
        tuple(stars),
    )


def statements(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a body and of the `if`, `try`, `with` and loops in it, the likelier binding last.

    `try: from typing import X / except ImportError: from typing_extensions import X` and `if
    TYPE_CHECKING:` mean their first branch to a reader of types.
    """
    stack: list[ast.stmt] = list(reversed(body))
    while stack:
        node = stack.pop()
        if isinstance(node, ast.If):
            stack.extend(reversed([*node.orelse, *node.body]))
        elif isinstance(node, ast.Try) or type(node).__name__ == "TryStar":
            block = cast(ast.Try, node)  # ast.TryStar, from Python 3.11 on, has the same fields
            handlers = [s for handler in block.handlers for s in handler.body]
            stack.extend(reversed([*handlers, *block.body, *block.orelse, *block.finalbody]))
        elif isinstance(node, ast.With | ast.For | ast.While):
            stack.extend(reversed(node.body))
        else:
            yield node


def imported(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, str]]:
    """(name bound here, dotted origin); a relative origin begins with dots; a star import binds `*`."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield (alias.asname, alias.name) if alias.asname else (alias.name.partition(".")[0],) * 2
        return
    module = "." * node.level + (node.module or "")
    for alias in node.names:
        if alias.name == "*":
            yield "*", module
        else:
            separator = "" if module.endswith(".") else "."
            yield alias.asname or alias.name, f"{module}{separator}{alias.name}"


def _assigned(node: ast.stmt) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(node, ast.Assign):
        for target in node.targets:
            if isinstance(target, ast.Name):
                yield target.id, node.value
    elif isinstance(node, ast.AnnAssign):
        if isinstance(node.target, ast.Name) and node.value is not None:
            yield node.target.id, node.value
    elif _TYPE_ALIAS is not None and isinstance(node, _TYPE_ALIAS):
        yield node.name.id, node.value


def _without_overloads(found: Sequence[FunctionNode], imports: Mapping[str, str]) -> Sequence[FunctionNode]:
    def is_stub(node: FunctionNode) -> bool:
        return any(
            (isinstance(d, ast.Name) and canonical(imports.get(d.id, "")) == "typing.overload")
            or (isinstance(d, ast.Attribute) and d.attr == "overload")
            for d in node.decorator_list
        )

    return tuple(node for node in found if not is_stub(node)) or tuple(found)
