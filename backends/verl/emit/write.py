"""Bundles on disk: written whole or not at all, never over something else."""

from __future__ import annotations

import errno
import filecmp
import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any, Literal, NamedTuple

from toolspec.backends.verl.emit.bundle import EXECUTABLE, MANIFEST, Bundle
from toolspec.compiler.scratch import scratch
from toolspec.specs.problem import Problem, ProblemError

AT_FDCWD = -100
RENAME_EXCHANGE = 2
OTHER_OUT = "choose another --out"


class Written(NamedTuple):
    """What became of a bundle: `new`, `unchanged` (the same bytes were there) or `replaced`."""

    folder: Path
    state: Literal["new", "unchanged", "replaced"]


def write_bundle(bundle: Bundle, folder: Path, force: bool = False, durable: bool = True) -> Written:
    """Put the bundle at `folder`. A killed write leaves what was there.

    Raises ProblemError where another bundle is there and `force` is not given, and, force or not, where the folder
    holds something that is no bundle, or cannot be one.
    """
    check_place(folder)
    state: Literal["new", "replaced"] = "new"
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
    with scratch(folder.parent) as place:
        fresh = place / "bundle"
        _write_files(bundle, fresh, durable)
        if _swap(fresh, folder, replace=state == "replaced"):
            return Written(folder, state)
    # Another process has put a bundle there meanwhile: it is compared like one that was there before.
    return write_bundle(bundle, folder, force, durable)


def check_place(folder: Path) -> None:
    """Raises ProblemError where no compile may put a bundle at `folder`, whatever the bundle. Writes nothing."""
    try:
        real, here = folder.resolve(), Path.cwd()
        if here == real or real in here.parents:
            what = "is the folder that you are in" if here == real else "holds the folder that you are in"
            raise _refusal(folder, f"{what}, and a bundle takes the place of its folder", OTHER_OUT)
        if folder.is_symlink():
            raise _refusal(folder, "is a link, which a bundle would replace", f"--out {real}")
        if os.path.lexists(folder):
            if not folder.is_dir():
                raise _refusal(folder, "is there already and is no folder", OTHER_OUT)
            if any(folder.iterdir()):
                if _manifest(folder) is None:
                    raise _refusal(folder, "is not empty and holds no bundle of toolspec", OTHER_OUT)
                return  # Where it is the same bundle, nothing needs to be written.
        above = next(place for place in real.parents if os.path.lexists(place))
        if not above.is_dir():
            raise _refusal(folder, f"cannot be made: {_shown(above)} is no folder", OTHER_OUT)
        if not os.access(above, os.W_OK | os.X_OK):
            raise _refusal(folder, f"cannot be made: you may not write into {_shown(above)}", OTHER_OUT)
    except OSError as error:
        raise _refusal(folder, f"cannot be used: {error.strerror or error}", OTHER_OUT) from None
    except (ValueError, RuntimeError) as error:  # a NUL; links in a circle (Python 3.12 and older)
        raise _refusal(folder, f"is no name of a folder: {error}", OTHER_OUT) from None


def _shown(path: Path) -> str:
    """A path as the user would say it: relative where it is below the working folder."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


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
    """Files of the folder that differ from the bundle's."""
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


def _write_files(bundle: Bundle, folder: Path, durable: bool) -> None:
    """The copies first: the manifest, by which a folder is a bundle, is the last of `files`."""
    for path, source in bundle.copies.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    for path, content in bundle.files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as stream:
            stream.write(content)
            if durable:
                stream.flush()
                os.fsync(stream.fileno())
        target.chmod(0o755 if path in EXECUTABLE else 0o644)


def _swap(fresh: Path, folder: Path, *, replace: bool) -> bool:
    """Put `fresh` in the place of `folder` in one step where the system can; the old one ends up in `fresh`.

    False where `folder` is not empty and `replace` is not given.
    """
    try:
        os.rename(fresh, folder)  # noqa: PTH104 - replaces an empty folder, and nothing else
        return True
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
    if not replace:
        return False
    if _exchange(fresh, folder):
        return True
    aside = fresh.with_name("old")
    folder.rename(aside)
    try:
        fresh.rename(folder)
    except OSError:
        aside.rename(folder)
        raise
    return True


def _exchange(a: Path, b: Path) -> bool:
    """renameat2(RENAME_EXCHANGE): both names at once (Linux 3.15, most file systems). False where there is none."""
    import ctypes  # only a replaced bundle needs it

    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return False
    return bool(renameat2(AT_FDCWD, os.fsencode(a), AT_FDCWD, os.fsencode(b), RENAME_EXCHANGE) == 0)
