"""Where a path of the spec is found on the node: relative ones from the bundle's folder, `~` as the node's home."""

from __future__ import annotations

import os
import re
from pathlib import Path

from toolspec.specs.named_file import is_folder, real


class Interpolation(str):
    """Text whose `${…}` is meant for OmegaConf; in any other text it is escaped."""

    __slots__ = ()


_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
RUN_FOLDER = "${oc.env:TOOLSPEC_RUN_DIR,run}"


def on_node(text: str, base: Path, bundle: Path) -> str:
    """`text` as the bundle writes it.

    `~/x` becomes `${oc.env:HOME}/x`: verl's dataset does not expand it (datasets looks for a folder named `~`).
    `$X` and `${X}` become `${oc.env:X}`, the variable on the node. A relative path is relative to `base` in the spec
    and to the bundle in the config.
    """
    if "$" in text:
        return Interpolation(_VARIABLE.sub(r"${oc.env:\1\2}", text))
    if "://" in text or text.startswith("/"):
        return text
    if text == "~" or text.startswith("~/"):
        return Interpolation("${oc.env:HOME}" + text[1:])
    if text.startswith("~") and (expanded := os.path.expanduser(text)) != text:  # noqa: PTH111 - pathlib's raises
        return expanded  # another user's home: no variable of the node has it
    return Path(os.path.relpath(real(base / text), real(bundle))).as_posix()


def in_run_folder(name: str) -> str:
    return Interpolation(f"{RUN_FOLDER}/{name}")


def is_local_model(text: str, base: Path) -> bool:
    """Whether a model's path is a folder and not a hub name (`org/name` or `name`)."""
    if text.startswith(("/", "~", "./", "../", "$")) or text.count("/") > 1 or "://" in text:
        return True
    return is_folder(base / text)
