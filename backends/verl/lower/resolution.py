"""The settings as OmegaConf will resolve them over the release's defaults: what has no value, or one that does not fit.

main_ppo resolves the whole configuration before it builds anything (OmegaConf.resolve in main_ppo.py:288 of 0.7.1,
:242 of 0.8.0, :145 of 0.9.1), so one value without an answer, or one that becomes `${` and is read again, ends the run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from toolspec.backends.verl.interpolation import MISSING, RunTimeError, UnresolvedError
from toolspec.backends.verl.lower.overrides import fits, type_words
from toolspec.backends.verl.lower.setting import Setting
from toolspec.backends.verl.overlay import Overlay
from toolspec.backends.verl.releases import Release
from toolspec.compiler.plan.places import Interpolation
from toolspec.specs.loading import LoadedSpec, spec_path
from toolspec.specs.problem import Problem

_WHY = "verl resolves every interpolation before it starts, and stops at one that has no value"


def resolved(keys: Iterable[str], settings: Mapping[str, Setting], target: Release) -> dict[str, Any]:
    """Key → value, interpolations resolved; keys whose value nobody knows before the run are left out."""
    found: dict[str, Any] = {}
    overlay: Overlay | None = None
    for key in keys:
        found[key] = settings[key].value
        if _interpolates(found[key]):
            overlay = overlay or _overlay(settings, target)
            try:
                found[key] = overlay.resolve(key)
            except UnresolvedError:
                del found[key]
    return found


def check_resolution(
    settings: Mapping[str, Setting], target: Release, loaded: LoadedSpec
) -> Iterator[Problem]:
    """An error for every setting that cannot be resolved, or not to what its key takes, and for every override that
    leaves a default of the release without a value."""
    overlay = _overlay(settings, target)
    for key, setting in settings.items():
        if setting.value == MISSING and target.defaults.get(key) != MISSING:
            yield _unresolved(setting, f"`{key}` is `???`, which is no value yet", loaded)
        if not _interpolates(setting.value):
            continue
        try:
            value = overlay.resolve(key)
        except RunTimeError:
            continue
        except UnresolvedError as error:
            yield _unresolved(setting, f"`{key}` cannot be resolved: {error}", loaded)
            continue
        if _has_marks(value):
            message = f"`{key}` becomes a text with `${{`"
            why = "verl reads the configuration twice, and the second time it is an interpolation"
            yield _problem("TS808", "dollar-brace", message, setting, loaded, why)
        elif setting.plan == "overrides" and not fits(value, target.types.get(key, "any")):
            message = f"verl's `{key}` is {type_words(target.types[key])}, and this becomes {_shown(value)}"
            yield _problem("TS806", "wrong-verl-type", message, setting, loaded)
    overrides = {key: setting for key, setting in settings.items() if setting.plan == "overrides"}
    if overrides:
        yield from _left_without(settings, overrides, overlay, target, loaded)


def _left_without(
    settings: Mapping[str, Setting],
    overrides: Mapping[str, Setting],
    overlay: Overlay,
    target: Release,
    loaded: LoadedSpec,
) -> Iterator[Problem]:
    """Defaults of the release that point at an overridden key and lose their value, or their type, by it."""
    before = _overlay({key: s for key, s in settings.items() if s.plan != "overrides"}, target)
    for key, default in target.defaults.items():
        if key in settings or not (isinstance(default, str) and "${" in default):
            continue
        kind = target.types.get(key, "any")
        fault = _fault(overlay, key, kind)
        if not fault or _fault(before, key, kind):
            continue
        guilty = next((o for o in overrides if _fault(_alone(settings, o, target), key, kind)), None)
        if guilty is not None:
            message = f"verl's `{key}` is `{default}`, and with this override {fault}"
            yield _unresolved(overrides[guilty], message, loaded)


def _alone(settings: Mapping[str, Setting], override: str, target: Release) -> Overlay:
    """The settings with one of the overrides and none of the others."""
    return _overlay({k: s for k, s in settings.items() if s.plan != "overrides" or k == override}, target)


def _fault(overlay: Overlay, key: str, kind: str) -> str:
    """What is wrong with the value of a default; null is taken, since verl's types do not say where it may go on."""
    try:
        value = overlay.resolve(key)
    except RunTimeError:
        return ""
    except UnresolvedError as error:
        return str(error)
    if value is None or fits(value, kind):
        return ""
    return f"it would be {_shown(value)}, not {type_words(kind)}"


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return "a mapping"
    return "a list" if isinstance(value, (list, tuple)) else repr(value)


def _overlay(settings: Mapping[str, Setting], target: Release) -> Overlay:
    return target.overlay({key: s.value for key, s in settings.items() if s.written})


def _interpolates(value: Any) -> bool:
    """Whether there is an interpolation in a value; a user's own `${` is refused elsewhere, or escaped."""
    if isinstance(value, Mapping):
        return any(_interpolates(item) for item in value.values())
    if isinstance(value, (list, tuple)):
        return any(_interpolates(item) for item in value)
    return isinstance(value, Interpolation) and "${" in value


def _has_marks(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_has_marks(item) for item in value.values())
    if isinstance(value, (list, tuple)):
        return any(_has_marks(item) for item in value)
    return isinstance(value, str) and "${" in value


def _unresolved(setting: Setting, message: str, loaded: LoadedSpec) -> Problem:
    return _problem("TS809", "unresolved", message, setting, loaded, _WHY)


def _problem(
    code: str, name: str, message: str, setting: Setting, loaded: LoadedSpec, why: str = ""
) -> Problem:
    path = setting.decision.sources[0] if setting.decision.sources else setting.plan
    span = setting.decision.span or loaded.span(spec_path(path))
    return Problem(code, name, message, span, path, why, "write the value, or a key that has one")
