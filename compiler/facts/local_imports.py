"""The local modules that a Python file imports, transitively: what has to travel with it. Nothing is run."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from toolspec.compiler.facts.installed_names import INSTALLED, OWN_PREFIX
from toolspec.compiler.facts.python_source import PythonSource, fault, parse_source, read_source, refuse
from toolspec.specs.named_file import is_folder, is_regular, real
from toolspec.specs.problem import Problem, ProblemError, Span
from toolspec.specs.reads import note

MAX_FILES = 500
MAX_BYTES = 5 << 20


class LocalImports(NamedTuple):
    """files: paths of .py files relative to the root, with `/`, sorted, the entry among them.

    third_party: sorted top-level names that are neither local nor of the standard library; they must be
    installed where the code runs. problems: of single modules; such a file is in `files` if it exists.
    """

    files: tuple[str, ...]
    third_party: tuple[str, ...]
    problems: tuple[Problem, ...]


class _Import(NamedTuple):
    """One import as written. names: of `from module import names`; () for `import module`."""

    module: str
    level: int
    names: tuple[str, ...]
    node: ast.AST


@dataclass(slots=True)
class _Search:
    """The files found so far, in order, each with the import that names it first; what was noticed on the way."""

    root: Path
    folders: tuple[Path, ...]
    files: dict[Path, Span | None] = field(default_factory=dict)
    third_party: set[str] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)
    shadowing: set[str] = field(default_factory=set)


def local_modules(entry: Path, root: Path) -> LocalImports:
    """The modules and packages that `entry` imports from its own folder or from `root`.

    Absolute imports are looked up beside the entry, then in the root; relative ones in their package.
    Imports count wherever they stand, in functions and `try` blocks too, except under `if TYPE_CHECKING:`.
    Of a package its `__init__.py` goes along. Data files are not followed. entry lies inside root.

    Raises ProblemError when the entry cannot be read or lies outside root, or a limit is exceeded.
    """
    root = real(root)
    entry = real(entry.parent) / entry.name
    if not entry.is_relative_to(root):
        raise refuse("import-outside", f"{entry} is not inside {root}", Span(str(entry), 1, 1))
    search = _Search(root, tuple(dict.fromkeys((entry.parent, root))))
    if not _is_inside(search, entry):
        raise refuse("import-outside", f"{entry} is a link to outside {root}", Span(str(entry), 1, 1))
    if entry.stem in sys.stdlib_module_names and not is_regular(entry.parent / "__init__.py"):
        _shadows(search, entry.stem, Span(str(entry), 1, 1))
    _add_with_packages(search, entry, None)
    read: set[Path] = set()
    size = 0
    while pending := [path for path in search.files if path not in read]:
        for path in pending:
            read.add(path)
            try:
                text = read_source(path, search.files[path])
                size += len(text)
                module = parse_source(text, str(path))
                imports = list(_imports(module))
            except ProblemError as error:
                if path == entry:
                    raise
                search.problems.extend(error.problems)
                continue
            for found in imports:
                _follow(search, module, path, found)
            if size > MAX_BYTES or len(search.files) > MAX_FILES:
                limit = (
                    f"more than {MAX_FILES} files"
                    if len(search.files) > MAX_FILES
                    else f"more than {MAX_BYTES:,} bytes"
                )
                message = f"{entry.name} imports {limit} of local modules"
                raise refuse("import-limit", message, Span(str(entry), 1, 1), fix="install them as a package")
    files = tuple(sorted(path.relative_to(root).as_posix() for path in search.files))
    return LocalImports(files, tuple(sorted(search.third_party)), tuple(search.problems))


def _is_inside(search: _Search, path: Path) -> bool:
    return real(path).is_relative_to(real(search.root))


@lru_cache(maxsize=64)  # the specs of a folder share their files, whose trees parse_source shares
def _imports(module: PythonSource) -> tuple[_Import, ...]:
    """Every import of a file that may run, dynamic ones with the name written out among them."""
    return tuple(_each_import(module))


def _each_import(module: PythonSource) -> Iterator[_Import]:
    stack: list[ast.AST] = list(reversed(module.tree.body))
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield _Import(alias.name, 0, (), node)
        elif isinstance(node, ast.ImportFrom):
            yield _Import(node.module or "", node.level, tuple(alias.name for alias in node.names), node)
        elif isinstance(node, ast.If) and _is_type_checking(node.test):
            stack.extend(reversed(node.orelse))
        else:
            if isinstance(node, ast.Call) and (name := _dynamic_import(node)) is not None:
                yield _Import(name, 0, (), node)
            stack.extend(ast.iter_child_nodes(node))


def _is_type_checking(test: ast.expr) -> bool:
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (
        isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING"
    )


def _dynamic_import(node: ast.Call) -> str | None:
    """The module of `importlib.import_module("a.b")` or `__import__("a")`, when it is written out."""
    function = node.func
    name = (
        function.id
        if isinstance(function, ast.Name)
        else function.attr
        if isinstance(function, ast.Attribute)
        else ""
    )
    if name not in ("import_module", "__import__") or not node.args:
        return None
    value = node.args[0].value if isinstance(node.args[0], ast.Constant) else None
    return value if isinstance(value, str) and all(part.isidentifier() for part in value.split(".")) else None


def _follow(search: _Search, module: PythonSource, importer: Path, found: _Import) -> None:
    span = module.span(found.node)
    written = "." * found.level + found.module
    parts = found.module.split(".") if found.module else []
    if found.level:
        folder = importer.parents[found.level - 1] if found.level <= len(importer.parents) else Path("/")
        if not folder.is_relative_to(search.root):
            message = f"`{written}` in {importer.name} leaves {search.root}"
            search.problems.append(fault("import-outside", message, span))
            return
    else:
        top = next((folder for folder in search.folders if _exists(folder, parts[0])), None)
        if top is None:
            if parts[0] not in sys.stdlib_module_names and parts[0] != "__main__":
                search.third_party.add(parts[0])
            return
        if hides(parts[0]):
            _shadows(search, parts[0], span)
        folder = top
    place = _walk(search, folder, parts, written, span)
    if place is not None:
        _add_names(search, place, found.names, span, must_exist=not parts)


def _exists(folder: Path, name: str) -> bool:
    return _module_file(folder, name) is not None or _is_namespace(folder / name)


def _module_file(folder: Path, name: str) -> Path | None:
    """A regular package comes before a module of the same name, as for Python's finder."""
    for candidate in (folder / name / "__init__.py", folder / f"{name}.py"):
        if is_regular(candidate):
            return candidate
    return None


