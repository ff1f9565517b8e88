"""Dotted names in nested mappings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def put(tree: dict[str, Any], name: str, value: Any) -> None:
    """Set `a.b.c`, making the mappings around it where they are missing."""
    *above, last = name.split(".")
    for part in above:
        tree = tree.setdefault(part, {})
    tree[last] = value


def nested(items: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Pairs of a dotted name and its value as nested mappings."""
    tree: dict[str, Any] = {}
    for name, value in items:
        put(tree, name, value)
    return tree
