"""What became of every key that a run says: each is in exactly one of five groups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from toolspec.backends.verl.importing.closing import Closed, same
from toolspec.backends.verl.importing.inverse import row_of
from toolspec.backends.verl.importing.wanted import Wanted
from toolspec.backends.verl.interpolation import UnresolvedError
from toolspec.backends.verl.overlay import Overlay
from toolspec.backends.verl.renames import common_name
from toolspec.backends.verl.written.value import Said, Unknown
from toolspec.compiler.plan.places import RUN_FOLDER
from toolspec.specs.problem import Span

Fate = Literal["mapped", "override", "default", "unknown", "left"]
# Hydra's own keys as every bundle has them.
HYDRA = {
    "hydra.searchpath": ["pkg://verl.trainer.config"],
    "hydra.run.dir": f"{RUN_FOLDER}/hydra",
    "hydra.output_subdir": None,
}


@dataclass(frozen=True)
class Line:
    """One key. value: as verl reads it, or its text where only the run knows it. to: the spec path.

    why: of what the spec does not say.
    """

    key: str
    value: Any
    span: Span
    default: bool
    fate: Fate
    to: str = ""
    why: str = ""


def lines_of(wanted: Wanted, closed: Closed | None) -> tuple[Line, ...]:
    """Every key of the run, in its order. closed: None for a run that is not made into a spec."""
    found = [_line(wanted, closed, key, said) for key, said in wanted.written.items()]
    for key in sorted(wanted.view.deleted - set(wanted.written)):
        said = next(one for one in wanted.view.run.said if one.key == key and one.op == "~")
        found.append(Line(key, None, said.key_span, False, "left", why="a spec cannot take a key away"))
    for said in (*wanted.view.run.hydra.values(), *wanted.view.run.groups.values()):
        found.append(_hydra(said, wanted))
    return tuple(found)


def _hydra(said: Said, wanted: Wanted) -> Line:
    if isinstance(said.value, Unknown):
        return Line(said.key, str(said.value), said.span, False, "unknown", why=said.value.reason)
    same_engine = said.key == "model_engine" and wanted.view.engine == str(said.value) == "dp"
    own = said.key in HYDRA and said.value == HYDRA[said.key]
    if own or same_engine:
        return Line(said.key, said.value, said.span, True, "default")
    why = (
        "Hydra's own, which the bundle's config sets"
        if said.key.startswith("hydra.")
        else "a group of configs"
    )
    return Line(said.key, said.value, said.span, False, "left", why=why)


def _line(wanted: Wanted, closed: Closed | None, key: str, said: Said) -> Line:
    name = wanted.moved.get(key, key)
    unknown = wanted.unknown.get(key)
    if unknown:
        return Line(key, _shown(said.value), said.span, False, "unknown", why=unknown)
    default = _is_default(wanted, name)
    value = _shown(wanted.or_(common_name(name, wanted.view.version), said.value))
    if closed is None:
        return Line(key, value, said.span, default, "default" if default else "mapped")
    if name in closed.left:
        return Line(key, value, said.span, default, "left", why=closed.left[name])
    if name in closed.open:
        return Line(key, value, said.span, default, "left", why="no spec compiles to this value")
    if name in closed.overrides:
        row = row_of(common_name(name, wanted.view.version))
        why = closed.banned.get(row.path, "") if row is not None else ""
        return Line(key, value, said.span, default, "override", f"overrides.{name}", why)
    to = _path(closed, name, wanted)
    if default and to not in closed.values:
        return Line(key, value, said.span, default, "default", to)
    return Line(key, value, said.span, default, "mapped", to)


def _path(closed: Closed, name: str, wanted: Wanted) -> str:
    """The spec path that decides a key: of the carried parts, of the compiled spec, or of the table."""
    newest = common_name(name, wanted.view.version)
    for path, keys in closed.carried.sources.items():
        if newest in keys:
            return path
    setting = closed.attempt.config.settings.get(name)
    if setting is not None and setting.decision.sources:
        return setting.decision.sources[0]
    row = row_of(newest)
    return row.path if row is not None else setting.plan if setting is not None else ""


def _is_default(wanted: Wanted, key: str) -> bool:
    others = {k: v for k, v in wanted.overlay.written.items() if k != key}
    keys = wanted.keys
    if key not in keys.defaults:
        return False
    kind = keys.types.get(key, "any")
    if same(wanted.overlay.written.get(key), keys.defaults[key], kind):
        return True
    try:
        return same(wanted.overlay.resolve(key), Overlay(others, keys).resolve(key), kind)
    except UnresolvedError:
        return False


def _shown(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, Mapping):
        return {str(k): _shown(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_shown(item) for item in value]
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)
