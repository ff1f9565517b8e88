"""`overrides`: raw verl keys laid over the settings, checked against the release."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from toolspec.backends.verl.lower.setting import Setting
from toolspec.backends.verl.releases import Release
from toolspec.backends.verl.renames import gone, name_in, takes
from toolspec.compiler.plan.decision import Decision
from toolspec.compiler.plan.places import Interpolation
from toolspec.specs.loading import LoadedSpec
from toolspec.specs.problem import Problem, Span

_TYPES: Mapping[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (float, int),
    "bool": (bool,),
    "str": (str,),
    "list": (list,),
    "dict": (dict,),
}


def override(settings: dict[str, Setting], target: Release, loaded: LoadedSpec) -> Iterator[Problem]:
    """Lay the spec's overrides over `settings`, which changes. Yields errors, and warnings for keys without effect."""
    said: dict[str, str] = {}
    for key, value in loaded.spec.overrides.items():
        path = ("overrides", key)
        span = loaded.span(path)
        at_key = loaded.raw.key_spans.get(path) or span
        for leaf, item in _leaves(key, _raw(value)):
            problem = _problem(leaf, item, target, at_key, span) or _twice(leaf, key, said, at_key)
            if problem is not None:
                yield problem
                if problem.severity == "error":
                    continue
            said[leaf] = key
            if item == {} and (leaf in target.dp.sections or leaf in target.open_mappings):
                continue  # Hydra merges mappings: an empty one changes nothing
            for below in [key for key in settings if key.startswith(f"{leaf}.")]:
                del settings[below]
            before = settings.get(leaf)
            instead = "" if before is None else f", in place of {before.value!r} from {before.plan}"
            shown = item if item is not None else "null"
            decision = Decision(shown, "given", f"overrides{instead}", span, (f"overrides.{key}",))
            settings[leaf] = Setting(item, "overrides", decision, "", written=True)


def _problem(
    key: str, value: Any, target: Release, at_key: Span | None, at_value: Span | None
) -> Problem | None:
    path = f"overrides.{key}"
    name = name_in(key, target.version)
    if name != key and not takes(key, target.version):
        return Problem(
            "TS805",
            "moved-verl-key",
            f"verl {target.version} does not read `{key}`",
            at_key,
            path,
            "it takes the key without a word and runs without it" if target.knows(key) else "",
            f"it is `{name}` there",
        )
    if not target.knows(key):
        close = target.nearest(key)
        return Problem(
            "TS802",
            "unknown-verl-key",
            f"verl {target.version} has no key `{key}`",
            at_key,
            path,
            "from a config file verl takes an unknown key without a word",
            f"did you mean `{close}`?" if close else "",
        )
    if key in target.dp.sections and not isinstance(value, dict):
        message = f"verl's `{key}` is a mapping, not {value!r}"
        return Problem("TS806", "wrong-verl-type", message, at_value, path, fix="name the key below it")
    if not fits(value, target.types.get(key, "any")):
        wanted = type_words(target.types[key])
        return Problem(
            "TS806",
            "wrong-verl-type",
            f"verl's `{key}` is {wanted}, not {value!r}",
            at_value,
            path,
            "verl's plain merge takes it, and the run fails or goes wrong where it is used",
        )
    dead = gone(key, target.version)
    if dead is not None:
        message = f"verl {target.version} takes `{key}` and does nothing with it: {dead.why}"
        return Problem("TS807", "dead-verl-key", message, at_key, path, dead.lost, "drop it", "warning")
    return None


def _twice(leaf: str, key: str, said: Mapping[str, str], at_key: Span | None) -> Problem | None:
    """A problem where another override says this key, one above it or one below it."""
    for other, written in said.items():
        if other == leaf or leaf.startswith(f"{other}.") or other.startswith(f"{leaf}."):
            message = f"`{leaf}` is overridden twice" + (f", by `{written}` too" if written != key else "")
            why = "one of the two would be lost"
            return Problem("TS810", "overridden-twice", message, at_key, f"overrides.{key}", why, "keep one")
    return None


def type_words(wanted: str) -> str:
    """`int|str?` in words."""
    return wanted.replace("?", " or null").replace("|", " or ")


def fits(value: Any, wanted: str) -> bool:
    """Whether a value has one of the types `int|str?` of the release's table. An interpolation fits any."""
    if wanted == "any" or (isinstance(value, Interpolation) and "${" in value):
        return True
    if value is None:
        return wanted.endswith("?")
    for name in wanted.rstrip("?").split("|"):
        kinds = _TYPES.get(name)
        if kinds is None or (isinstance(value, kinds) and (not isinstance(value, bool) or bool in kinds)):
            return True
    return False


def _raw(value: Any) -> Any:
    """An override is verl's own text: `${…}` in it is an interpolation and is not escaped."""
    if isinstance(value, str):
        return Interpolation(value)
    if isinstance(value, dict):
        return {name: _raw(below) for name, below in value.items()}
    return [_raw(item) for item in value] if isinstance(value, list) else value


def _leaves(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for name, below in value.items():
            yield from _leaves(f"{key}.{name}", below)
    else:
        yield key, value
