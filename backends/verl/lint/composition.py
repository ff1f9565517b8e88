"""The overrides of a command line laid over the composed config one by one, as Hydra does it: what it refuses.

Source: hydra-core 1.3, _internal/config_loader_impl.py (_apply_overrides_to_config); omegaconf 2.3, OmegaConf.update.
Tested for equality with both in tests/unit/test_composition.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from toolspec.backends.verl.interpolation import ABSENT, UnresolvedError
from toolspec.backends.verl.overlay import Overlay
from toolspec.backends.verl.releases import Keys, ancestors, leaves
from toolspec.backends.verl.renames import below
from toolspec.backends.verl.written.override import Sweep
from toolspec.backends.verl.written.run import ARGUMENTS
from toolspec.backends.verl.written.value import Said, Unknown

if TYPE_CHECKING:
    from toolspec.backends.verl.lint.view import View

Reason = Literal["absent", "present", "nothing", "kind"]


class Refused(NamedTuple):
    """An override that Hydra does not take. key: the one that it stumbles over.

    reason: `absent`: the key is not there and has no `+`; `present`: it has a `+` and is there; `nothing`: `~` of
    what is not there; `kind`: a list for a mapping, or the reverse, which are merged and not replaced.
    """

    said: Said
    key: str
    reason: Reason


def refused(file: tuple[Said, ...], overrides: tuple[Said, ...], keys: Keys) -> Iterator[Refused]:
    """What Hydra refuses of `overrides`, laid over the defaults with what a config file says."""
    config = _Config(keys)
    for said in file:
        config.put(said.key, said.value)
    for said in overrides:
        stumbled = config.apply(said)
        if stumbled is not None:
            yield Refused(said, *stumbled)


def from_command(view: View, said: Said) -> bool:
    """Whether a key was written as an override of a command line, and not in a config file."""
    run = view.run
    return said.span.file == run.file and (run.launch is not None or run.file == ARGUMENTS)


def refusals(view: View) -> tuple[Refused, ...]:
    """What Hydra refuses of the run's command line."""
    overrides = tuple(said for said in view.run.said if from_command(view, said))
    if not overrides:
        return ()
    file = tuple(said for said in view.run.said if not from_command(view, said))
    return tuple(refused(file, overrides, view.keys))


class _Config:
    """The composed config while overrides are laid over it: what is written, and what was deleted."""

    def __init__(self, keys: Keys) -> None:
        self.keys = keys
        self.written: dict[str, Any] = {}
        self.sections: dict[str, int] = {}
        self.deleted: set[str] = set()

    def apply(self, said: Said) -> tuple[str, Reason] | None:
        """Lay one override over the config; the key and the reason where Hydra refuses it."""
        key, value = said.key, said.value
        if said.op == "~":
            if self.is_none(key):
                return key, "nothing"
            self.delete(key)
            return None
        if said.op and not self.there(key) and any(self.is_list(above) for above in ancestors(key)):
            return key, "kind"
        if said.op == "+" and not isinstance(value, (dict, list, Sweep)) and self.is_none(key) is False:
            return key, "present"
        if said.op == "":
            missing = self.missing(key, value)
            if missing is not None:
                return missing, "absent"
        if self.there(key) and self.unlike(key, value):
            return key, "kind"
        self.put(key, value)
        return None

    def missing(self, key: str, value: Any) -> str | None:
        """The first key that is not there, of an override without `+`; what it holds, if that is merged."""
        if not self.there(key):
            return key
        if isinstance(value, Mapping) and value and self.is_mapping(key):
            return next((leaf for leaf, _ in leaves(value, f"{key}.") if not self.there(leaf)), None)
        return None

    def unlike(self, key: str, value: Any) -> bool:
        """Whether a list meets a mapping or a mapping a list."""
        if isinstance(value, list):
            return self.is_mapping(key)
        return isinstance(value, Mapping) and self.is_list(key)

    def is_list(self, key: str) -> bool:
        return isinstance(self.written.get(key, self.keys.defaults.get(key)), list)

    def there(self, key: str) -> bool:
        if key in self.written or key in self.sections:
            return True
        if any(below(key, gone) for gone in self.deleted) or self.overlay.replaced(key):
            return False
        if self.keys.listed(key):
            return True
        return any(self.holds(above, key) for above in ancestors(key))

    def holds(self, above: str, key: str) -> bool:
        """Whether a mapping that stands at `above` as one value, or a list, has what `key` names in it."""
        value: Any = self.written.get(above, self.keys.defaults.get(above))
        if isinstance(value, str) and "${" in value:
            try:
                value = self.overlay.resolve(above)
            except UnresolvedError:
                return True  # what it holds is not known
        if isinstance(value, Unknown):
            return True
        for name in key[len(above) + 1 :].split("."):
            if isinstance(value, Mapping) and name in value:
                value = value[name]
            elif isinstance(value, list) and name.isdecimal() and int(name) < len(value):
                value = value[int(name)]
            else:
                return False
        return True

    def is_mapping(self, key: str) -> bool:
        value = self.written.get(key, self.keys.defaults.get(key))
        return key in self.sections or key in self.keys.sections or isinstance(value, Mapping)

    def is_none(self, key: str) -> bool | None:
        """Whether the key is not there or null; None where that is not known."""
        if not self.there(key):
            return True
        value = self.written.get(key, ABSENT)
        if isinstance(value, (Unknown, Sweep)):
            return None
        try:
            found = self.overlay.resolve(key)
        except UnresolvedError:
            return None
        return found is None or found == "???"

    @property
    def overlay(self) -> Overlay:
        return Overlay(self.written, self.keys)

    def put(self, key: str, value: Any) -> None:
        if isinstance(value, Mapping) and value:
            for leaf, item in leaves(value, f"{key}."):
                self.put(leaf, item)
            return
        if value == {} and self.is_mapping(key) and self.there(key):
            return  # merged into what is there
        if key in self.sections:
            for old in [old for old in self.written if old.startswith(f"{key}.")]:
                self.forget(old)
        for above in ancestors(key):
            if above in self.written:
                self.forget(above)
        if key not in self.written:
            for above in ancestors(key):
                self.sections[above] = self.sections.get(above, 0) + 1
        self.written[key] = value

    def forget(self, key: str) -> None:
        del self.written[key]
        for above in ancestors(key):
            self.sections[above] -= 1
            if not self.sections[above]:
                del self.sections[above]

    def delete(self, key: str) -> None:
        for old in [old for old in self.written if below(old, key)]:
            self.forget(old)
        self.deleted.add(key)
