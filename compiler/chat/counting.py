"""Token counts of many conversations, in order, by as many processes as there are cores."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from types import TracebackType
from typing import Any, Generic, Literal, NamedTuple, TypeVar

from toolspec.compiler.chat.folder import ChatFolder
from toolspec.compiler.chat.process import ChatError, ChatProcess, Failure, encoded

BATCH = 256
"""Conversations of a request: a megabyte of text, so that a limit is met within seconds."""
MOST_PROCESSES = 8
"""A process takes some 280 MiB for its tokenizer; reading the rows keeps no more than so many at work."""
Row = Sequence[Mapping[str, Any]]
Tag = TypeVar("Tag")


class AtMost(NamedTuple):
    """A length that was not counted: the prompt has no more tokens than bytes."""

    tokens: int


NO_LIMIT = 1 << 63
"""In place of a limit: rows are rendered, so that one knows which are refused, and never counted."""
Length = int | AtMost | Failure
NOT_MESSAGES = Failure("not messages", "a prompt is a list of {role, content}")


class Counters(Generic[Tag]):
    """Processes that have a model's template and tokenizer, as a context manager. Started when they are needed.

    Every method raises ChatError where a process does not answer within its limits.
    """

    def __init__(
        self,
        folder: ChatFolder,
        template: str,
        tools: Sequence[Mapping[str, Any]],
        variables: Mapping[str, Any],
        processes: int | None = None,
    ) -> None:
        self._folder, self._template = folder, template
        self._settings = (tools or None, True, variables)
        self._most = processes or min(MOST_PROCESSES, cores())
        self._started: list[ChatProcess] = []
        self._whole: set[ChatProcess] = set()  # those that have the vocabulary too

    def __enter__(self) -> Counters[Tag]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._started:
            process.close()

    def one(self) -> ChatProcess:
        """A process with the template and the whole tokenizer, for questions beside the rows."""
        if not self._started:
            self._start(1, True)
        self._complete(self._started[0])
        return self._started[0]

    def lengths(
        self, rows: Iterable[tuple[Tag, Any]], limit: int | None = None
    ) -> Iterator[tuple[Tag, Any, Length]]:
        """(tag, conversation, length) for each (tag, conversation), in order. Rows are read as they are needed.

        limit: a row whose bytes already say that it has no more tokens is not counted (AtMost), unless most rows beside
        it have to be. A Failure for a conversation that the template refuses, or that is none.
        """
        batches = _batches(iter(rows))
        ahead: deque[_Batch[Tag]] = deque(islice(batches, self._most))
        first = next((one for batch in ahead for one in batch.messages), None)
        self._start(len(ahead), limit is None or any(batch.is_long(limit) for batch in ahead), first)
        free = deque(self._started)
        running: deque[tuple[int, ChatProcess, _Batch[Tag], bool, list[Any] | None]] = deque()
        done: dict[int, list[tuple[Tag, Any, Length]]] = {}
        sent = shown = 0
        while ahead or running:
            while free and ahead:
                process, batch = free.popleft(), ahead.popleft()
                exact = limit is None or batch.is_long(limit)
                if exact:
                    self._complete(process)
                process.send_encoded(self._request("counts" if exact else "bytes", batch.messages))
                running.append((sent, process, batch, exact, None))
                sent += 1
            ahead.extend(islice(batches, 1 - len(ahead)))  # made while the processes work
            number, process, batch, exact, bounds = running.popleft()
            answer = process.receive()
            if not exact and limit is not None and bounds is None:
                unsettled = [
                    messages
                    for messages, bound in zip(batch.messages, answer, strict=True)
                    if _unsettled(bound, limit)
                ]
                if unsettled:
                    self._complete(process)
                    process.send_encoded(self._request("counts", unsettled))
                    running.append((number, process, batch, exact, answer))
                    continue
                answer = [one if isinstance(one, Failure) else AtMost(one or NO_LIMIT) for one in answer]
            elif limit is not None and bounds is not None:
                counts = iter(answer)
                answer = [
                    next(counts) if _unsettled(one, limit) else AtMost(one) if isinstance(one, int) else one
                    for one in bounds
                ]
            free.append(process)
            done[number] = batch.merged(answer)
            while shown in done:
                yield from done.pop(shown)
                shown += 1

    def _request(self, what: str, rows: Sequence[bytes]) -> bytes:
        tools, generation, variables = self._settings
        head = encoded({"do": what, "tools": tools, "generation": generation, "variables": dict(variables)})
        return head[:-1] + b', "rows": [' + b",".join(rows) + b"]}"

    def _start(self, number: int, whole: bool, first: bytes | None = None) -> None:
        """So many processes that are ready; they read the tokenizer side by side.

        first: a conversation that is rendered before any of them reads it, so that a template that takes too much of
        everything has only what a template may take.
        """
        new = [ChatProcess() for _ in range(number - len(self._started))]
        self._started += new
        for place, process in enumerate(new):
            process.template(self._template)
            if place == 0 and first is not None:
                process.send_encoded(self._request("render", [first]))
                shown = process.receive()[0]
                if isinstance(shown, Failure) and shown.limit:
                    raise ChatError(shown.reason, limit=True)
        for process in new:
            process.send_tokenizer(self._folder, bytes_only=not whole)
        for process in new:
            process.receive_nothing()
            if whole:
                self._whole.add(process)

    def _complete(self, process: ChatProcess) -> None:
        if process not in self._whole:
            process.tokenizer(self._folder)
            self._whole.add(process)


class _Batch(NamedTuple, Generic[Tag]):
    """rows: all of it. messages: of those that can be sent, as JSON. failures: by place, the others."""

    rows: list[tuple[Tag, Any]]
    messages: list[bytes]
    failures: dict[int, Failure]

    def is_long(self, limit: int) -> bool:
        """Whether most of it has more bytes than the limit, so that bytes will not settle it."""
        return 2 * sum(len(one) > limit for one in self.messages) > len(self.messages)

    def merged(self, answer: Sequence[Length]) -> list[tuple[Tag, Any, Length]]:
        given = iter(answer)
        return [
            (tag, messages, self.failures[place] if place in self.failures else next(given))
            for place, (tag, messages) in enumerate(self.rows)
        ]


def _batches(rows: Iterator[tuple[Tag, Any]]) -> Iterator[_Batch[Tag]]:
    while batch := list(islice(rows, BATCH)):
        found: list[bytes] = []
        failures: dict[int, Failure] = {}
        for place, (_, messages) in enumerate(batch):
            if not (isinstance(messages, list) and all(isinstance(one, Mapping) for one in messages)):
                failures[place] = NOT_MESSAGES
                continue
            try:
                found.append(encoded(messages))
            except ChatError as error:
                failures[place] = Failure("not plain data", str(error))
        yield _Batch(batch, found, failures)


def _unsettled(bound: int | Failure | None, limit: int) -> bool:
    return limit != NO_LIMIT and (bound is None or (isinstance(bound, int) and bound > limit))


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def counted(
    what: Literal["counts", "bytes"],
    folder: ChatFolder,
    template: str,
    rows: Iterable[Row],
    tools: Sequence[Mapping[str, Any]],
    variables: Mapping[str, Any],
    processes: int | None = None,
) -> Iterator[Length]:
    """For each conversation how many tokens its prompt has (`counts`), or the most that it can have (`bytes`).

    A Failure for one that the template refuses. Raises ChatError where a process does not answer within its limits.
    """
    limit = None if what == "counts" else 1 << 62
    with Counters[None](folder, template, tools, variables, processes) as counters:
        for *_, length in counters.lengths(((None, row) for row in rows), limit):
            yield length
