"""Checkpoints in verl's layout: utils/checkpoint/{fsdp_checkpoint_manager,checkpoint_manager}.py, _save_checkpoint of
trainer/ppo/ray_trainer.py and of trainer/ppo/v1/trainer_base.py. Written and looked for in verl's order.

    global_step_N/actor/{model,optim,extra_state}_world_size_W_rank_R.pt, huggingface/, fsdp_config.json
    global_step_N/critic/…                 with a critic
    global_step_N/data.pt                  the data loader; rotation leaves it behind
    latest_checkpointed_iteration.txt      N, last of all
"""

from __future__ import annotations

import json
import pickle
import shutil
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

PARTS = ("model", "optim", "extra_state")
TRACKER = "latest_checkpointed_iteration.txt"


def torch_save(state: Any, file: Path, size: int = 0) -> None:
    """A file as torch.save writes it: an uncompressed zip with a pickle, and a storage of `size` bytes."""
    with file.open("wb") as out, zipfile.ZipFile(out, "w") as archive:
        archive.writestr(f"{file.stem}/data.pkl", pickle.dumps(state, protocol=2))
        archive.writestr(f"{file.stem}/.format_version", "1")
        archive.writestr(f"{file.stem}/.storage_alignment", "64")
        archive.writestr(f"{file.stem}/byteorder", "little")
        archive.writestr(f"{file.stem}/data/0", bytes(size))
        archive.writestr(f"{file.stem}/version", "3\n")
        archive.writestr(f"{file.stem}/.data/serialization_id", "0" * 40)


def torch_load(file: Path) -> Any:
    """Read it back. Raises RuntimeError with torch's words where it is no whole zip, FileNotFoundError."""
    with file.open("rb") as opened:
        try:
            with zipfile.ZipFile(opened) as archive:
                return pickle.loads(archive.read(f"{file.stem}/data.pkl"))
        except zipfile.BadZipFile as error:
            raise RuntimeError(
                "PytorchStreamReader failed reading zip archive: failed finding central directory"
            ) from error


def save_ranks(
    folder: Path, ranks: Iterable[int], world: int, step: int, size: int, parts: Iterable[str] = PARTS
) -> None:
    """What the ranks of one node write of one model."""
    folder.mkdir(parents=True, exist_ok=True)
    for rank in ranks:
        for part in parts:
            name = f"{part}_world_size_{world}_rank_{rank}.pt"
            torch_save({"step": step, "rank": rank}, folder / name, 256 if part == "extra_state" else size)


def save_rank_0(folder: Path, world: int, fsdp: int) -> None:
    """What rank 0 writes besides."""
    hugging_face = folder / "huggingface"
    hugging_face.mkdir(parents=True, exist_ok=True)
    (hugging_face / "config.json").write_text(json.dumps({"model_type": "qwen2"}, indent=2) + "\n")
    (hugging_face / "tokenizer_config.json").write_text("{}\n")
    (folder / "fsdp_config.json").write_text(
        json.dumps({"FSDP_version": fsdp, "world_size": world}, indent=4)
    )


def load_ranks(folder: Path, ranks: Iterable[int], world: int) -> int:
    """Read what `save_ranks` wrote; the step. Raises as torch does."""
    steps = {
        torch_load(folder / f"{part}_world_size_{world}_rank_{rank}.pt")["step"]
        for rank in ranks
        for part in PARTS
    }
    (step,) = steps
    return int(step)


def latest(folder: Path) -> Path | None:
    """find_latest_ckpt_path."""
    tracker = folder / TRACKER
    if not tracker.exists():
        print(f"Checkpoint tracker file does not exist: {tracker}")
        return None
    found = folder / f"global_step_{int(tracker.read_text())}"
    if not found.exists():
        print("Checkpoint does not exist: %s", found)
        return None
    print("Found checkpoint: %s", found)
    return found


class Rotation:
    """The paths that this process saved, of one model; those too many go. Earlier processes' stay for ever."""

    def __init__(self, keep: int | None) -> None:
        self.keep = keep if keep and keep > 0 else None
        self.saved: list[Path] = []

    def before(self) -> None:
        """Room for a new one, but never the only one."""
        if self.keep and self.keep > 1:
            self._drop(self.keep - 1)

    def after(self, new: Path) -> None:
        """A new one is whole."""
        self.saved.append(new)
        if self.keep:
            self._drop(self.keep)

    def _drop(self, keep: int) -> None:
        while len(self.saved) > keep:
            old = self.saved.pop(0)
            print(f"Checkpoint manager remove previous save local path: {old.absolute()}")
            shutil.rmtree(old, ignore_errors=True)
