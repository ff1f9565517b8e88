"""The checkpoints of a run by their names: which steps there are, and which verl noted as saved whole."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

from toolspec.backends.launch.runs import Run
from toolspec.backends.launch.values import mapping, text
from toolspec.specs.named_file import UnreadableError, head

TRACKER = "latest_checkpointed_iteration.txt"
USUAL = "checkpoints"
_STEP = re.compile(r"global_step_(\d{1,9})")
_RUN_FOLDER = re.compile(r"\$\{oc\.env:TOOLSPEC_RUN_DIR(?:,[^}]*)?\}")
_PARTS = ("actor", "critic")


class Checkpoints(NamedTuple):
    """folder: where verl saves. steps: with weights, oldest first. noted: the step that verl last finished to save,
    which is written after everything of it, or None. aside: half ones that a restart set aside, their steps.

    elsewhere: the setting, where it names a folder that cannot be told from here.
    """

    folder: Path
    steps: tuple[int, ...]
    noted: int | None
    aside: tuple[int, ...]
    elsewhere: str

    @property
    def newest(self) -> int | None:
        """The newest one that verl noted, if it is still there. What a restart takes, ts_checkpoint.py decides."""
        return self.noted if self.noted in self.steps else None


def checkpoints(run: Run) -> Checkpoints:
    """By names alone: nothing of them is opened but the note, a number. Never raises."""
    folder, elsewhere = _folder(run)
    aside = tuple(
        step
        for event in run.events
        if event.kind == "aside" and isinstance(step := event.fields.get("step"), int)
    )
    if folder is None:
        return Checkpoints(run.folder / USUAL, (), None, aside, elsewhere)
    try:
        with os.scandir(folder) as entries:
            found = sorted(int(name[1]) for entry in entries if (name := _STEP.fullmatch(entry.name)))
    except OSError:
        found = []
    kept = [
        step for step in found if any((folder / f"global_step_{step}" / part).is_dir() for part in _PARTS)
    ]
    return Checkpoints(folder, tuple(kept), _noted(folder), aside, "")


def _folder(run: Run) -> tuple[Path | None, str]:
    """Where `checkpoints` of the bundle's ts_job.json leads; None, and the setting, where the job's environment
    decides."""
    try:
        told = text(mapping(f"{run.folder}/bundle/ts_job.json"), "checkpoints") or USUAL
    except UnreadableError:
        return run.folder / USUAL, ""
    filled = _RUN_FOLDER.sub(lambda _: str(run.folder.absolute()), told)
    if "${" in filled:
        return None, told
    return run.folder / "bundle" / filled, ""


def _noted(folder: Path) -> int | None:
    try:
        word = head(folder / TRACKER, 32).strip()
    except UnreadableError:
        return None
    return int(word) if re.fullmatch(rb"\d{1,9}", word) else None
