"""Plain data as the value of an override, which Hydra's grammar reads back as the same."""

from __future__ import annotations

from typing import Any

from toolspec.backends.verl.written.override import OverrideError, parse_override


def override_text(value: Any) -> str:
    """`null`, `True`, `8`, `[a,b]`, a word, or a text in the quotes that it needs."""
    if value is None:
        return "null"
    if isinstance(value, list):
        return "[" + ",".join(override_text(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{override_text(item)}" for key, item in value.items()) + "}"
    if not isinstance(value, str):
        return str(value)
    try:
        if value and parse_override(f"x={value}").value == value and "," not in value:
            return value
    except OverrideError:
        pass
    quote = '"' if "'" in value else "'"
    return quote + value.replace("\\" + quote, "\\\\" + quote).replace(quote, "\\" + quote) + quote
