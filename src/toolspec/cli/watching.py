"""What `status --watch` shows: a table that is drawn anew on a terminal, else a line for each change."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from toolspec.cli.output import obeying_nothing
from toolspec.cli.run_rows import cut, number, shown_id, silence, steps, table
from toolspec.cli.terminal import wants_colour

if TYPE_CHECKING:
    from toolspec.backends.launch.look import Looked

Teller = Callable[[Sequence["Looked"], float], None]


@contextmanager
def screen() -> Iterator[Teller | None]:
    """Draws on the terminal, and leaves it as it was found, whatever ends the watching; None where there is none."""
    if not sys.stdout.isatty() or os.environ.get("TERM") == "dumb":
        yield None
        return
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console(file=sys.stdout, no_color=not wants_colour(sys.stdout), highlight=False)
    with Live(console=console, auto_refresh=False, transient=False, vertical_overflow="crop") as live:

        def show(looked: Sequence[Looked], now: float) -> None:
            lines = [*table(looked, now), *silence(looked)]
            room = max(3, shutil.get_terminal_size((80, 24)).lines - 2)
            if len(lines) > room:
                lines = [*lines[: room - 1], f"… {len(lines) - room + 1} lines more: toolspec status"]
            clock = time.strftime("%H:%M:%S", time.localtime(now))
            text = Text.from_ansi("\n".join([*lines, f"{clock}, Ctrl-C ends the watching and no run"]))
            live.update(text, refresh=True)

        yield show


class Lines:
    """One line for each run that changed, with the time."""

    def __init__(self) -> None:
        self._before: dict[str, tuple[str, ...]] = {}

    def __call__(self, looked: Sequence[Looked], now: float) -> None:
        clock = time.strftime("%H:%M:%S", time.localtime(now))
        for each in looked:
            state = each.state
            told = (
                state.phase,
                steps(each),
                number(each.progress.score),
                state.why,
                state.silent,
                *state.notes,
            )
            if self._before.get(each.run.id) == told:
                continue
            self._before[each.run.id] = told
            parts = [state.phase, f"step {steps(each)}", f"score {number(each.progress.score)}", state.why]
            parts += [f"Slurm does not answer ({state.silent})"] if state.silent else []
            line = "  ".join(part for part in parts if part)
            print(
                obeying_nothing(f"{clock}  {shown_id(each)}  {cut(' '.join(line.split()), 400)}"), flush=True
            )
