"""Written keys over a release's defaults, read as verl reads them: one tree, interpolations resolved."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from toolspec.backends.verl.interpolation import ABSENT, resolve
from toolspec.backends.verl.releases import Keys, ancestors

PLAIN = (bool, int, float)


class Overlay:
    """Dotted leaf keys laid over a release's defaults as one tree: mappings merge, anything else replaces."""

    def __init__(self, written: Mapping[str, Any], keys: Keys) -> None:
        self.written = written
        self.keys = keys

    @cached_property
    def sections(self) -> frozenset[str]:
        return frozenset(above for key in self.written for above in ancestors(key))

    def resolve(self, key: str) -> Any:
        """See Release.resolve."""
        value = self.raw(key)
        if value is None or value.__class__ in PLAIN or (value.__class__ is str and "${" not in value):
            return value  # Most values; a walk costs five times as much.
        return resolve(key, self.raw)

    def raw(self, key: str) -> Any:
        """The value at a key as written: a leaf, a mapping for a section, or ABSENT."""
        if key in self.sections or key in self.keys.sections:
            if self.written.get(key, {}) != {}:
                return self.written[key]
            return ABSENT if self.replaced(key) else self.mapping(key)
        if key in self.written:
            return self.written[key]
        return ABSENT if self.replaced(key) else self.keys.defaults.get(key, ABSENT)

    def replaced(self, key: str) -> bool:
        """Whether a value that is no mapping was written over a section that held the key."""
        return bool(self._leaves) and any(above in self._leaves for above in ancestors(key))

    @cached_property
    def _leaves(self) -> frozenset[str]:
        """Sections, of the release or written, that something else was written over."""
        return frozenset(
            key
            for key, value in self.written.items()
            if (key in self.keys.sections or key in self.sections) and value != {}
        )

    def mapping(self, key: str) -> dict[str, Any]:
        """A section as its names; values are looked up by their own keys, but for an expanded default."""
        prefix = f"{key}."
        both = (*self.keys.defaults, *self.written)
        names = [k[len(prefix) :].partition(".")[0] for k in both if k.startswith(prefix)]
        return {**self.expanded_default(key), **dict.fromkeys(names, ABSENT)}

    def expanded_default(self, key: str) -> Mapping[str, Any]:
        """The mapping that a default interpolation names: OmegaConf copies it before it merges into it."""
        default = self.keys.defaults.get(key)
        if not (isinstance(default, str) and "${" in default):
            return {}
        target = Overlay({}, self.keys).resolve(key)
        return target if isinstance(target, Mapping) else {}
