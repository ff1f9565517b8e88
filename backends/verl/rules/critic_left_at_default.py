"""A critic whose model was not chosen.

`adv_estimator=gae`, the default, starts a critic, whose model is `~/models/deepseek-llm-7b-chat` whatever the actor is.

Why: the run stops in validate_config, which reads that directory; where it exists, it trains a 7B critic of another
vocabulary.
Source: trainer/config/model/hf_model.yaml and critic.yaml of each release; trainer/ppo/utils.py need_critic;
utils/config.py validate_config
Bad:
    algorithm.adv_estimator=gae critic.ppo_micro_batch_size_per_gpu=4
Good:
    algorithm.adv_estimator=gae critic.ppo_micro_batch_size_per_gpu=4 critic.model.path=model
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import MODEL, has_critic
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS122", "critic-left-at-default", "error")

PATH, ESTIMATOR = "critic.model.path", "algorithm.adv_estimator"


def check(view: View) -> Iterator[Found]:
    if view.said(PATH) is not None or not has_critic(view):
        return
    actor, critic = view.value(f"{MODEL}.path"), view.text(PATH)
    if critic == actor:
        return
    chosen = (
        "" if view.said(ESTIMATOR) is not None or view.said("critic.enable") is not None else " (default)"
    )
    yield Found(
        f"{view.text(ESTIMATOR)}{chosen} trains a critic, and {PATH} is left at {critic}",
        (PATH, ESTIMATOR),
        fix=f"{PATH}={actor}",
        why="verl reads its configuration in validate_config",
        span=view.span(PATH, "critic", ESTIMATOR),
    )
