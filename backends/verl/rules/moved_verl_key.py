"""An old name of a key, which the release takes and no longer moves to where it is read.

`custom_reward_function.*`, `reward_model.*` and `sandbox_fusion.*` became `reward.*` in 0.7.1. main_ppo of 0.7.1 and
0.8.0 moves the old names over; that of 0.9.x does not, and still has them in its defaults, so that they compose.

Why: the run trains on verl's built-in reward, or fails at every score where there is none for the data. An old name
that asks for what the run does in any case is a note.
Source: trainer/main_ppo.py of each release (no call of migrate_legacy_reward_impl from 0.9.0 on);
trainer/ppo/reward.py:70-80
Bad:
    custom_reward_function.path=reward.py
Good:
    reward.custom_reward_function.path=reward.py
Bad:
    reward_model.enable=True reward_model.model.path=judge
Bad:
    reward_model.reward_manager=dapo
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from toolspec.backends.verl.lint.rule import Found, Rename, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.backends.verl.renames import LEGACY_READ, below, is_moved, name_in
from toolspec.backends.verl.written.value import Said, Unknown
from toolspec.specs.problem import Severity, Span

RULE = Rule("TS805", "moved-verl-key", "error")

OLD, MODEL = "reward_model", "reward.reward_model"
KWARGS, WORKERS, ENABLE = f"{OLD}.reward_kwargs", f"{OLD}.num_workers", f"{OLD}.enable"
MODEL_ON = f"{MODEL}.enable"


def check(view: View) -> Iterator[Found]:
    if view.version in LEGACY_READ:
        return
    own_manager = view.value("reward.reward_manager.source") == "importlib"  # it may read what verl does not
    told: set[Span] = set()
    for leaf in view.final.values():
        if (
            leaf.value is None
            or not is_moved(leaf.key)
            or not view.keys.knows(leaf.key)
            or leaf.key_span in told
        ):
            continue
        # A mapping of several keys is told of as it was written.
        written = (one for one in view.run.said if one.key_span == leaf.key_span and below(leaf.key, one.key))
        said = next(written, leaf)
        told.add(said.key_span)
        new = name_in(said.key, view.version)
        yield Found(
            f"verl {view.version} takes `{said.key}` and nothing reads it",
            tuple(dict.fromkeys((said.key, new))),
            fix=f"{new}={said.text}",
            why="main_ppo moved the old name to the new one up to 0.8.0",
            span=said.key_span,
            changes=(Rename(said.key, new),),
            safe=True,
            severity="warning" if own_manager and below(said.key, KWARGS) else _severity(view, leaf, said),
        )


def _severity(view: View, leaf: Said, said: Said) -> Severity | None:
    """Less than an error where the run may be the one that was asked for all the same."""
    asked = [one for one in view.final.values() if one.key_span == leaf.key_span and below(one.key, said.key)]
    if all(_as_asked(view, one) for one in asked):
        return "note"
    if all(below(one.key, WORKERS) or _may_be_as_asked(view, one) for one in asked):
        return "warning"  # how many processes score is not what is trained
    return None


def _as_asked(view: View, leaf: Said) -> bool:
    """Whether the run has the value at the new name, or has no reward model to read it, and none was asked for."""
    of_model = below(leaf.key, OLD) and below(name_in(leaf.key, view.version), MODEL)
    if of_model and leaf.key != ENABLE and not view.value(MODEL_ON):
        switch = view.final.get(ENABLE)
        if switch is None or switch.value is False:
            return True
    return bool(leaf.value == _today(view, leaf))


def _may_be_as_asked(view: View, leaf: Said) -> bool:
    """Whether it is not known what was asked for, and verl has a value of its own that it may be."""
    return _as_asked(view, leaf) or (isinstance(leaf.value, Unknown) and _today(view, leaf) is not None)


def _today(view: View, leaf: Said) -> Any:
    return view.value(name_in(leaf.key, view.version))
