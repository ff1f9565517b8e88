"""The tools of `tools.yaml`, as verl's BaseTool classes named there by `class_name`.

Each takes its schema from `config["schema"]` (plain data, `tool_schema:` left out of tools.yaml), checks the
arguments before it runs anything, and answers every fault with a text that the model can act on. A tool whose
file or class cannot be loaded raises when it is built: when the rollout workers start on 0.8.0 and later, at
the first trajectory on 0.7.1.

Called by verl as `create(create_kwargs={...})`, `execute(instance_id, arguments, agent_data=...)`,
`release(instance_id)` around every single call (tool_agent_loop.py of the three releases).
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import ts_arguments
import ts_call
import ts_load
from ts_schema import RawToolSchema
from verl.tools.base_tool import BaseTool
from verl.tools.schemas import ToolResponse

logger = logging.getLogger("toolspec")

Answer = tuple[ToolResponse, float | None, dict[str, Any]]


def _accepts(function: Callable[..., Any]) -> frozenset[str] | None:
    """Names of the keyword arguments of a function; None when it takes any, or cannot be asked."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return None
    return frozenset(
        parameter.name for parameter in parameters if parameter.kind is not parameter.POSITIONAL_ONLY
    )


def _said(text: str, error: str = "") -> Answer:
    """verl drops the third value; ts_loop.py reads from it what kind of error it was (ts_trajectory.Answer)."""
    return ToolResponse(text=text), 0.0, {"ts_error": error} if error else {}


class _Tool(BaseTool):  # type: ignore[misc, unused-ignore]
    """Schema, argument check, time limit and gate, shared by the tools below.

    config: schema (mapping, required), timeout_s (float, None for no limit), concurrency (int, calls at once
    in one worker process, None for no limit of the user's).
    """

    def __init__(self, config: dict[str, Any], tool_schema: Any = None) -> None:
        super().__init__(config, RawToolSchema(config["schema"]))
        self.check = ts_arguments.argument_check(config["schema"])
        self.seconds: float | None = config.get("timeout_s")
        self.door = ts_call.gate(self.name, config.get("concurrency"))
        self.created: dict[str, Any] = {}

    async def create(self, instance_id: str | None = None, **kwargs: Any) -> tuple[str, ToolResponse]:
        name = instance_id or str(uuid4())
        self.created[name] = kwargs.get("create_kwargs") or {}
        return name, ToolResponse()

    async def execute(self, instance_id: str, parameters: Any, **kwargs: Any) -> Answer:
        wrong = self.check(parameters)
        if wrong:
            return _said(ts_call.clean(f"Error: {wrong}"), "arguments")
        try:
            return await self.answer(instance_id, parameters, kwargs)
        except ts_call.Refused as error:
            return _said(ts_call.error_text(error), "no_answer")
        except (Exception, SystemExit) as error:
            return _said(ts_call.error_text(error), "raised")

    async def answer(self, instance_id: str, arguments: dict[str, Any], kwargs: dict[str, Any]) -> Answer:
        """The call itself; may raise."""
        raise NotImplementedError

    async def release(self, instance_id: str, **kwargs: Any) -> None:
        self.created.pop(instance_id, None)


class FunctionTool(_Tool):
    """A plain function of the user's, sync or async, called with the arguments by name.

    config, besides that of `_Tool`: file (relative to ts_user), function, kwargs (given with every call; the
    model does not see them). Values of the row (`create_kwargs`) go to the parameters of the same name. What
    the model does not see wins over an argument of the same name that it made up.
    """

    def __init__(self, config: dict[str, Any], tool_schema: Any = None) -> None:
        self.function: Callable[..., Any] = ts_load.load_object(config["file"], config["function"])
        self.accepted = _accepts(self.function)
        self.hidden: dict[str, Any] = dict(config.get("kwargs") or {})
        super().__init__(config, tool_schema)

    async def answer(self, instance_id: str, arguments: dict[str, Any], kwargs: dict[str, Any]) -> Answer:
        row = self.created.get(instance_id) or {}
        # parquet gives every row the same fields: one that a row does not have arrives as None
        row = {
            k: v for k, v in row.items() if v is not None and (self.accepted is None or k in self.accepted)
        }
        result = await ts_call.call(
            self.function, {**arguments, **self.hidden, **row}, self.seconds, self.door
        )
        if isinstance(result, ToolResponse):
            return result, 0.0, {}
        return _said(ts_call.result_text(result))


class ClassTool(_Tool):
    """A BaseTool subclass of the user's, given every call that its schema allows.

    config, besides that of `_Tool`: class (`file.py:Class` of ts_user, or `module.Class`), config (the
    user's). Its schema object is the one of this tool. An exception of `create` is told at `execute`, one of
    `release` is logged: verl does not catch the latter, so it would end the trajectory. Each of the three has the
    tool's time: a `release` that never returns would keep the trajectory, and the step with it, for ever.
    """

    def __init__(self, config: dict[str, Any], tool_schema: Any = None) -> None:
        super().__init__(config, tool_schema)
        inner = ts_load.load_class(config["class"])
        self.inner = inner(config=dict(config.get("config") or {}), tool_schema=self.tool_schema)
        self.failed: dict[str, BaseException] = {}

    async def create(self, instance_id: str | None = None, **kwargs: Any) -> tuple[str, ToolResponse]:
        name = instance_id or str(uuid4())
        try:
            made, response = await ts_call.call(
                self.inner.create, {"instance_id": instance_id, **kwargs}, self.seconds, self.door
            )
        except (Exception, SystemExit) as error:
            self.failed[name] = error
            return name, ToolResponse()
        return made, response

    async def answer(self, instance_id: str, arguments: dict[str, Any], kwargs: dict[str, Any]) -> Answer:
        if instance_id in self.failed:
            raise self.failed[instance_id]

        async def run() -> Any:
            return await self.inner.execute(instance_id, arguments, **kwargs)

        response, reward, metrics = await ts_call.call(run, {}, self.seconds, self.door)
        if isinstance(response, str):
            response = ToolResponse(text=response)
        if response.text:
            response.text = ts_call.clean(response.text)
        return response, reward, metrics

    async def calc_reward(self, instance_id: str, **kwargs: Any) -> float:
        return float(await self.inner.calc_reward(instance_id, **kwargs))

    async def release(self, instance_id: str, **kwargs: Any) -> None:
        if self.failed.pop(instance_id, None) is not None:
            return
        try:
            await ts_call.call(
                self.inner.release, {"instance_id": instance_id, **kwargs}, self.seconds, self.door
            )
        except (Exception, SystemExit) as error:
            logger.warning("tool %s: release failed: %s: %s", self.name, type(error).__name__, error)


class SchemaTool(_Tool):
    """A schema without an implementation: the model may call it and reads `config["text"]`."""

    async def answer(self, instance_id: str, arguments: dict[str, Any], kwargs: dict[str, Any]) -> Answer:
        return _said(str(self.config.get("text") or "Error: this tool has no implementation in this run."))
