"""verl's SingleTurnAgentLoop, which a run without tools has: one turn behind the prompt, all of it the policy's.

Source: single_turn_agent_loop.py `run` of each release. Images and videos are not simulated.
"""

from __future__ import annotations

from collections.abc import Sequence

from toolspec.backends.verl.agent_loop.boundary import Boundary
from toolspec.backends.verl.agent_loop.chat_tokens import ChatTokens, Message, Schemas
from toolspec.backends.verl.agent_loop.continuous import Continuous
from toolspec.backends.verl.agent_loop.loop import Steps, Stop, Trajectory, Wanted
from toolspec.backends.verl.agent_loop.settings import LoopSettings
from toolspec.backends.verl.agent_loop.system_prompt_cut import SystemPromptCut


class SingleTurnLoop:
    """In place of an AgentLoop. Raises LoopFailure, NotSimulated and ChatError, as its method does."""

    tools: Schemas = ()
    read: Schemas = ()
    stop_token_ids: Sequence[int] = ()

    def __init__(self, tokens: ChatTokens, settings: LoopSettings) -> None:
        make = Continuous if settings.release.startswith("0.9") else SystemPromptCut
        self.boundary: Boundary = make(tokens, settings)
        self.longest = settings.response_length

    def steps(self, messages: Sequence[Message]) -> Steps:
        """stop: response_length where the turn has as many tokens, else no_tool_call. The template gets no tools."""
        ids = self.boundary.first(messages, None)
        turn = list((yield Wanted(ids, [], messages)))
        response = turn[: self.longest]
        stop: Stop = "response_length" if len(turn) >= self.longest else "no_tool_call"
        return Trajectory(tuple(ids), tuple(response), (1,) * len(response), 2, stop, ())
