"""A metric is asked for by a name that the reward's dict does not have.

Group filtering reads `algorithm.filter_groups.metric` from what the reward returned (`reward` is its sum), GDPO each of
`algorithm.gdpo_reward_keys`. A plain number counts as `acc`.

Why: the run stops after the first rollouts.
Source: trainer/ppo/v1/replay_buffer.py _dapo_filtered_keys (0.9.1: :278-308); trainer/ppo/core_algos.py
compute_gdpo_outcome_advantage of each release (0.9.1: :422-427)
Bad:
    algorithm.filter_groups.enable=True algorithm.filter_groups.metric=accuracy
Good:
    algorithm.filter_groups.enable=True algorithm.filter_groups.metric=acc
Bad (verl 0.8.0):
    algorithm.adv_estimator=gdpo +algorithm.gdpo_reward_keys=[acc,style]
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import FUNCTION, uses_v1
from toolspec.backends.verl.lint.facts.reward import manager
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.specs.nearest import nearest

RULE = Rule("TS411", "metric-not-returned", "error")

FILTER, GDPO = "algorithm.filter_groups", "algorithm.gdpo_reward_keys"
SUM = "reward"  # replay_buffer.py FILTER_GROUPS_REWARD_METRIC: the reward itself


def check(view: View) -> Iterator[Found]:
    asked = _asked(view)
    if not asked:
        return
    function = view.facts.reward()
    if function is None:
        return
    if not manager(view):
        return
    known = [outcome for outcome in function.outcomes if outcome.kind in ("dict", "number")]
    if not known or len(known) != len(function.outcomes):
        return  # some path returns what is not read
    for key, names in asked.items():
        for name in names:
            paths = [
                o
                for o in known
                if name not in (o.keys if o.kind == "dict" else ("acc",)) and name not in o.maybe
            ]
            if not paths:
                continue
            has = list(dict.fromkeys(k for o in known for k in (o.keys if o.kind == "dict" else ("acc",))))
            close = nearest(name, has)
            where = "" if len(paths) == len(known) else f" on {len(paths)} of {len(known)} paths"
            yield Found(
                f"{key} asks for `{name}`, and `{function.node.name}` does not return it{where}: {', '.join(has)}",
                (key, "reward.py", f"{FUNCTION}.path"),
                fix=f"did you mean {close[0]}?" if close else f'return "{name}" on every path',
                why="verl looks it up in what the reward returned and stops",
            )


def _asked(view: View) -> dict[str, tuple[str, ...]]:
    asked: dict[str, tuple[str, ...]] = {}
    if (
        uses_v1(view)
        and view.value(f"{FILTER}.enable")
        and not view.value("trainer.v1.sampler.custom_sampler.path")
    ):
        metric = view.value(f"{FILTER}.metric")
        if isinstance(metric, str) and metric and metric != SUM:
            asked[f"{FILTER}.metric"] = (metric,)
    if not uses_v1(view) and view.value("algorithm.adv_estimator") == "gdpo":
        keys = view.value(GDPO)
        if isinstance(keys, list):
            asked[GDPO] = tuple(key for key in keys if isinstance(key, str))
    return asked
