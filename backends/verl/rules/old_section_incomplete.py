"""An old section replaces the new one as a whole, and a key that it leaves out becomes null.

main_ppo of 0.7.1 and 0.8.0 moves `custom_reward_function` and `sandbox_fusion` to `reward.*` in one piece. The old
sections have null for every default, so that `name` is no longer `compute_score`, and `max_concurrent` no longer 64.

Why: the run stops when the reward workers start, after the models have loaded.
Source: experimental/reward_loop/reward_loop.py migrate_legacy_reward_impl (0.7.1 and 0.8.0: step 3 and 5);
trainer/ppo/reward.py:76 (`assert fn_name is not None`), :132-134 (Semaphore); run on 0.7.1 and 0.8.0
Bad (verl 0.8.0):
    reward.custom_reward_function.path=null custom_reward_function.path=reward.py
Good (verl 0.8.0):
    custom_reward_function.path=reward.py custom_reward_function.name=compute_score
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.backends.verl.renames import LEGACY_READ, below

RULE = Rule("TS417", "old-section-incomplete", "error")

# Old section: (the key that makes verl read it, what it then needs, the default of the new section).
NEEDS = (
    ("custom_reward_function", "path", "name", "compute_score"),
    ("sandbox_fusion", "url", "max_concurrent", "64"),
)


def check(view: View) -> Iterator[Found]:
    if view.version not in LEGACY_READ:
        return
    for section, switch, needed, default in NEEDS:
        switched = view.final.get(f"{section}.{switch}")
        if switched is None or not switched.value:
            continue
        given = {key for key, said in view.final.items() if below(key, section) and said.value is not None}
        if f"{section}.{needed}" in given:
            continue
        if section == "sandbox_fusion" and view.value("reward.custom_reward_function.path"):
            continue  # only verl's own reward is given the sandbox
        yield Found(
            f"{section}.{switch} is given without {section}.{needed}, which is null in the old section",
            (f"{section}.{needed}", f"{section}.{switch}", f"reward.{section}.{needed}"),
            fix=f"{section}.{needed}={default}, or the new names: reward.{section}.{switch}=…",
            why="main_ppo puts the old section in place of the new one, and stops at the null after loading",
            span=switched.key_span,
        )
