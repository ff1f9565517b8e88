"""What is an input among other files: specs, verl configs and scripts that start verl, by their first lines."""

from __future__ import annotations

import os
import re
from pathlib import Path

from toolspec.backends.verl.lint.lint import SHEBANG, SHELL, YAML
from toolspec.backends.verl.written.files import MAX_BYTES, Files
from toolspec.specs.named_file import UnreadableError, head
from toolspec.specs.reads import note

MOST_FILES = 10_000
SUFFIXES = (".yaml", ".yml", ".sh", ".bash", ".sbatch", ".slurm")
_SKIPPED = frozenset({"node_modules", "__pycache__", "build", "dist", "outputs", "wandb", "venv"})
_SPEC = re.compile(rb"^toolspec[ \t]*:", re.MULTILINE)
_VERL = re.compile(rb"^actor_rollout_ref[ \t]*:", re.MULTILINE)
MANIFEST, CONFIG = "manifest.json", "config.yaml"


def inputs_in(folder: Path, files: Files) -> list[str]:
    """Paths below a folder, sorted. Of a bundle its config.yaml alone. Links to folders are not followed."""
    found: list[str] = []
    for place, folders, names in os.walk(folder):
        note(place, "names")
        if MANIFEST in names and CONFIG in names and _is_bundle(Path(place), files):
            folders[:] = []
            found.append(str(Path(place, CONFIG)))
            continue
        folders[:] = sorted(name for name in folders if name not in _SKIPPED and not name.startswith("."))
        for name in sorted(names):
            if len(found) >= MOST_FILES:
                return found
            if name.endswith(SUFFIXES):
                data = files.read(Path(place, name))
                if data is not None and _says_so(Path(name), data):
                    found.append(str(Path(place, name)))
    return found


def is_input(file: Path, files: Files) -> bool:
    """Whether a file that was named among others is one that `inputs_in` would take, whatever its folder is called.

    A file that cannot be looked into is: reading it says why.
    """
    data = _beginning(file, files)
    if data is None:
        return True
    if not _says_so(file, data):
        return False
    bundle = _bundle_around(file, files)
    return bundle is None or file == bundle / CONFIG


def is_spec(file: Path, files: Files) -> bool:
    """The same for specs alone. The copy of a spec in a bundle is none: the files that it names lie elsewhere."""
    data = _beginning(file, files)
    if data is None:
        return True
    yaml = file.suffix.lower() in YAML
    return yaml and _SPEC.search(data) is not None and _bundle_around(file, files) is None


def _beginning(file: Path, files: Files) -> bytes | None:
    data = files.read(file)
    if data is not None:
        return data
    try:
        return head(file, MAX_BYTES)
    except UnreadableError:
        return None


def _bundle_around(file: Path, files: Files) -> Path | None:
    return next((folder for folder in file.parents if _is_bundle(folder, files)), None)


def _says_so(file: Path, data: bytes) -> bool:
    """Only what no other program's files say: `trainer:` and `model:` are at home in many."""
    suffix = file.suffix.lower()
    if suffix in YAML:
        return bool(_SPEC.search(data) or _VERL.search(data))
    starts = b"verl.trainer.main_ppo" in data or b"verl/trainer/main_ppo.py" in data
    return starts and (suffix in SHELL or bool(SHEBANG.match(data)))


def _is_bundle(folder: Path, files: Files) -> bool:
    return b'"bundle":' in (files.read(folder / MANIFEST) or b"")
