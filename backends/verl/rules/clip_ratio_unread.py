"""`actor.clip_ratio` where `clip_ratio_low` and `clip_ratio_high` stay at their defaults.

The losses take `clip_ratio` only where the other two are null, and they are 0.2.

Why: the run clips at 0.2 and not where it says.
Source: trainer/ppo/core_algos.py compute_policy_loss_vanilla (0.9.1: :1321, 0.8.0: :1314, 0.7.1: :1312), the same in
the other losses; trainer/config/actor/actor.yaml
Bad:
    actor_rollout_ref.actor.clip_ratio=0.3
Good:
    actor_rollout_ref.actor.clip_ratio_low=0.2 actor_rollout_ref.actor.clip_ratio_high=0.28
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import ACTOR
from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS113", "clip-ratio-unread", "error")

CLIP, LOW, HIGH = (f"{ACTOR}.clip_ratio{side}" for side in ("", "_low", "_high"))
LOSS = f"{ACTOR}.policy_loss.loss_mode"


def check(view: View) -> Iterator[Found]:
    if view.said(CLIP) is None or view.value(CLIP) is None:
        return
    if view.text(LOSS) not in (view.release.choices(LOSS) or ()):
        raise NotKnownError(f"what the loss `{view.text(LOSS)}` reads, which is none of verl's")
    given = view.number(CLIP)
    left = [key for key in (LOW, HIGH) if view.said(key) is None and view.value(key) not in (None, given)]
    if len(left) == 2:
        yield Found(
            f"clip_ratio={given:g} is not read: clip_ratio_low={view.number(LOW):g} and "
            f"clip_ratio_high={view.number(HIGH):g} (defaults) win",
            (CLIP, LOW, HIGH),
            fix=f"{LOW}={given:g} {HIGH}={given:g}",
            why="clip_ratio counts only where the other two are null",
        )
