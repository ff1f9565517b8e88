"""`lint --fix` and `--diff`: edits made to the texts, which are linted again until nothing is left to make."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from toolspec.cli.lint_options import Asked
from toolspec.specs.problem import Edit, Problem
from toolspec.specs.reads import laid_over
from toolspec.specs.text_edits import repaired

if TYPE_CHECKING:
    from toolspec.cli.lint_report import Outcome

ARGUMENTS = "--"
BESIDE = frozenset({"tool-schema-lost", "tool-schema-refused"})
"""Rules whose repair is one of a file that the named one names, and of nothing else: its tools file."""
MOST_ROUNDS = 10
"""Fixes that overlap are made one after another; rules that undo each other's would never end."""


class Fixed(NamedTuple):
    """outcome: what is found in the edited texts. before, after: file → its bytes, of those that change."""

    outcome: Outcome
    before: Mapping[str, bytes]
    after: Mapping[str, bytes]


def fix(asked: Asked, unsafe: bool) -> Fixed:
    """Make the edits in memory. Only files that were named, or found in a folder that was, are edited, and tools files.

    Arguments are lines of a file named `--`, which is there for `--diff` alone.
    """
    from toolspec.backends.verl.written.files import Files
    from toolspec.cli.lint import run

    outcome = run(asked)
    named = {result.file for result in outcome.results}
    if unsafe:
        named |= {edit.span.file for one in outcome.findings if one.name in BESIDE for edit in one.edits}
    files = Files()
    before = {name: data for name in sorted(named) if (data := files.read(Path(name))) is not None}
    if asked.arguments is not None and asked.flag("--diff"):
        before[ARGUMENTS] = _joined(asked.arguments)
    texts = dict(before)
    made = 0
    for _ in range(MOST_ROUNDS):
        wanted = [
            problem.edits
            for problem in outcome.findings
            if problem.edits
            and (problem.safe or unsafe)
            and all(edit.span.file in texts for edit in problem.edits)
        ]
        for several in (wanted, wanted[:1]):
            fresh, number = _made(texts, several)
            after = _linted(asked, fresh)
            # Edits are right one by one; should they spoil a file together, the first is made alone.
            if not _spoilt(after) - _spoilt(outcome):
                break
        else:
            break
        if not number:
            break
        texts, outcome, made = fresh, after, made + number
    changed = {name: data for name, data in texts.items() if data != before[name]}
    return Fixed(outcome._replace(fixed=made), {name: before[name] for name in changed}, changed)


def _joined(arguments: Iterable[str]) -> bytes:
    return "".join(f"{line}\n" for line in arguments).encode("utf-8", "surrogateescape")


def _linted(asked: Asked, texts: Mapping[str, bytes]) -> Outcome:
    """What is found where the files, or the arguments, are these texts."""
    from toolspec.cli.lint import run

    if ARGUMENTS in texts:
        lines = texts[ARGUMENTS].decode("utf-8", "surrogateescape").split("\n")[:-1]
        asked = asked._replace(arguments=tuple(lines))
    files = {os.path.abspath(name): data for name, data in texts.items() if name != ARGUMENTS}  # noqa: PTH100
    with laid_over(files):
        return run(asked)


def _made(texts: Mapping[str, bytes], wanted: Iterable[tuple[Edit, ...]]) -> tuple[dict[str, bytes], int]:
    """The texts with as many of the repairs as go together. A repair of several files is made alone."""
    by_file: dict[str, list[tuple[Edit, ...]]] = {}
    for edits in wanted:
        names = list(dict.fromkeys(edit.span.file for edit in edits))
        if len(names) > 1:
            by_file = {name: [tuple(e for e in edits if e.span.file == name)] for name in names}
            break
        by_file.setdefault(names[0], []).append(edits)
    fresh, number = dict(texts), 0
    for name, repairs in by_file.items():
        text, made = repaired(texts[name].decode("utf-8"), repairs)
        fresh[name] = text.encode("utf-8")
        number += made
    return fresh, number


def _spoilt(outcome: Outcome) -> set[tuple[str, str]]:
    """(code, file) of what keeps a text from being read at all."""
    return {
        (problem.code, problem.span.file if problem.span else "")
        for problem in outcome.findings
        if problem.code.startswith("TS0")
    }


def written(fixed: Fixed) -> tuple[Problem, ...]:
    """Write the files; what was not written, and why. A file that changed meanwhile is left as it is."""
    from toolspec.backends.verl.written.files import Files
    from toolspec.cli.replace import replace_file

    files = Files()
    left = []
    for name, data in fixed.after.items():
        if files.read(Path(name)) != fixed.before[name]:
            why = "it changed while it was linted"
        else:
            try:
                replace_file(Path(name), data)
                continue
            except OSError as error:
                why = str(error.strerror or error)
        left.append(Problem("TS028", "system", f"{name} was not written: {why}", fix="run --fix again"))
    return tuple(left)


def as_diff(fixed: Fixed) -> str:
    """A unified diff of what `--fix` would write, as patch reads it."""
    from difflib import unified_diff

    parts: list[str] = []
    for name, data in fixed.after.items():
        old, new = (_lines(one) for one in (fixed.before[name], data))
        label = Path(name).as_posix()
        for line in unified_diff(old, new, label, label):
            parts.append(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n")
    return "".join(parts)


def _lines(data: bytes) -> list[str]:
    """The lines with their breaks; only a newline ends one, as in diff."""
    lines = data.decode("utf-8").split("\n")
    return [f"{line}\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])
