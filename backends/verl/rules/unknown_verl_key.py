"""A key that the release does not have.

Hydra refuses an override of an unknown key without `+`. In a file, and with `+`, verl takes it: without a word where
the section stays a mapping (`data`, `trainer`, `algorithm`, `reward`, the top level), with a TypeError after Ray is up
where it becomes a dataclass (`actor`, `critic`, `rollout`, and `ref` where there is a KL term).

Why: the setting that was meant keeps its default.
Source: the release's generated config; utils/config.py omega_conf_to_dataclass; trainer/config/*.yaml `_target_`
Bad:
    data.train_batch_sise=128
Good:
    data.train_batch_size=128
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import REF, has_reference
from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.backends.verl.lint.rule import Change, Drop, Found, Rename, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.backends.verl.releases import TABLES, ancestors, release
from toolspec.backends.verl.renames import LEGACY, below, gone, name_in, takes
from toolspec.backends.verl.written.value import Said
from toolspec.specs.problem import Severity

RULE = Rule("TS802", "unknown-verl-key", "error")


def check(view: View) -> Iterator[Found]:
    if not view.run.base:
        raise NotKnownError(view.run.open)
    known_groups = view.release.engines
    for said in view.run.said:
        key = said.key
        if said.op == "~" or view.keys.knows(key) or _is_old(key):
            continue
        if said.op == "" and said.key in known_groups:
            continue
        if said.op == "" and view.run.open:
            raise NotKnownError(view.run.open)
        if said.op in ("+", "++") and not _section_is_closed(view, key):
            yield _found(view, said, added=True)
            continue
        yield _found(view, said, added=False)


def _is_old(key: str) -> bool:
    """Old names have a rule of their own (moved-verl-key), which knows where they went."""
    return any(below(key, old) for old in LEGACY)


def _section_is_closed(view: View, key: str) -> bool:
    """Whether verl builds a dataclass from the section, which takes no other field."""
    for above in sorted(ancestors(key), key=len, reverse=True):
        if above in view.keys.open_mappings:
            return False
        if above in view.keys.classes:
            return above != REF or has_reference(view)
    return False


def _found(view: View, said: Said, *, added: bool) -> Found:
    key, version = said.key, view.version
    elsewhere = [v for v in TABLES if v != version and release(v).knows(key)]
    new = name_in(key, version)
    dead = gone(key, version)
    close = view.keys.nearest(key)
    changes: tuple[Change, ...] = ()
    if new != key and takes(new, version):
        fix = f"it is `{new}` there"
        changes = (Rename(key, new),)
    elif dead is not None:
        fix = f"drop it: {dead.why}"
        changes = (Drop(key),)
    elif close is not None:
        fix = f"did you mean `{close}`?"
        changes = (Rename(key, close),)
    else:
        fix = "drop it"
    more = f" ({', '.join(elsewhere)} {'has' if len(elsewhere) == 1 else 'have'} it)" if elsewhere else ""
    closed = _section_is_closed(view, key)
    from_command = view.run.launch is not None or said.span.file == "--"
    if said.op == "" and from_command and said.span.file == view.run.file:
        why = "Hydra stops at an override of a key that is not there"
    elif closed:
        why = "verl builds a dataclass from the section and stops at the field that it does not have"
    else:
        why = "verl takes it without a word and nothing reads it"
    severity: Severity | None = "warning" if added and close is None and new == key and dead is None else None
    return Found(
        f"verl {version} has no key `{key}`{more}",
        _keys(key, new, close),
        fix=fix,
        why=why,
        span=said.key_span,
        severity=severity,
        changes=changes,
        safe=(new != key and takes(new, version)) or (dead is not None and not dead.lost),
    )


def _keys(key: str, new: str, close: str | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, (key, new, close))))
