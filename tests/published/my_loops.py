"""Stand-ins for the set-ups' agent loops: read by compile, never run."""

from typing import Any

from verl.experimental.agent_loop.agent_loop import AgentLoopBase


class MathExpressionLoop(AgentLoopBase):  # type: ignore[misc, unused-ignore]
    async def run(self, sampling_params: dict[str, Any], **kwargs: Any) -> Any: ...


class MiniSweLoop(MathExpressionLoop): ...


class EnvironmentLoop(MathExpressionLoop): ...
