"""The inputs in a folder: specs, verl configs and scripts that start verl, by their first lines."""

from __future__ import annotations

import os
from pathlib import Path

from toolspec.backends.verl.written.files import Files

MOST_FILES = 10_000
_SUFFIXES = (".yaml", ".yml", ".sh", ".bash", ".sbatch", ".slurm")
_SKIPPED = frozenset({"node_modules", "__pycache__", "build", "dist", "outputs", "wandb", "venv"})
MANIFEST = "manifest.json"


def inputs_in(folder: Path, files: Files) -> list[str]:
    """Paths below a folder, sorted. Of a bundle its config.yaml alone. Links to folders are not followed."""
    if MANIFEST in files.names(folder) and (folder / "config.yaml").is_file():
        return [str(folder / "config.yaml")]
    found: list[str] = []
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED and not name.startswith("."))
        for name in sorted(names):
            if len(found) >= MOST_FILES:
                return found
            if name.endswith(_SUFFIXES) and is_input(Path(place, name), files):
                found.append(str(Path(place, name)))
    return found


def is_input(path: Path, files: Files) -> bool:
    """Whether a file is a spec, a verl config or a script that starts verl, by what is written in it."""
    data = files.read(path)
    if data is None:
        return False
    if path.suffix in (".yaml", ".yml"):
        return b"\ntoolspec:" in b"\n" + data or b"\nactor_rollout_ref:" in b"\n" + data
    return b"verl.trainer.main_ppo" in data or b"verl/trainer/main_ppo.py" in data
