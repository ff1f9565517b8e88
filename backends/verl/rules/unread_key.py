"""A key that the release takes and does nothing with.

Old names of the reward (`custom_reward_function.*`, `reward_model.*`) compose on 0.9.x, and main_ppo no longer moves
them to `reward.*`. Other keys are left over from code that is gone: `data.truncation`, `multi_turn.tokenization_
sanity_check_mode`, `nccl_timeout`.

Why: the run trains without what the key asks for.
Source: a search of each wheel for a reader; experimental/reward_loop/reward_loop.py migrate_legacy_reward_impl, called
by main_ppo of 0.7.1 and 0.8.0 only; verl issue 7815
Bad:
    +custom_reward_function.path=reward.py
Good:
    reward.custom_reward_function.path=reward.py
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import uses_v1
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.backends.verl.renames import LEGACY, LEGACY_READ, ONLY_V0, below, gone, name_in
from toolspec.backends.verl.written.value import Said

RULE = Rule("TS803", "unread-key", "warning")


def check(view: View) -> Iterator[Found]:
    for said in view.final.values():
        key = said.key
        if any(below(key, old) for old in LEGACY) and said.value is not None:
            yield from _old(view, said)
            continue
        dead = gone(key, view.version)
        if dead is not None and view.keys.knows(key) and said.value != view.keys.defaults.get(key):
            lost = f"; it asked for {dead.lost}" if dead.lost else ""
            yield Found(
                f"verl {view.version} takes `{key}` and does nothing with it: {dead.why}{lost}",
                (key,),
                fix="drop it",
                span=said.key_span,
            )
        elif any(below(key, only) for only in ONLY_V0) and said.value != view.keys.defaults.get(key) and uses_v1(view):
            yield Found(
                f"the V1 trainer of verl {view.version} does not read `{key}`",
                (key, "trainer.use_v1"),
                fix="drop it, or trainer.use_v1=False",
                span=said.key_span,
            )


def _old(view: View, said: Said) -> Iterator[Found]:
    if view.version in LEGACY_READ:
        return
    new = name_in(said.key, view.version)
    yield Found(
        f"verl {view.version} takes `{said.key}` and nothing reads it",
        tuple(dict.fromkeys((said.key, new))),
        fix=f"{new}={said.text}",
        why="main_ppo moved the old name to the new one up to 0.8.0",
        span=said.key_span,
        severity="error",
    )
