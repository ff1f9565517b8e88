"""Keys that a verl release reads with `.get(...)` although its defaults do not list them."""

from __future__ import annotations

import ast
from typing import Any

from release_source import Package, chain, source, type_of_value, written

# Files of other entry points, tests of features and engines that the RL path does not run.
SKIPPED = (
    "experimental/",
    "models/",
    "third_party/",
    "trainer/sft_trainer",
    "trainer/main_eval",
    "trainer/main_gen",
)
KEPT = ("experimental/agent_loop/", "experimental/reward_loop/")
ROOTS = (("config",), ("self", "config"), ("self", "_config"), ("cfg",))

# In this file, this name holds this section of the config.
HELD: dict[str, dict[tuple[str, ...], str]] = {
    "utils/dataset/rl_dataset.py": {("config",): "data", ("self", "config"): "data"},
    "trainer/ppo/utils.py": {("data_config",): "data"},
    "trainer/ppo/reward.py": {("reward_fn_config",): "reward.custom_reward_function"},
    "workers/rollout/vllm_rollout/vllm_async_server.py": {
        ("self", "model_config"): "actor_rollout_ref.model"
    },
}


def reads(package: Package, sections: set[str]) -> dict[str, dict[str, str]]:
    """Key to its type (of the fallback given to `.get`) and source, for keys under one of `sections`."""
    found: dict[str, dict[str, str]] = {}
    for file in package.files("**/*.py"):
        if file.startswith(SKIPPED) and not file.startswith(KEPT):
            continue
        for node in ast.walk(package.tree(file)):
            key = read_key(node, file) if isinstance(node, ast.Call) else None
            if isinstance(node, ast.Call) and key and key.rpartition(".")[0] in sections:
                found.setdefault(key, {"source": source(file, node), "type": fallback_type(node)})
    return found


def read_key(node: ast.Call, file: str) -> str | None:
    """The dotted key of `config.a.b.get("c", ...)`."""
    path = chain(node)
    for name, section in HELD.get(file, {}).items():
        if path[: len(name)] == name:
            return ".".join((section, *path[len(name) :]))
    for root in ROOTS:
        if path[: len(root)] == root and len(path) > len(root) + 1:
            return ".".join(path[len(root) :])
    return None


def fallback_type(call: ast.Call) -> str:
    fallback: Any = call.args[1] if len(call.args) > 1 else None
    if isinstance(fallback, ast.Dict):
        return "dict?"
    if isinstance(fallback, ast.Constant) and fallback.value is not None:
        return written({type_of_value(fallback.value), "null"})
    return "any"
