"""The limits of a run's lengths, in tokens of its model: the prompt's, the trajectory's, a tool answer's."""

from __future__ import annotations

from typing import NamedTuple

from toolspec.backends.verl.chat.probe import PROBE, QUESTION, call_message, result_message
from toolspec.backends.verl.chat.subject import Subject, missing
from toolspec.backends.verl.lint.derived import ROLLOUT
from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.compiler.chat.process import ChatProcess

PROMPT, RESPONSE = "data.max_prompt_length", "data.max_response_length"
TURNS, ANSWER = f"{ROLLOUT}.multi_turn.max_assistant_turns", f"{ROLLOUT}.multi_turn.max_tool_response_length"


class Limits(NamedTuple):
    """prompt, response, answer: tokens. rounds: of tools at most, 0 for no limit. around: tokens beside an answer.

    *_key, *_name: where the user says it, and what it is called. prompt_why: how a limit that nobody wrote came about.
    """

    prompt: int
    prompt_key: str
    prompt_name: str
    response: int
    response_name: str
    rounds: int
    answer: int
    around: int
    prompt_why: str = ""


def read_limits(subject: Subject) -> Limits:
    """Raises ProblemError where one is not known, ChatError where the template does not answer."""
    view = subject.view
    try:
        prompt, response = view.integer(PROMPT), view.integer(RESPONSE)
        turns = view.integer(TURNS, null=0)
        answer = view.integer(ANSWER)  # characters, each of which may be a token
    except NotKnownError as error:
        raise missing(subject.file, str(error), "") from None
    why = ""
    key, names = PROMPT, (f"`{PROMPT}`", f"`{RESPONSE}`")
    if view.run.spec is not None:
        plan = view.run.spec.plan
        key, names = "budget.prompt_tokens", ("`budget.prompt_tokens`", "`budget.trajectory_tokens`")
        answer = int(plan["budget.tool_response_tokens"])
        decision = plan.decisions[key]
        why = decision.reason if decision.kind == "derived" else ""
    rounds = max(0, turns - 1) if subject.tools else 0
    return Limits(prompt, key, names[0], response, names[1], rounds, answer, around_an_answer(subject), why)


def around_an_answer(subject: Subject) -> int:
    """Tokens that come with a tool's answer, the next generation prompt among them; 0 where the template has none."""
    if not subject.tools or subject.folder is None:
        return 0
    turns = [QUESTION, call_message(PROBE, {})]
    end = subject.folder.tokens.get("eos_token") or "\0"
    with ChatProcess() as process:
        process.tokenizer(subject.folder)
        process.template(subject.template)
        shown = [process.rows("render", [turns], subject.schemas, False, subject.variables)[0]]
        shown += process.rows(
            "render", [[*turns, result_message("x")]], subject.schemas, True, subject.variables
        )
        if not all(isinstance(text, str) for text in shown):
            return 0
        # The policy's turn ends with its end token; what the template writes behind it comes with the answer (the
        # newline of ChatML, which 0.9.1 puts back and earlier releases lose).
        shown[0] = shown[0][: shown[0].rindex(end) + len(end)] if end in shown[0] else shown[0]
        before, after = (len(ids) for ids in process.encode(shown))
    return max(0, after - before - 1)
