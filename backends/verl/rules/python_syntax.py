"""A Python file that verl loads by path is no Python.

Why: the run stops with a SyntaxError; for a reward function after the models have loaded.
Source: utils/import_utils.py load_module (0.9.1: :188-191), the same in all releases
Bad:
    reward.custom_reward_function.path=reward.py
    --- reward.py
    def compute_score(data_source, solution_str, ground_truth, extra_info=None)
        return 1.0
Good:
    reward.custom_reward_function.path=reward.py
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.facts.code import source_of, written
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.specs.problem import ProblemError

RULE = Rule("TS061", "python-syntax", "error")


def check(view: View) -> Iterator[Found]:
    for one in written(view):
        if one.file is None:
            continue
        try:
            source_of(view, one)
        except ProblemError as error:
            for problem in error.problems:
                if problem.code == RULE.code:
                    yield Found(
                        f"{one.pseudo}: {problem.message}",
                        (one.slot.path, one.pseudo),
                        why=f"verl loads the {one.slot.kind} from it and stops",
                        span=problem.span,
                    )
