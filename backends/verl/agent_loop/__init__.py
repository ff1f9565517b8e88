"""verl's tool agent loop without verl, torch or an engine: the ids of a trajectory, its mask, and where it stops."""

from toolspec.backends.verl.agent_loop.chat_tokens import ChatTokens, LoopFailure, NotSimulated
from toolspec.backends.verl.agent_loop.loop import AgentLoop, Policy, Steps, Stop, Trajectory, Wanted
from toolspec.backends.verl.agent_loop.settings import LoopSettings
from toolspec.backends.verl.agent_loop.single_turn import SingleTurnLoop
from toolspec.backends.verl.agent_loop.tool_answer import Tool
from toolspec.backends.verl.agent_loop.turn_limit import turn_limit

__all__ = [
    "AgentLoop",
    "ChatTokens",
    "LoopFailure",
    "LoopSettings",
    "NotSimulated",
    "Policy",
    "SingleTurnLoop",
    "Steps",
    "Stop",
    "Tool",
    "Trajectory",
    "Wanted",
    "turn_limit",
]
