"""The file that an argument names, before it is read: there, a file, and if not, which one may be meant."""

from __future__ import annotations

from pathlib import Path

from toolspec.specs.nearest import nearest
from toolspec.specs.problem import Problem, ProblemError

SUFFIXES = (".yaml", ".yml")


def check_file(text: str) -> None:
    """Raises ProblemError where `text` names a stream, a folder or nothing. Looks at names alone."""
    path = Path(text)
    try:
        if path.is_file():
            return
        if text == "-" or (path.exists() and not path.is_dir()):
            why = "what it names is looked for beside it, and the bundle gets a copy of it"
            fix = "save it as a file beside its tools and data"
            raise _unreadable(text, "a spec is a file, and no stream", fix, why)
        if path.is_dir():
            inside = [name for name in _specs(path) if name == "exp.yaml"] or _specs(path)
            close = str(path / inside[0]) if len(inside) == 1 else ""
            raise _unreadable(
                text, "it is a folder", f"did you mean {close}?" if close else "name the spec in it"
            )
        if not path.parent.is_dir():
            raise _unreadable(text, f"there is no folder {path.parent}", "")
        close = "".join(str(path.with_name(name)) for name in nearest(path.name, _specs(path.parent)))
        raise _unreadable(text, "there is no such file", f"did you mean {close}?" if close else "")
    except (OSError, ValueError):
        return  # Reading it says what is wrong.


def _specs(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.suffix in SUFFIXES and path.is_file())


def _unreadable(text: str, what: str, fix: str, why: str = "") -> ProblemError:
    return ProblemError(
        (Problem("TS020", "unreadable-file", f"cannot read {text}: {what}", None, "", why, fix),)
    )
