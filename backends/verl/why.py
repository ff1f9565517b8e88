"""Where a value comes from: a key of verl to its reason, a path of the spec to the keys that it becomes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from toolspec.backends.verl.compile import Compiled
from toolspec.backends.verl.interpolation import UnresolvedError
from toolspec.backends.verl.lower.moves import ABSENT, moved
from toolspec.backends.verl.lower.table import COMPOSED, TABLE
from toolspec.backends.verl.reason import origin, shown
from toolspec.backends.verl.releases import RELEASES, Release, release
from toolspec.backends.verl.renames import gone, name_in
from toolspec.backends.verl.why_path import PathAnswer, explain_path, explain_section, missing_name
from toolspec.specs.nearest import nearest
from toolspec.specs.problem import Problem, ProblemError, Span
from toolspec.specs.shape import all_paths

MOST_OFFERED = 6


@dataclass(frozen=True, slots=True)
class KeyAnswer:
    """A key of verl. value: as verl will see it, None with `exists` false where the release lacks the key.

    origin: where the value comes from, never empty. decided: whether toolspec says the value (written, or
    equal to the default). default: as verl's config has it. elsewhere: other release → (the key's name
    there, its default if it differs from this release's, else ""), or None where it is not.
    """

    key: str
    value: Any
    exists: bool
    decided: bool
    origin: str
    span: Span | None
    notes: tuple[str, ...]
    default: str
    elsewhere: Mapping[str, tuple[str, str] | None]


def explain(compiled: Compiled, query: str) -> KeyAnswer | PathAnswer:
    """The answer for a verl key by any release's name, a spec path, a section, or an end that is clear.

    Raises ProblemError for what is none of these, with the nearest key or path.
    """
    query = query.strip().removeprefix("+").removeprefix("overrides.")
    target = compiled.config.release
    if (name := _key(compiled, query)) is not None:
        return explain_key(compiled, name, query)
    if answer := explain_path(compiled, query):
        return answer
    if query in target.dp.sections:
        return explain_section(compiled, query)
    candidates = _ending(compiled, query)
    if len(candidates) == 1:
        return explain(compiled, candidates[0])
    if candidates:
        shown = ", ".join(candidates[:MOST_OFFERED]) + (", …" if len(candidates) > MOST_OFFERED else "")
        raise _unknown(
            f"`{query}` is the end of {len(candidates)} keys", shown, f"say which: {candidates[0]}"
        )
    if (there := missing_name(compiled, query)) is not None:
        close = "".join(nearest(query, there)) or (there[0] if len(there) == 1 else "")
        raise _unknown(
            f"the spec has no `{query}`",
            f"it has {', '.join(there[:MOST_OFFERED]) or 'nothing there'}",
            f"did you mean `{close}`?" if close else "",
        )
    close = target.nearest(query) or _nearest_path(query)
    message = f"`{query}` is neither a key of verl {target.version} nor a path of the spec"
    raise _unknown(message, "", f"did you mean `{close}`?" if close else "")


def _unknown(message: str, why: str, fix: str) -> ProblemError:
    return ProblemError((Problem("TS803", "unknown-query", message, None, why=why, fix=fix),))


def _nearest_path(query: str) -> str:
    found = nearest(query, (".".join(path) for path, _ in all_paths()))
    return found[0] if found else ""


def _key(compiled: Compiled, query: str) -> str | None:
    """The name in the target of a leaf key that some release has, or None."""
    target = compiled.config.release
    name = name_in(query, target.version)
    if name in compiled.config.settings or name in target.defaults or name in target.dp.unlisted:
        return name
    if target.dp.knows(name) and not target.dp.listed(name):
        return name  # inside a mapping that takes any key
    known = any(query in release(version).defaults for version in RELEASES)
    return name if known or gone(query, target.version) else None


def explain_key(compiled: Compiled, key: str, asked: str = "") -> KeyAnswer:
    """The answer for `key`, a name of the target. asked: the name that the question used."""
    config = compiled.config
    target = config.release
    setting = config.settings.get(key)
    notes: list[str] = []
    exists = setting is not None or (target.knows(key) and not _absent(key, target.version))
    if asked and asked != key:
        notes += _other_name(asked, key)
    left = gone(key, target.version)
    if left is not None:
        notes.append(f"verl {target.version} does nothing with it: {left.why}")
    if setting is not None:
        value, source, span = setting.value, origin(setting, compiled.loaded.names), setting.decision.span
        if setting.note:
            notes.append(setting.note)
    else:
        value = _effective(compiled, key) if exists else None
        source, span = _not_decided(compiled, key, exists), None
        notes += _could_set(compiled, key, exists)
    return KeyAnswer(
        key,
        value,
        exists,
        setting is not None,
        source,
        span,
        tuple(notes),
        _default(target, key),
        _elsewhere(key, target),
    )


def _absent(key: str, version: str) -> bool:
    """Whether no trainer of the release reads the key, though a dataclass of it may have the name."""
    return any(entry.key == key for entry in ABSENT[version])


def _other_name(asked: str, key: str) -> Iterator[str]:
    named = [version for version in RELEASES if name_in(key, version) == asked]
    if named:
        yield f"{asked} is its name in {', '.join(named)}"
    elif not key.endswith(f".{asked}"):
        yield f"{asked} is its name in older configurations"


def _effective(compiled: Compiled, key: str) -> Any:
    """The value of a key that nobody decides: the default, which may follow a written key."""
    config = compiled.config
    try:
        return config.release.resolve(key, config.values)
    except UnresolvedError:
        return config.release.defaults.get(key)


def _not_decided(compiled: Compiled, key: str, exists: bool) -> str:
    version = compiled.config.release.version
    if not exists:
        return f"verl {version} has no such key"
    raw = compiled.config.release.defaults.get(key)
    if isinstance(raw, str) and "${" in raw:
        return f"verl's default, {raw}"
    return (
        "verl's default"
        if key in compiled.config.release.defaults
        else "nothing: verl reads it, and it is not set"
    )


def _could_set(compiled: Compiled, key: str, exists: bool) -> Iterator[str]:
    """What of a spec would set the key."""
    version = compiled.config.release.version
    rows = [row for row in TABLE if moved(row.key, version) == key]
    for entry in ABSENT[version]:
        if entry.key == key:
            yield f"verl {version} does what this spec asks for without it; otherwise: {entry.instead}"
            return
    for row in rows:
        yield f"toolspec sets it from {row.plan}, which does not apply to this spec"
    if not rows and exists and gone(key, version) is None:
        open_mapping = next(
            (p for p, text in COMPOSED.items() if key.startswith(text.partition(".<")[0])), None
        )
        where = f"`{open_mapping}`, or " if open_mapping else ""
        yield f"set it with {where}`overrides: {{{key}: …}}`"


def _default(target: Release, key: str) -> str:
    return shown(target.defaults[key]) if key in target.defaults else ""


def _elsewhere(key: str, target: Release) -> Mapping[str, tuple[str, str] | None]:
    found: dict[str, tuple[str, str] | None] = {}
    for version in RELEASES:
        if version == target.version:
            continue
        other, name = release(version), name_in(key, version)
        if not other.knows(name) or _absent(name, version):
            found[version] = None
            continue
        default = _default(other, name)
        found[version] = (name, default if default != _default(target, key) else "")
    return found


def _ending(compiled: Compiled, query: str) -> list[str]:
    """Keys that end in `query`: of those that toolspec decides, else plan paths, else any of the release."""
    if not query or query.startswith("."):
        return []
    end = f".{query}"
    target = compiled.config.release
    for names in (compiled.config.settings, compiled.plan.decisions, target.defaults):
        if found := sorted(name for name in names if name.endswith(end)):
            return found
    return []
