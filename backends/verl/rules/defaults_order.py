"""A defaults list that lays verl's config over your own.

Entries win over those before them. In `[_self_, ppo_trainer]` verl's defaults come last, and reset everything that
the file says.

Why: the run trains with verl's defaults.
Source: hydra-core 1.3, _internal/defaults_list.py; composed with each release
Bad:
    --- config.yaml
    hydra:
      searchpath: [pkg://verl.trainer.config]
    defaults: [_self_, ppo_trainer]
    data: {train_batch_size: 32}
Good:
    data.train_batch_size=32
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS822", "defaults-order", "error")


def check(view: View) -> Iterator[Found]:
    if not view.run.base_after_self:
        return
    written = [said.key for said in view.run.written if not said.key.startswith("hydra")]
    yield Found(
        f"`{view.run.base}` comes after `_self_` and resets the {len(written)} keys that the file says",
        ("defaults", *written[:3]),
        fix=f"defaults: [{view.run.base}, _self_]",
        why="the last entry wins",
        span=view.run.span,
    )
