"""What changes between two sides, by its effect: keys of verl, what stands beside them, names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from toolspec.backends.verl.effects import UNKNOWN, Effect, Rule, effect_of, plan_rule_of, rule_of
from toolspec.backends.verl.lower.moves import MOVES
from toolspec.backends.verl.lower.table import TABLE
from toolspec.backends.verl.releases import TABLES, release
from toolspec.backends.verl.renames import common_name, name_in
from toolspec.backends.verl.side import MISSING, NOT_USED, Marker, Side
from toolspec.specs.shape import annotations_at

# Plan paths that no verl key and no file of the bundle says, and on which the run or its job depends.
PLAN_PATHS: tuple[str, ...] = (
    "model.revision",
    "data.order",
    "evaluation.repeats",
    "agent.class",
    "agent.config",
    "budget.gpu_hours",
    "cluster.gpu",
    "cluster.time_seconds",
    "env.passed_on",
)
PLAN_PREFIXES: tuple[str, ...] = ("cluster.slurm.",)
# Sections that a plan switches on and off as a whole: one line in place of one a key.
WHOLE_SECTIONS: tuple[str, ...] = ("critic", "actor_rollout_ref.ref", "actor_rollout_ref.rollout.multi_turn")


@dataclass(frozen=True, slots=True)
class Change:
    """key: in the newest names, or what it is called beside config.yaml. a, b: values, or a Marker.

    reason: of its class. moved_in: the release in which verl's own default changed. keep: what to write so
    that b does what a did. Each may be "".
    """

    key: str
    effect: Effect
    a: Any
    b: Any
    from_a: str
    from_b: str
    reason: str = ""
    moved_in: str = ""
    keep: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """changes: sorted by key. renamed: (name in a, name in b), of no effect.

    only_a, only_b: keys that one release has alone and neither side decides.
    """

    changes: tuple[Change, ...]
    renamed: tuple[tuple[str, str], ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]

    def of(self, effect: Effect) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.effect == effect)

    @property
    def empty(self) -> bool:
        return not self.changes and not self.renamed


def compare(a: Side, b: Side) -> Comparison:
    """Everything in which `b` differs from `a`."""
    changes = [*_key_changes(a, b), *_beside_changes(a, b), *_plan_changes(a, b), *_module_changes(a, b)]
    only_a = _alone(a, b)
    only_b = _alone(b, a)
    return Comparison(tuple(sorted(changes, key=lambda c: c.key)), tuple(_renamed(a, b)), only_a, only_b)


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, Marker) or isinstance(b, Marker):
        return a is b
    return isinstance(a, bool) == isinstance(b, bool) and bool(a == b)


def _key_changes(a: Side, b: Side) -> Iterator[Change]:
    gone: dict[str, list[str]] = {}
    for key in _candidates(a, b):
        before, after = a.value(key), b.value(key)
        if _same(before, after) or _same(a.place(before), b.place(after)):
            continue
        if MISSING in (before, after) and key not in a.keys and key not in b.keys:
            continue
        section = next((s for s in WHOLE_SECTIONS if key.startswith(s + ".")), None)
        if section is not None and section in set(a.unused_sections) ^ set(b.unused_sections):
            gone.setdefault(section, []).append(key)
            continue
        yield _change(key, before, after, a, b)
    for section, keys in gone.items():
        words = f"{len(keys)} key{'s' * (len(keys) > 1)}"
        before, after = (NOT_USED, words) if section in a.unused_sections else (words, NOT_USED)
        yield Change(f"{section}.*", "result", before, after, "", "")


def _candidates(a: Side, b: Side) -> list[str]:
    """Keys that a side decides or whose default differs; any other follows one of these by interpolation."""
    keys = set(a.keys) | set(b.keys)
    if a.release is not b.release:
        version = a.release.version
        keys |= {
            key
            for name in a.release.defaults
            if (key := common_name(name, version)) and a.raw_default(key) != b.raw_default(key)
        }
    return sorted(key for key in keys if not key.endswith("_target_"))


def _change(key: str, before: Any, after: Any, a: Side, b: Side) -> Change:
    rule = rule_of(key)
    effect = effect_of(key, (a.release.version, b.release.version))
    reason = rule.reason if rule is not UNKNOWN else UNKNOWN.reason
    moved_in = ""
    if key not in a.keys and key not in b.keys:
        moved_in = _moved_in(key, a.release.version, b.release.version)
    keep = _keep(key, before, b, decided=key in b.keys, plan_a=a.plan)
    return Change(key, effect, before, after, a.from_where(key), b.from_where(key), reason, moved_in, keep)


def _keep(key: str, before: Any, b: Side, *, decided: bool, plan_a: Any) -> str:
    """What to write into b's spec, where the difference is a default's and not the user's own."""
    from toolspec.backends.verl.emit.config_yaml import flow

    if isinstance(before, Marker) or (isinstance(before, str) and "${" in before):
        return ""
    if not decided:
        name = b.name(key)
        return f"overrides: {{{name}: {flow(before)}}}" if b.release.knows(name) else ""
    for row in TABLE:
        if row.key == key and row.plan in b.plan and row.plan in plan_a:
            given = b.plan.decisions[row.plan].kind == "given"
            differs = plan_a[row.plan] != b.plan[row.plan]
            if not given and differs and annotations_at(tuple(row.plan.split("."))):
                return f"{row.plan}: {flow(plan_a[row.plan])}"
    return ""


