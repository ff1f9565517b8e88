"""What a bundle's modules import of verl, without verl: the base of tools, what they answer, and the turn loop.

The loop's arithmetic of ids is asked for: it is worked out where no code of the user's runs. Around it the bundle's own
subclass (ts_loop.py) runs as on the cluster. Source: tool_agent_loop.py (0.7.1 :123-480, 0.8.0 :125-481, 0.9.1
:120-518), tools/base_tool.py and tools/schemas.py of the three releases.
"""

from __future__ import annotations

import asyncio
import enum
import importlib.util
import json
import sys
import types
from collections.abc import Callable
from typing import Any, NamedTuple
from uuid import uuid4

PACKAGES = ("verl", "verl.tools", "verl.utils", "verl.experimental", "verl.experimental.agent_loop")


class ValidationError(ValueError):
    """The name that pydantic's refusal has."""


class Model:
    """Mappings as attributes, as far as tools read them of verl's pydantic models."""

    def __init__(self, **given: Any) -> None:
        for name, value in given.items():
            setattr(self, name, Model(**value) if isinstance(value, dict) and name == "function" else value)

    @classmethod
    def model_validate(cls, given: dict[str, Any]) -> Any:
        return cls(**given)

    def model_dump(self, **how: Any) -> dict[str, Any]:
        return {
            name: value.model_dump() if isinstance(value, Model) else value
            for name, value in vars(self).items()
        }


class ToolResponse(Model):
    """What a tool answers: text, or images and videos, which are lists."""

    def __init__(self, text: Any = None, image: Any = None, video: Any = None) -> None:
        if text is not None and not isinstance(text, str):
            raise ValidationError(f"ToolResponse.text: a text is wanted, not {type(text).__name__}")
        for name, value in (("image", image), ("video", video)):
            if value is not None and not isinstance(value, list):
                raise ValidationError(f"ToolResponse.{name}: a list is wanted, not {type(value).__name__}")
        super().__init__(text=text, image=image, video=video)


class BaseTool:
    def __init__(self, config: dict[str, Any], tool_schema: Any = None) -> None:
        self.config = config
        self.tool_schema = tool_schema or self.get_openai_tool_schema()
        assert self.tool_schema is not None, "Tool schema is not set!"
        self.name = self.tool_schema.function.name

    def get_openai_tool_schema(self) -> Any:
        return self.tool_schema

    async def create(self, instance_id: str | None = None, **kwargs: Any) -> tuple[str, Any]:
        return instance_id or str(uuid4()), ToolResponse()

    async def execute(
        self, instance_id: str, parameters: Any, **kwargs: Any
    ) -> tuple[Any, float, dict[str, Any]]:
        return ToolResponse(text="Updated the tool state."), 0.0, {}

    async def calc_reward(self, instance_id: str, **kwargs: Any) -> float:
        return 0.0

    async def release(self, instance_id: str, **kwargs: Any) -> None:
        return None


class AgentState(enum.Enum):
    PENDING = "pending"
    GENERATING = "generating"
    PROCESSING_TOOLS = "processing_tools"
    TERMINATED = "terminated"


class FunctionCall(NamedTuple):
    """arguments: JSON text as the policy wrote it."""

    name: str
    arguments: str
    tool_call_id: str | None = None


class AgentData:
    """The state of one trajectory, which tools get as `agent_data`."""

    def __init__(self, messages: list[Any], tools_kwargs: dict[str, Any]) -> None:
        self.messages = messages
        self.tools_kwargs = tools_kwargs
        self.request_id = uuid4().hex
        self.image_data = self.video_data = self.audio_data = None
        self.metrics: dict[str, Any] = {}
        self.prompt_ids: list[int] = []
        self.response_ids: list[int] = []
        self.response_mask: list[int] = []
        self.response_logprobs: list[float] = []
        self.turn_scores: list[float] = []
        self.tool_rewards: list[float] = []
        self.user_turns = self.assistant_turns = 0
        self.tool_calls: list[FunctionCall] = []
        self.extra_fields: dict[str, Any] = {}


class Given(NamedTuple):
    """What the loop is made with. ask: a question to where ids are worked out → its answer. settings: LoopSettings'."""

    ask: Callable[..., Any]
    tokenizer: Any
    tools: dict[str, Any]
    settings: dict[str, Any]
    max_model_len: int | None
    stop_token_ids: list[int]


