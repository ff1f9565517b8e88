"""Real chat templates: those that the `trl` package carries. No model hub is asked."""

from __future__ import annotations

import tempfile
from pathlib import Path

from real.cache import cached
from real.environment import Environment, download_wheel
from real.tokenizer import TEMPLATE


def templates(environment: Environment) -> dict[str, str]:
    """Name → template, all that the package has. Raises Unavailable where pip gets no package."""
    folder = cached("templates", {"from": TEMPLATE[0]}, lambda unfinished: _build(unfinished, environment))
    return {file.stem: file.read_text("utf-8") for file in sorted(folder.glob("*.jinja"))}


def _build(folder: Path, environment: Environment) -> None:
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        unpacked = download_wheel(environment.python, TEMPLATE[0], Path(scratch) / "trl")
        for file in (unpacked / TEMPLATE[1]).parent.glob("*.jinja"):
            (folder / file.name).write_bytes(file.read_bytes())
