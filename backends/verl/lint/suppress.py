"""`# toolspec: ignore[TS203] reason` in YAML and shell: what it silences, and what is wrong with it.

On a line of its own it is for the line below (in a script: for the command's line below), behind a value for its line;
`ignore-file[…]` is for the whole file. A reason is required; one that silences nothing is told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from toolspec.specs.problem import Problem, Span

_COMMENT = re.compile(r"#\s*toolspec:\s*(ignore(?:-file)?)\b(?:\[([^\]]*)\])?[ \t]*(.*)$")
_LOOSE = re.compile(r"#\s*toolspec\s*:?\s*ignore")


@dataclass(frozen=True)
class Silence:
    """rules: codes or names. line: that it is for, 0 for the whole file. span: of the comment."""

    rules: tuple[str, ...]
    line: int
    span: Span

    def covers(self, problem: Problem) -> bool:
        inside = problem.span is not None and problem.span.file == self.span.file
        here = self.line == 0 or (problem.span is not None and problem.span.line == self.line)
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
        if number not in used:
            message = f"nothing of {', '.join(silence.rules)} is found there"
            kept.append(
                Problem("TS035", "suppression", message, silence.span, fix="drop it", severity="warning")
            )
    return kept, silenced


def _read(file: str, lines: Sequence[str]) -> Iterator[Silence | Problem]:
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
        whole = found[1] == "ignore-file"
        yield Silence(rules, 0 if whole else _line_of(lines, number), span)


def _line_of(lines: Sequence[str], number: int) -> int:
    """The line that a comment is for: its own, or the next one with something on it."""
    if not lines[number - 1].lstrip().startswith("#"):
        return number
    for below in range(number, len(lines)):
        text = lines[below].strip()
        if text and not text.startswith("#"):
            return below + 1
    return number
