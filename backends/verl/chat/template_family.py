"""The family of a chat template: by its hash where it is in the catalogue, else by what it does.

The catalogue has hashes and facts, no templates; scripts/template_families.py makes it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from toolspec.backends.verl.chat.quirks import Quirks, signature
from toolspec.backends.verl.chat.schema_noun import joined
from toolspec.compiler.chat.folder import template_hash


class Family(NamedTuple):
    """name: of the family whose template this is, character by character; "" for one that the catalogue lacks.

    alike: families whose templates do in every probe what this one does.
    """

    name: str
    alike: tuple[str, ...]

    @property
    def told(self) -> str:
        if self.name:
            return f"{self.name} (exact)"
        if self.alike:
            return f"none of the catalogue; in every probe it does as {joined(self.alike, 'or')}"
        return "none of the catalogue"


def family_of(template: str, found: Quirks) -> Family:
    entry = catalogue().get(template_hash(template))
    wanted = signature(found)
    same = (one["family"] for one in catalogue().values() if one["does"] == wanted)
    alike = dict.fromkeys(name.partition(",")[0] for name in same)
    return Family(entry["family"] if entry else "", tuple(alike))


@cache
def catalogue() -> Mapping[str, Mapping[str, Any]]:
    """Hash of a template → its family, and what it does."""
    file = Path(__file__).with_name("template_families.json")
    found: Mapping[str, Mapping[str, Any]] = json.loads(file.read_text("utf-8"))["templates"]
    return found
