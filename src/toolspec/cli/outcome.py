"""How a command ends: an exit code, and at most one line of its own for what it did not expect."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

FOR_CLICK = -1
"""No exit code: click is to take the call."""


class Stopped(KeyboardInterrupt):
    """A signal asked for the end. Not an Exception, so that only clean-up runs on the way out."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def stop_on_signals() -> None:
    """Let SIGTERM, SIGHUP and Ctrl-C end the process alike, unless the caller has them ignored (`nohup`).

    Python's own KeyboardInterrupt does not do for Ctrl-C: where it passes through an `exec` of text, which making a
    dataclass is, the process ends by the signal even when it was caught (run_eval_code_obj, CPython's pythonrun.c).
    """
    import signal

    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, _stop)


def _stop(number: int, _frame: FrameType | None) -> None:
    raise Stopped(number)


def outcome(command: Callable[[], int]) -> int:
    """The exit code of `command`: its own, 128 and the signal's number, or 2 for what nobody expected."""
    try:
        code = command()
        sys.stdout.flush()
        return code
    except KeyboardInterrupt as error:
        _say("\nstopped; nothing was left half written")
        return 128 + getattr(error, "number", 2)
    except OSError as error:
        message = f"{error.strerror or error}: {error.filename or ''}".rstrip(": ")
        _fail("TS028", "system", message, "")
        return 2
    except Exception as error:
        if os.environ.get("TOOLSPEC_DEBUG"):
            raise
        message = f"a fault of toolspec's own: {type(error).__name__}: {error}"
        _fail("TS019", "own-fault", message, "Please report it; TOOLSPEC_DEBUG=1 shows the traceback.")
        return 2


def _fail(code: str, name: str, message: str, fix: str) -> None:
    """Say what happened: as a finding where JSON is asked for and stdout takes it, else on stderr."""
    from toolspec.cli.document import json_wanted

    try:
        sys.stdout.flush()
        if json_wanted():
            from toolspec.cli.document import print_findings
            from toolspec.specs.problem import Problem

            print_findings((Problem(code, name, message, fix=fix),))
            sys.stdout.flush()
            return
    except OSError:
        _let_go(1)
    _say("\n".join(filter(None, (f"toolspec: {message}", fix))))


def _say(text: str) -> None:
    try:
        print(text, file=sys.stderr, flush=True)
    except OSError:
        _let_go(2)


def _let_go(number: int) -> None:
    """What could not be written is not tried again when Python ends, which would change the exit code."""
    from toolspec.cli.streams import lead_nowhere

    with suppress(OSError):
        lead_nowhere(number)
