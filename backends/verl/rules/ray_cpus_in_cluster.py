"""`ray_init.num_cpus` where a Ray cluster is already up.

verl hands the key on to ray.init, which refuses it when it connects to a running cluster.

Why: the run stops at once with ValueError.
Source: trainer/main_ppo.py (0.9.1: :52-74); ray/_private/worker.py init ("When connecting to an existing cluster,
num_cpus and num_gpus must not be provided")
Bad:
    ray_kwargs.ray_init.num_cpus=32
    --- run.sh
    ray start --head
    python3 -m verl.trainer.main_ppo $ARGUMENTS
Good:
    --- run.sh
    ray start --head --num-cpus=32
    python3 -m verl.trainer.main_ppo $ARGUMENTS
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.facts.cluster import running_ray
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS903", "ray-cpus-in-cluster", "error")

KEYS = ("ray_kwargs.ray_init.num_cpus", "ray_kwargs.ray_init.num_gpus")


def check(view: View) -> Iterator[Found]:
    for key in KEYS:
        said = view.said(key)
        if said is None or said.value is None or view.value(key) is None:
            continue
        up = running_ray(view)
        if up:
            flag = key.rsplit("_", 1)[-1]
            yield Found(
                f"{key}={view.value(key)}, and {up}",
                (key, "launch:ray start"),
                fix=f"drop it, and give --num-{flag} to `ray start`",
                why="ray.init raises ValueError for it when it connects to a running cluster",
            )
