"""The packages of the run's environment, as the files beside the input list them.

Versions are compared as PEP 440 has it, without epochs and local parts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.backends.verl.lint.view import View
from toolspec.specs.problem import Span

FREEZE = "pip-freeze.txt"
# As texts, which `re` compiles and keeps when they are used: most inputs have no list of packages beside them.
_FILE = r"(?:requirements|constraints)[\w.-]*\.txt|pip-freeze\.txt|requirements[\w.-]*\.in"
_LINE = r"\s*(?P<name>[A-Za-z0-9][\w.-]*)\s*(?:\[(?P<extras>[^\]]*)\])?\s*(?P<rest>[^#;]*)"
_CLAUSE = r"\s*(===|==|!=|<=|>=|~=|<|>)\s*([\w.*+!-]+)\s*"
_VERSION = (
    r"v?(\d+(?:\.\d+)*)(?:[._-]?(a|alpha|b|beta|c|rc|pre|preview)[._-]?(\d*))?(?:[._-]?post[._-]?(\d*))?"
    r"(?:[._-]?dev[._-]?(\d*))?(?:\+.*)?"
)
_PRE = {"a": 0, "alpha": 0, "b": 1, "beta": 1, "c": 2, "rc": 2, "pre": 2, "preview": 2}
Version = tuple[tuple[int, ...], tuple[int, int], int, int]


class Package(NamedTuple):
    """One line of a list. version: where it is pinned to one, else ""."""

    name: str
    extras: frozenset[str]
    clauses: tuple[tuple[str, str], ...]
    span: Span

    @property
    def version(self) -> str:
        return next((text for operator, text in self.clauses if operator == "==" and "*" not in text), "")


class Environment(NamedTuple):
    """packages: by normalized name. complete: whether one that is not listed is not installed (a freeze)."""

    packages: Mapping[str, Package]
    complete: bool
    files: tuple[str, ...]

    def get(self, name: str) -> Package | None:
        return self.packages.get(normalized(name))


def normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def read_environment(view: View) -> Environment:
    """Raises NotKnownError where no list of packages is beside the input."""
    names = view.files.named(view.run.folder, _FILE)
    if not names:
        raise NotKnownError(f"the packages of the environment: {FREEZE} (`pip freeze`) beside the input")
    found: dict[str, Package] = {}
    # A freeze says what is there; a list of requirements only what was asked for.
    for name in sorted(names, key=lambda name: name == FREEZE):
        data = view.files.read(view.run.folder / name) or b""
        for package in parse_requirements(data.decode("utf-8", "replace"), str(view.run.folder / name)):
            found[package.name] = package
    return Environment(found, FREEZE in names, names)


def parse_requirements(text: str, file: str) -> Iterable[Package]:
    for number, line in enumerate(text.split("\n"), 1):
        match = re.match(_LINE, line)
        if match is None or line.lstrip().startswith(("#", "-")):
            continue
        extras = frozenset(normalized(e.strip()) for e in (match["extras"] or "").split(",") if e.strip())
        clauses = tuple((operator, version) for operator, version in re.findall(_CLAUSE, match["rest"]))
        start = len(line) - len(line.lstrip())
        span = Span(file, number, start + 1, max(1, len(line.strip())))
        yield Package(normalized(match["name"]), extras, clauses, span)


def parse_version(text: str) -> Version | None:
    """A version that compares as PEP 440 orders them; None for what is none."""
    found = re.fullmatch(_VERSION, text.strip(), re.IGNORECASE)
    if found is None:
        return None
    numbers = [int(part) for part in found[1].split(".")]
    while len(numbers) > 1 and numbers[-1] == 0:
        numbers.pop()
    dev = -1 if found[5] is not None else 0
    final = (-1, 0) if dev and found[4] is None else (3, 0)
    pre = (_PRE[found[2].lower()], int(found[3] or 0)) if found[2] else final
    post = int(found[4] or 0) + 1 if found[4] is not None else 0
    return tuple(numbers), pre, post, dev


def admits(specifier: str, version: str) -> bool | None:
    """Whether `>=5.5,<6,!=5.6.0` admits a version; None where one of them cannot be read."""
    has = parse_version(version)
    if has is None:
        return None
    for operator, text in re.findall(_CLAUSE, specifier):
        if text.endswith(".*"):
            prefix = parse_version(text[:-2])
            if prefix is None:
                return None
            inside = _padded(has[0], len(prefix[0]))[: len(prefix[0])] == prefix[0]
            if inside == (operator == "!="):
                return False
            continue
        wanted = parse_version(text)
        if wanted is None:
            return None
        if operator == "~=":
            stem = tuple(int(n) for n in text.split(".")[:-1] if n.isdigit())
            if has < wanted or _padded(has[0], len(stem))[: len(stem)] != stem:
                return False
        elif not _holds(operator, has, wanted):
            return False
    return True


def _holds(operator: str, has: Version, wanted: Version) -> bool:
    return {
        "==": has == wanted,
        "===": has == wanted,
        "!=": has != wanted,
        "<=": has <= wanted,
        ">=": has >= wanted,
        "<": has < wanted,
        ">": has > wanted,
    }[operator]


def _padded(numbers: tuple[int, ...], size: int) -> tuple[int, ...]:
    return numbers + (0,) * max(0, size - len(numbers))


class Requirement(NamedTuple):
    """One `Requires-Dist` of a release: `sglang==0.5.12; extra == "sglang"`."""

    name: str
    extras: frozenset[str]
    specifier: str
    extra: str


_REQUIRES = (
    r"(?P<name>[\w.-]+?)\s*(?:\[(?P<extras>[^\]]*)\])?\s*\(?(?P<spec>[<>=!~][^;)]*)?\)?\s*"
    r"(?:;.*?extra\s*==\s*['\"](?P<extra>[^'\"]+)['\"].*)?"
)


def requirements(lines: Iterable[str]) -> tuple[Requirement, ...]:
    """The `Requires-Dist` lines of a wheel."""
    found = []
    for line in lines:
        match = re.fullmatch(_REQUIRES, line.strip())
        if match is not None:
            extras = frozenset(normalized(e.strip()) for e in (match["extras"] or "").split(",") if e.strip())
            spec = (match["spec"] or "").strip()
            found.append(Requirement(normalized(match["name"]), extras, spec, match["extra"] or ""))
    return tuple(found)


def extras_with(required: tuple[Requirement, ...], package: str) -> frozenset[str]:
    """The extras of verl that install a package, by themselves or by another extra."""
    name = normalized(package)
    found = {one.extra for one in required if one.name == name and one.extra}
    while True:
        more = {one.extra for one in required if one.name == "verl" and one.extras & found} - found
        if not more:
            return frozenset(normalized(extra) for extra in found)
        found |= more
