"""How an answer is written, found by asking the reward: which of a few forms it pays most for the accepted answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from toolspec.backends.verl.agent_loop import AgentLoop, ChatTokens, LoopFailure, NotSimulated, SingleTurnLoop
from toolspec.backends.verl.parsers.writing import answered
from toolspec.backends.verl.rehearsal.conversation import parsed, rendered
from toolspec.backends.verl.rehearsal.experiment import Experiment
from toolspec.backends.verl.rehearsal.row_answers import text_of, truth_of
from toolspec.backends.verl.rehearsal.user_process import UserProcess

Loop = AgentLoop | SingleTurnLoop
FORMS = (
    "{}",
    "The answer is {}.",
    "#### {}",
    "\\boxed{{}}",
    "<answer>{}</answer>",
    "<answer>\n{}\n</answer>",
    "Answer: {}",
    "Final answer: {}",
    "**{}**",
    "<think>\nso\n</think>\n<answer>{}</answer>",
    "<think>\nso\n</think>\n<answer>\n\\boxed{{}}\n</answer>",
)
"""How an answer may be written; the first that the reward pays most is taken."""


def answer_form(
    experiment: Experiment,
    tokens: ChatTokens,
    process: UserProcess,
    loop_of: Callable[[Mapping[str, Any]], Loop],
    eos: int | None,
) -> tuple[str, float | None]:
    """The form, with `{}` for the answer, and what the reward pays for an answer alone; None where it cannot be asked.

    loop_of: the loop of a row. eos: the id that ends a turn. Raises LostError.
    """
    row = next((row for row in experiment.rows if truth_of(row, experiment.reward) is not None), None)
    if row is None:
        return "{}", None
    truth = text_of(truth_of(row, experiment.reward))
    end = [] if eos is None else [eos]
    answers = [
        [*tokens.encode(answered(experiment.settings.format, form.replace("{}", truth))), *end]
        for form in FORMS
    ]
    try:
        loop = loop_of(row)
    except (LoopFailure, NotSimulated):
        return "{}", None
    process.send({"do": "probe", "with": {"row": row, "answers": answers}})
    while "ask" in (message := process.receive()):
        process.send({"answer": _told(experiment, tokens, loop, message)})
    if "failure" in message:
        return "{}", None
    scores = [float(one) for one in message["done"]]
    best = max(range(len(FORMS)), key=lambda at: (scores[at], -at))
    return FORMS[best], scores[best]


def _told(experiment: Experiment, tokens: ChatTokens, loop: Loop, message: Mapping[str, Any]) -> Any:
    if message["ask"] == "decode":
        return tokens.decode(message["ids"], message["skip"])
    if message["ask"] == "encode":
        return tokens.encode(message["text"])
    if message["ask"] == "render":
        return rendered(tokens, message)
    try:
        return parsed(experiment, tokens, loop, message["ids"])
    except (LoopFailure, NotSimulated):
        return []
