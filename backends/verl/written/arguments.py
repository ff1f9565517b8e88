"""The arguments of main_ppo: Hydra's own options apart, every override as what it says of a key.

Source: hydra-core 1.3, _internal/utils.py (get_args_parser) and config_loader_impl.py (_apply_overrides_to_config).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from toolspec.backends.verl.written.override import Override, OverrideError, Sweep, parse_override
from toolspec.backends.verl.written.shell.text import Word, known, shown, why
from toolspec.backends.verl.written.value import Said, Unknown
from toolspec.specs.problem import Problem, Span

# Hydra's options; True: a value follows.
OPTIONS = {
    "--config-path": True,
    "-cp": True,
    "--config-name": True,
    "-cn": True,
    "--config-dir": True,
    "-cd": True,
    "--cfg": True,
    "-c": True,
    "--package": True,
    "-p": True,
    "--experimental-rerun": True,
    "--multirun": False,
    "-m": False,
    "--run": False,
    "-r": False,
    "--resolve": False,
    "--info": False,
    "-i": False,
    "--help": False,
    "--hydra-help": False,
    "--version": False,
}
_LONG = {
    "-cp": "--config-path",
    "-cn": "--config-name",
    "-cd": "--config-dir",
    "-m": "--multirun",
    "-c": "--cfg",
}
LONGEST_SHOWN = 60
_KEY = re.compile(r"(\+\+|\+|~)?([A-Za-z_][\w-]*(?:\.[\w-]+)*)=")
# Characters of Unicode's private use stand for unknown parts while Hydra's grammar reads the rest.
_MARKS = "".join(chr(0xE000 + n) for n in range(64))


class Arguments:
    """said: overrides of keys. groups: of config groups. options: Hydra's, by their long name, with the place.

    open: why further overrides may be given. problems: what Hydra refuses. dash: whether `--` was met.
    """

    def __init__(self) -> None:
        self.said: list[Said] = []
        self.groups: list[Said] = []
        self.options: dict[str, tuple[Any, Span]] = {}
        self.open = ""
        self.problems: list[Problem] = []

    @property
    def sweeps(self) -> bool:
        return "--multirun" in self.options


def read_arguments(words: Iterable[Word]) -> Arguments:
    """Read the words after the module's name."""
    found = Arguments()
    rest = iter(words)
    parted, behind = "", False  # an option between overrides; whether `--` was met
    for word in rest:
        if known(word.text) == "--" and not behind:
            behind = True  # argparse takes it away; nothing after it is an option
            if parted:
                found.problems.append(_apart(word, parted))
                parted = ""
            continue
        if word.several:
            found.open = found.open or f"`{_cut(word)}` may hold further overrides: {why(word.text)}"
            continue
        text = shown(word.text)
        name = text.partition("=")[0]
        if not behind and text.startswith("-") and known(word.text) is not None:
            name = _whole_name(name)
            if name not in OPTIONS:
                found.problems.append(_unknown_option(word, name))
                continue
        if name in OPTIONS and not behind:
            parted = name if found.said or found.groups else parted
            _option(found, name, text, word, rest)
            continue
        if parted:
            found.problems.append(_apart(word, parted))
            parted = ""
        _override(found, word)
    return found


def _whole_name(name: str) -> str:
    """The option that a text begins, as argparse takes it; the text itself where it is none or several."""
    meant = [option for option in OPTIONS if option.startswith(name)] if name.startswith("--") else []
    return meant[0] if len(meant) == 1 else name


def _unknown_option(word: Word, name: str) -> Problem:
    meant = [option for option in OPTIONS if option.startswith(name)] if name.startswith("--") else []
    what = f"may be {' or '.join(meant)}" if meant else "is none of Hydra's options"
    return Problem(
        "TS914",
        "unknown-option",
        f"`{name}` {what}",
        word.span,
        why="argparse stops before anything starts",
        fix="a configuration is named by --config-path=FOLDER --config-name=NAME"
        if "conf" in name
        else "drop it",
    )


def _apart(word: Word, option: str) -> Problem:
    return Problem(
        "TS913",
        "overrides-apart",
        f"`{shown(word.text)}` stands behind the option {option}, and other overrides before it",
        word.span,
        why="argparse takes the overrides together: `unrecognized arguments`, and nothing starts",
        fix=f"move {option} before all overrides, or behind them",
    )


