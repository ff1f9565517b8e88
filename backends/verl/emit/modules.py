"""The bundle's own modules: the run-time files that go into every bundle, byte for byte."""

from __future__ import annotations

from functools import cache
from pathlib import Path

RUNTIME = Path(__file__).parent.parent / "runtime"


@cache
def runtime_files() -> dict[str, bytes]:
    """Path in the bundle → content, in order of path."""
    found = sorted(path for path in RUNTIME.rglob("ts_*") if path.suffix == ".py")
    inside = sorted(path for path in RUNTIME.glob("ts_*/*.py"))
    return {
        path.relative_to(RUNTIME).as_posix(): path.read_bytes() for path in dict.fromkeys([*found, *inside])
    }
