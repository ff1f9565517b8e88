"""Amounts with their unit written: `12h`, `30s`, `80GB`, `5%`.

A bare number is refused where a unit decides its size: `time: 12` would be 12 minutes to Slurm and 12 hours to
the person who wrote it.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

MAX_LENGTH = 60
MAX_SECONDS = 3650 * 86400
"""Ten years: far above any run, and far below what a clock or Slurm's 32 bits of minutes hold."""
SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(min|s|m|h|d)")
_CLOCK = re.compile(r"(?:(\d+)-)?(\d{1,3}):([0-5]\d)(?::([0-5]\d))?")
# What `seconds` reads, for editors.
TIME_PATTERN = (
    r"^\s*((\d+(\.\d+)?\s*(min|s|m|h|d)\s*)+"
    r"|\d+-\d{1,3}:[0-5]\d(:[0-5]\d)?|\d{1,3}:[0-5]\d:[0-5]\d)\s*$"
)
_MEMORY = re.compile(r"(\d+(?:\.\d+)?)\s*(MB|GB|TB)")
MEBIBYTES = {"MB": 1, "GB": 1024, "TB": 1024**2}
MAX_MEBIBYTES = 1024**3
_SHARE = re.compile(r"(\d+(?:\.\d+)?)\s*%")


def seconds(value: Any) -> int:
    """Seconds of `90s`, `30m`, `12h`, `1d12h`, `HH:MM:SS` or Slurm's `D-HH:MM:SS`. Raises ValueError otherwise."""
    if isinstance(value, str) and len(text := value.strip()) <= MAX_LENGTH:
        total: float = 0
        clock = _CLOCK.fullmatch(text)
        if clock and (clock[4] is not None or clock[1] is not None):
            days, hours, minutes, rest = (int(part or 0) for part in clock.groups())
            total = days * 86400 + hours * 3600 + minutes * 60 + rest
        elif clock:
            first = int(clock[2])
            message = f"`{text}` is hours and minutes, or minutes and seconds (as Slurm reads it)"
            if clock[3] == "00":
                raise ValueError(f"{message}: write {first}h, or {first}m")
            raise ValueError(f"{message}: write {first}h{clock[3]}m, or {first}m{clock[3]}s")
        elif text and _PART.sub("", text).strip() == "":
            total = sum(float(number) * SECONDS[unit] for number, unit in _PART.findall(text))
        if total > MAX_SECONDS:
            raise ValueError(f"{text} is over {MAX_SECONDS // 86400:,} days, the longest time that is taken")
        if total >= 1:
            return round(total)
    shown = repr(value) if len(repr(value)) <= MAX_LENGTH else f"{repr(value)[:20]}…"
    raise ValueError(f"a time with its unit is needed, such as 30s, 90m, 12h or 1d12h, not {shown}")


def share_or_steps(value: Any) -> Any:
    """Warm-up as a number of steps (int) or a share of all steps (`5%`, kept as text)."""
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise ValueError(f"a number of steps, or a share of all steps such as 5%, is needed, not {value!r}")
    if isinstance(value, str):
        match = _SHARE.fullmatch(value.strip())
        if not match or float(match[1]) > 100:
            raise ValueError(
                f"a number of steps, or a share of all steps such as 5%, is needed, not {value!r}"
            )
        return value.strip().replace(" ", "")
    if value < 0:
        raise ValueError(f"a number of steps of 0 or more is needed, not {value}")
    return value


def mebibytes(value: Any) -> int:
    """MiB of `64GB` or `1.5TB`, in units of 1024 as Slurm's. Raises ValueError otherwise."""
    match = _MEMORY.fullmatch(value.strip()) if isinstance(value, str) else None
    size = round(float(match[1]) * MEBIBYTES[match[2]]) if match and len(value) <= MAX_LENGTH else 0
    if not 0 < size <= MAX_MEBIBYTES:
        shown = repr(value) if len(repr(value)) <= MAX_LENGTH else f"{repr(value)[:20]}…"
        raise ValueError(f"an amount with its unit is needed, such as 500GB or 1.5TB, not {shown}")
    return size


def share(text: str) -> float:
    """`5%` as 0.05."""
    return float(text.rstrip("%")) / 100


Duration = Annotated[
    int,
    BeforeValidator(seconds),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": TIME_PATTERN,
            "examples": ["12h", "30m", "90s", "1d12h"],
        }
    ),
]
Memory = Annotated[
    int,
    BeforeValidator(mebibytes),
    WithJsonSchema(
        {"type": "string", "pattern": r"^\s*\d+(\.\d+)?\s*(MB|GB|TB)\s*$", "examples": ["500GB", "1.5TB"]}
    ),
]
ShareOrSteps = Annotated[
    int | str,
    BeforeValidator(share_or_steps),
    WithJsonSchema(
        {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": r"^[0-9.]+\s*%$"}]}
    ),
]
