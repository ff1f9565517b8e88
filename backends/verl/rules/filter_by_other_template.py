"""Prompts are dropped for their length by another chat template than the rollout's.

Up to 0.8.0 the trainer makes the dataset's tokenizer of `model.path` alone: `model.custom_chat_template` and
`model.tokenizer_path` are for the workers. `data.filter_overlong_prompts` then counts prompts that the model never
sees; where the model's folder has no template, each count fails, and a row whose count fails is dropped.

Why: rows that fit are dropped and others, which do not, are kept; or no row is left.
Source: trainer/main_ppo.py (0.7.1: :315, 0.8.0: :271), utils/dataset/rl_dataset.py maybe_filter_out_long_prompts
(0.7.1: :207-258, 0.8.0: :215-262); workers/config/model.py (0.8.0: :173-177). From 0.9.0 on the dataset has the
workers' tokenizer (trainer/main_ppo_v0.py :190, ppo/v1/trainer_base.py :704).
Bad (verl 0.8.0):
    +actor_rollout_ref.model.custom_chat_template="'{{ tools }}{% for m in messages %}{{ m.content }}{% endfor %}'"
Good (verl 0.8.0):
    +actor_rollout_ref.model.custom_chat_template="'{{ tools }}{% for m in messages %}{{ m.content }}{% endfor %}'"
    data.filter_overlong_prompts=False
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import MODEL
from toolspec.backends.verl.lint.facts.template import CUSTOM, TOKENIZER
from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.compiler.facts.model_directory import chat_template
from toolspec.specs.problem import ProblemError

RULE = Rule("TS211", "filter-by-other-template", "warning")

FILTER, PATH = "data.filter_overlong_prompts", f"{MODEL}.path"


def check(view: View) -> Iterator[Found]:
    if view.at_least("0.9.0") or not view.true(FILTER) or view.value("data.custom_cls.path"):
        return
    key = CUSTOM if view.text(CUSTOM) else TOKENIZER
    other = view.text(key)
    if not other or (key == TOKENIZER and other == view.text(PATH)):
        return
    none = _has_no_template(view)
    yield Found(
        f"verl {view.version} counts prompts with the template of {view.name(PATH)}, not with {view.name(key)}"
        + (", and that folder has none" if none else ""),
        (key, FILTER, PATH),
        fix="put the template into the model's folder, as chat_template.jinja, or `data.filter_overlong_prompts=False`",
        why="each count fails, and verl drops a row whose count fails: none is left"
        if none
        else "rows are dropped or kept by lengths that their prompts do not have",
        severity="error" if none else None,
    )


def _has_no_template(view: View) -> bool:
    try:
        directory = view.facts.model(PATH).directory
        return directory is not None and chat_template(directory) is None
    except (NotKnownError, ProblemError):
        return False