def _is_namespace(folder: Path) -> bool:
    """A folder without `__init__.py` that holds modules, at most one level further down."""
    note(folder, "names")
    try:
        return is_folder(folder) and (any(folder.glob("*.py")) or any(folder.glob("*/*.py")))
    except OSError:
        return False


def _walk(search: _Search, folder: Path, parts: list[str], written: str, span: Span) -> Path | None:
    """Add every module on the way of `a.b.c`. Returns the last one's folder, None where the way ends early.

    For a plain module the folder does not exist, so that no name is found in it.
    """
    for name in parts:
        file = _module_file(folder, name)
        folder = folder / name
        if file is not None:
            if not _add(search, file, span):
                return None
        elif not _is_namespace(folder):
            why = "the import would fail where the code runs"
            message = f"`{written}` is imported, and there is no {name}.py in {folder.parent.name}"
            search.problems.append(fault("import-missing", message, span, why=why))
            return None
        elif not _is_inside(search, folder):
            _outside(search, folder, span)
            return None
        if file is not None and file.name != "__init__.py":
            folder = file
    return folder


def _add_names(search: _Search, place: Path, names: tuple[str, ...], span: Span, *, must_exist: bool) -> None:
    """`from place import names`: those that are modules. Others are taken for attributes of the package."""
    for name in names:
        file = _module_file(place, name)
        if file is not None:
            _add(search, file, span)
        elif (
            must_exist
            and name != "*"
            and not is_regular(place / "__init__.py")
            and not _is_namespace(place / name)
        ):
            message = f"`from . import {name}`: there is no {name}.py in {place.name}"
            search.problems.append(fault("import-missing", message, span))


def _add(search: _Search, file: Path, span: Span) -> bool:
    if file in search.files:
        return True
    if not _is_inside(search, file):
        _outside(search, file, span)
        return False
    _add_with_packages(search, file, span)
    return True


def _add_with_packages(search: _Search, file: Path, span: Span | None) -> None:
    """Add a file, and the `__init__.py` of each package around it: importing the file runs them first."""
    folder = file.parent
    while folder != search.root and is_regular(package := folder / "__init__.py"):
        if _is_inside(search, package):
            search.files.setdefault(package, span)
        folder = folder.parent
    search.files.setdefault(file, span)


def hides(name: str) -> str:
    """Whose module is imported in place of a user's of that name, in words; "" where the user's is found."""
    if name in sys.stdlib_module_names:
        return "one of Python's own"
    if name.startswith(OWN_PREFIX):
        return "one of the bundle's own"
    return "a package installed with verl" if name in INSTALLED else ""


def _shadows(search: _Search, name: str, span: Span) -> None:
    if name not in search.shadowing:
        search.shadowing.add(name)
        message = f"the local module `{name}` has the name of {hides(name)}"
        why = "that one comes first on the import path, so this file would never be found"
        search.problems.append(fault("module-shadows", message, span, why=why, fix="rename it"))


def _outside(search: _Search, file: Path, span: Span) -> None:
    message = f"{file.relative_to(search.root).as_posix()} is a link to outside {search.root}"
    search.problems.append(fault("import-outside", message, span, fix="copy the file, or install it"))
