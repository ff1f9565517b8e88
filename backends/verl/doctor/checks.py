"""The checks: pure functions from needs and a snapshot to lines of the report, in a table."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from toolspec.backends.verl.constraints import pins
from toolspec.backends.verl.doctor.machine import MACHINE
from toolspec.backends.verl.doctor.needs import Needs
from toolspec.backends.verl.doctor.snapshot import Absent, Line, Snapshot
from toolspec.backends.verl.doctor.storage import STORAGE
from toolspec.backends.verl.environment import PINNED_WITH_ENGINE, PackageProblem, problems
from toolspec.backends.verl.package_version import admits
from toolspec.backends.verl.releases import release

Check = Callable[[Needs, Snapshot], Iterator[Line]]

SHOWN = ("torch", "transformers", "sglang", "vllm", "ray", "tensordict", "numpy", "flash-attn", "kernels")
"""Packages whose versions stand in the report though nothing is wrong with them."""


def python(needs: Needs, seen: Snapshot) -> Iterator[Line]:
    """requires-python of the wheel. 0.7.1 and 0.8.0 have no upper bound; their dependencies stop before 3.13."""
    if isinstance(seen.interpreter, Absent):
        yield Line("python", "unknown", seen.interpreter.reason, fix="--python PATH names the one to look at")
        return
    wanted = release(needs.release).requires_python
    found = seen.interpreter.version
    shown = f"{found} ({seen.interpreter.executable})"
    if admits(wanted, found) is False:
        why = f"verl {needs.release} wants Python {wanted}"
        yield Line("python", "error", shown, why, "make the environment with Python 3.12")
    elif admits(">=3.13", found):
        why = "what verl needs has no files for it; 3.10 to 3.12 are what it was run with"
        yield Line("python", "warning", shown, why, "make the environment with Python 3.12")
    else:
        yield Line("python", "ok", shown)


def packages(needs: Needs, seen: Snapshot) -> Iterator[Line]:
    """Every package that is wrong, then those that are worth showing."""
    if isinstance(seen.interpreter, Absent):
        yield Line("packages", "unknown", seen.interpreter.reason)
        return
    there = seen.interpreter.packages
    found = problems(there, needs.release, needs.uses)
    alike: dict[tuple[object, ...], list[PackageProblem]] = {}
    for problem in found:
        missing = problem.found is None
        alike.setdefault(
            (missing or problem.package, problem.severity, problem.why, problem.source), []
        ).append(problem)
    for group in alike.values():
        yield _package_line(group)
    wrong = {problem.package for problem in found}
    for name in ("verl", *SHOWN):
        if name in there and name not in wrong:
            yield Line(name, "ok", there[name])


def _package_line(group: list[PackageProblem]) -> Line:
    """Of one package, or of several that are missing for the same reason."""
    first = group[0]
    why = f"{first.why} ({first.source})"
    if len(group) == 1:
        return Line(first.package, first.severity, first.message, why, first.fix)
    names = ", ".join(problem.package for problem in group)
    fix = "pip install " + " ".join(f"'{problem.wanted}'" for problem in group)
    return Line("missing", first.severity, names, why, fix)


def constraints(needs: Needs, seen: Snapshot) -> Iterator[Line]:
    """How far the environment is the one of the release's constraints file."""
    if isinstance(seen.interpreter, Absent):
        return
    there = seen.interpreter.packages
    wanted = pins(needs.release)
    if not there.keys() & {"verl", "torch"}:
        why = "neither verl nor torch is installed in this Python"
        fix = "toolspec doctor --constraints shows what to install, --python PATH names another Python"
        yield Line("constraints", "unknown", f"{len(wanted)} packages are listed", why, fix)
        return
    same = sum(1 for name, version in wanted.items() if admits(f"=={version}", there.get(name, "")) is True)
    other = [
        f"{name} {there[name]} ({wanted[name]})"
        for name in sorted(PINNED_WITH_ENGINE | {"ray", "numpy"})
        if name in there and name in wanted and not admits(f"=={wanted[name]}", there[name])
    ]
    shown = f"{same} of {len(wanted)} packages are as listed"
    if other:
        why = "not as listed: " + ", ".join(other)
        yield Line("constraints", "warning", shown, why, "toolspec doctor --constraints shows the list")
    else:
        yield Line("constraints", "ok", shown)


CHECKS: tuple[tuple[str, tuple[Check, ...]], ...] = (
    ("environment", (python, packages, constraints)),
    ("machine", MACHINE),
    ("storage", STORAGE),
)


def diagnose(needs: Needs, seen: Snapshot) -> tuple[tuple[str, tuple[Line, ...]], ...]:
    """Every group with its lines, in the order of the table."""
    return tuple(
        (group, tuple(line for check in checks for line in check(needs, seen))) for group, checks in CHECKS
    )
