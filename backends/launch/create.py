"""A new run's folder, and what is written into it from outside of its job."""

from __future__ import annotations

import json
import os
import secrets
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from toolspec.backends.launch.process import user
from toolspec.specs.problem import Problem, ProblemError

DATA = "data"
"""The store of converted rows, one for all runs of a folder; each run has a link of this name."""
_TRIES = 20


def free_folder(place: Path, name: str) -> Path:
    """The folder of a new run, NAME-xxxxxx, which is not made yet: another one for each call."""
    for _ in range(_TRIES):
        folder = place / f"{name}-{secrets.token_hex(3)}"
        if not folder.exists():
            return folder
    raise ProblemError((Problem("TS930", "run-folder", f"{place}: no free name for a run"),))


def check_place(place: Path) -> None:
    """Raises ProblemError for a folder that no job script can name."""
    if "\n" in str(place):
        message = f"{str(place)!r} has a line break, which no job script bears"
        raise ProblemError((Problem("TS930", "run-folder", message, fix="another folder: TOOLSPEC_RUNS"),))


def no_place(place: Path, error: OSError) -> Problem:
    """That runs cannot be written to `place`."""
    return Problem(
        "TS930",
        "run-folder",
        f"runs cannot be written to {place}: {error.strerror or error}",
        why="a run's bundle, log and checkpoints lie there, where all nodes see them",
        fix="TOOLSPEC_RUNS=FOLDER on a file system that the nodes share",
    )


def share_rows(folder: Path, store: Path) -> None:
    """Links the store of rows into the run's folder, where its bundle looks for it (`../data`). Raises OSError."""
    store.mkdir(parents=True, exist_ok=True)
    link = folder / DATA
    if link.is_symlink():
        link.unlink()
    link.symlink_to(os.path.relpath(store, folder) if store.parent == folder.parent else store.resolve())


def nonce() -> str:
    return secrets.token_hex(4)


def run_fields(folder: Path, fields: Mapping[str, Any]) -> dict[str, Any]:
    """run.json of a new run. fields: what of it the caller knows."""
    return {
        "version": 1,
        "id": folder.name,
        "key": secrets.token_hex(16),
        "created": round(time.time(), 3),
        "host": socket.gethostname(),
        "user": user(),
        **fields,
    }


def place_json(file: Path, value: Any, durable: bool = True) -> None:
    place_text(file, json.dumps(value, indent=1, ensure_ascii=False) + "\n", durable)


def place_text(file: Path, text: str, durable: bool = True) -> None:
    """Writes a file whole or not at all. durable: it is on the disk before this returns. Raises OSError."""
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with beside.open("w", encoding="utf-8") as stream:
            stream.write(text)
            if durable:
                stream.flush()
                os.fsync(stream.fileno())
        beside.replace(file)
    except OSError:
        beside.unlink(missing_ok=True)
        raise
