"""Edits of a shell script: the word where it was written, in an array or a string, or the variable that it takes.

Places that may be meant are tried in turn, the word itself first. An edit counts when the script, read again, runs the
same commands with the same words but for the change; so a variable is edited only where nothing else uses it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from toolspec.backends.verl.lint.edits import renamed
from toolspec.backends.verl.lint.rule import Change, Drop, Put, Rename
from toolspec.backends.verl.lint.view import View
from toolspec.backends.verl.written.launches import main_of
from toolspec.backends.verl.written.override_text import override_text
from toolspec.backends.verl.written.run import MAIN, Run
from toolspec.backends.verl.written.runs import Read, read_script_file
from toolspec.backends.verl.written.shell.text import shown
from toolspec.backends.verl.written.value import Said
from toolspec.specs.problem import Edit, ProblemError
from toolspec.specs.text_edits import Replacement, edits_at

MOST_TRIES = 12
MOST_READ = 15_000
"""Commands that are read again for the edits of one run: a script of thousands has few, or none."""
# A word of bash, and the part of one inside quotes that hold several overrides.
_WORD = re.compile(r"(?:\"(?:[^\"\\]|\\.)*\"|'[^']*'|\\[^\n]|\$\{[^}\n]*\}|[^\s\"'\\;&|()<>])*")
_PART = re.compile(r"[^\s\"'\\]*")
_VARIABLE = re.compile(r"([\"']?)\$(?:\{(\w+)(?:(:?[-=])([^}]*))?\}|(\w+))\1")


def shell_edits(view: View, wanted: Sequence[tuple[Change, list[Said]]]) -> tuple[Edit, ...]:
    """The edits of the script that make all of the changes; () where no edit does."""
    launch = view.run.launch
    data = view.files.read(Path(launch.script.file)) if launch is not None else None
    if launch is None or data is None or launch.script.broken:
        return ()  # what the grammar cannot read may change with an edit, and takes long to read again
    script = view.kept.get("script to edit")
    if script is None:
        script = view.kept["script to edit"] = _Script(view, data, launch.script.file)
    made: list[Replacement] = []
    for change, said in wanted:
        for one in said or (None,):
            found = script.solve(change, one)
            if found is None:
                return ()
            made += [part for part in found if part not in made]
    if len(wanted) > 1 and not script.is_right(made, wanted):
        return ()
    return edits_at(script.text, script.file, made)


class _Script:
    def __init__(self, view: View, data: bytes, file: str) -> None:
        self.view, self.file = view, file
        self.text = data.decode("utf-8").removeprefix("\ufeff")
        self.read = read_script_file(data, Path(file), view.files)
        self.left = MOST_READ
        self.lines = [0, *(found.end() for found in re.finditer("\n", self.text))]

    def solve(self, change: Change, said: Said | None) -> list[Replacement] | None:
        for number, candidate in enumerate(self._candidates(change, said)):
            if number >= MOST_TRIES:
                break
            if self.is_right(candidate, [(change, [said] if said else [])]):
                return candidate
        return None

    def _candidates(self, change: Change, said: Said | None) -> Iterator[list[Replacement]]:
        if said is None:
            if isinstance(change, Put):
                yield from self._additions(f"{self.view.name(change.key)}={override_text(change.value)}")
            return
        key = re.compile(rf"(?<![\w./@-])(\+\+|\+|~)?{re.escape(said.key)}=")
        home = self.offset(said.key_span.line, said.key_span.column)
        for found in sorted(key.finditer(self.text), key=lambda m: abs(m.start() - home)):
            if isinstance(change, Rename):
                op, new = renamed(self.view, change, found[1] or "")
                yield [(found.start(), found.end(), f"{op}{new}=")]
            elif isinstance(change, Put):
                yield from self._values(found.end(), override_text(change.value), found.start())
            else:
                yield from self._removals(found.start(), found.end())

    def _values(self, start: int, new: str, word: int) -> Iterator[list[Replacement]]:
        """Another value behind `key=`, or in the variable that it is."""
        outer = self.text[word - 1] if word and self.text[word - 1] in "\"'" else ""
        for pattern in (_PART, _WORD) if outer else (_WORD, _PART):
            found = pattern.match(self.text, start)
            old = found[0] if found else ""
            if outer and pattern is _PART and old and self.text[start + len(old)] != outer:
                continue
            if "$" not in old and "`" not in old:
                yield [(start, start + len(old), _quoted(old, new, outer))]
                continue
            variable = _VARIABLE.fullmatch(old)
            if variable is not None:
                yield from self._variable(start, variable, new)

    def _variable(self, start: int, found: re.Match[str], new: str) -> Iterator[list[Replacement]]:
        name = found[2] or found[5]
        if found[4] is not None and "$" not in found[4]:
            yield [(start + found.start(4), start + found.end(4), _quoted(found[4], new, '"'))]
        for assignment in reversed(self.read.script.assignments if self.read.script else ()):
            if assignment.name != name or assignment.span.file != self.file:
                continue
            at = self.offset(assignment.span.line, assignment.span.column) + len(name) + 1
            if self.text[at - 1] != "=":
                continue
            old = _WORD.match(self.text, at)
            if old is not None and "$" not in old[0]:
                yield [(at, old.end(), _quoted(old[0], new, ""))]
            default = _VARIABLE.fullmatch(old[0]) if old is not None else None
            if default is not None and default[4] is not None and "$" not in default[4]:
                yield [(at + default.start(4), at + default.end(4), _quoted(default[4], new, '"'))]

    def _removals(self, start: int, end: int) -> Iterator[list[Replacement]]:
        """The word with its line; at a command's end with the backslash above; else with the blanks before it."""
        text = self.text
        outer = start and text[start - 1] in "\"'"
        first = start - 1 if outer else start
        found = _WORD.match(text, first)
        last = max(found.end() if found else end, end)
        line = text.rfind("\n", 0, first) + 1
        below = text.find("\n", last)
        stop = len(text) if below < 0 else below
        alone = not text[line:first].strip() and text[last:stop].strip() in ("", "\\")
        above = re.search(r"[ \t]*\\\n\Z", text[:line])
        if alone and above is not None and not text[last:stop].strip():
            yield [(above.start(), stop, "")]
        if alone and below >= 0:
            yield [(line, below + 1, "")]
        blank = re.search(r"[ \t]*\Z", text[:first])
        yield [(blank.start() if blank else first, last, "")]
        part = _PART.match(text, end)
        blank = re.search(r"[ \t]*\Z", text[:start])
        yield [(blank.start() if blank else start, part.end() if part else end, "")]

    def _additions(self, word: str) -> Iterator[list[Replacement]]:
        """Behind the last override, on a line of its own where that has one; else behind the module."""
        word = (
            word
            if shlex.quote(word) == word or not re.search(r"[\s\"'`$;&|<>(){}*?]", word)
            else shlex.quote(word)
        )
        for said in reversed(self.view.run.said):
            if said.span.file != self.file:
                continue
            at = self.offset(said.key_span.line, said.key_span.column)
            found = _WORD.match(self.text, at)
            end = found.end() if found else at
            line = self.text.rfind("\n", 0, at) + 1
            if not self.text[line:at].strip():
                indent = self.text[line:at]
                yield [(end, end, f" \\\n{indent}{word}")]
                yield [(end, end, f"\n{indent}{word}")]
            yield [(end, end, f" {word}")]
        for found in re.finditer(re.escape(MAIN) + r"|verl/trainer/main_ppo\.py", self.text):
            yield [(found.end(), found.end(), f" {word}")]

    def offset(self, line: int, column: int) -> int:
        return self.lines[min(line, len(self.lines)) - 1] + column - 1

    def is_right(self, made: list[Replacement], wanted: Sequence[tuple[Change, list[Said]]]) -> bool:
        """Whether the edited script runs what it ran, but for the changes; not where it has been read too often."""
        self.left -= len(self.read.script.commands) if self.read.script is not None else 1
        if self.left < 0:
            return False
        text = self.text
        for start, end, new in sorted(made, reverse=True):
            text = text[:start] + new + text[end:]
        try:
            after = read_script_file(text.encode("utf-8"), Path(self.file), self.view.files)
        except ProblemError:
            return False
        if _others(after) != _others(self.read) or len(after.runs) != len(self.read.runs):
            return False
        return all(
            _told(new, new.said, new.launch.lost if new.launch else ())
            == _told(old, self._changed(old, wanted), old.launch.lost if old.launch else ())
            for old, new in zip(self.read.runs, after.runs, strict=True)
        )

    def _changed(self, run: Run, wanted: Sequence[tuple[Change, list[Said]]]) -> list[Said]:
        said = list(run.said)
        for change, places in wanted:
            spans = [one.span for one in places]
            if not places and isinstance(change, Put) and run.span == self.view.run.span:
                span = self.view.run.span
                said.append(Said(self.view.name(change.key), change.value, span, span))
            for one in [one for one in said if one.key in {p.key for p in places} and one.span in spans]:
                at = said.index(one)
                said[at : at + 1] = self._one(change, one)
        return said

    def _one(self, change: Change, said: Said) -> list[Said]:
        if isinstance(change, Drop):
            return []
        if isinstance(change, Put):
            return [Said(said.key, change.value, said.span, said.key_span, said.op)]
        op, new = renamed(self.view, change, said.op)
        return [Said(new, said.value, said.span, said.key_span, op)]


def _told(run: Run, said: Sequence[Said], lost: Sequence[Said]) -> Any:
    """What a run says, without places. The order counts for keys that are said twice, and for no others."""
    keys = [(one.key, repr(one.value), one.op) for one in said]
    groups = {name: repr(one.value) for name, one in run.groups.items()}
    hydra = {name: repr(one.value) for name, one in run.hydra.items()}
    return sorted(keys, key=lambda entry: entry[0]), groups, hydra, run.base, run.open, len(lost)


def _others(read: Read) -> list[tuple[str, ...]]:
    """The words of every command that is no launch of verl."""
    commands = read.script.commands if read.script is not None else ()
    return [tuple(shown(w.text) for w in one.words) for one in commands if main_of(one) is None]


def _quoted(old: str, new: str, outer: str) -> str:
    """The new value in the quotes of the old one."""
    if len(old) >= 2 and old[0] == old[-1] and old[0] in "\"'" and not re.search(r"[$`\\\"']", new):
        return f"{old[0]}{new}{old[0]}"
    return new if outer or not re.search(r"[\s\"'`$;&|<>(){}*?\[\]\\]", new) else shlex.quote(new)
