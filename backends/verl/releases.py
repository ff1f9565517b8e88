"""What each verl release knows: keys, defaults, types and accepted names, read from `versions/*.json`.

The tables are written by `scripts/release_table.py` from the wheels; only the list of releases is by hand.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache, cached_property, lru_cache
from itertools import zip_longest
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from toolspec.specs.problem import Problem, ProblemError

if TYPE_CHECKING:
    from toolspec.backends.verl.overlay import Overlay

RELEASES: tuple[str, ...] = ("0.7.1", "0.8.0", "0.9.1")
"""Releases that a spec can be compiled for, oldest first."""
TABLES: tuple[str, ...] = ("0.7.1", "0.8.0", "0.9.0", "0.9.1")
"""Releases whose keys are known; 0.9.0 only for reading and comparing."""
NEWEST = RELEASES[-1]

FOLDER = Path(__file__).parent / "versions"


@lru_cache(maxsize=8192)  # the keys of a release, asked for again by each overlay
def ancestors(key: str) -> tuple[str, ...]:
    """`a.b.c` has `a` and `a.b`."""
    return tuple(key[:at] for at, char in enumerate(key) if char == ".")


# A `dict[str, Any]` of McoreEngineConfig that has entries by default, so that a table lists those: all of it goes to
# Megatron's TransformerConfig (workers/config/engine.py of each release).
FREE_FORM = frozenset({"override_transformer_config"})
# A mapping of entries of one kind → the one that the config lists; others stand beside it under any name
# (workers/config/distillation.py DistillationConfig of 0.8.0 and 0.9.1).
ENTRIES: Mapping[str, str] = {"distillation.teacher_models": "teacher_model"}


class Keys:
    """The configuration keys of one release under one model engine.

    defaults: leaf key to default, interpolations as text, `_target_` included.
    types: leaf key to `int`, `float`, `bool`, `str`, `list`, `dict`, several joined by `|`, with `?` at the
    end where null is allowed, or `any`. They are what verl's authors wrote; verl itself checks few of them.
    open_mappings: keys under which verl takes any key.
    unlisted: keys that verl takes or reads though its defaults lack them, with their type; Hydra wants `+`.
    """

    def __init__(
        self,
        defaults: Mapping[str, Any],
        types: Mapping[str, str],
        open_mappings: frozenset[str],
        unlisted: Mapping[str, str],
    ) -> None:
        self.defaults = defaults
        self.types = types
        self.open_mappings = open_mappings
        self.unlisted = unlisted

    @cached_property
    def sections(self) -> frozenset[str]:
        """Every mapping that holds a listed key, e.g. `actor_rollout_ref.rollout`."""
        return frozenset(above for key in self.defaults for above in ancestors(key))

    @cached_property
    def classes(self) -> Mapping[str, str]:
        """Section to the class that verl builds from it, so that an unknown key there raises."""
        suffix = "._target_"
        return {k.removesuffix(suffix): str(v) for k, v in self.defaults.items() if k.endswith(suffix)}

    def listed(self, key: str) -> bool:
        """Whether the release's own config has the key, so that Hydra takes an override of it without `+`."""
        return key in self.defaults or key in self.sections

    def knows(self, key: str) -> bool:
        """Whether verl takes the key: listed, unlisted but read, or inside an open mapping."""
        key = like_listed(key)
        return (
            self.listed(key)
            or key in self.unlisted
            or key in self.open_mappings
            or any(
                above in self.open_mappings or above.rpartition(".")[2] in FREE_FORM
                for above in ancestors(key)
            )
        )

    def nearest(self, key: str) -> str | None:
        """The listed key that an unknown one most likely means, or None where none is close."""
        from toolspec.backends.verl.nearest import nearest_key  # difflib is needed only for a wrong key

        listed = (k for k in (*self.defaults, *self.sections) if not k.endswith("_target_"))
        return nearest_key(key, listed)

    def overlay(self, written: Mapping[str, Any]) -> Overlay:
        from toolspec.backends.verl.overlay import Overlay  # a compile resolves nothing

        return Overlay(dict(leaves(written)), self)


def like_listed(key: str) -> str:
    """The key of the entry that the config lists, for that of an entry added beside it (`+`)."""
    for section, entry in ENTRIES.items():
        if key.startswith(f"{section}."):
            _, dot, rest = key.removeprefix(f"{section}.").partition(".")
            return f"{section}.{entry}{dot}{rest}"
    return key