class Output(types.SimpleNamespace):
    """AgentLoopOutput: prompt_ids, response_ids, response_mask, num_turns, extra_fields."""


class ToolAgentLoop:
    def __init__(self, given: Given) -> None:
        settings = given.settings
        self.ask, self.tokenizer, self.tools = given.ask, given.tokenizer, given.tools
        self.release: str = settings["release"]
        self.rollout_config = types.SimpleNamespace(max_model_len=given.max_model_len)
        self.tool_parser = types.SimpleNamespace(stop_token_ids=given.stop_token_ids)
        self.tool_parser_name = settings["format"]
        self.prompt_length: int = settings["prompt_length"]
        self.response_length: int = settings["response_length"]
        self.max_assistant_turns: int | None = settings["max_assistant_turns"]
        self.max_user_turns: int | None = settings["max_user_turns"]
        self.max_parallel_calls: int = settings["max_parallel_calls"]
        self.max_tool_response_length: int = settings["max_tool_response_length"]
        self.tool_response_truncate_side: str = settings["tool_response_truncate_side"]

    async def run(self, sampling_params: dict[str, Any], **kwargs: Any) -> Any:
        data: Any = AgentData(list(kwargs["raw_prompt"]), kwargs.get("tools_kwargs", {}))
        if self.release != "0.7.1":
            selection = (kwargs.get("extra_info") or {}).get("tool_selection")
            chosen = {name: self.tools[name] for name in selection or () if name in self.tools}
            data._active_tools = chosen if selection and self.tools else self.tools
        data.prompt_ids = self.ask("first")["ids"]
        state = AgentState.GENERATING
        while state != AgentState.TERMINATED:
            if state == AgentState.GENERATING:
                state = await self._handle_generating_state(data, sampling_params)
            else:
                state = await self._handle_processing_tools_state(data)
        written = len(data.response_mask)
        return Output(
            prompt_ids=data.prompt_ids[: len(data.prompt_ids) - written],
            response_ids=data.prompt_ids[-written:][: self.response_length],
            response_mask=data.response_mask[: self.response_length],
            num_turns=data.user_turns + data.assistant_turns + 1,
            extra_fields={
                **data.extra_fields,
                "turn_scores": data.turn_scores,
                "tool_rewards": data.tool_rewards,
            },
        )

    async def _handle_generating_state(
        self, agent_data: Any, sampling_params: dict[str, Any], ignore_termination: bool = False
    ) -> AgentState:
        found = self.ask("generate", max_tokens=sampling_params.get("max_tokens"))
        if not agent_data.extra_fields:
            agent_data.extra_fields.update(found["fields"])
        agent_data.assistant_turns += 1
        agent_data.response_ids = found["ids"]
        agent_data.prompt_ids = agent_data.prompt_ids + found["ids"]
        agent_data.response_mask = agent_data.response_mask + [1] * len(found["ids"])
        agent_data.messages = found["messages"]
        if found["calls"] is None:
            return AgentState.TERMINATED
        agent_data.tool_calls = [FunctionCall(*one) for one in found["calls"]]
        return AgentState.PROCESSING_TOOLS

    async def _handle_processing_tools_state(self, agent_data: Any) -> AgentState:
        calls = (self._call_tool(one, agent_data.tools_kwargs, agent_data) for one in agent_data.tool_calls)
        texts = []
        for response, reward, _ in await asyncio.gather(*calls):
            if response.image or response.video:
                raise ValueError("a tool returned images or videos, and the model has no processor for them")
            texts.append(response.text or "")
            if reward is not None:
                agent_data.tool_rewards.append(reward)
        found = self.ask("joint", texts=texts)
        if found["ids"] is None:
            return AgentState.TERMINATED
        agent_data.prompt_ids, agent_data.response_mask = found["ids"], found["mask"]
        agent_data.messages = found["messages"]
        agent_data.user_turns += 1
        return AgentState.GENERATING

    async def _call_tool(self, tool_call: Any, tools_kwargs: dict[str, Any], agent_data: Any) -> Any:
        """The subclass of the bundle has refused unknown tools and what is no JSON."""
        tool: Any = None
        instance: Any = None
        try:
            arguments = json.loads(tool_call.arguments)
            tool = getattr(agent_data, "_active_tools", self.tools)[tool_call.name]
            row = tools_kwargs.get(tool_call.name, {})
            instance, _ = await tool.create(create_kwargs=row.get("create_kwargs", {}))
            response, reward, more = await tool.execute(instance, arguments, agent_data=agent_data)
        except Exception as error:
            said = "when executing tool" if self.release == "0.7.1" else f"executing tool '{tool_call.name}'"
            return ToolResponse(text=f"Error {said}: {error}"), 0.0, {}
        finally:
            if tool and instance:
                await tool.release(instance)
        text = response.text
        if text and len(text) > self.max_tool_response_length:
            text = self._cut(text)
        return ToolResponse(text=text, image=response.image, video=response.video), reward, more

    def _cut(self, text: str) -> str:
        """0.7.1 has the sides the other way round."""
        length = self.max_tool_response_length
        side = self.tool_response_truncate_side
        if side not in ("left", "right"):
            return f"{text[: length // 2]}...(truncated)...{text[-(length // 2) :]}"
        if (side == "left") == (self.release == "0.7.1"):
            return f"{text[:length]}...(truncated)"
        return f"(truncated)...{text[-length:]}"


