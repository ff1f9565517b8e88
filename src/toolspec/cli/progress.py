"""A bar on stderr for work that takes longer than a second, where a person looks at it."""

from __future__ import annotations

import os
import sys
import time
from types import TracebackType
from typing import Any

import click

AFTER = 1.0
"""Seconds without a bar."""


class Progress:
    """As a context manager; called with how much is done, and of how much. Shown on a terminal outside CI alone."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._bar: Any = None
        self._done = 0
        self._begin = time.monotonic()
        self._on = sys.stderr.isatty() and not os.environ.get("CI") and os.environ.get("TERM") != "dumb"

    def __enter__(self) -> Progress:
        return self

    def __call__(self, done: int, of: int, doing: str = "") -> None:
        """doing: what the next one is at, where it takes long."""
        if not self._on or time.monotonic() - self._begin < AFTER:
            return
        if self._bar is None:
            self._bar = click.progressbar(
                length=max(of, done), label=self._label, file=sys.stderr, show_pos=True, width=20
            )
            self._bar.__enter__()
        self._bar.label = f"{self._label}{doing and ', '}{doing}"
        self._bar.update(done - self._done)
        self._bar.render_progress()
        self._done = done

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            # The line is cleared: what is said next is the answer.
            sys.stderr.write("\r\x1b[2K\x1b[?25h")
            sys.stderr.flush()
