"""A run of verl as rules see it: each key's value as verl will read it, or the reason why it is not known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolspec.backends.verl.interpolation import ABSENT, MISSING, UnresolvedError
from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.backends.verl.overlay import Overlay
from toolspec.backends.verl.releases import TABLES, Keys, Release, ancestors, leaves
from toolspec.backends.verl.renames import LEGACY, LEGACY_READ, below, is_moved, legacy_of, name_in
from toolspec.backends.verl.written.bases import BASES
from toolspec.backends.verl.written.files import Files
from toolspec.backends.verl.written.override import Sweep
from toolspec.backends.verl.written.run import Run
from toolspec.backends.verl.written.value import Said, Unknown
from toolspec.specs.named_file import from_here, is_folder, is_regular
from toolspec.specs.problem import Span

if TYPE_CHECKING:
    from toolspec.backends.verl.lint.facts.facts import Facts

ROLES = ("actor", "ref", "critic")
"""Config groups that have a file for each model engine: `dp_actor`, `megatron_actor`."""


class View:
    """Keys are asked for by the newest release's names, and found under the target's."""

    def __init__(self, run: Run, release: Release, files: Files) -> None:
        self.run, self.release, self.files = run, release, files
        self.version = release.version
        self._values: dict[str, Any] = {}
        self._paths: dict[str, Path | None] = {}
        self.kept: dict[str, Any] = {}
        """What is made once for the run by those who look at it, by what it is."""

    @cached_property
    def facts(self) -> Facts:
        from toolspec.backends.verl.lint.facts.facts import Facts

        return Facts(self)

    def at_least(self, version: str) -> bool:
        """Whether the target is this release of verl or a later one."""
        return TABLES.index(self.version) >= TABLES.index(version)

    @cached_property
    def engine(self) -> str:
        """The model engine: `dp`, `megatron`, … Raises NotKnownError, also where a role has the file of another."""
        engine = self._model_engine()
        for name, said in self.run.groups.items():
            group = name.partition("@")[0]
            if group == "model_engine" or group not in self.release.groups or "${" in said.text:
                continue
            own = {f"{engine}_{group}"} if group in ROLES else self.release.groups[group]
            if isinstance(said.value, Unknown) or str(said.value) not in own:
                raise NotKnownError(f"{name}={said.text}, whose keys are not those of model_engine={engine}")
        return engine

    def _model_engine(self) -> str:
        said = self.run.groups.get("model_engine")
        if said is None:
            return BASES.get(self.run.base, "dp")
        if isinstance(said.value, Unknown):
            raise NotKnownError(f"model_engine ({said.value.reason})")
        engine = str(said.value)
        if engine not in self.release.engines and engine in self.release.groups["model_engine"]:
            # `mindspeed` of 0.8.0: the wheel has its group and prints no composed config of it.
            raise NotKnownError(f"model_engine={engine}, of which verl {self.version} prints no config")
        return engine if engine in self.release.engines else "dp"  # TS821 says that there is none

    @cached_property
    def keys(self) -> Keys:
        return self.release.keys(self.engine if self.engine in self.release.engines else "dp")

    @cached_property
    def final(self) -> Mapping[str, Said]:
        """Key (the target's name) → what was said of it last; mappings of an override as their leaves."""
        found: dict[str, Said] = {}
        sections: set[str] = set()  # that hold a key of `found`
        for said in self.run.said:
            if said.op == "~":
                for key in [key for key in found if below(key, said.key)]:
                    del found[key]
                continue
            if isinstance(said.value, dict) and said.value:
                for key, value in leaves(said.value, f"{said.key}."):
                    found[key] = _part(said, key, value)
                    sections.update(ancestors(key))
                continue
            if said.key in sections:  # a plain value over a section
                for key in [key for key in found if key.startswith(f"{said.key}.")]:
                    del found[key]
            found[said.key] = said
            sections.update(ancestors(said.key))
        return {**self._migrated(found), **found}

    def _migrated(self, found: Mapping[str, Said]) -> dict[str, Said]:
        """Old names that the release's main_ppo still moves to where they are read today."""
        if self.version not in LEGACY_READ:
            return {}
        moved = {}
        for key, said in found.items():
            old = legacy_of(key)
            if old is not None and is_moved(key) and said.value is not None:
                moved[LEGACY[old] + key[len(old) :]] = said
        return moved

    @cached_property
    def _sections(self) -> frozenset[str]:
        """The sections that hold a key which was written."""
        return frozenset(section for key in self.final for section in ancestors(key))

    @cached_property
    def deleted(self) -> frozenset[str]:
        return frozenset(said.key for said in self.run.said if said.op == "~")

    @cached_property
    def _overlay(self) -> Overlay:
        return Overlay({key: _one(said.value) for key, said in self.final.items()}, self.keys)

    def resolved(self, key: str) -> Any:
        """The value at a key of the target's, interpolations resolved. Raises UnresolvedError."""
        return self._overlay.resolve(key)

    def name(self, key: str) -> str:
        return name_in(key, self.version)

    def said(self, key: str) -> Said | None:
        """What was written for the key itself, None where it was left alone."""
        return self.final.get(self.name(key))

    def said_below(self, section: str) -> Iterator[Said]:
        """Everything that was written at or below a section."""
        name = self.name(section)
        return (said for key, said in self.final.items() if below(key, name))

    def has(self, key: str) -> bool:
        """Whether the key is in the composed configuration: the release has it, or it was written."""
        name = self.name(key)
        return name not in self.deleted and (name in self.final or self.keys.listed(name))

    def value(self, key: str, absent: Any = None) -> Any:
        """The value at a key as verl reads it; `absent` where the release has no such key and nobody wrote it.

        Raises NotKnownError where only the run knows it.
        """
        if key not in self._values:
            try:
                self._values[key] = self._resolved(key)
            except NotKnownError as error:
                self._values[key] = error
        found = self._values[key]
        if isinstance(found, NotKnownError):
            raise found.with_traceback(None)
        return absent if found is ABSENT else found

    def _resolved(self, key: str) -> Any:
        name = self.name(key)
        if name in self.deleted and name not in self.final:
            return ABSENT
        if self.run.open and name not in self.final:
            raise NotKnownError(f"{name} ({self.run.open})")
        if name not in self.final and not self.keys.listed(name) and name not in self._sections:
            return ABSENT
        try:
            value = self._overlay.resolve(name)
        except UnresolvedError as error:
            raise NotKnownError(f"{name} ({error})") from None
        if value == MISSING and name in self.final:
            raise NotKnownError(f"{name} (`{MISSING}` leaves it to the command line)")
        return value

    def integer(self, key: str, null: int | None = None) -> int:
        """A whole number. null: what stands for null. Raises NotKnownError for anything else."""
        value = self.value(key)
        if value is None and null is not None:
            return null
        if isinstance(value, bool) or not isinstance(value, int):
            raise NotKnownError(f"{self.name(key)} as a whole number")
        return value

    def number(self, key: str) -> float:
        value = self.value(key)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise NotKnownError(f"{self.name(key)} as a number")
        return float(value)

    def true(self, key: str) -> bool:
        """Whether Python takes the value for true, as verl's own `if` does."""
        return bool(self.value(key))

    def text(self, key: str) -> str:
        """A text, "" for null. Raises NotKnownError for anything else."""
        value = self.value(key)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise NotKnownError(f"{self.name(key)} as a text")
        return value

    def span(self, *keys: str) -> Span:
        """The place of the first of the keys that was written, else of a section around it, else of the command."""
        for key in keys:
            said = self.said(key)
            if said is not None:
                return said.span
        return self.run.span

    def shown(self, key: str) -> str:
        """A key and its value for a message, with where the value comes from if nobody wrote it."""
        value = self.value(key)
        words = "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
        return f"{self.name(key)}={words}" + ("" if self.said(key) is not None else " (default)")

    def path(self, text: str) -> Path | None:
        """The file or folder that a relative or absolute path of the run names, None where it is not at hand."""
        if text not in self._paths:
            self._paths[text] = self._located(text)
        return self._paths[text]

    def _located(self, text: str) -> Path | None:
        if not text or "://" in text or "$" in text:
            return None
        try:
            given = Path(text).expanduser()
        except RuntimeError:
            return None
        for candidate in dict.fromkeys((self.run.folder / given, given)):
            if is_regular(candidate) or is_folder(candidate):
                return from_here(candidate)
        return None


def _part(said: Said, key: str, value: Any) -> Said:
    return Said(key, value, said.span, said.key_span, said.op, said.text, said.path)


def _one(value: Any) -> Any:
    """A value of one run: of a sweep it is not known which."""
    return Unknown("it has several values", value.text) if isinstance(value, Sweep) else value
