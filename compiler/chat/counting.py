"""Token counts of many conversations, in order, by as many processes as there are cores."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Literal

from toolspec.compiler.chat.folder import ChatFolder
from toolspec.compiler.chat.process import ChatProcess, Failure

BATCH = 256
"""Conversations of a request: a megabyte of text, so that a limit is met within seconds."""
Row = Sequence[Mapping[str, Any]]


def counted(
    what: Literal["counts", "bytes"],
    folder: ChatFolder,
    template: str,
    rows: Iterable[Row],
    tools: Sequence[Mapping[str, Any]],
    variables: Mapping[str, Any],
    processes: int | None = None,
) -> Iterator[int | Failure | None]:
    """For each conversation how many tokens its prompt has (`counts`), or the most that it can have (`bytes`).

    A Failure for one that the template refuses; None for one whose bytes say nothing. Rows are read as they are needed.
    Raises ChatError where a process does not answer within its limits.
    """
    left = iter(rows)
    started: list[ChatProcess] = []
    waiting: deque[ChatProcess] = deque()
    try:
        for _ in range(processes or os.cpu_count() or 1):
            batch = list(islice(left, BATCH))
            if not batch:
                break
            process = ChatProcess()
            started.append(process)
            process.tokenizer(folder, bytes_only=what == "bytes")
            process.template(template)
            process.send(what, batch, tools or None, True, variables)
            waiting.append(process)
        while waiting:
            process = waiting.popleft()
            answer = process.receive()
            batch = list(islice(left, BATCH))
            if batch:
                process.send(what, batch, tools or None, True, variables)
                waiting.append(process)
            yield from answer
    finally:
        for process in started:
            process.close()
