"""Edits as places in a text, made from offsets and made to a text; several repairs of one text at once."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence

from toolspec.specs.problem import Edit, Span

Replacement = tuple[int, int, str]
"""Offsets in characters, and what comes in place of what is between them."""

_BOM = "\ufeff"
# Characters that end a line for YAML and not for bash: a place would not mean the same to both.
_ODD_BREAK = re.compile("\r(?!\n)|[\x85\u2028\u2029]")
_IDLE = re.compile(r"(?:[ \t]*(?:#[^\n]*)?\r?(?:\n|$))*[ \t]*")

_NAME = re.compile(r"[\w.]+")


def _starts(text: str) -> list[int]:
    """The offset at which each line starts."""
    return [0, *(found.end() for found in re.finditer("\n", text))]


def edits_at(text: str, file: str, replacements: Iterable[Replacement]) -> tuple[Edit, ...]:
    """The replacements as edits, in the order of the text; () where its lines cannot be counted alike by all.

    text: without a byte order mark. What reaches over several lines becomes whole lines.
    """
    if _ODD_BREAK.search(text):
        return ()
    starts = _starts(text)
    made = []
    for start, end, new in sorted(replacements):
        first, last = bisect_right(starts, start) - 1, bisect_right(starts, max(start, end - 1)) - 1
        column = start - starts[first]
        whole = column == 0 and end > start and (end in starts or end == len(text))
        if first == last and not (whole and text[end - 1] == "\n"):
            made.append(Edit(Span(file, first + 1, column + 1, end - start), new))
            continue
        below = starts[last + 1] if last + 1 < len(starts) else len(text)
        lead, tail = text[starts[first] : start], "" if end in starts else text[end:below]
        wide = max(1, len(text[starts[first] : below].split("\n", 1)[0]))
        made.append(Edit(Span(file, first + 1, 1, wide), lead + new + tail, last - first + 1))
    return tuple(made)


def replacement(edit: Edit, starts: Sequence[int], length: int) -> Replacement:
    """An edit as offsets. Raises IndexError for a line that the text does not have."""
    start = starts[edit.span.line - 1]
    if edit.lines:
        below = edit.span.line - 1 + edit.lines
        return start, starts[below] if below < len(starts) else length, edit.text
    start += edit.span.column - 1
    return start, start + edit.span.length, edit.text


def repaired(text: str, repairs: Iterable[Sequence[Edit]]) -> tuple[str, int]:
    """The text with as many of the repairs as go together, and how many those are.

    A repair is made whole or not at all. One that overlaps or touches another waits: what it would do depends on it.
    Touching is also to have only comments between, for a section may be empty then. Additions at the same place are
    made in their order where they stand equally deep; the section lines that they share are written once.
    """
    mark = _BOM if text.startswith(_BOM) else ""
    body = text.removeprefix(_BOM)
    starts = _starts(body)
    taken: list[Replacement] = []
    made = 0
    for edits in repairs:
        wanted = [replacement(edit, starts, len(body)) for edit in edits]
        fresh = _all_with(body, taken, list(dict.fromkeys(wanted)))
        if fresh is not None:
            made += 1
            taken = fresh
    for start, end, new in sorted(taken, reverse=True):
        body = body[:start] + new + body[end:]
    return mark + body, made


def _all_with(text: str, taken: list[Replacement], wanted: list[Replacement]) -> list[Replacement] | None:
    """`taken` and one more repair, whose own edits are right together; None where it has to wait."""
    fresh, added = list(taken), list[Replacement]()
    for one in wanted:
        with_it = _with(text, fresh, one)
        if with_it is None:
            return None
        if len(with_it) > len(fresh):
            added.append(one)
        else:
            fresh = with_it
    return [*fresh, *added] if wanted else None


def _with(text: str, taken: list[Replacement], one: Replacement) -> list[Replacement] | None:
    """`taken` and one more; None where they do not go together."""
    start, end, new = one
    if one in taken and new == "":
        return taken
    for number, (a, b, old) in enumerate(taken):
        if start == end == a == b:
            joined = _joined(old, new)
            return None if joined is None else [*taken[:number], (a, b, joined), *taken[number + 1 :]]
        first, second = ((a, b), (start, end)) if a <= start else ((start, end), (a, b))
        if first[1] > second[0]:
            return None
        if not (old and new) or "\n" in old + new:
            between = text[first[1] : second[0]]
            if not between or ("\n" in text[first[0] : second[0]] and _IDLE.fullmatch(between)):
                return None
    return [*taken, one]


def _joined(old: str, new: str) -> str | None:
    """Two additions at one place as one; None where they stand at different depths or open a section twice."""
    end = "\r\n" if old.startswith("\r\n") else "\n"
    if not old.startswith(end) or not new.startswith(end):
        alike = old[:1] == new[:1] and _NAME.findall(old)[:1] != _NAME.findall(new)[:1]
        return old + new if alike else None
    said, more = (text.removeprefix(end).split(end) for text in (old, new))
    if _depth(said[0]) != _depth(more[0]):
        return None
    shared = 0
    while shared < min(len(said), len(more)) - 1 and said[shared] == more[shared]:
        shared += 1
    if any(line in said for line in more[shared:]):
        return None
    return end.join(["", *said, *more[shared:]])


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip())
