"""A number of CPUs or GPUs for ray.init, which joins a cluster that runs already.

main_ppo hands `ray_kwargs.ray_init` to ray.init. With RAY_ADDRESS, under `ray job submit`, or where `ray start` ran on
the machine, it joins that cluster, and takes no `num_cpus`, `num_gpus`, `resources` or
`object_store_memory`.

Why: ray.init raises ValueError before anything is loaded.
Source: trainer/main_ppo.py of each release (0.9.1: :52-74); ray 2, _private/worker.py init
Bad:
    --- run.sh
    ray start --head --num-cpus=32
    python3 -m verl.trainer.main_ppo data.train_batch_size=32 ray_kwargs.ray_init.num_cpus=32
Bad:
    +ray_kwargs.ray_init.address=auto ray_kwargs.ray_init.num_cpus=64
Good:
    ray_kwargs.ray_init.num_cpus=32
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.facts.launch import cluster
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS905", "cpus-of-a-running-cluster", "error")

INIT = "ray_kwargs.ray_init"
REFUSED = ("num_cpus", "num_gpus", "resources", "object_store_memory")


def check(view: View) -> Iterator[Found]:
    launch, address = view.run.launch, view.said(f"{INIT}.address")
    if address is not None and isinstance(address.value, str) and address.value != "local":
        for name in REFUSED:
            if view.value(f"{INIT}.{name}") is not None:
                yield Found(
                    f"{view.shown(f'{INIT}.{name}')}, and address={address.value} is a cluster that runs",
                    (f"{INIT}.{name}", f"{INIT}.address"),
                    fix=f"{INIT}.{name}=null; give the number to `ray start`",
                    why=f"ray.init raises ValueError: {name} must not be provided to an existing cluster",
                )
        return
    if launch is None:
        return
    for name in REFUSED:
        key = f"{INIT}.{name}"
        said = view.said(key)
        if said is None or said.value is None:
            continue
        joined = cluster(launch)
        if joined is None:
            return
        yield Found(
            f"{key} is set, and ray.init joins a running cluster: {joined.why}",
            (key, joined.key),
            fix=f"{key}=null; give the number to `ray start`",
            why=f"ray.init raises ValueError: {name} must not be provided to an existing cluster",
            severity=None if joined.sure else "warning",
            span=said.key_span,
        )
