"""Which checkpoints of a run are whole, and which a restart takes up.

    python3 ts_checkpoint.py RUN    says it as JSON

verl writes `global_step_N/actor`, then `critic`, then `data.pt`, then the number into latest_checkpointed_iteration.txt
(_save_checkpoint of trainer/ppo/ray_trainer.py and trainer/ppo/v1/trainer_base.py, 0.7.1 to 0.9.1). A job that dies
between leaves a folder that its loader fails on, or a tracker without a number, on which V0 raises ValueError even
where another checkpoint is named. Retention (`max_actor_ckpt_to_keep`) removes `actor` and `critic` of old steps and
leaves `data.pt`: such a folder is pruned, which is no fault.

torch.save writes a zip archive: its directory is its last part, so a file that was cut has none. Standard library only.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import struct
import sys
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

TRACKER = "latest_checkpointed_iteration.txt"
ASIDE = "aside"
_STEP = re.compile(r"global_step_(\d+)")
_SHARD = re.compile(r"(model|optim|extra_state)_world_size_(\d+)_rank_(\d+)\.pt")
# Of `checkpoint.contents` → the first part of the shards' names (fsdp_checkpoint_manager.py of the three releases).
SHARDS = {"model": "model", "optimizer": "optim", "extra": "extra_state"}


class Checkpoint(NamedTuple):
    """state: `whole`, `half` or `pruned`. why: what is missing of a half one."""

    step: int
    folder: Path
    state: str
    why: str = ""


def checkpoints(folder: Path, settings: dict[str, Any]) -> list[Checkpoint]:
    """All of `folder`, oldest first. settings: ts_job.json's (`contents`, `critic`). Raises OSError."""
    told = [(step, path, _missing(path, settings)) for step, path in _steps(folder)]
    newest = max([tracker(folder) or 0, *(step for step, _, why in told if not why)])
    found = []
    for step, path, why in told:
        pruned = why and (path / "data.pt").exists() and not (path / "actor").exists() and step < newest
        found.append(Checkpoint(step, path, "pruned" if pruned else "half" if why else "whole", why))
    return found


def _steps(folder: Path) -> list[tuple[int, Path]]:
    """The folders of checkpoints, oldest first. Raises OSError."""
    names = ((_STEP.fullmatch(path.name), path) for path in folder.iterdir()) if folder.is_dir() else ()
    return sorted((int(name[1]), path) for name, path in names if name and path.is_dir())


def tracker(folder: Path) -> int | None:
    """The step that verl last finished to save; None where the file is not there or says no number."""
    try:
        return int((folder / TRACKER).read_text("utf-8"))
    except (OSError, ValueError):
        return None


def newest_whole(found: list[Checkpoint]) -> Checkpoint | None:
    return next((each for each in reversed(found) if each.state == "whole"), None)


def being_written(folder: Path, settings: dict[str, Any]) -> bool:
    """Whether a checkpoint has begun and is not whole yet: the newest, the only one that is looked at."""
    try:
        found = _steps(folder)
        return bool(found) and bool(_missing(found[-1][1], settings))
    except OSError:
        return False


def set_aside(folder: Path, half: Checkpoint, mark: str) -> Path:
    """Moves a half checkpoint out of verl's way, and says where it is now. Raises OSError."""
    place = folder / ASIDE / f"global_step_{half.step}-{mark}"
    place.parent.mkdir(exist_ok=True)
    number = 1
    while place.exists():
        number += 1
        place = place.with_name(f"global_step_{half.step}-{mark}-{number}")
    half.folder.rename(place)
    return place


def retain(found: list[Checkpoint], taken: int, keep: int) -> list[int]:
    """Removes what verl's retention would have: of those up to step `taken`, all but the newest `keep`. Their steps.

    A trainer that began anew does not know what earlier ones saved, and leaves it: each restart would add `keep`.
    """
    old = [each for each in found if each.state == "whole" and each.step <= taken][:-keep]
    for each in old:
        for part in ("actor", "critic"):
            shutil.rmtree(each.folder / part, ignore_errors=True)
    return [each.step for each in old]