def _option(found: Arguments, name: str, text: str, word: Word, rest: Iterator[Word]) -> None:
    long = _LONG.get(name, name)
    if "=" in text:
        whole = known(word.text)
        value: Any = (
            whole.partition("=")[2] if whole is not None else Unknown(why(word.text), text.partition("=")[2])
        )
    elif OPTIONS[name]:
        following = next(rest, None)
        if following is None:
            return
        whole = known(following.text)
        value = whole if whole is not None else Unknown(why(following.text), shown(following.text))
    else:
        value = True
    found.options[long] = (value, word.span)


def _override(found: Arguments, word: Word) -> None:
    text, reasons = _with_marks(word)
    try:
        override = parse_override(text, _MARKS[: len(reasons)])
    except OverrideError as error:
        if reasons and any(mark in text.partition("=")[0] for mark in _MARKS[: len(reasons)]):
            found.open = found.open or f"`{_cut(word)}` may be any override: {why(word.text)}"
            return
        found.problems.append(_refused(word, error))
        if key := _KEY.match(text):
            unread = Unknown("Hydra cannot read it", text)
            unread_key = Override(key[1] or "", key[2], None, unread, given=True, value_offset=0)
            found.said.append(_said(unread_key, word, []))  # the key is not left at its default
        return
    if any(mark in override.key for mark in _MARKS[: len(reasons)]):
        found.open = found.open or f"`{_cut(word)}` may be any override: {why(word.text)}"
        return
    said = _said(override, word, reasons)
    if override.package is not None or "/" in override.key:
        found.groups.append(said)
    else:
        found.said.append(said)


def _cut(word: Word) -> str:
    text = " ".join(shown(word.text).split())
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 1]}…"


def _with_marks(word: Word) -> tuple[str, list[Unknown]]:
    """The word as one text in which each unknown part is a mark, and the unknown parts in their order."""
    parts: list[str] = []
    reasons: list[Unknown] = []
    for piece in word.text:
        if isinstance(piece, str):
            parts.append(piece)
        elif len(reasons) < len(_MARKS):
            parts.append(_MARKS[len(reasons)])
            reasons.append(piece)
    return "".join(parts), reasons


def _said(override: Override, word: Word, reasons: list[Unknown]) -> Said:
    whole = shown(word.text)
    value = override.value
    if isinstance(value, Sweep):
        value = Sweep(whole.partition("=")[2])
    elif reasons:
        value = _unmarked(value, reasons)
    if word.when:
        value = Unknown(f"it is given only under the condition {word.when}", whole.partition("=")[2])
    name = override.key if override.package is None else f"{override.key}@{override.package}"
    length = len(whole)
    key_span = Span(
        word.span.file,
        word.span.line,
        word.span.column,
        max(1, min(word.span.length, len(override.op) + len(name))),
    )
    return Said(
        name,
        value,
        _value_span(word, len(override.op) + len(name) + 1, length),
        key_span,
        override.op,
        whole.partition("=")[2],
    )


def _value_span(word: Word, offset: int, length: int) -> Span:
    """The value inside its word, where the word stands as it reads; else the whole word."""
    span = word.span
    if offset >= span.length or length <= offset:
        return span
    return Span(span.file, span.line, span.column + offset, span.length - offset)


def _unmarked(value: Any, reasons: list[Unknown]) -> Any:
    """The value with every part that holds a mark unknown."""
    if isinstance(value, list):
        return [_unmarked(item, reasons) for item in value]
    if isinstance(value, dict):
        return {str(_unmarked(k, reasons)): _unmarked(v, reasons) for k, v in value.items()}
    if not isinstance(value, str):
        return value
    marks = [mark for mark in _MARKS[: len(reasons)] if mark in value]
    if not marks:
        return value
    text = value
    for mark, reason in zip(_MARKS, reasons, strict=False):
        text = text.replace(mark, reason.text)
    return Unknown(reasons[_MARKS.index(marks[0])].reason, text)


def _refused(word: Word, error: OverrideError) -> Problem:
    text = shown(word.text)
    span = word.span
    shift = min(error.offset, span.length - 1) if "=" in text else 0
    at = Span(span.file, span.line, span.column + shift, max(1, span.length - shift))
    fix = ""
    if "=" in text:
        key, _, value = text.partition("=")
        fix = f"'{key}=\"{value}\"'" if "'" not in value and '"' not in value else ""
    why_it = "Hydra stops before anything starts: LexerNoViableAltException or a parse error"
    return Problem(
        "TS901", "override-syntax", str(error), at, text.partition("=")[0].lstrip("+~"), why_it, fix
    )
