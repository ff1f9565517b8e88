"""Whole trajectories through verl's own ToolAgentLoop, the policy's turns and the tools' answers given.

usage: loop_judge.py < asked.json > answers.json, with a release's wheel on the import path

asked: `folders`, and `cases`: folder's index, template or null, settings as LoopSettings names them, `kwargs` of the
template, `tools`, `messages`, `turns` (ids), `answers`. answers: for each case what AgentLoopOutput has, or the class
of the exception.
"""

# mypy: disable-error-code="import-not-found,import-untyped,misc"
from __future__ import annotations

import asyncio
import contextlib
import copy
import inspect
import json
import logging
import sys
import warnings
import zlib
from pathlib import Path
from typing import Any


def which(name: str, arguments: Any, number: int) -> int:
    """The answer that a call gets: the same on both sides, whatever order the calls are run in."""
    return zlib.crc32(ascii([name, arguments]).encode()) % number


class Policy:
    """The engine: the turns as they are given, then ends of turns."""

    def __init__(self, turns: list[list[int]], end: int) -> None:
        self.turns, self.end, self.done = turns, end, 0

    async def generate(self, request_id: str, *, prompt_ids: list[int], **options: Any) -> Any:
        from verl.workers.rollout.replica import TokenOutput

        ids = self.turns[self.done] if self.done < len(self.turns) else [self.end]
        self.done += 1
        fields = {"token_ids": ids, "log_probs": [0.0] * len(ids), "stop_reason": "completed"}
        return TokenOutput(**{key: value for key, value in fields.items() if key in TokenOutput.model_fields})


def made_tools(schemas: list[Any], answers: list[Any]) -> list[Any]:
    from verl.tools.base_tool import BaseTool
    from verl.tools.schemas import OpenAIFunctionToolSchema, ToolResponse

    class Answering(BaseTool):
        async def execute(self, instance_id: str, parameters: Any, **kwargs: Any) -> Any:
            answer = answers[which(self.name, parameters, len(answers))]
            if isinstance(answer, dict):
                raise RuntimeError(answer["error"])
            return ToolResponse(text=answer), 0.0, {}

    return [Answering({}, OpenAIFunctionToolSchema.model_validate(schema)) for schema in schemas]


def noting(base: type, seen: dict[str, Any]) -> Any:
    """The loop, with a note of why it ends."""

    class Noting(base):
        async def _handle_generating_state(self, agent_data: Any, *more: Any, **named: Any) -> Any:
            state = await super()._handle_generating_state(agent_data, *more, **named)
            if state.name == "TERMINATED":
                user, assistant = agent_data.user_turns, agent_data.assistant_turns
                reasons = {
                    "response_length": len(agent_data.response_mask) >= self.response_length,
                    "max_assistant_turns": self.max_assistant_turns and assistant >= self.max_assistant_turns,
                    "max_user_turns": self.max_user_turns and user >= self.max_user_turns,
                    "no_tool_call": True,
                }
                seen["stop"] = next(name for name, holds in reasons.items() if holds)
            return state

        async def _handle_processing_tools_state(self, agent_data: Any) -> Any:
            state = await super()._handle_processing_tools_state(agent_data)
            if state.name == "TERMINATED":
                seen["stop"] = "tool_response_overflow"
            return state

    return Noting


class Judge:
    def __init__(self, folders: list[str]) -> None:
        import verl
        from omegaconf import OmegaConf
        from verl.utils import hf_tokenizer

        self.config = OmegaConf.load(
            Path(verl.__file__).parent / "trainer/config/_generated_ppo_trainer.yaml"
        )
        OmegaConf.set_struct(self.config, False)
        OmegaConf.resolve(self.config.actor_rollout_ref.rollout)
        self.tokenizers = [hf_tokenizer(folder, trust_remote_code=False) for folder in folders]
        self.plain = [tokenizer.chat_template for tokenizer in self.tokenizers]

    async def answer(self, case: dict[str, Any]) -> Any:
        from verl.experimental.agent_loop import agent_loop, tool_agent_loop
        from verl.utils.dataset.rl_dataset import RLHFDataset

        tokenizer = self.tokenizers[case["folder"]]
        tokenizer.chat_template = case["template"] or self.plain[case["folder"]]
        config = copy.deepcopy(self.config)
        rollout, settings = config.actor_rollout_ref.rollout, case["settings"]
        for name in ("prompt_length", "response_length"):
            rollout[name] = settings[name]
        for name in settings.keys() - {"prompt_length", "response_length", "release", "model_type"}:
            rollout.multi_turn[name] = settings[name]
        config.data.apply_chat_template_kwargs = case["kwargs"]
        seen: dict[str, Any] = {}
        given: dict[str, Any] = {
            "trainer_config": agent_loop.DictConfigWrap(config),
            "server_manager": Policy(case["turns"], tokenizer.eos_token_id),
            "tokenizer": tokenizer,
            "processor": None,
            "dataset_cls": RLHFDataset,
            "data_config": agent_loop.DictConfigWrap(config.data),
        }
        tools = made_tools(case["tools"], case["answers"])
        if hasattr(agent_loop, "ToolListWrap"):
            given["tools"] = agent_loop.ToolListWrap(tools)
        if "hf_model_type" in inspect.signature(agent_loop.AgentLoopBase.__init__).parameters:
            given["hf_model_type"] = settings["model_type"]
        loop = noting(tool_agent_loop.ToolAgentLoop, seen)(**given)
        if "tools" not in given:  # 0.7.1 reads a file of them where it is made
            loop.tools = {tool.name: tool for tool in tools}
            loop.tool_schemas = [
                tool.tool_schema.model_dump(exclude_unset=True, exclude_none=True) for tool in tools
            ]
        output = await loop.run({}, raw_prompt=case["messages"], tools_kwargs={}, extra_info={})
        ids = (output.prompt_ids, output.response_ids, output.response_mask)
        return [*map(list, ids), output.num_turns, seen["stop"]]

    async def answers(self, cases: list[dict[str, Any]]) -> list[Any]:
        found = []
        for case in cases:
            try:
                found.append(await self.answer(case))
            except Exception as error:
                found.append(type(error).__name__)
        return found


def main() -> None:
    warnings.simplefilter("ignore")
    asked = json.load(sys.stdin)
    with contextlib.redirect_stdout(sys.stderr):
        from chat_judge import fixed_clock

        fixed_clock()
        logging.disable(logging.CRITICAL)
        found = asyncio.run(Judge(asked["folders"]).answers(asked["cases"]))
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
