"""The known key that a wrong one most likely means."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import SequenceMatcher

COMMON = frozenset(
    {
        "name",
        "path",
        "enable",
        "enabled",
        "mode",
        "type",
        "n",
        "len",
        "size",
        "seed",
        "backend",
        "strategy",
        "kwargs",
    }
)
"""Names that many sections have, so that the same name in another section says nothing."""
SWITCHES = frozenset({"use", "enable", "enabled", "do", "is", "with"})
WORD = 0.5
CLOSE = 0.75  # below this two names are different words rather than a slip


def nearest_key(key: str, known: Iterable[str]) -> str | None:
    """The closest of the known dotted keys, or None where none is close.

    A similar name in the same section comes first, then the same name in another section (put into the wrong
    one, or moved), then a similar name in a section with a similar path. Ties: the shorter, then the first by
    alphabet.
    """
    if len(key) > 200:
        return None
    parent, _, name = key.rpartition(".")
    scored = [(-score, len(k), k) for k in known if k != key and (score := closeness(parent, name, k))]
    return min(scored)[2] if scored else None


def closeness(parent: str, name: str, candidate: str) -> float:
    """0 for a key that is not meant; 2 to 3 in the same section, 1 to 2 for the same name, else below 1."""
    above, _, last = candidate.rpartition(".")
    if last != name and _another_word(name, last):
        return 0
    if above == parent:
        return 2 + alike if (alike := similarity(name, last)) >= CLOSE else 0
    if last in COMMON and not _alike_below(parent, above):
        return 0
    if last == name:
        related = not parent or set(parent.split(".")) & set(above.split("."))
        paths = similarity(parent, above)
        same_root = parent.partition(".")[0] == above.partition(".")[0]
        return 1 + (paths + same_root) / 2 if related or paths >= CLOSE else 0
    if (alike := similarity(name, last)) >= CLOSE and (paths := similarity(parent, above)) >= CLOSE:
        return (alike + paths) / 2
    return 0


def _alike_below(parent: str, above: str) -> bool:
    """Whether the sections are one slip apart: a level left out, or another word where they part."""
    one, other = parent.split("."), above.split(".")
    while one and other and one[0] == other[0]:
        one, other = one[1:], other[1:]
    while one and other and one[-1] == other[-1]:
        one, other = one[:-1], other[:-1]
    if not one or not parent:
        return True
    return similarity(".".join(one), ".".join(other)) >= CLOSE


def _another_word(one: str, other: str) -> bool:
    """Whether the names differ in one word that is no slip: `start` for `prompt` in max_prompt_length."""
    words = one.split("_"), other.split("_")
    if len(words[0]) != len(words[1]) or len(words[0]) < 2:
        return False
    differ = [(a, b) for a, b in zip(*words, strict=True) if a != b]
    return len(differ) == 1 and not {*differ[0]} <= SWITCHES and similarity(*differ[0], least=WORD) < WORD


def similarity(one: str, other: str, least: float = CLOSE) -> float:
    """difflib's ratio, from 0 to 1; below `least` its cheap upper bound may stand for it, halved."""
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    bound = min(matcher.real_quick_ratio(), matcher.quick_ratio())
    return matcher.ratio() if bound >= least else bound * 0.5
