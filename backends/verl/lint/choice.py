"""Which rules run, and how much their findings weigh: by code, beginning of a code, name, or family."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from toolspec.backends.verl.rules.registry import Loaded
from toolspec.specs.problem import Problem, ProblemError, Severity

LEVELS: tuple[Severity, ...] = ("error", "warning", "note")


class Choice(NamedTuple):
    """select: only these, () for all. ignore: none of these. levels: rule → severity. lowest: what is shown."""

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    levels: Mapping[str, Severity] = MappingProxyType({})
    lowest: Severity = "note"

    def takes(self, code: str, name: str, loud: bool = False) -> bool:
        """Whether findings of a rule are wanted. A loud rule cannot be left out."""
        if loud:
            return True
        chosen = not self.select or any(_names(pattern, code, name) for pattern in self.select)
        return chosen and not any(_names(pattern, code, name) for pattern in self.ignore)

    def rules(self, loaded: Sequence[Loaded]) -> tuple[Loaded, ...]:
        return tuple(
            entry for entry in loaded if self.takes(entry.rule.code, entry.rule.name, entry.rule.loud)
        )

    def findings(self, found: Iterable[Problem], loud: frozenset[str]) -> tuple[Problem, ...]:
        """The findings that are wanted, with the severity that was chosen for them."""
        kept = []
        for problem in found:
            if not self.takes(problem.code, problem.name, problem.code in loud):
                continue
            level = problem.severity if problem.code in loud else self._level(problem)
            if LEVELS.index(level) <= LEVELS.index(self.lowest):
                kept.append(problem if level == problem.severity else problem._replace(severity=level))
        return tuple(kept)

    def _level(self, problem: Problem) -> Severity:
        for pattern, level in self.levels.items():
            if _names(pattern, problem.code, problem.name):
                return level
        return problem.severity


def _names(pattern: str, code: str, name: str) -> bool:
    return pattern in (name, code) or (pattern.startswith("TS") and code.startswith(pattern))


def parse_levels(texts: Iterable[str]) -> tuple[dict[str, Severity], Severity]:
    """`warning` (the lowest shown) and `TS203=note` (a rule's own). Raises ProblemError for another word."""
    levels: dict[str, Severity] = {}
    lowest: Severity = "note"
    for text in texts:
        rule, sign, level = text.rpartition("=")
        if level not in LEVELS:
            message = f"`{text}` is no severity: error, warning or note, or RULE=LEVEL"
            raise ProblemError((Problem("TS029", "wrong-usage", message),))
        if sign:
            levels[rule] = level
        else:
            lowest = level
    return levels, lowest


def unknown_patterns(patterns: Iterable[str], codes: Mapping[str, str]) -> list[str]:
    """Patterns that name nothing. codes: every code → its name."""
    return [p for p in patterns if not any(_names(p, code, name) for code, name in codes.items())]
