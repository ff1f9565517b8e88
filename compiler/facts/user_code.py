"""References to the user's Python (`tools.py:search`, `pkg.module.Class`): which file, which name, what goes along."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import NamedTuple

from toolspec.compiler.facts.python_source import MAX_BYTES
from toolspec.specs.named_file import UnreadableError, is_regular, located, read, real, unreadable
from toolspec.specs.nearest import nearest
from toolspec.specs.problem import Problem, ProblemError, Span
from toolspec.specs.reads import note

MAX_NAMES = 1000
"""Files of a folder among which a misspelt name is looked for."""


class CodeRef(NamedTuple):
    """A name in the user's code. file: absolute, None for a module that must be installed on the cluster.

    module: importable name of the file inside the bundle's `ts_user`, dotted for a file of a package.
    name: the function or class.
    root: the folder that `module` is relative to.
    """

    file: Path | None
    module: str
    name: str
    root: Path


def code_ref(text: str, base: Path, path: str, span: Span | None) -> CodeRef:
    """`file.py:name` or `package.module.Name`, looked up beside the spec (`base`); nothing is imported.

    Raises ProblemError where the text has neither form or the file cannot be read.
    """
    if ":" in text:
        file_text, _, name = text.rpartition(":")
        if not file_text.endswith(".py") or not name.isidentifier():
            raise _problem(
                f'"{text}" is not of the form file.py:name', path, span, "example: tools.py:search"
            )
        try:
            file = real(located(file_text, base))
            read(file, MAX_BYTES)  # asked now, where the spec's name for it is known
        except UnreadableError as error:
            fix = _similar(base, file_text) if error.missing else ""
            fix = "keep data in a file of its own" if error.too_large else fix
            raise unreadable(error, file_text, span, path, fix) from None
        root = file.parent
        while is_regular(root / "__init__.py") and root != root.parent:
            root = root.parent
        module = ".".join(file.relative_to(root).with_suffix("").parts)
        return CodeRef(file, module, name, root)
    parts = text.split(".")
    if text.endswith(".py"):
        raise _problem(
            f'"{text}" is a file; which name in it is meant is not said', path, span, f"write {text}:NAME"
        )
    if len(parts) < 2 or not all(part.isidentifier() for part in parts):
        raise _problem(
            f'"{text}" is neither file.py:name nor module.Name',
            path,
            span,
            f"example: {parts[0] or 'tools'}.py:name",
        )
    for candidate in (Path(*parts[:-1]).with_suffix(".py"), Path(*parts[:-1]) / "__init__.py"):
        if is_regular(base / candidate):
            return CodeRef(real(base / candidate), ".".join(parts[:-1]), parts[-1], real(base))
    return CodeRef(None, ".".join(parts[:-1]), parts[-1], real(base))


def _problem(message: str, path: str, span: Span | None, fix: str) -> ProblemError:
    return ProblemError((Problem("TS310", "user-code", message, span, path, fix=fix),))


def _similar(base: Path, name: str) -> str:
    folder, _, last = name.rpartition("/")
    note(base / folder, "names")
    there = sorted(p.name for p in islice((base / folder).glob("*.py"), MAX_NAMES))
    close = nearest(last, there)
    near = f"{folder}/{close[0]}" if close and folder else "".join(close)
    return f"did you mean {near}?" if close else f"paths are relative to the spec's folder, {base}"