class Release:
    """One verl release. Without an engine, everything is of its default engine `dp` (FSDP).

    enums: kind, e.g. `advantage_estimator`, to the names that the release accepts. enum_sources: the same
    with the place in verl that takes each name. requires: the Requires-Dist lines of the wheel.
    """

    def __init__(
        self,
        table: Mapping[str, Any],
        *,
        version: str,
        enums: Mapping[str, tuple[str, ...]],
        enum_sources: Mapping[str, Mapping[str, str]],
        enum_of_key: Mapping[str, str],
        requires: tuple[str, ...],
        requires_python: str,
        engines: tuple[str, ...],
        dp: Keys,
    ) -> None:
        self._table = table
        self.version = version
        self.enums = enums
        self.enum_sources = enum_sources
        self.enum_of_key = enum_of_key
        self.requires = requires
        self.requires_python = requires_python
        self.engines = engines
        self.dp = dp

    @property
    def defaults(self) -> Mapping[str, Any]:
        return self.dp.defaults

    @property
    def types(self) -> Mapping[str, str]:
        return self.dp.types

    @property
    def open_mappings(self) -> frozenset[str]:
        return self.dp.open_mappings

    @cached_property
    def groups(self) -> Mapping[str, tuple[str, ...]]:
        """Config group to its options, as an override or a defaults list chooses them; `""` has the configs."""
        return MappingProxyType({name: tuple(options) for name, options in self._table["groups"].items()})

    @cached_property
    def _others(self) -> dict[str, Keys]:
        return {}

    def keys(self, engine: str = "dp") -> Keys:
        """The keys under a model engine. Raises KeyError for an engine that the release has no table of."""
        if engine == "dp":
            return self.dp
        if engine not in self._others:
            changes = self._table["engines"][engine]
            self._others[engine] = engine_keys(
                {part: changed(self._table[part], changes[part]) for part in changes}
            )
        return self._others[engine]

    def knows(self, key: str, engine: str = "dp") -> bool:
        """Whether verl takes the key: a leaf, a section, read though unlisted, or in an open mapping."""
        return self.keys(engine).knows(key)

    def default(self, key: str) -> Any:
        """The default as written in verl's config. Raises KeyError for a key that is no listed leaf."""
        return self.dp.defaults[key]

    def choices(self, key: str, engine: str = "dp") -> tuple[str, ...] | None:
        """The names that verl accepts at a key (of a list, for each item), or None where no registry says.

        A name that the user's own code registers is accepted too, and is not among them. Only for dp.
        """
        return self.enums[self.enum_of_key[key]] if engine == "dp" and key in self.enum_of_key else None

    def nearest(self, key: str, engine: str = "dp") -> str | None:
        """The listed key that an unknown one most likely means, or None where none is close."""
        return self.keys(engine).nearest(key)

    def overlay(self, written: Mapping[str, Any], engine: str = "dp") -> Overlay:
        """`written` (dotted keys) laid over the defaults, to resolve several keys."""
        return self.keys(engine).overlay(written)

    def resolve(self, key: str, written: Mapping[str, Any], engine: str = "dp") -> Any:
        """The value of `key` in `written` laid over the defaults, interpolations resolved as OmegaConf does.

        Raises UnresolvedError for a key that neither has, a cycle, a mandatory value (`???`) that another key
        interpolates, and resolvers that need the machine.
        """
        return self.overlay(written, engine).resolve(key)


def leaves(mapping: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted leaf keys of a mapping whose values may be mappings; an empty mapping is a leaf."""
    for name, value in mapping.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def changed(dp: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """One part of dp's table as another engine has it."""
    removed = set(change["removed"])
    return {**{k: v for k, v in dp.items() if k not in removed}, **change["added"], **change["changed"]}


def engine_keys(table: Mapping[str, Any]) -> Keys:
    entries = table["keys"]
    return Keys(
        defaults=MappingProxyType({k: e["default"] for k, e in entries.items()}),
        types=MappingProxyType({k: e["type"] for k, e in entries.items()}),
        open_mappings=frozenset(table["open_mappings"]),
        unlisted=MappingProxyType({k: u["type"] for k, u in table["unlisted"].items()}),
    )


@cache
def release(version: str) -> Release:
    """The table of one of TABLES. Raises ProblemError for another release."""
    if version not in TABLES:
        raise unsupported(version, TABLES)
    table = json.loads((FOLDER / f"{version}.json").read_text(encoding="utf-8"))
    enums = table["enums"]
    return Release(
        table,
        version=version,
        enums=MappingProxyType({kind: tuple(e["values"]) for kind, e in enums.items()}),
        enum_sources=MappingProxyType({kind: e["values"] for kind, e in enums.items()}),
        enum_of_key=MappingProxyType({key: kind for kind, e in enums.items() for key in e["keys"]}),
        requires=tuple(table["pins"]["requires"]),
        requires_python=table["pins"]["requires_python"],
        engines=("dp", *sorted(table["engines"])),
        dp=engine_keys(table),
    )


def parse_target(text: str) -> str:
    """The release that `verl==0.9.1` or `0.9.1` names. Raises ProblemError that names the supported ones."""
    match = re.fullmatch(r"\s*(?:verl\s*==\s*)?([\w.]+)\s*", text, re.ASCII)
    if match and match[1] in RELEASES:
        return match[1]
    raise unsupported(text, RELEASES)


def unsupported(text: str, supported: tuple[str, ...]) -> ProblemError:
    shown = text.strip() if len(text) <= 60 else f"{text.strip()[:60]}…"
    message = f"target `{shown}` is not supported; the supported ones are " + ", ".join(
        f"verl=={v}" for v in supported
    )
    why = (
        "keys, defaults and tool handling differ from release to release, so a bundle is made for exactly one"
    )
    fix = f"write verl=={nearest_release(text, supported)}"
    return ProblemError((Problem("TS030", "unsupported-target", message, path="target", why=why, fix=fix),))


def nearest_release(text: str, supported: tuple[str, ...]) -> str:
    """The one of `supported` (oldest first) nearest to the first version in `text`; the newest where it has none.

    Of its neighbours, the one that differs less in the first number that differs: `v0.8.2` is 0.8.0, `0.9.0` is 0.9.1.
    """
    found = re.search(r"(?a:\d{1,6}(?:\.\d{1,6})*)", text)
    if found is None:
        return supported[-1]
    asked = _numbers(found[0])
    older = [version for version in supported if _numbers(version) <= asked]
    newer = [version for version in supported if _numbers(version) > asked]

    def distance(version: str) -> list[int]:
        return [abs(a - b) for a, b in zip_longest(asked, _numbers(version), fillvalue=0)]

    return min((*newer[:1], *older[-1:]), key=distance)


def _numbers(version: str) -> list[int]:
    return [int(number) for number in version.split(".")]
