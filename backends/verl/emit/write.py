"""Bundles on disk: written whole or not at all, never over something else."""

from __future__ import annotations

import errno
import filecmp
import hashlib
import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from toolspec.backends.verl.emit.bundle import EXECUTABLE, MANIFEST, Bundle
from toolspec.specs.problem import Problem, ProblemError

AT_FDCWD = -100
RENAME_EXCHANGE = 2


@dataclass(frozen=True)
class Written:
    """What became of a bundle: `new`, `unchanged` (the same bytes were there) or `replaced`."""

    folder: Path
    state: Literal["new", "unchanged", "replaced"]


def write_bundle(bundle: Bundle, folder: Path, force: bool = False) -> Written:
    """Put the bundle at `folder`. A killed write leaves what was there.

    Raises ProblemError where another bundle is there and `force` is not given, and, force or not, where the folder
    holds something that is no bundle.
    """
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise _refusal(folder, "is there already and is no folder", "choose another --out")
    state: Literal["new", "unchanged", "replaced"] = "new"
    if folder.exists() and any(folder.iterdir()):
        changes = _changes(bundle, folder)
        if not changes:
            return Written(folder, "unchanged")
        if not force:
            shown = ", ".join(changes[:6]) + (f" and {len(changes) - 6} more" if len(changes) > 6 else "")
            raise _refusal(
                folder,
                f"holds another bundle (differs in {shown})",
                "--force replaces it, --out writes elsewhere",
            )
        strangers = _strangers(folder, changes)
        if strangers:
            shown = ", ".join(strangers[:3]) + (
                f" and {len(strangers) - 3} more" if len(strangers) > 3 else ""
            )
            fix = "move them away, or choose another --out"
            raise _refusal(folder, f"holds files that no compile wrote ({shown})", fix)
        state = "replaced"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
        fresh = Path(scratch) / "bundle"
        _write_files(bundle, fresh)
        _swap(fresh, folder)
    return Written(folder, state)


def _refusal(folder: Path, what: str, fix: str) -> ProblemError:
    return ProblemError((Problem("TS032", "bundle-exists", f"{folder} {what}", None, fix=fix),))


def _strangers(folder: Path, changes: list[str]) -> list[str]:
    """Files among `changes` that the folder's own manifest does not name: somebody's checkpoints, say."""
    manifest = _manifest(folder) or {}
    own = {
        *manifest.get("files", {}),
        MANIFEST,
        *(f"data/{name}" for name in manifest.get("data", {}).get("files", {})),
    }
    return [path for path in changes if path not in own and (folder / path).exists()]


def _changes(bundle: Bundle, folder: Path) -> list[str]:
    """Files of the folder that differ from the bundle's. Raises ProblemError if the folder is no bundle."""
    manifest = _manifest(folder)
    if manifest is None:
        raise _refusal(folder, "is not empty and holds no bundle of toolspec", "choose another --out")
    there = {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() or path.is_symlink()
    }
    there = {path for path in there if "__pycache__" not in path}
    differing = {*bundle.files, *bundle.copies} ^ there
    differing |= {
        p for p in there & set(bundle.copies) if not filecmp.cmp(folder / p, bundle.copies[p], shallow=False)
    }
    for path in there & set(bundle.files):
        if (folder / path).read_bytes() != bundle.files[path]:
            differing.add(path)
    return sorted(differing, key=lambda path: (path == MANIFEST, path))


def _manifest(folder: Path) -> dict[str, Any] | None:
    try:
        manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return manifest if isinstance(manifest, dict) and "bundle" in manifest else None


def edited_files(folder: Path) -> list[str]:
    """Files of a bundle on disk whose bytes are not those that its manifest names."""
    manifest = _manifest(folder) or {"files": {}}
    return [
        path
        for path, digest in manifest["files"].items()
        if not (folder / path).is_file() or hashlib.sha256((folder / path).read_bytes()).hexdigest() != digest
    ]


def _write_files(bundle: Bundle, folder: Path) -> None:
    for path, content in bundle.files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        target.chmod(0o755 if path in EXECUTABLE else 0o644)
    for path, source in bundle.copies.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def _swap(fresh: Path, folder: Path) -> None:
    """Put `fresh` in the place of `folder` in one step where the system can; the old one ends up in `fresh`."""
    try:
        os.rename(fresh, folder)  # noqa: PTH104 - replaces an empty folder, and nothing else
        return
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
    if _exchange(fresh, folder):
        return
    aside = fresh.with_name("old")
    folder.rename(aside)
    try:
        fresh.rename(folder)
    except OSError:
        aside.rename(folder)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _exchange(a: Path, b: Path) -> bool:
    """renameat2(RENAME_EXCHANGE): both names at once (Linux 3.15, most file systems). False where there is none."""
    import ctypes  # only a replaced bundle needs it

    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return False
    return bool(renameat2(AT_FDCWD, os.fsencode(a), AT_FDCWD, os.fsencode(b), RENAME_EXCHANGE) == 0)
