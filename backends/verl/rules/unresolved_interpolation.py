"""An interpolation of a key that is not there.

verl resolves the whole configuration before it starts to train.

Why: InterpolationKeyError when the trainer starts.
Source: OmegaConf.resolve in trainer/main_ppo.py of each release (0.9.1: :145); omegaconf 2.3
Bad:
    'trainer.experiment_name="${trainer.project}-1"'
Good:
    'trainer.experiment_name="${trainer.project_name}-1"'
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.interpolation import UnresolvedError
from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS818", "unresolved-interpolation", "error")

_SURE = ("there is no key", "is a cycle", "has no closing brace")


def check(view: View) -> Iterator[Found]:
    asked = [said for said in view.final.values() if isinstance(said.value, str) and "${" in said.value]
    if asked and (view.run.open or not view.run.base):
        raise NotKnownError(view.run.open)
    for said in asked:
        try:
            view.resolved(said.key)
        except UnresolvedError as error:
            if any(words in str(error) for words in _SURE):
                yield Found(
                    f"`{said.value}` cannot be resolved: {error}",
                    (said.key,),
                    why="verl resolves the whole configuration and stops",
                    span=said.span,
                )
