"""Settings of lint from `.toolspec.toml` or `[tool.toolspec]` of `pyproject.toml`, the nearest above the input.

select = ["TS2"]        ignore = ["TS701"]       target = "verl==0.9.1"     exclude = ["old/*"]
[severity]  TS115 = "note"
[per-file-ignores]  "examples/*" = ["TS703"]
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from toolspec.backends.verl.lint.choice import LEVELS
from toolspec.backends.verl.written.files import Files
from toolspec.specs.named_file import is_folder, is_regular
from toolspec.specs.problem import Problem, ProblemError, Severity, Span

NAMES = (".toolspec.toml", "pyproject.toml")
_LISTS = ("select", "ignore", "exclude")


class Settings(NamedTuple):
    """file: where they were read, None for none."""

    file: Path | None = None
    target: str | None = None
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    severity: Mapping[str, Severity] = MappingProxyType({})
    per_file: Mapping[str, tuple[str, ...]] = MappingProxyType({})

    def ignored_in(self, path: str) -> tuple[str, ...]:
        """Rules that the settings leave out for one file."""
        relative = self._relative(path)
        return tuple(
            rule for pattern, rules in self.per_file.items() if fnmatch(relative, pattern) for rule in rules
        )

    def patterns(self) -> Iterator[tuple[str, str]]:
        """(rule or family, where it is named) of everything that the settings name."""
        yield from ((rule, "select") for rule in self.select)
        yield from ((rule, "ignore") for rule in self.ignore)
        yield from ((rule, "severity") for rule in self.severity)
        for pattern, rules in self.per_file.items():
            yield from ((rule, f"per-file-ignores of {pattern}") for rule in rules)

    def excludes(self, path: str) -> bool:
        relative = self._relative(path)
        return any(fnmatch(relative, pattern) for pattern in self.exclude)

    def _relative(self, path: str) -> str:
        if self.file is None:
            return path
        try:
            return Path(path).absolute().relative_to(self.file.parent.absolute()).as_posix()
        except ValueError:
            return path


def find_settings(start: Path, files: Files, named: str | None = None) -> Settings:
    """The settings for an input in the folder `start`. Raises ProblemError for a file that cannot be read as such."""
    if named is not None:
        data = files.read(Path(named))
        if data is None:
            raise ProblemError((Problem("TS020", "unreadable-file", f"cannot read the settings {named}"),))
        return _settings(Path(named), data, whole=not named.endswith("pyproject.toml"))
    return files.once("settings", start, lambda: _nearest(start, files))


def _nearest(start: Path, files: Files) -> Settings:
    for folder in (start.absolute(), *start.absolute().parents):
        for name in NAMES:
            data = files.read(folder / name)
            if data is None or (name == "pyproject.toml" and b"[tool.toolspec" not in data):
                continue
            return _settings(folder / name, data, whole=name != "pyproject.toml")
        if is_folder(folder / ".git") or is_regular(folder / ".git"):
            break
    return Settings()


def _settings(file: Path, data: bytes, *, whole: bool) -> Settings:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        document: Any = tomllib.loads(data.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise _wrong(file, f"not TOML: {error}") from None
    table = document if whole else document.get("tool", {}).get("toolspec", {})
    if not isinstance(table, dict):
        raise _wrong(file, "[tool.toolspec] is no table")
    known = {*_LISTS, "target", "severity", "per-file-ignores"}
    unknown = sorted(set(table) - known)
    if unknown:
        raise _wrong(file, f"`{unknown[0]}` is no setting (there are {', '.join(sorted(known))})")
    lists = {name: _texts(file, name, table.get(name, [])) for name in _LISTS}
    severity = table.get("severity", {})
    for rule, level in severity.items() if isinstance(severity, dict) else ():
        if level not in LEVELS:
            raise _wrong(file, f"severity of {rule}: {level!r} is none of {', '.join(LEVELS)}")
    per_file = table.get("per-file-ignores", {})
    if not isinstance(severity, dict) or not isinstance(per_file, dict):
        raise _wrong(file, "`severity` and `per-file-ignores` are tables")
    target = table.get("target")
    if target is not None and not isinstance(target, str):
        raise _wrong(file, "`target` is a text such as verl==0.9.1")
    ignores = {pattern: _texts(file, pattern, rules) for pattern, rules in per_file.items()}
    return Settings(file, target, lists["select"], lists["ignore"], lists["exclude"], dict(severity), ignores)


def _texts(file: Path, name: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise _wrong(file, f"`{name}` is a list of texts")
    return tuple(value)


def _wrong(file: Path, message: str) -> ProblemError:
    return ProblemError((Problem("TS036", "settings", message, Span(str(file), 1, 1)),))
