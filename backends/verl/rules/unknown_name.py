"""A name that the release looks up in a registry and does not find.

Estimators, loss modes, KL estimators, reward managers, parsers, trackers, rollout engines and others are texts that
verl looks up late: most after the models have loaded. A module of your own may register more, if
`actor_rollout_ref.model.external_lib` or the variable `VERL_USE_EXTERNAL_MODULES` names it.

Why: the run stops at the lookup, which may be the first update.
Source: `enums` of the release's table, each with the place that looks it up
Bad:
    actor_rollout_ref.rollout.mode=sync
Bad:
    actor_rollout_ref.actor.kl_loss_type=k4
Good:
    actor_rollout_ref.actor.kl_loss_type=low_var_kl
Good (verl 0.9.1):
    --- run.sh
    export VERL_USE_EXTERNAL_MODULES=my_trainer
    python3 -m verl.trainer.main_ppo $ARGUMENTS trainer.v1.trainer_mode=mine
Bad (verl 0.9.1):
    --- run.sh
    unset VERL_USE_EXTERNAL_MODULES
    python3 -m verl.trainer.main_ppo $ARGUMENTS trainer.v1.trainer_mode=mine
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from toolspec.backends.verl.lint.derived import has_critic, has_reference, imports_modules
from toolspec.backends.verl.lint.rule import Found, Put, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.backends.verl.releases import RELEASES, release
from toolspec.specs.nearest import nearest

RULE = Rule("TS811", "unknown-name", "error")

STRATEGY = "actor_rollout_ref.actor.strategy"

# Keys whose name the user's own code may register: an import of it, or another source, is in the config.
REGISTERED_BY = {
    "reward.reward_manager.name": ("reward.reward_manager.source", "register"),
    "actor_rollout_ref.rollout.agent.default_agent_loop": (
        "actor_rollout_ref.rollout.agent.agent_loop_config_path",
        None,
    ),
}
# Keys that are read only where the role that reads them is there.
READ_IF = {"actor_rollout_ref.actor.kl_loss_type": "actor_rollout_ref.actor.use_kl_loss"}


MODE = "actor_rollout_ref.rollout.mode"


def check(view: View) -> Iterator[Found]:
    if view.value(MODE) == "sync":
        yield Found(
            f"{MODE}=sync is gone since verl 0.7.1",
            (MODE,),
            fix=f"{MODE}=async",
            why="RolloutConfig raises a ValueError when the workers are made",
            changes=(Put(MODE, "async"),),
            safe=True,
        )
    for key, kind in view.release.enum_of_key.items():
        said = view.final.get(key)
        if said is None or _own(view, key):
            continue
        if key in READ_IF and not view.true(READ_IF[key]):
            continue
        if key.startswith("critic.") and not has_critic(view):
            continue
        if key.startswith("actor_rollout_ref.ref.") and not has_reference(view):
            continue
        choices = view.release.enums[kind]
        value: Any = view.value(key)
        if key == STRATEGY and value == "megatron":
            continue  # rule strategy-of-other-engine says what to write
        for name in value if isinstance(value, list) else [value]:
            # `strategy` has the engine's own name where another engine than dp is chosen.
            if isinstance(name, str) and name not in choices and name != view.keys.defaults.get(key):
                yield _found(view, key, name, choices)


def _own(view: View, key: str) -> bool:
    if view.value("actor_rollout_ref.model.external_lib") or imports_modules(view):
        return True
    switch = REGISTERED_BY.get(key)
    return switch is not None and view.value(switch[0]) != switch[1]


def _found(view: View, key: str, name: str, choices: tuple[str, ...]) -> Found:
    able = [version for version in RELEASES if name in (release(version).choices(key) or ())]
    close = nearest(name, choices)
    fix = f"did you mean {close[0]}?" if close else f"one of {', '.join(choices)}"
    more = f" ({', '.join(able)} {'has' if len(able) == 1 else 'have'} it)" if able else ""
    return Found(
        f"verl {view.version} has no `{name}` for {key}{more}",
        (key,),
        fix=fix,
        why=f"known there: {', '.join(choices)}",
        changes=(Put(key, close[0]),) if len(close) == 1 and view.value(key) == name else (),
    )
