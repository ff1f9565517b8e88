"""The keys that choose the reward manager contradict each other.

`source: register` looks `name` up among verl's managers, `source: importlib` loads the class `name` from the file
`module.path`. `module.name` has no reader. `remote` runs the function in processes of its own and takes no `async def`.

Why: the run stops after the models have loaded, or scores with another manager.
Source: trainer/ppo/reward.py load_reward_manager and resolve_reward_manager_cls (0.7.1: :106-124, 0.8.0 and 0.9.1:
:89-108); experimental/reward_loop/reward_manager/remote.py (0.9.1: :57)
Bad:
    reward.reward_manager.source=importlib reward.reward_manager.name=Manager
Good:
    reward.reward_manager.source=register reward.reward_manager.name=naive
Bad:
    reward.reward_manager.module.path=manager.py
    --- manager.py
    class Manager:
        pass
Bad:
    reward.reward_manager.source=file reward.reward_manager.name=Manager
Bad:
    reward.reward_manager.name=remote
    --- reward.py
    async def compute_score(data_source, solution_str, ground_truth, extra_info=None):
        return float(solution_str.endswith(f"Answer: {ground_truth}"))
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import MANAGER
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS414", "manager-source", "error")

SOURCES = ("register", "importlib")


def check(view: View) -> Iterator[Found]:
    source = view.value(f"{MANAGER}.source")
    path = view.value(f"{MANAGER}.module.path")
    if source not in SOURCES:
        yield Found(
            f"reward.reward_manager.source is {source!r}",
            (f"{MANAGER}.source",),
            fix=f"{MANAGER}.source={'importlib' if path else 'register'}",
            why="verl knows register and importlib, and stops when the reward workers start",
        )
    elif source == "importlib" and not path:
        yield Found(
            f"reward.reward_manager.source is importlib and {view.shown(f'{MANAGER}.module.path')}",
            (f"{MANAGER}.module.path", f"{MANAGER}.source"),
            fix=f"{MANAGER}.module.path=FILE.py",
            why="verl asserts the path when the reward workers start, after loading",
            span=view.span(f"{MANAGER}.source"),
        )
    elif source == "register" and path:
        yield Found(
            f"{MANAGER}.module.path={path} is given and reward.reward_manager.source is register",
            (f"{MANAGER}.module.path", f"{MANAGER}.source"),
            fix=f"{MANAGER}.source=importlib {MANAGER}.name=CLASS",
            why=f"verl's own manager `{view.value(f'{MANAGER}.name')}` scores; the file is not loaded",
        )
    said = view.said(f"{MANAGER}.module.name")
    if (
        said is not None
        and said.value != view.keys.defaults.get(said.key)
        and said.value != view.value(f"{MANAGER}.name")
    ):
        yield Found(
            f"nothing reads {MANAGER}.module.name={said.value}: the class is reward.reward_manager.name",
            (f"{MANAGER}.module.name", f"{MANAGER}.name"),
            fix=f"{MANAGER}.name={said.value}",
            severity=None if source == "importlib" else "warning",
        )
    if source == "register" and view.value(f"{MANAGER}.name") == "remote":
        function = view.facts.reward()
        if function is None:
            return
        if isinstance(function.node, ast.AsyncFunctionDef):
            yield Found(
                f"the remote manager takes no `async def`, and `{function.node.name}` is one",
                (f"{MANAGER}.name", "reward.py"),
                fix=f"{MANAGER}.name=naive",
                why="verl asserts it when the reward workers start, after loading",
            )
