"""How often the kernel has killed a process of this job's cgroup for want of memory, on this node.

Nobody else tells it in time: the killed process cannot, Ray says that an actor died unexpectedly, and Slurm finds out
when the step is over. Standard library only.
"""

from __future__ import annotations

import re
from pathlib import Path

_PROC = Path("/proc/self")
# memory.oom_control of version 1, memory.events of version 2 (Documentation/admin-guide/cgroup-v2.rst of the kernel)
_FILES = ("memory.oom_control", "memory.events")
_KILLS = re.compile(r"^oom_kill (\d+)$", re.MULTILINE)


def kills() -> int:
    """Since the cgroup was made; 0 where it cannot be read."""
    for folder in _folders():
        for name in _FILES:
            try:
                found = _KILLS.search((folder / name).read_text("ascii"))
            except (OSError, ValueError):
                continue
            if found:
                return int(found[1])
    return 0


def _folders() -> list[Path]:
    """This process's own memory cgroup, by every mount that shows it."""
    try:
        own = (_PROC / "cgroup").read_text("utf-8", "replace").splitlines()
        mounts = (_PROC / "mountinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        return []
    # HIERARCHY:CONTROLLERS:PATH; version 2 has no controllers there
    told = [line.split(":", 2) for line in own if line.count(":") >= 2]
    paths = {"cgroup": "", "cgroup2": ""}
    for _, controllers, place in told:
        if "memory" in controllers.split(","):
            paths["cgroup"] = place
        elif not controllers:
            paths["cgroup2"] = place
    found = []
    for line in mounts:
        left, _, right = line.partition(" - ")
        kind = right.partition(" ")[0]
        path = paths.get(kind, "")
        if not path or (kind == "cgroup" and not re.search(r"\bmemory\b", right)):
            continue
        root, place = left.split(" ")[3:5]
        inside = "" if root == "/" else root
        if path == inside or path.startswith(f"{inside}/"):
            found.append(Path(place + path[len(inside) :]))
    return found
