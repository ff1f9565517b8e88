"""An advantage estimator without what it computes with.

GAE needs a critic's values, GDPO `algorithm.gdpo_reward_keys`, the optimal token baselines
`actor.calculate_sum_pi_squared`, pass@k two trajectories a prompt. The V1 trainer hands its estimators neither the
prompts that GDPO looks at, nor ReMax's greedy baseline, nor the sums of the token baselines.

Why: the run stops after the first rollout.
Source: trainer/ppo/core_algos.py:411-418 (gdpo), :515 (grpo_passk), :735 (remax wants reward_baselines);
trainer/ppo/ray_trainer.py compute_advantage of each release; trainer/ppo/v1/trainer_base.py:1742-1787 (0.9.1)
Bad:
    algorithm.adv_estimator=remax
Good:
    algorithm.adv_estimator=remax trainer.use_v1=False
Bad (verl 0.8.0):
    algorithm.adv_estimator=optimal_token_baseline
Bad:
    algorithm.adv_estimator=gae critic.enable=False
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import ACTOR, ROLLOUT, group, uses_v1
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS121", "estimator-needs", "error")

ESTIMATOR = "algorithm.adv_estimator"
# What V1's _compute_advantage does not fetch.
NOT_UNDER_V1 = {
    "remax": "the reward of a greedy answer",
    "gdpo": "the prompts and the reward's parts",
    "optimal_token_baseline": "the sums of squared probabilities",
    "tir_optimal_token_baseline": "the sums of squared probabilities",
}


def check(view: View) -> Iterator[Found]:
    estimator = view.text(ESTIMATOR)
    if estimator == "grpo_passk" and group(view) == 1:
        yield Found(
            "grpo_passk compares the two best trajectories of a prompt, and rollout.n is 1",
            (f"{ROLLOUT}.n", ESTIMATOR),
            fix=f"{ROLLOUT}.n=8",
            why="verl raises a ValueError after the first rollout",
        )
    if estimator == "gae" and view.value("critic.enable") is False:
        yield Found(
            "gae computes with a critic's values, and critic.enable is false",
            ("critic.enable", ESTIMATOR),
            fix="critic.enable=null, or an estimator without a critic (algorithm.adv_estimator=grpo)",
            why="there are no values: KeyError after the first rollout",
        )
    if estimator not in NOT_UNDER_V1:
        return
    if uses_v1(view):
        yield Found(
            f"the V1 trainer does not give {estimator} {NOT_UNDER_V1[estimator]}",
            (ESTIMATOR, "trainer.use_v1"),
            fix="trainer.use_v1=False",
            why="it fails after the first rollout",
        )
    keys = "algorithm.gdpo_reward_keys"
    if estimator == "gdpo" and not view.value(keys):
        yield Found(
            f"gdpo needs {keys}, the parts of the reward's dict",
            (keys, ESTIMATOR),
            fix=f"+{keys}=[accuracy,format]",
            why="verl asserts it after the first rollout",
        )
    weights = "algorithm.gdpo_reward_weights"
    parts, given = view.value(keys), view.value(weights)
    if (
        estimator == "gdpo"
        and isinstance(parts, list)
        and isinstance(given, list)
        and len(given) != len(parts)
    ):
        yield Found(
            f"{len(given)} weights in {weights} for {len(parts)} parts of the reward",
            (weights, keys),
            fix=f"one weight for each of {', '.join(str(part) for part in parts)}",
            why="verl stops after the first rollout"
            if len(given) < len(parts)
            else "those left over weigh nothing",
            severity=None if len(given) < len(parts) else "warning",
        )
    squares = f"{ACTOR}.calculate_sum_pi_squared"
    if estimator.endswith("optimal_token_baseline") and not view.value(squares):
        yield Found(
            f"{estimator} needs {squares}, which is off",
            (squares, ESTIMATOR),
            fix=f"{squares}=True",
            why="verl asserts it after the first rollout",
        )