def _missing(folder: Path, settings: dict[str, Any]) -> str:
    """What a checkpoint lacks, or ""."""
    contents = [name for name in settings.get("contents", SHARDS) if name in SHARDS]
    for part in ("actor", "critic") if settings.get("critic") else ("actor",):
        why = _shards_missing(folder / part, contents)
        if why:
            return f"{part}: {why}"
        if part == "actor" and "hf_model" in settings.get("contents", ()):
            why = _weights_missing(folder / part / "huggingface")
            if why:
                return f"{part}/huggingface: {why}"
    return _cut(folder / "data.pt")


def _shards_missing(folder: Path, contents: list[str]) -> str:
    if not folder.is_dir():
        return "is not there"
    shards = {path.name: path for path in folder.iterdir()}
    named = [found for name in shards if (found := _SHARD.fullmatch(name))]
    if not named and contents:
        return "holds no shard"
    sizes = {int(found[2]) for found in named}
    if len(sizes) > 1:
        return f"holds shards of {' and '.join(map(str, sorted(sizes)))} ranks"
    for kind in contents:
        for rank in range(max(sizes)):
            name = f"{SHARDS[kind]}_world_size_{max(sizes)}_rank_{rank}.pt"
            if name not in shards:
                return f"{name} is not there"
            if why := _cut(shards[name]):
                return why
    return ""


def _cut(file: Path) -> str:
    """Why a file of torch.save is not whole, or "". Its directory, and the heads of its first and last record: a file
    system that lost a block has zeros there, and which of the others are zeros by right only torch could say."""
    try:
        if not stat.S_ISREG(file.stat().st_mode):  # to open a pipe would wait for its writer
            return f"{file.name} is no file"
        with zipfile.ZipFile(file) as archive:
            records = archive.infolist()
            for record in records[:1] + records[-1:]:
                archive.open(record).close()
            return "" if records else f"{file.name} is empty"
    except FileNotFoundError:
        return f"{file.name} is not there"
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        return f"{file.name} is cut ({file.stat().st_size} bytes: {error})"


def _weights_missing(folder: Path) -> str:
    """Why a copy for transformers is not whole, or "": safetensors files as long as their headers say."""
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        return "" if any(folder.glob("pytorch_model*.bin")) else "holds no weights"
    for file in files:
        try:
            with file.open("rb") as stream:
                (length,) = struct.unpack("<Q", stream.read(8))
                header = json.loads(stream.read(length))
            ends = [told["data_offsets"][1] for name, told in header.items() if name != "__metadata__"]
            if file.stat().st_size < 8 + length + max(ends, default=0):
                return f"{file.name} is cut"
        except (OSError, ValueError, struct.error, LookupError, TypeError, MemoryError, OverflowError):
            return f"{file.name} cannot be read"
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        try:
            wanted = set(json.loads(index.read_text("utf-8"))["weight_map"].values())
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            return f"{index.name} cannot be read"
        lacking = sorted(wanted - {file.name for file in files})
        if lacking:
            return f"{lacking[0]} is not there"
    return ""


def place_of(template: str, bundle: Path) -> Path:
    """The folder that `trainer.default_local_dir` names, with ${oc.env:NAME,default} as OmegaConf puts it in."""
    filled = re.sub(
        r"\$\{oc\.env:(\w+)(?:,([^}]*))?\}", lambda one: os.environ.get(one[1], one[2] or ""), template
    )
    return bundle / filled


def main(run: Path) -> int:
    bundle = Path(__file__).resolve().parent
    settings = json.loads((bundle / "ts_job.json").read_text("utf-8"))
    os.environ["TOOLSPEC_RUN_DIR"] = str(run.resolve())
    found = checkpoints(place_of(settings["checkpoints"], bundle), settings)
    print(json.dumps([{**each._asdict(), "folder": str(each.folder)} for each in found]))
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python3 ts_checkpoint.py RUN")
    sys.exit(main(Path(sys.argv[1])))
