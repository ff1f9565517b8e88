"""What a node has: versions of the packages of its Python, and its GPUs. Standard library only; nothing is imported."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping
from importlib import metadata
from typing import Any

SECONDS = 20.0
QUERY = ("nvidia-smi", "--query-gpu=name,memory.total,driver_version,uuid", "--format=csv,noheader,nounits")


def environment() -> dict[str, Any]:
    """{"python": version, "packages": {name: version}}."""
    packages: dict[str, str] = {}
    for each in metadata.distributions():
        try:
            name, version = each.metadata["Name"], each.version
        except Exception:  # whatever a broken installation raises
            continue
        if name and version:
            packages.setdefault(str(name), str(version))
    return {"python": platform.python_version(), "packages": dict(sorted(packages.items()))}


def gpus() -> list[dict[str, Any]] | None:
    """The GPUs that nvidia-smi shows this process; None where it cannot be asked."""
    try:
        told = subprocess.run(QUERY, capture_output=True, text=True, timeout=SECONDS, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    found = []
    for line in told.splitlines():
        name, memory, driver, uuid = ([part.strip() for part in line.split(",")] + [""] * 4)[:4]
        found.append(
            {
                "name": name,
                "memory_mib": int(memory) if memory.isdigit() else None,
                "driver": driver,
                "uuid": uuid,
            }
        )
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return found
    wanted = [part for part in visible.split(",") if part]
    return [each for number, each in enumerate(found) if str(number) in wanted or each["uuid"] in wanted]


def visible_gpus(environment: Mapping[str, str]) -> int | None:
    """How many GPUs a process with this environment sees; None where nobody says."""
    visible = environment.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return len([part for part in visible.split(",") if part.strip() and part.strip() != "-1"])
    found = gpus()
    return None if found is None else len(found)
