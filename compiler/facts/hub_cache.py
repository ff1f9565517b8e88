"""Finds a model in the local Hugging Face cache, by its layout alone; the hub's own library is not needed.

Layout (huggingface_hub, "Understand caching"): `models--<org>--<name>/refs/<branch or tag>` holds a commit,
`snapshots/<commit>/` the files. The folder: $HF_HUB_CACHE, else $HUGGINGFACE_HUB_CACHE, else $HF_HOME/hub,
else $XDG_CACHE_HOME/huggingface/hub, else ~/.cache/huggingface/hub.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from toolspec.specs.named_file import UnreadableError, is_regular, read_text

MAX_REF_BYTES = 1 << 10
_PART = r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}"
_HUB_NAME = re.compile(rf"(?:{_PART}/)?{_PART}")
_COMMIT = re.compile(r"[0-9a-f]{40}")
# A git ref: no segment that starts with a dot, so that no revision leaves the folder.
_REVISION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}(?:/[A-Za-z0-9_][A-Za-z0-9._-]{0,99}){0,4}")


def is_hub_name(name: str) -> bool:
    """Whether the text has the form of a hub name: `name` or `organisation/name`."""
    return _HUB_NAME.fullmatch(name) is not None and "--" not in name and ".." not in name


def is_revision(text: str) -> bool:
    """Whether the text can name a commit, branch or tag."""
    return _REVISION.fullmatch(text) is not None


def is_commit(text: str) -> bool:
    """Whether the text is a full commit, 40 hexadecimal digits."""
    return _COMMIT.fullmatch(text) is not None


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """The cache's folder, whether or not it exists."""
    for variable in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if environment.get(variable):
            return _home(environment[variable])
    if environment.get("HF_HOME"):
        return _home(environment["HF_HOME"]) / "hub"
    home = environment.get("XDG_CACHE_HOME") or "~/.cache"
    return _home(home) / "huggingface" / "hub"


def _home(text: str) -> Path:
    """`~` and `~user` expanded where there is such a user; else a folder that is not there, and no cache."""
    return Path(os.path.expanduser(text))  # noqa: PTH111 - pathlib's raises


def model_folder(name: str, cache: Path) -> Path:
    """The folder of one model in the cache. `name` must be a hub name."""
    return cache / ("models--" + name.replace("/", "--"))


def find_snapshot(name: str, revision: str | None = None, cache: Path | None = None) -> Path | None:
    """The folder with the model's files at the revision (a commit, branch or tag; default: main), or None.

    Only a snapshot with a config.json counts: a cache may hold a tokenizer alone. `snapshots/<commit>` is the
    returned folder's end. Never raises for a damaged or unreadable cache: that is a cache without the model.
    """
    wanted = revision or "main"
    if not is_hub_name(name) or not is_revision(wanted):
        return None
    folder = model_folder(name, cache_folder() if cache is None else cache)
    try:
        commit = wanted if is_commit(wanted) else read_text(folder / "refs" / wanted, MAX_REF_BYTES).strip()
        snapshot = folder / "snapshots" / commit
        found = is_commit(commit) and is_regular(snapshot / "config.json")
    except UnreadableError:
        return None
    return snapshot if found else None
