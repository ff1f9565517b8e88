"""The token counts of a split's prompts, counted once for a content, for whoever asks."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from heapq import heappush, heapreplace
from pathlib import Path
from typing import Any, NamedTuple

from toolspec.backends.verl.chat.prompts import Prompt, PromptRows
from toolspec.backends.verl.chat.text_lengths import TextLengths, Texts, around_answers, call_lengths
from toolspec.compiler.chat import kept_counts
from toolspec.compiler.chat.counting import AtMost, Counters, Length
from toolspec.compiler.chat.distribution import Distribution
from toolspec.compiler.chat.folder import ChatFolder
from toolspec.compiler.chat.process import ChatError, Failure
from toolspec.compiler.chat.sampling import drawn

VERSION = 1
"""Of what is kept."""
LONGEST = 20
"""Rows that are described."""
DESCRIBED = 240
"""Characters that are kept of each end of a row's question."""
EACH = 512
"""Rows between two words of progress."""


class Model(NamedTuple):
    """What turns messages into tokens. schemas: of the tools, as the template gets them."""

    folder: ChatFolder
    template: str
    schemas: tuple[Mapping[str, Any], ...]
    variables: Mapping[str, Any]


class LongRow(NamedTuple):
    """row: from 0, over all files. file, number, unit: where it stands, from 1. head, tail: of its question."""

    row: int
    tokens: int
    file: str
    number: int
    unit: str
    head: str
    tail: str
    characters: int


class Lengths(NamedTuple):
    """distribution: of the rows that were counted. total: rows at hand, of which `sampled` were drawn, 0 for all.

    by_bytes: rows that are within the limit by their bytes and were not counted; they are in no distribution.
    most_bytes: the largest bound among them. longest: the longest rows, longest first. texts: what the rows say of text
    and tokens; around: tokens that come with a tool's answer: the first of a round, and each other one.
    """

    distribution: Distribution
    total: int
    sampled: int
    by_bytes: int
    most_bytes: int
    longest: tuple[LongRow, ...]
    refused: tuple[LongRow, ...]
    texts: TextLengths
    calls: tuple[int, int]
    around: tuple[int, int]
    a_character: int


def lengths(
    model: Model,
    rows: PromptRows,
    limit: int | None = None,
    sample: int | None = None,
    kept: bool = True,
    progress: Callable[[int], None] = lambda _: None,
) -> Lengths:
    """limit: rows that bytes settle are not counted. sample: so many rows, drawn. kept: whether the cache is asked.

    progress: told now and then how many rows are done. Raises ProblemError for rows that cannot be read, ChatError
    where the template or the tokenizer does not answer.
    """
    name = _name(model, rows, limit, sample) if kept else ""
    found = _from_plain(kept_counts.read(name)) if name else None
    if found is None:
        found = _counted(model, rows, limit, sample, progress)
        if name and name == _name(model, rows, limit, sample):  # no file was changed meanwhile
            kept_counts.keep(name, _plain(found))
    return found


def _name(model: Model, rows: PromptRows, limit: int | None, sample: int | None) -> str:
    folder = model.folder
    try:
        tokenizer = kept_counts.file_hash(folder.tokenizer) if folder.tokenizer is not None else ""
    except OSError:
        return ""
    here = Path(__file__).parent
    parts = (
        *(VERSION, tokenizer, folder.added, folder.kind, folder.tokens, model.template, model.schemas),
        *(sorted(model.variables.items()), rows.content(), limit, sample),
    )
    return kept_counts.named(parts, (here, here.parent / "rows", Path(kept_counts.__file__).parent))


def _counted(
    model: Model,
    rows: PromptRows,
    limit: int | None,
    sample: int | None,
    progress: Callable[[int], None],
) -> Lengths:
    numbered: Iterator[tuple[tuple[int, Prompt], Any]] = (
        ((row, prompt), messages) for row, (prompt, messages) in enumerate(rows.rows())
    )
    total = 0
    if sample is not None:
        chosen, total = drawn(_told(numbered, progress), sample)
        numbered = iter(chosen)
    gathered = _Gathered()
    with Counters[tuple[int, Prompt]](
        model.folder, model.template, model.schemas, model.variables
    ) as counters:
        for number, (tag, messages, length) in enumerate(counters.lengths(numbered, limit), 1):
            gathered.add(tag, messages, length)
            if sample is None and number % EACH == 0:
                progress(number)
        count = gathered.count
        if not count:
            texts, calls, around, a_character = TextLengths(), (0, 0), (0, 0), 0
        else:
            process = counters.one()
            texts = gathered.texts.counted(process)
            calls = call_lengths(process, model.schemas, model.variables)
            around = around_answers(process, model.schemas, model.variables, model.folder.tokens)
            a_character = process.bytes_a_character()
    return Lengths(
        Distribution(tuple(gathered.tokens), tuple(gathered.rows), tuple(gathered.why)),
        total if sample is not None else count,
        count if sample is not None and count < total else 0,
        gathered.by_bytes,
        gathered.most_bytes,
        tuple(one for _, _, one in sorted(gathered.longest, key=lambda one: (-one[0], -one[1]))),
        tuple(gathered.refused),
        texts,
        calls,
        around,
        a_character,
    )


