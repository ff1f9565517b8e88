"""Stand-ins for the set-ups' tool classes: read by compile, never run."""

from typing import Any

from verl.tools.base_tool import BaseTool


class Gsm8kTool(BaseTool):  # type: ignore[misc, unused-ignore]
    async def execute(self, instance_id: str, parameters: dict[str, Any], **kwargs: Any) -> Any: ...


class SearchTool(Gsm8kTool): ...


class SandboxTool(Gsm8kTool): ...


class SweBash(Gsm8kTool): ...


class WebSearch(Gsm8kTool): ...


class Browse(Gsm8kTool): ...
