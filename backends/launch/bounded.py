"""A command with a limit of time, of which nothing is left behind: not what it started in the background either."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress


def bounded(
    command: Sequence[str], seconds: float, environment: Mapping[str, str] | None = None, most: int = 64 << 20
) -> subprocess.CompletedProcess[bytes]:
    """As subprocess.run, with at most `most` bytes of each output. Raises OSError, TimeoutExpired.

    Output goes to files, since a pipe is at its end only when whoever else was given it has ended too.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=errors,
            start_new_session=True,
        )
        try:
            process.wait(seconds)
        finally:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        out.seek(0)
        errors.seek(max(0, errors.seek(0, os.SEEK_END) - most))
        return subprocess.CompletedProcess(command, process.returncode, out.read(most), errors.read())
