"""The run that a word means: a path, an id, the start of an id, or a name."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from toolspec.backends.launch.runs import FOLDER, VARIABLE, folders
from toolspec.backends.launch.values import inner, mapping, real, text
from toolspec.specs.named_file import UnreadableError, from_here, is_folder
from toolspec.specs.nearest import nearest
from toolspec.specs.problem import Problem, ProblemError

LEAST_PREFIX = 3
_SHOWN = 5


class Label(NamedTuple):
    """What a run is called. names: its id, its folder's, and the point's in its sweep."""

    folder: Path
    id: str
    name: str
    created: float
    names: frozenset[str]
    sweep: str


def label(folder: Path) -> Label:
    """From run.json alone. Never raises."""
    try:
        said = mapping(f"{folder}/run.json")
    except UnreadableError:
        said = {}
    id_ = text(said, "id") or folder.name
    sweep = inner(said, "sweep")
    return Label(
        folder,
        id_,
        text(said, "name") or folder.name,
        real(said, "created") or 0.0,
        frozenset((id_, folder.name)),
        text(sweep, "id") or "",
    )


def labels(place: Path) -> list[Label]:
    """Of every run in `place`, the newest first."""
    return sorted((label(folder) for folder in folders(place)), key=lambda one: (-one.created, one.id))


def find(word: str, place: Path, by_hand: bool = False) -> Path:
    """The folder of the run that `word` means.

    In this order: a folder with a run.json, by its path; an id, or a folder's name in `place`; a name (the newest run
    of it); the start of an id, at least 3 characters long, if it is the start of one alone. by_hand: a path may also be
    a folder's without a run.json, as launch.sh makes one. Raises ProblemError (TS054, TS055).
    """
    if (direct := _by_path(word)) is not None:
        return direct
    if by_hand and os.sep in word and is_folder(Path(os.path.expanduser(word))):  # noqa: PTH111 - pathlib's raises
        return Path(os.path.expanduser(word))  # noqa: PTH111
    known = labels(place)
    by_name = [one for one in known if word in one.names] or [one for one in known if one.name == word]
    if by_name:
        return by_name[0].folder
    begun = [one for one in known if len(word) >= LEAST_PREFIX and one.id.startswith(word)]
    if len(begun) == 1:
        return begun[0].folder
    if begun:
        raise ProblemError((_ambiguous(word, [one.id for one in begun]),))
    raise ProblemError((_unknown(word, known, place),))


def find_all(words: Iterable[str], place: Path) -> list[Path]:
    """Each run once, in the order of the words. Raises ProblemError with all the words that mean none."""
    found: list[Path] = []
    problems: list[Problem] = []
    for word in words:
        try:
            found.append(find(word, place))
        except ProblemError as error:
            problems += error.problems
    if problems:
        raise ProblemError(tuple(problems))
    return list(dict.fromkeys(found))


def newest(place: Path) -> Path:
    """The run that was submitted last. Raises ProblemError (TS054) where there is none."""
    known = labels(place)
    if known:
        return known[0].folder
    raise ProblemError((none_here(place),))


def none_here(place: Path) -> Problem:
    """That no run lies in `place`."""
    where = from_here(place)
    there = "holds no run" if is_folder(place) else "is not there"
    return Problem(
        "TS054",
        "no-run",
        f"there are no runs here: the folder {where} {there}",
        why=f"runs are looked for in ${VARIABLE}, or else in ./{FOLDER}",
        fix=f"toolspec submit SPEC, or {VARIABLE}=FOLDER",
    )


def of_sweep(word: str, place: Path) -> list[Path]:
    """The folders of a sweep's runs, in the order of their ids. word: the sweep's id, or the start of one alone.

    Raises ProblemError (TS054, TS055).
    """
    known = [one for one in labels(place) if one.sweep]
    ids = sorted({one.sweep for one in known})
    meant = [each for each in ids if each == word] or [each for each in ids if each.startswith(word)]
    if len(meant) == 1:
        return [one.folder for one in sorted(known, key=lambda one: one.id) if one.sweep == meant[0]]
    if meant:
        raise ProblemError((_ambiguous(word, meant),))
    close = nearest(word, ids)
    fix = f"--sweep {close[0]}" if close else "toolspec runs"
    message = f"there is no sweep `{word}` among the {len(known)} runs of sweeps in {from_here(place)}"
    raise ProblemError((Problem("TS054", "no-run", message, fix=fix),))


def _by_path(word: str) -> Path | None:
    if os.sep not in word and word not in (".", ".."):
        return None
    path = Path(os.path.expanduser(word))  # noqa: PTH111 - pathlib's raises
    return path if os.path.lexists(f"{path}/run.json") else None


def _ambiguous(word: str, ids: Sequence[str]) -> Problem:
    shown = ", ".join(ids[:_SHOWN]) + (", …" if len(ids) > _SHOWN else "")
    message = f"`{word}` may be {len(ids)} of them: {shown}"
    return Problem("TS055", "ambiguous-run", message, fix="write more of it")


def _unknown(word: str, known: Sequence[Label], place: Path) -> Problem:
    if not known:
        return none_here(place)
    if os.sep in word:
        message = f"`{word}` is no run: there is no run.json in it"
    else:
        message = f"there is no run `{word}` among the {len(known)} in {from_here(place)}"
    names = dict.fromkeys([*(one.id for one in known), *(one.name for one in known)])
    close = nearest(word, names)
    return Problem("TS054", "no-run", message, fix=close[0] if close else "toolspec runs")
