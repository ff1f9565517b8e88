"""A retrieval tool: a thin client of a search service, with a limit on requests under way."""

import asyncio
import json
import os
import urllib.request
from typing import Any
from uuid import uuid4

from verl.tools.base_tool import BaseTool
from verl.tools.schemas import ToolResponse


class SearchTool(BaseTool):
    """Asks `url` for the passages nearest to a query. config: url, passages, timeout_s, requests."""

    def __init__(self, config: dict[str, Any], tool_schema: Any) -> None:
        super().__init__(config, tool_schema)
        self.url = os.environ.get("RETRIEVER_URL", config["url"])
        self.passages = int(config.get("passages", 3))
        self.timeout_s = float(config.get("timeout_s", 20))
        self.requests = asyncio.Semaphore(int(config.get("requests", 64)))

    async def create(self, instance_id: str | None = None, **kwargs: Any) -> tuple[str, ToolResponse]:
        return instance_id or str(uuid4()), ToolResponse()

    async def execute(
        self, instance_id: str, parameters: dict[str, Any], **kwargs: Any
    ) -> tuple[ToolResponse, float, dict[str, Any]]:
        async with self.requests:
            passages = await asyncio.to_thread(self.ask, str(parameters["query"]))
        lines = [f"[{rank}] {passage}" for rank, passage in enumerate(passages, start=1)]
        return ToolResponse(text="\n".join(lines) or "nothing found"), 0.0, {}

    def ask(self, query: str) -> list[str]:
        """Texts of the nearest passages. Raises OSError where the service does not answer."""
        body = json.dumps({"queries": [query], "topk": self.passages}).encode()
        request = urllib.request.Request(self.url, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=self.timeout_s) as response:
            found = json.load(response)["result"][0]
        return [str(hit["document"]["contents"]) for hit in found]

    async def release(self, instance_id: str, **kwargs: Any) -> None:
        pass