def _moved_in(key: str, start: str, end: str) -> str:
    """The release, between the two, in which the default of `key` became another."""
    low, high = sorted((TABLES.index(start), TABLES.index(end)))
    defaults = [release(version).defaults.get(name_in(key, version), MISSING) for version in TABLES]
    for at in range(low + 1, high + 1):
        if defaults[at] != defaults[at - 1]:
            return TABLES[at]
    return ""


def _beside_changes(a: Side, b: Side) -> Iterator[Change]:
    for name in sorted({*a.beside, *b.beside}):
        before, after = a.beside.get(name, MISSING), b.beside.get(name, MISSING)
        if _same(before, after):
            continue
        if name.endswith(", order of keys") and {*_items(before)} != {*_items(after)}:
            continue  # other keys, not another order of them: said key by key
        rule = Rule(name, "result", "") if name.startswith("ts_user/") else plan_rule_of(name)
        yield Change(name, rule.effect, before, after, "", "", rule.reason)


def _items(value: Any) -> Iterable[str]:
    return value if isinstance(value, list) else ()


def _plan_changes(a: Side, b: Side) -> Iterator[Change]:
    paths = {p for side in (a, b) for p in side.plan if p in PLAN_PATHS or p.startswith(PLAN_PREFIXES)}
    paths |= {p for side in (a, b) for p in side.plan if p.startswith("tools.") and p.endswith(".per_row")}
    for path in sorted(paths):
        before = _plain(a.plan[path]) if path in a.plan else MISSING
        after = _plain(b.plan[path]) if path in b.plan else MISSING
        if not _same(before, after):
            rule = plan_rule_of(path)
            yield Change(path, rule.effect, before, after, "", "", rule.reason)
    env_a: Mapping[str, Any] = a.plan["env.values"]
    env_b: Mapping[str, Any] = b.plan["env.values"]
    for name in sorted({*env_a, *env_b}):
        before, after = env_a.get(name, MISSING), env_b.get(name, MISSING)
        if not _same(before, after):
            rule = plan_rule_of(f"env.values.{name}")
            yield Change(f"env.{name}", rule.effect, before, after, "", "", rule.reason)


def _plain(value: Any) -> Any:
    """A plan value as JSON would give it back: a tuple is a list."""
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def _module_changes(a: Side, b: Side) -> Iterator[Change]:
    """toolspec's own modules differ where another version compiled the bundle, or somebody edited it."""
    paths = sorted({*a.modules, *b.modules})
    differing = [path for path in paths if a.modules.get(path) != b.modules.get(path)]
    if differing:
        words = f"{len(differing)} file{'s' * (len(differing) > 1)}: {', '.join(differing[:4])}"
        reason = "compiled by another version of toolspec, or edited by hand"
        yield Change("toolspec's own modules", "result", MISSING, words, "", "", reason)


def _renamed(a: Side, b: Side) -> Iterator[tuple[str, str]]:
    """Sections with another name in the other release, where a key below them is in use on both sides."""
    sections = dict.fromkeys((*MOVES[a.release.version], *MOVES[b.release.version]))
    for section in sections:
        before, after = a.name(section), b.name(section)
        used = any(key.startswith(section + ".") and not b.unused(key) for key in {*a.keys} & {*b.keys})
        if before != after and used and not a.unused(section):
            yield f"{before}.*", f"{after}.*"


def _alone(side: Side, other: Side) -> tuple[str, ...]:
    """Keys that only this side's release has and that nobody decided."""
    if side.release is other.release:
        return ()
    version = side.release.version
    return tuple(
        name
        for name in sorted(side.release.defaults)
        if not name.endswith("_target_")
        and (key := common_name(name, version)) not in side.keys
        and other.raw_default(key) is MISSING
        and not side.unused(key)
    )
