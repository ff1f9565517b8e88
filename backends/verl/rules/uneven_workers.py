"""The trajectories of a step do not split over the agent loop's workers.

The V0 trainer cuts train_batch_size × rollout.n trajectories into `rollout.agent.num_workers` (8) equal parts and
asserts that it comes out even. Validation is padded, and the V1 trainer hands out prompts one by one.

Why: the run stops at the first rollout.
Source: experimental/agent_loop/agent_loop.py:1040 (0.7.1), :1111 (0.8.0), :1247 (0.9.1); protocol.py DataProto.chunk;
verl issue 6801
Bad (verl 0.8.0):
    data.train_batch_size=20 actor_rollout_ref.rollout.n=3 trainer.n_gpus_per_node=2
    actor_rollout_ref.actor.ppo_mini_batch_size=20 actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu=5
Good:
    data.train_batch_size=32 actor_rollout_ref.rollout.agent.num_workers=7
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import ROLLOUT, group, update_prompts, uses_v1
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS503", "uneven-workers", "error")

WORKERS = f"{ROLLOUT}.agent.num_workers"


def check(view: View) -> Iterator[Found]:
    if uses_v1(view) or view.value(f"{ROLLOUT}.agent.agent_loop_manager_class"):
        return
    prompts, samples, workers = update_prompts(view), group(view), view.integer(WORKERS)
    if workers < 1:
        return
    baseline = ""
    if view.at_least("0.8.0") and view.value("algorithm.adv_estimator") == "remax":
        samples, baseline = samples + 1, " (one of them ReMax's greedy one)"
    if (prompts * samples) % workers == 0:
        return
    fits = max(w for w in range(1, workers + 1) if (prompts * samples) % w == 0)
    default = "" if view.said(WORKERS) is not None else " (default)"
    yield Found(
        f"{prompts} prompts × {samples} trajectories{baseline} = {prompts * samples} do not split over "
        f"{workers} agent loop workers{default}",
        (WORKERS, "data.train_batch_size", f"{ROLLOUT}.n"),
        fix=f"{WORKERS}={fits}",
        why="verl cuts them into equal parts and stops at the first rollout",
    )
