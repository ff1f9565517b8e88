"""What a rule is: a code, a name, a severity, and a function from a view of a run to findings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from toolspec.backends.verl.lint.view import View
from toolspec.specs.problem import Severity, Span


class Put(NamedTuple):
    """KEY becomes VALUE (plain data): where it is written last, else as a new line."""

    key: str
    value: Any


class Rename(NamedTuple):
    """KEY gets another name, wherever it is written, and keeps its value.

    op: what is to stand before it on a command line, None for what stands there (`+` goes where verl has the name).
    """

    key: str
    new: str
    op: str | None = None


class Drop(NamedTuple):
    """KEY is not written any more."""

    key: str


class Lay(NamedTuple):
    """VALUE, a mapping, in place of what is at PATH of a YAML file beside the run, which holds a mapping there too."""

    file: str
    path: tuple[str | int, ...]
    value: Mapping[str, Any]


Change = Put | Rename | Drop
"""A change of the configuration, not of a text: lint/edits.py finds the text. Keys as they are written, or the newest
release's names."""


class Found(NamedTuple):
    """A finding of a rule. keys: the verl keys that it is about, the one to point at first.

    span: the place, where it is not that of the first key. severity: where it is not the rule's own.
    changes: what repairs it, all of them together; safe: the user surely meant it, so that nobody is asked.
    """

    message: str
    keys: tuple[str, ...]
    fix: str = ""
    why: str = ""
    span: Span | None = None
    severity: Severity | None = None
    changes: tuple[Change, ...] | tuple[Lay, ...] = ()
    safe: bool = False


class Rule(NamedTuple):
    """code: `TSnnn`, never used again for another meaning. name: reads well after "allow".

    loud: cannot be silenced by a comment or an option.
    """

    code: str
    name: str
    severity: Severity
    loud: bool = False


Check = Callable[[View], Iterable[Found]]
