"""The variables of a script while it is read: what is assigned, and what differs by branch."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping

from toolspec.backends.verl.written.shell.text import EMPTY, Text, Value, Word, shown, text_of
from toolspec.backends.verl.written.value import Unknown

LONGEST = 100_000  # characters of a text, or words of an array
# Set by bash, the login or Slurm whatever the caller does; their values are the machine's.
OF_THE_MACHINE = frozenset(
    {
        "HOME",
        "PWD",
        "OLDPWD",
        "USER",
        "LOGNAME",
        "HOSTNAME",
        "SHELL",
        "PATH",
        "TMPDIR",
        "RANDOM",
        "SECONDS",
        "UID",
        "PPID",
    }
    | {
        "LINENO",
        "EPOCHSECONDS",
        "BASHPID",
        "HOSTTYPE",
        "OSTYPE",
        "LANG",
        "TERM",
        "VIRTUAL_ENV",
        "CONDA_PREFIX",
    }
)

STARTED_HERE = "the script is started in the current folder"
STARTED_BARE = "the script is started without arguments"
STARTED_AS_ASKED = "the script is started with the arguments that it asks for, and no others"


class Scope:
    """Name → value. A copy is made for each branch, and the branches are merged after it."""

    def __init__(self, values: Mapping[str, Value] | None = None) -> None:
        self.values: dict[str, Value] = dict(values or {})
        self.positional: list[Word] | None = []
        """Arguments of the script or of the function that is read; None where they are not known."""
        self.asked = False
        """Whether the script is taken to be started with the arguments that it asks for, whatever they are."""
        self.folder: str | None = None
        """The working folder, absolute; None where it is not known."""
        self.ended = False
        """Whether `exit` or `return` was met, so that nothing after it runs."""

    def copy(self) -> Scope:
        made = Scope(self.values)
        made.positional = None if self.positional is None else list(self.positional)
        made.ended, made.folder, made.asked = self.ended, self.folder, self.asked
        return made

    def get(self, name: str) -> Value | None:
        return self.values.get(name)

    def set(self, name: str, value: Value) -> None:
        """A value that grows beyond LONGEST is not followed: a loop can double it each time."""
        if (len(value) if isinstance(value, list) else sum(len(str(piece)) for piece in value)) > LONGEST:
            value = (Unknown(f"`{name}` grows too long to be followed", f"${name}"),)
        self.values[name] = value

    def move(self, to: str | None) -> None:
        """`cd`: a folder from the one at hand, None for one that is not known."""
        whole = None if to is None else posixpath.join(self.folder or "", to)
        self.folder = posixpath.normpath(whole) if whole is not None and whole.startswith("/") else None

    def forget(self, names: Iterable[str], reason: str) -> None:
        """The names have values from here on that are not known."""
        for name in names:
            self.values[name] = (Unknown(reason, f"${name}"),)

    def take(self, other: Scope) -> None:
        self.values, self.positional, self.ended = other.values, other.positional, other.ended
        self.folder, self.asked = other.folder, other.asked


def merged(branches: list[Scope], condition: str) -> Scope:
    """What holds after branches of which one ran: what they agree on. Those that end the script do not count."""
    alive = [branch for branch in branches if not branch.ended] or branches[:1]
    if len(alive) == 1:
        return alive[0]
    first = alive[0].copy()
    for name in dict.fromkeys(name for branch in alive for name in branch.values):
        values = [branch.values.get(name) for branch in alive]
        if all(value == values[0] for value in values[1:]):
            continue
        first.values[name] = _either(name, values, condition)
    if any(branch.positional != first.positional for branch in alive):
        first.positional = None
    if any(branch.folder != first.folder for branch in alive):
        first.folder = None
    return first


def _either(name: str, values: list[Value | None], condition: str) -> Value:
    """A value that depends on a condition: of arrays the common beginning, the rest only under the condition."""
    arrays = [
        value if isinstance(value, list) else [] for value in values if isinstance(value, list) or not value
    ]
    if len(arrays) == len(values):
        shortest = min(len(array) for array in arrays)
        same = next((n for n in range(shortest) if any(a[n] != arrays[0][n] for a in arrays)), shortest)
        rest = [word for array in arrays for word in array[same:]]
        return [*arrays[0][:same], *(word._replace(when=word.when or condition) for word in rest)]
    texts = [value for value in values if value is not None and not isinstance(value, list)]
    shared = _extended(texts) if len(texts) == len(values) else None
    if shared is not None:
        more = Unknown(f"`{name}` has more words depending on {condition}", f"${name}")
        return text_of(*shared, " ", more)
    listed = ", ".join(dict.fromkeys(_short(text) for text in texts))
    unset = "" if len(texts) == len(values) else " or unset"
    return (Unknown(f"`{name}` is {listed}{unset}, depending on {condition}", f"${name}"),)


def _extended(texts: list[Text]) -> Text | None:
    """The shortest of the texts where each other goes on from it with further words; None where they differ in it."""
    shortest = min(texts, key=lambda text: (len(text), sum(len(str(piece)) for piece in text)))
    return shortest if shortest and all(_goes_on(text, shortest) for text in texts) else None


def _goes_on(text: Text, start: Text) -> bool:
    if text == start:
        return True
    *before, last = start
    if list(text[: len(before)]) != before or len(text) < len(start):
        return False
    here = text[len(before)]
    if isinstance(last, str) and isinstance(here, str) and here.startswith(last):
        rest = here[len(last) :] or text[len(start)]
        return isinstance(rest, str) and rest[:1].isspace()
    after = text[len(start)] if here == last and len(text) > len(start) else None
    return isinstance(after, str) and after[:1].isspace()


def _short(text: Text) -> str:
    words = shown(text) if text != EMPTY else '""'
    return words if len(words) <= 30 else words[:29] + "…"
