"""Dynamic batches for the actor's updates and not for its log-probabilities, or the other way round.

One engine does both, and verl asserts that `actor.use_dynamic_bsz` equals `rollout.log_prob_use_dynamic_bsz`, which
follows it where nobody sets it.

Why: the run stops while the models load, with an AssertionError that says nothing.
Source: workers/engine_workers.py:616 (0.9.1), :557 (0.8.0), :515 (0.7.1 without its legacy workers)
Bad:
    actor_rollout_ref.actor.use_dynamic_bsz=True actor_rollout_ref.rollout.log_prob_use_dynamic_bsz=False
Good:
    actor_rollout_ref.actor.use_dynamic_bsz=True
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import ACTOR, ROLLOUT, legacy_workers
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS128", "dynamic-batch-mismatch", "error")


def check(view: View) -> Iterator[Found]:
    update, log_prob = f"{ACTOR}.use_dynamic_bsz", f"{ROLLOUT}.log_prob_use_dynamic_bsz"
    if view.value(update) == view.value(log_prob) or legacy_workers(view):
        return
    yield Found(
        f"{view.shown(update)}, and {view.shown(log_prob)}",
        (log_prob, update),
        fix=f"{log_prob}={view.value(update)}",
        why="verl asserts that they are equal when the workers start",
    )