def _told(rows: Iterator[Any], progress: Callable[[int], None]) -> Iterator[Any]:
    for number, row in enumerate(rows, 1):
        yield row
        if number % EACH == 0:
            progress(number)


class _Gathered:
    """What is kept of the rows while they pass."""

    def __init__(self) -> None:
        self.tokens: list[int] = []
        self.rows: list[int] = []
        self.why: list[tuple[int, str]] = []
        self.longest: list[tuple[int, int, LongRow]] = []
        self.refused: list[LongRow] = []
        self.by_bytes = self.most_bytes = 0
        self.texts = Texts(random.Random(0))

    @property
    def count(self) -> int:
        return len(self.tokens) + len(self.why) + self.by_bytes

    def add(self, tag: tuple[int, Prompt], messages: Any, length: Length) -> None:
        row, prompt = tag
        if isinstance(length, Failure):
            if length.limit:  # the template's fault, and no row's
                raise ChatError(f"row {row}: {length.reason}", limit=True)
            self.why.append((row, length.reason))
            if len(self.refused) < LONGEST:
                self.refused.append(_described(row, 0, prompt, messages))
            return
        self.texts.add(messages, prompt.truth)
        if isinstance(length, AtMost):
            self.by_bytes += 1
            self.most_bytes = max(self.most_bytes, length.tokens)
            return
        self.tokens.append(length)
        self.rows.append(row)
        if len(self.longest) < LONGEST:
            heappush(self.longest, (length, -row, _described(row, length, prompt, messages)))
        elif length > self.longest[0][0]:
            heapreplace(self.longest, (length, -row, _described(row, length, prompt, messages)))


def _described(row: int, tokens: int, prompt: Prompt, messages: Any) -> LongRow:
    text = question(messages)
    head, tail = text[:DESCRIBED], text[max(DESCRIBED, len(text) - DESCRIBED) :]
    head, tail = (part.encode("utf-8", "replace").decode() for part in (head, tail))
    place = prompt.place
    return LongRow(row, tokens, place.file.name, place.number, place.unit, head, tail, len(text))


def question(messages: Any) -> str:
    """The text of the last message of the user's, else of the last one."""
    if not isinstance(messages, list):
        return messages if isinstance(messages, str) else ""
    texts = [
        (message.get("role"), message["content"])
        for message in messages
        if isinstance(message, Mapping) and isinstance(message.get("content"), str)
    ]
    asked = [text for role, text in texts if role == "user"]
    return str((asked or [text for _, text in texts] or [""])[-1])


def _plain(found: Lengths) -> dict[str, Any]:
    return {**found._asdict(), "distribution": found.distribution._asdict()}


def _from_plain(value: Any) -> Lengths | None:
    """A kept answer; None where it is none."""
    try:
        told = value["distribution"]
        distribution = Distribution(
            tuple(map(int, told["lengths"])),
            tuple(map(int, told["rows"])),
            tuple((int(row), str(why)) for row, why in told["refused"]),
        )
        if len(distribution.lengths) != len(distribution.rows):
            return None
        return Lengths(
            distribution,
            int(value["total"]),
            int(value["sampled"]),
            int(value["by_bytes"]),
            int(value["most_bytes"]),
            tuple(LongRow(*one) for one in value["longest"]),
            tuple(LongRow(*one) for one in value["refused"]),
            TextLengths.from_plain(value["texts"]),
            (int(value["calls"][0]), int(value["calls"][1])),
            (int(value["around"][0]), int(value["around"][1])),
            int(value["a_character"]),
        )
    except (TypeError, KeyError, ValueError, IndexError):
        return None
