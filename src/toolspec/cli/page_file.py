"""Where a command may write its page: never over something else."""

from __future__ import annotations

from pathlib import Path

import click


def check_place(path: Path, mark: str, command: str) -> None:
    """Raises BadParameter for a file that is something else, and for a folder that is not there.

    mark: the first line of the command's pages, by which one is known when it is written again.
    """
    if path.is_dir():
        raise click.BadParameter(f"{path} is a folder", param_hint="--html")
    if not path.parent.is_dir():
        raise click.BadParameter(f"there is no folder {path.parent}", param_hint="--html")
    if not path.exists():
        return
    if not path.is_file():
        raise click.BadParameter(f"{path} is no regular file", param_hint="--html")
    with path.open("rb") as stream:
        head = stream.read(len(mark))
    if head and head != mark.encode():
        message = f"{path} is there and no page of {command}'s; give another name, or remove it"
        raise click.BadParameter(message, param_hint="--html")
