"""Trajectories over a small tokenizer: what is whose, what is lost between turns, and where a trajectory stops."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiny_model import CHATML, write_model
from toolspec.backends.verl.agent_loop import (
    AgentLoop,
    ChatTokens,
    LoopFailure,
    LoopSettings,
    NotSimulated,
    Trajectory,
    turn_limit,
)
from toolspec.backends.verl.agent_loop.tool_answer import tool_answer
from toolspec.backends.verl.parsers import Call
from toolspec.compiler.chat.folder import read_chat_folder
from toolspec.compiler.chat.process import ChatProcess

RELEASES = ("0.7.1", "0.8.0", "0.9.1")
QUESTION = [{"role": "user", "content": "What is 6*7?"}]
PARAMETERS = {"type": "object", "properties": {"x": {"type": "string"}}, "required": ["x"]}
TOOLS = [{"type": "function", "function": {"name": "calc", "description": "d", "parameters": PARAMETERS}}]
CALL = '<tool_call>\n{"name": "calc", "arguments": {"x": "6*7"}}\n</tool_call><|im_end|>'
ANSWER = "#### 42<|im_end|>"
LIMITS = LoopSettings("0.9.1", 512, 512, model_type="qwen2")


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChatTokens]:
    folder = write_model(tmp_path_factory.mktemp("model"))
    with ChatProcess() as process:
        yield ChatTokens(process, read_chat_folder(folder))


def played(tokens: ChatTokens, limits: LoopSettings, *turns: str, result: str = "42") -> Trajectory:
    left = iter([*turns, *[ANSWER] * 50])

    def policy(ids: Sequence[int]) -> list[int]:
        return tokens.encode(next(left))

    return AgentLoop(tokens, limits, TOOLS).run(QUESTION, policy, lambda name, arguments: result)


def written(tokens: ChatTokens, found: Trajectory, whose: int) -> str:
    return tokens.decode([one for one, by in zip(found.response_ids, found.mask, strict=True) if by == whose])


@pytest.mark.parametrize("release", RELEASES)
def test_the_mask_covers_what_the_policy_wrote(tokens: ChatTokens, release: str) -> None:
    found = played(tokens, LIMITS._replace(release=release), CALL)
    assert written(tokens, found, 1) == CALL + ANSWER
    between = "<|im_start|>user\n<tool_response>\n42\n</tool_response><|im_end|>\n<|im_start|>assistant\n"
    # The newline that ChatML has behind a turn is lost before 0.9.
    assert written(tokens, found, 0) == ("\n" if release == "0.9.1" else "") + between
    assert (found.stop, found.turns) == ("no_tool_call", 4)
    assert [[one.name for one in calls] for calls in found.called] == [["calc"]]


def test_in_0_9_the_ids_are_those_of_the_whole_conversation(tokens: ChatTokens) -> None:
    found = played(tokens, LIMITS, CALL)
    call = {"type": "function", "function": {"name": "calc", "arguments": {"x": "6*7"}}}
    turn = {"role": "assistant", "content": "", "tool_calls": [call]}
    whole: list[dict[str, Any]] = [
        *QUESTION,
        turn,
        {"role": "tool", "content": "42"},
        {"role": "assistant", "content": "#### 42"},
    ]
    rendered = tokens.decode(tokens.rendered(whole, TOOLS, False, {})).removesuffix("\n")
    # The template begins a turn of calls with a newline, which this policy did not write.
    assert tokens.decode([*found.prompt_ids, *found.response_ids]) == rendered.replace(
        "\n\n<tool_call>", "\n<tool_call>"
    )


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize(
    ("limits", "stop"),
    [
        ({"max_assistant_turns": 2}, "max_assistant_turns"),
        ({"max_user_turns": 1}, "max_user_turns"),
        ({"response_length": 10}, "response_length"),
        ({"response_length": 100}, "tool_response_overflow"),
    ],
)
def test_limits(tokens: ChatTokens, release: str, limits: dict[str, Any], stop: str) -> None:
    found = played(
        tokens, LIMITS._replace(release=release, **limits), CALL, CALL, CALL, CALL, result="9" * 60
    )
    assert found.stop == stop
    assert len(found.response_ids) == len(found.mask) <= limits.get("response_length", 512)


@pytest.mark.parametrize("release", RELEASES)
def test_a_prompt_that_is_too_long_is_cut_from_the_left_since_0_8(tokens: ChatTokens, release: str) -> None:
    whole = played(tokens, LIMITS._replace(release=release)).prompt_ids
    found = played(tokens, LIMITS._replace(release=release, prompt_length=20)).prompt_ids
    assert found == (whole if release == "0.7.1" else whole[-20:])


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(RELEASES),
    st.lists(
        st.sampled_from((CALL, ANSWER, CALL * 2, "<|im_end|>", "", "<tool_call>{}</tool_call>")), max_size=6
    ),
    st.integers(1, 300),
    st.integers(0, 4),
)
def test_prompt_response_and_mask_fit_together(
    tokens: ChatTokens, release: str, turns: list[str], response: int, most: int
) -> None:
    limits = LIMITS._replace(
        release=release, response_length=response, max_assistant_turns=most, max_parallel_calls=2
    )
    found = played(tokens, limits, *turns)
    assert len(found.mask) <= response
    if found.mask:
        assert len(found.response_ids) == len(found.mask)
        assert found.mask[0] == 1
    assert found.turns % 2 == 0 or found.stop != "no_tool_call"


def test_what_verl_refuses_and_what_is_not_worked_out(tokens: ChatTokens, tmp_path: Path) -> None:
    with pytest.raises(LoopFailure, match="ValueError"):
        AgentLoop(tokens, LIMITS._replace(format="nosuch"), TOOLS)
    with pytest.raises(LoopFailure, match="ValueError"):  # its tokenizer has no <|observation|>
        AgentLoop(tokens, LIMITS._replace(model_type="glm4_moe"), TOOLS)
    with pytest.raises(NotSimulated, match="processor"):
        AgentLoop(tokens, LIMITS._replace(model_type="qwen2_5_vl"), TOOLS)
    only_tools = "{% if messages[0].role != 'user' %}{{ raise_exception('no') }}{% endif %}" + CHATML
    folder = read_chat_folder(write_model(tmp_path / "other", only_tools))
    with ChatProcess() as process:
        # An answer alone is refused, so it is rendered behind an empty turn of a user.
        other = ChatTokens(process, folder)
        texts = [
            written(one, played(one, LIMITS._replace(release="0.8.0"), CALL), 0) for one in (other, tokens)
        ]
    assert texts[0] == texts[1]


def test_answers_of_tools_in_the_words_of_the_release() -> None:
    def tool(name: str, arguments: Any) -> str:
        if arguments == "fail":
            raise RuntimeError("no such page")
        return "0123456789"

    def answer(call: Call, **more: Any) -> str:
        limits = LIMITS._replace(max_tool_response_length=4, **more)
        return tool_answer(call, tool, ["calc"], limits)

    plain = Call("calc", "{}")
    cut = {side: answer(plain, tool_response_truncate_side=side) for side in ("left", "right", "middle")}
    oldest = {
        side: answer(plain, tool_response_truncate_side=side, release="0.7.1") for side in ("left", "right")
    }
    assert cut == {
        "left": "(truncated)...6789",
        "right": "0123...(truncated)",
        "middle": "01...(truncated)...89",
    }
    assert oldest == {"left": cut["right"], "right": cut["left"]}
    assert answer(Call("calc", '"fail"')) == "Error executing tool 'calc': no such page"
    assert answer(Call("x", "{}")) == "Unknown function 'x'. Available tools: ['calc']"
    assert answer(Call("calc", "{")).startswith("Invalid JSON in arguments for 'calc': ")
    assert answer(Call("x", "{}"), release="0.7.1") == "Error when executing tool: 'x'"


def test_what_the_engine_lets_a_turn_have() -> None:
    assert turn_limit("0.7.1", "sglang", 10, 20, 30, 10) == 20
    assert turn_limit("0.9.1", "sglang", 10, 20, 30, 10) == 19
    assert turn_limit("0.9.1", "vllm", 10, 20, 30, 30) is None
    assert turn_limit("0.7.1", "vllm", 10, 20, 30, 30) == 0
    assert turn_limit("0.8.0", "vllm", 10, 20, 300, 50) == 1
    assert turn_limit("0.8.0", "sglang", 10, 20, 300, 10, max_tokens=50) == 50
