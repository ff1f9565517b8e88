"""References to the user's Python (`tools.py:search`, `pkg.module.Class`): which file, which name, what goes along."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from toolspec.specs.problem import Problem, ProblemError, Span


@dataclass(frozen=True, slots=True)
class CodeRef:
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

    Raises ProblemError where the text has neither form or the file is not there.
    """
    if ":" in text:
        file_text, _, name = text.rpartition(":")
        if not file_text.endswith(".py") or not name.isidentifier():
            raise _problem(
                f'"{text}" is not of the form file.py:name', path, span, "example: tools.py:search"
            )
        file = (base / Path(file_text).expanduser()).resolve()
        if not file.is_file():
            raise _problem(
                f"there is no file {file_text} beside the spec", path, span, _similar(base, file_text)
            )
        root = file.parent
        while (root / "__init__.py").is_file() and root != root.parent:
            root = root.parent
        module = ".".join(file.relative_to(root).with_suffix("").parts)
        return CodeRef(file, module, name, root)
    parts = text.split(".")
    if len(parts) < 2 or not all(part.isidentifier() for part in parts):
        raise _problem(
            f'"{text}" is neither file.py:name nor module.Name',
            path,
            span,
            f"example: {parts[0] or 'tools'}.py:name",
        )
    for candidate in (Path(*parts[:-1]).with_suffix(".py"), Path(*parts[:-1]) / "__init__.py"):
        if (base / candidate).is_file():
            return CodeRef((base / candidate).resolve(), ".".join(parts[:-1]), parts[-1], base.resolve())
    return CodeRef(None, ".".join(parts[:-1]), parts[-1], base.resolve())


def _problem(message: str, path: str, span: Span | None, fix: str) -> ProblemError:
    return ProblemError((Problem("TS310", "user-code", message, span, path, fix=fix),))


def _similar(base: Path, name: str) -> str:
    from toolspec.specs.nearest import nearest

    close = nearest(name, sorted(p.name for p in base.glob("*.py")))
    return f"did you mean {close[0]}?" if close else "paths are relative to the spec"
