"""A reward function that cannot be called as verl calls it.

verl's managers call it by keyword with `data_source`, `solution_str`, `ground_truth` and `extra_info`, further with
every name of `reward_kwargs`, and with `reward_router_address` and `reward_model_tokenizer` where a reward model runs.

Why: every score is a TypeError: the run ends at the first one (V0), or all groups fail (V1).
Source: experimental/reward_loop/reward_manager/{naive,dapo,gdpo,limited,remote}.py and trainer/ppo/reward.py:30-47 of
each release; verl issues 3374 and 4268
Bad:
    reward.custom_reward_function.path=reward.py
    --- reward.py
    def compute_score(solution_str, ground_truth, method="strict"):
        return float(solution_str.endswith(f"Answer: {ground_truth}"))
Good:
    reward.custom_reward_function.path=reward.py
    --- reward.py
    def compute_score(data_source, solution_str, ground_truth, extra_info=None, method="strict"):
        return float(solution_str.endswith(f"Answer: {ground_truth}"))
Bad:
    +reward.custom_reward_function.reward_kwargs.bonus=0.1
Bad:
    reward.custom_reward_function.path=reward.py
    --- reward.py
    def compute_score(data_sources, solution_strs, ground_truths, extra_infos):
        return [float(text.endswith(f"Answer: {right}")) for text, right in zip(solution_strs, ground_truths)]
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import FUNCTION
from toolspec.backends.verl.lint.facts.reward import manager
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.compiler.facts.code_check import REWARD_KEYWORDS
from toolspec.compiler.facts.signature import keyword_call_problems, read_signature

RULE = Rule("TS076", "keyword-call", "error")

KWARGS = f"{FUNCTION}.reward_kwargs"
OF_A_MODEL = ("reward_router_address", "reward_model_tokenizer")


def check(view: View) -> Iterator[Found]:
    function = view.facts.reward()
    if function is None:
        return
    if not manager(view):
        return
    prefix = f"{KWARGS}."
    more = {key[len(prefix) :].partition(".")[0] for key in view.final if key.startswith(prefix)}
    of_model = OF_A_MODEL if view.value("reward.reward_model.enable") else ()
    given = tuple(dict.fromkeys((*REWARD_KEYWORDS, *sorted(more), *of_model)))
    signature = read_signature(function.source, function.node)
    for problem in keyword_call_problems(signature, given, "verl calls a reward function"):
        asked = [name for name in more if f"`{name}`" in problem.message]
        yield Found(
            problem.message,
            ("reward.py", f"{FUNCTION}.path", *(f"{KWARGS}.{name}" for name in asked)),
            fix=problem.fix,
            why=problem.why,
            span=problem.span,
        )
