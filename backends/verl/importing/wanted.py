"""The configuration that an imported spec has to compile to: a run's keys over its release's defaults."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

from toolspec.backends.verl.importing.places import MODELS, PLACES, Places
from toolspec.backends.verl.interpolation import ABSENT, MISSING, UnresolvedError
from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.backends.verl.lint.view import View
from toolspec.backends.verl.overlay import Overlay
from toolspec.backends.verl.releases import Keys
from toolspec.backends.verl.renames import LEGACY, LEGACY_READ, below, common_name
from toolspec.backends.verl.written.override import Sweep
from toolspec.backends.verl.written.value import Said, Unknown


class Wanted:
    """Keys are asked for by the newest release's names; `names` and what they lead to are the target's."""

    def __init__(self, view: View, places: Places) -> None:
        self.view, self.places = view, places
        self.algorithm = "grpo"
        self.keys: Keys = view.keys
        self.overlay = Overlay({key: said.value for key, said in view.final.items()}, view.keys)

    @cached_property
    def moved(self) -> dict[str, str]:
        """Old name that was written and that the release moves → the name it is read under."""
        if self.view.version not in LEGACY_READ:
            return {}
        pairs = ((key, self._moved(key, said)) for key, said in self.view.final.items())
        return {key: new for key, new in pairs if new}

    def _moved(self, key: str, said: Said) -> str:
        if said.value is None or said.key != key:
            return ""
        return next((new + key[len(old) :] for old, new in LEGACY.items() if below(key, old)), "")

    @cached_property
    def written(self) -> dict[str, Said]:
        """Every key that the run says, by the name that it says."""
        return {
            key: said
            for key, said in self.view.final.items()
            if said.key == key or said.key not in self.view.final
        }

    @cached_property
    def unknown(self) -> dict[str, str]:
        """Key whose value only the run knows → why; a path with variables alone is known."""
        found = {}
        for key, said in self.view.final.items():
            why = _why(said.value)
            if why and not (self._newest(key) in PLACES and self._sayable(said.value)):
                found[key] = why
        for key in self.keys.defaults:
            if key not in found and self.overlay.raw(key) == MISSING:
                found[key] = "verl needs a value, and nothing gives one"
        return found

    def _newest(self, key: str) -> str:
        return common_name(key, self.view.version)

    def _sayable(self, value: Any) -> bool:
        try:
            for one in value if isinstance(value, list) else [value]:
                self.places.in_spec(one)
        except NotKnownError:
            return False
        return True

    def get(self, key: str) -> Any:
        """The value as verl reads it. Raises NotKnownError where it is not known, or there is no such key."""
        name = self.view.name(key)
        if name in self.unknown or name in self.view.deleted:
            raise NotKnownError(name)
        try:
            value = self.overlay.resolve(name)
        except UnresolvedError as error:
            raise NotKnownError(f"{name} ({error})") from None
        if value is ABSENT or value == MISSING or isinstance(value, (Sweep, Unknown)):
            raise NotKnownError(name)
        return value

    def or_(self, key: str, otherwise: Any) -> Any:
        try:
            return self.get(key)
        except NotKnownError:
            return otherwise

    def raw(self, key: str) -> Any:
        """The value as it is written, or the default, by the newest name."""
        return self.overlay.raw(self.view.name(key))

    def place(self, key: str, value: Any = None) -> str:
        """A path of the run as the spec says it."""
        name = self.view.name(key)
        raw = self.overlay.raw(name) if value is None else value
        if isinstance(raw, str) and "${" in raw and (resolved := self.or_(key, None)) is not None:
            raw = resolved
        return self.places.in_spec(raw, model=key in MODELS)

    def below(self, section: str) -> Iterator[tuple[str, Said]]:
        """What is said below a section: name there → what was said."""
        prefix = f"{self.view.name(section)}."
        return ((key[len(prefix) :], said) for key, said in self.view.final.items() if key.startswith(prefix))

    def said(self, *keys: str) -> list[Said]:
        """What was written for the keys, in their order."""
        found = (self.view.said(key) for key in keys)
        return [said for said in found if said is not None]


def _why(value: Any) -> str:
    """Why a value is not known, "" for a known one."""
    if isinstance(value, Unknown):
        return value.reason
    if isinstance(value, Sweep):
        return "it has several values"
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return next((why for part in parts if (why := _why(part))), "")
