"""A Python file that verl loads by path is not there.

A reward function, a reward manager, a dataset class and a sampler are named by a path, which is relative to the folder
that the run starts in. The reward's file is looked for in the reward workers, after the models have loaded.

Why: the run stops with FileNotFoundError.
Source: utils/import_utils.py load_module (0.7.1: :114, 0.8.0: :121, 0.9.1: :178); experimental/reward_loop/
reward_loop.py _init_reward_loop_workers
Bad:
    reward.custom_reward_function.path=rewards.py
Good:
    reward.custom_reward_function.path=reward.py
Bad:
    data.custom_cls.path=dataset.py data.custom_cls.name=Rows
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.facts.code import missing, written
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.specs.nearest import nearest

RULE = Rule("TS402", "code-file-missing", "error")


def check(view: View) -> Iterator[Found]:
    for one in written(view):
        if not missing(view, one):
            continue
        folder = view.path(one.text)
        there = [name for name in view.files.names(view.run.folder) if name.endswith(".py")]
        close = nearest(one.text, there)
        yield Found(
            f"{one.text} is a folder" if folder is not None else f"there is no file {one.text}",
            (one.slot.path,),
            fix=f"did you mean {close[0]}?"
            if close
            else "the path is relative to the folder that the run starts in",
            why=f"verl loads the {one.slot.kind} from it and stops",
        )