class SingleTurnAgentLoop:
    """What a run without tools has: verl's own loop, since the bundle's is for tools."""

    def __init__(self, given: Given) -> None:
        self.ask, self.longest = given.ask, given.settings["response_length"]

    async def run(self, sampling_params: dict[str, Any], **kwargs: Any) -> Any:
        prompt = self.ask("first")["ids"]
        found = self.ask("generate", max_tokens=sampling_params.get("max_tokens"))
        response = found["ids"][: self.longest]
        return Output(
            prompt_ids=prompt,
            response_ids=response,
            response_mask=[1] * len(response),
            num_turns=2,
            extra_fields={**found["fields"], "turn_scores": [], "tool_rewards": []},
        )


def undecorated(function: Any) -> Any:
    return function


def real_verl(release: str) -> tuple[str, str]:
    """The folder of the target's release where this Python has it, else ""; and why not, a clause. Imports nothing."""
    spec = importlib.util.find_spec("verl")
    if spec is None or not spec.submodule_search_locations:
        return "", "this Python has no verl"
    folder = spec.submodule_search_locations[0]
    try:
        with open(f"{folder}/version/version", encoding="utf-8") as stream:  # noqa: PTH123
            found = stream.read().strip()
    except OSError:
        found = "of no known release"
    if found != release:
        return "", f"this Python has verl {found}, and the target is verl {release}"
    return folder, ""


def install(real: str = "") -> None:
    """Puts the modules where `import` finds them, before any verl that is installed.

    real: the folder of one. What has no stand-in is imported from its files; __init__ of its packages is not run.
    """
    for name in PACKAGES:
        package = types.ModuleType(name)
        package.__path__ = ["/".join([real, *name.split(".")[1:]])] if real else []
        sys.modules[name] = package
    models = ("OpenAIFunctionToolSchema", "OpenAIFunctionSchema", "OpenAIFunctionParametersSchema")
    contents: dict[str, dict[str, Any]] = {
        "verl.tools.base_tool": {"BaseTool": BaseTool, "ToolResponse": ToolResponse},
        "verl.tools.schemas": {
            "ToolResponse": ToolResponse,
            "OpenAIFunctionPropertySchema": Model,
            **{name: type(name, (Model,), {}) for name in models},
        },
        "verl.utils.rollout_trace": {"rollout_trace_op": undecorated},
        "verl.experimental.agent_loop.tool_agent_loop": {
            "AgentState": AgentState,
            "AgentData": AgentData,
            "ToolAgentLoop": ToolAgentLoop,
        },
    }
    base = contents["verl.tools.base_tool"]
    base["OpenAIFunctionToolSchema"] = contents["verl.tools.schemas"]["OpenAIFunctionToolSchema"]
    for name, values in contents.items():
        module = types.ModuleType(name)
        vars(module).update(values)
        sys.modules[name] = module
        parent, _, last = name.rpartition(".")
        setattr(sys.modules[parent], last, module)
