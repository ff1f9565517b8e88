"""The limits of a run's lengths as the user set them: the prompt's, the trajectory's, a tool answer's."""

from __future__ import annotations

from typing import NamedTuple

from toolspec.backends.verl.chat.subject import Subject, missing
from toolspec.backends.verl.lint.derived import PROMPT_LENGTH, RESPONSE_LENGTH, ROLLOUT
from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.backends.verl.lint.view import View

FILTER = "data.filter_overlong_prompts"
PROMPT, RESPONSE = "data.max_prompt_length", "data.max_response_length"
MULTI_TURN = f"{ROLLOUT}.multi_turn"
TURNS, ANSWER = f"{MULTI_TURN}.max_assistant_turns", f"{MULTI_TURN}.max_tool_response_length"
USER_TURNS, PARALLEL = f"{MULTI_TURN}.max_user_turns", f"{MULTI_TURN}.max_parallel_calls"
SIDE, MODEL_LENGTH = f"{MULTI_TURN}.tool_response_truncate_side", f"{ROLLOUT}.max_model_len"
# What verl puts where it cuts an answer (tool_agent_loop.py _call_tool, all releases).
MARKERS = {"left": "(truncated)...", "right": "...(truncated)"}
MIDDLE = "...(truncated)..."


class Limits(NamedTuple):
    """prompt, response: tokens. rounds: of tools at most, None for no limit; parallel: answers of a round.

    answer: tokens of a tool's answer, 0 where `characters` bound it, the mark of the cut among them. turn: tokens of a
    turn of the policy's, 0 for no limit of its own. model: max_model_len, 0 where it is the model's own.
    *_key, *_name: where the user says it, and what it is called. long: what becomes of a prompt that is too long.
    prompt_why: how a limit that nobody wrote came about.
    """

    prompt: int
    prompt_key: str
    prompt_name: str
    response: int
    response_key: str
    response_name: str
    rounds: int | None
    parallel: int
    answer: int
    characters: int
    turn: int
    model: int
    long: str
    prompt_why: str = ""


def read_limits(subject: Subject) -> Limits:
    """Raises ProblemError where one is not known."""
    try:
        return _limits(subject)
    except NotKnownError as error:
        raise missing(subject.file, str(error), "") from None


def _limits(subject: Subject) -> Limits:
    view, spec = subject.view, subject.view.run.spec
    prompt_key, prompt = _limit(view, PROMPT, PROMPT_LENGTH)
    if view.true(FILTER):  # which reads the data section's, as agent loop and engine do not
        prompt_key, prompt = PROMPT, view.integer(PROMPT)
    response_key, response = _limit(view, RESPONSE, RESPONSE_LENGTH)
    turns, user_turns = view.integer(TURNS, null=0), view.integer(USER_TURNS, null=0)
    keys, answer, characters, turn, why = (prompt_key, response_key), 0, 0, 0, ""
    if spec is not None:
        keys = ("budget.prompt_tokens", "budget.trajectory_tokens")
        answer = int(spec.plan["budget.tool_response_tokens"])
        turn = int(spec.plan["budget.turn_tokens"])
        decision = spec.plan.decisions[keys[0]]
        why = decision.reason if decision.kind == "derived" else ""
    elif subject.tools:
        characters = view.integer(ANSWER) + len(MARKERS.get(view.text(SIDE), MIDDLE))
    # verl looks at both limits before it parses a turn's call, and a round is a turn of the user's.
    bounds = [*((turns - 1,) if turns else ()), *((user_turns,) if user_turns else ())]
    return Limits(
        prompt,
        keys[0],
        f"`{keys[0]}`",
        response,
        keys[1],
        f"`{keys[1]}`",
        max(0, min(bounds)) if subject.tools and bounds else None,
        max(1, view.integer(PARALLEL, null=1)),
        answer,
        characters,
        turn if turn < response else 0,
        view.integer(MODEL_LENGTH, null=0),
        _long(view),
        why,
    )


def _limit(view: View, key: str, own: str) -> tuple[str, int]:
    """The rollout's own limit and the key that says it: the data section's is its default."""
    return own if view.said(own) is not None else key, view.integer(own)


def _long(view: View) -> str:
    """What verl does with a prompt that is too long.

    Source: utils/dataset/rl_dataset.py maybe_filter_out_long_prompts; experimental/agent_loop/agent_loop.py (0.7.1: no
    cut; 0.8.0: :340-352; 0.9.1: :438-441).
    """
    if view.true(FILTER):
        return "verl drops them"
    if not view.at_least("0.8.0"):
        return "the run stops where they are put together with others"
    return "verl cuts their beginning, system prompt and tools first"
