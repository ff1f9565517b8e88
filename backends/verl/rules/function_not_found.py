"""A file that verl loads by path does not have the name that is looked up in it.

`reward.custom_reward_function.name` is `compute_score` where it is not set. A manager's class is
`reward.reward_manager.name`; `reward_manager.module.name` has no reader.

Why: the run stops with AttributeError; for a reward function after the models have loaded.
Source: utils/import_utils.py load_extern_object (0.7.1: :163, 0.8.0: :171, 0.9.1: :246); trainer/ppo/reward.py:75-80
and load_reward_manager of each release
Bad:
    reward.custom_reward_function.name=compute_reward
Good:
    reward.custom_reward_function.name=compute_score
Bad:
    reward.reward_manager.source=importlib reward.reward_manager.module.path=manager.py
    reward.reward_manager.module.name=Manager
    --- manager.py
    from verl.experimental.reward_loop.reward_manager.base import RewardManagerBase


    class Manager(RewardManagerBase):
        async def run_single(self, data):
            return {"reward_score": 0.0, "reward_extra_info": {}}
Good:
    reward.reward_manager.source=importlib reward.reward_manager.module.path=manager.py
    reward.reward_manager.name=Manager
    --- manager.py
    from verl.experimental.reward_loop.reward_manager.base import RewardManagerBase


    class Manager(RewardManagerBase):
        async def run_single(self, data):
            return {"reward_score": 0.0, "reward_extra_info": {}}
Bad:
    data.custom_cls.path=rows.py
    --- rows.py
    from verl.utils.dataset.rl_dataset import RLHFDataset


    class Rows(RLHFDataset):
        pass
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from toolspec.backends.verl.lint.facts.code import Written, source_of, written
from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.compiler.facts.module_names import ModuleNames
from toolspec.compiler.facts.python_source import PythonSource, nodes
from toolspec.specs.nearest import nearest
from toolspec.specs.problem import ProblemError

RULE = Rule("TS062", "function-not-found", "error")


def check(view: View) -> Iterator[Found]:
    unknown: NotKnownError | None = None
    for one in written(view):
        try:
            yield from _looked_up(view, one)
        except NotKnownError as error:
            unknown = unknown or error
    if unknown is not None:
        raise unknown


def _looked_up(view: View, one: Written) -> Iterator[Found]:
    name = view.text(one.slot.name)
    if not name:
        yield Found(
            f"{one.slot.path}={one.text} is given and {view.shown(one.slot.name)}",
            (one.slot.name, one.slot.path),
            fix=f"{one.slot.name}=NAME",
            why=f"verl looks the {one.slot.kind} up by its name and stops",
        )
        return
    try:
        source, names = source_of(view, one)
    except ProblemError:
        return  # rule python-syntax
    if name in _defined(names) or _dynamic(source, name):
        return
    known = [*names.functions, *names.classes]
    close = nearest(name, known)
    default = "" if view.said(one.slot.name) is not None else ", the default"
    listed = ", ".join(known[:8]) or "nothing"
    yield Found(
        f"{one.pseudo} has no `{name}`{default}; it defines {listed}",
        (one.slot.name, one.pseudo, one.slot.path),
        fix=f"{one.slot.name}={close[0] if close else known[0]}" if known else f"def {name}(…): …",
        why=f"verl looks the {one.slot.kind} up by this name and stops",
        span=view.span(one.slot.name, one.slot.path),
    )


def _defined(names: ModuleNames) -> set[str]:
    return {*names.functions, *names.classes, *names.imports, *names.aliases}


def _dynamic(source: PythonSource, name: str) -> bool:
    """Whether the module may get the name in a way that is not read: a star import, globals(), a tuple, a loop."""
    for node in nodes(source.tree):
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            return True
        if isinstance(node, ast.Name) and (
            node.id in ("globals", "setattr", "exec") or (node.id == name and isinstance(node.ctx, ast.Store))
        ):
            return True
        if isinstance(node, ast.FunctionDef) and node.name == "__getattr__":
            return True
    return False
