"""The commands of a script that start verl's trainer, and the arguments that bash loses on the way."""

from __future__ import annotations

import re
from collections.abc import Iterator

from toolspec.backends.verl.written.run import MAIN
from toolspec.backends.verl.written.shell.text import Command, Script, Word, known, shown

_MAIN_FILE = re.compile(r"(?:.*/)?verl/trainer/main_ppo\.py")
# Modules of verl, its recipes and its forks that train by another main: named in a note, and not checked.
_OTHER = re.compile(
    r"(?:[\w.]+\.)?(?:main_\w+|\w*_main|fsdp_sft_trainer|sft_trainer\w*|main)|verl\.\w+(?:\.\w+)*|recipe\.\w+(?:\.\w+)*"
)
_PRINTING = frozenset({"echo", "printf", "cat", "log", "info", "logger"})  # show a command, and run none
_LOST = re.compile(r"(?:\+\+|\+|~)?[A-Za-z_][\w-]*(?:\.[\w-]+)+=")

PIPE = 80
"""Bytes between a command and the tee that its output is piped to, at most."""


def main_of(command: Command) -> tuple[str, int] | None:
    """(module that is started, number of the word after it); None for a command that starts no trainer of verl."""
    words = [known(word.text) for word in command.words]
    if words and words[0] in _PRINTING:
        return None
    for number, text in enumerate(words):
        if text is None:
            continue
        if text == MAIN and number and words[number - 1] == "-m":
            return MAIN, number + 1
        if _MAIN_FILE.fullmatch(text):
            return MAIN, number + 1
        if (
            number
            and words[number - 1] == "-m"
            and _OTHER.fullmatch(text)
            and _speaks_hydra(command.words[number + 1 :])
        ):
            return text, number + 1
        if text.endswith(".py") and "=" not in text and _speaks_hydra(command.words[number + 1 :]):
            return text, number + 1
    return None


def _speaks_hydra(words: tuple[Word, ...]) -> bool:
    """Whether the arguments look like verl's: an override of one of its sections."""
    heads = ("actor_rollout_ref.", "data.", "trainer.", "algorithm.")
    return any(shown(word.text).lstrip("+~").startswith(heads) for word in words)


def lost_arguments(script: Script, command: Command) -> tuple[list[Word], str]:
    """Words that stand behind the command as arguments and are run as commands of their own, and why.

    bash ends a command at a line that is not continued: a blank behind the backslash, a comment or an empty line
    between, a backslash that is missing. What follows is then a command named `a.b.c=value`.
    """
    following = [c for c in script.commands if c.start >= command.end and not c.when]
    lost: list[Word] = []
    if following and following[0].name == "tee" and following[0].start - command.end < PIPE:
        piped = [word for word in following[0].words if _LOST.match(shown(word.text))]
        if piped:
            return piped, "they stand behind the pipe, and are given to tee"
    for one in following:
        if not one.words or not _LOST.match(shown(one.words[0].text)):
            break
        lost += one.words
    if not lost:
        return [], ""
    return lost, _reason(script, lost[0].span.line)


def _reason(script: Script, line: int) -> str:
    """Why the command ended before `line` (counted from 1)."""
    above = script.lines[line - 2] if line >= 2 else ""
    if re.search(r"\\[ \t]+\r?$", above):
        return "a blank stands behind the backslash of the line before"
    if above.endswith("\\\r"):
        return "the lines end in a carriage return, which the backslash takes in place of the newline"
    if above.lstrip().startswith("#"):
        return "a comment line ends the command"
    if not above.strip():
        return "an empty line ends the command"
    return "the line before does not end in a backslash"


def blank_words(command: Command) -> Iterator[Word]:
    """Arguments that are only blanks: a backslash with a blank behind it."""
    return (
        word for word in command.words if (text := known(word.text)) is not None and text and not text.strip()
    )
