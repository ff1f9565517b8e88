"""`# toolspec: ignore[TS203] reason` in YAML and shell: what it silences, and what is wrong with it.

On a line of its own it is for the line below, behind a value for its line; `ignore-file[…]` is for the whole file. In a
script a line that a backslash continues has no room for a comment, and bash ends a command at a comment line: above a
command, or behind its last line, the comment is for all of its lines. A reason is required; one that silences nothing
is told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from toolspec.specs.codes import CODES
from toolspec.specs.problem import Problem, Span

_COMMENT = re.compile(r"#\s*toolspec:\s*(ignore(?:-file)?)\b(?:\[([^\]]*)\])?[ \t]*(.*)$")
_LOOSE = re.compile(r"#\s*toolspec\s*:?\s*ignore")


class Silence(NamedTuple):
    """rules: codes or names. first, last: the lines that it is for, 0 for the whole file. span: of the comment."""

    rules: tuple[str, ...]
    first: int
    last: int
    span: Span

    def covers(self, problem: Problem) -> bool:
        inside = problem.span is not None and problem.span.file == self.span.file
        here = self.first == 0 or (problem.span is not None and self.first <= problem.span.line <= self.last)
        return inside and here and (problem.code in self.rules or problem.name in self.rules)


def apply(
    findings: Sequence[Problem], sources: Mapping[str, Sequence[str]], loud: frozenset[str]
) -> tuple[list[Problem], int]:
    """The findings that are left, with those about the comments themselves; how many were silenced."""
    silences: list[Silence] = []
    kept: list[Problem] = []
    for file, lines in sources.items():
        for silence in _read(file, lines):
            if isinstance(silence, Problem):
                kept.append(silence)
            else:
                silences.append(silence)
    used: set[int] = set()
    silenced = 0
    for problem in findings:
        covering = [number for number, silence in enumerate(silences) if silence.covers(problem)]
        if covering and problem.code not in loud:
            used.update(covering)
            silenced += 1
            continue
        kept.append(problem)
        if covering:
            message = f"{problem.code} cannot be silenced"
            kept.append(Problem("TS035", "suppression", message, silences[covering[0]].span, fix="mend it"))
            used.update(covering)
    for number, silence in enumerate(silences):
        known = all(rule in CODES or rule in CODES.values() for rule in silence.rules)
        if number not in used and known:
            message = f"nothing of {', '.join(silence.rules)} is found there"
            kept.append(
                Problem("TS035", "suppression", message, silence.span, fix="drop it", severity="warning")
            )
    return kept, silenced


def _read(file: str, lines: Sequence[str]) -> Iterator[Silence | Problem]:
    names = frozenset(CODES.values())
    for number, line in enumerate(lines, 1):
        loose = _LOOSE.search(line) if "toolspec" in line else None
        if loose is None:
            continue
        span = Span(file, number, loose.start() + 1, len(line.rstrip()) - loose.start())
        found = _COMMENT.search(line)
        if found is None or not (found[2] or "").strip():
            message = "the comment names no rule"
            yield Problem("TS035", "suppression", message, span, fix="# toolspec: ignore[TS203] reason")
            continue
        if not found[3].strip():
            message = f"no reason is given for silencing {found[2].strip()}"
            yield Problem(
                "TS035", "suppression", message, span, fix=f"# toolspec: ignore[{found[2].strip()}] why"
            )
            continue
        rules = tuple(found[2].replace(",", " ").split())
        yield from (_no_rule(rule, span) for rule in rules if rule not in CODES and rule not in names)
        if found[1] == "ignore-file":
            yield Silence(rules, 0, 0, span)
            continue
        first = last = _line_of(lines, number)
        if not file.endswith((".yaml", ".yml")):
            while first > 1 and _continues(lines[first - 2]):
                first -= 1
            while last < len(lines) and _continues(lines[last - 1]):
                last += 1
        yield Silence(rules, first, last, span)


def _no_rule(rule: str, span: Span) -> Problem:
    from toolspec.specs.nearest import nearest

    close = nearest(rule, (*CODES.values(), *CODES))
    fix = f"did you mean {close[0]}?" if close else "`toolspec rules` lists them"
    return Problem("TS035", "suppression", f"`{rule}` is no rule", span, fix=fix)


def _continues(line: str) -> bool:
    """Whether bash goes on in the next line: an odd number of backslashes at the end, and no comment."""
    ends = len(line) - len(line.rstrip("\\"))
    return ends % 2 == 1 and not line.lstrip().startswith("#")


def _line_of(lines: Sequence[str], number: int) -> int:
    """The line that a comment is for: its own, or the next one with something on it."""
    if not lines[number - 1].lstrip().startswith("#"):
        return number
    for below in range(number, len(lines)):
        text = lines[below].strip()
        if text and not text.startswith("#"):
            return below + 1
    return number
