"""verl's ToolAgentLoop with budgets that verl does not have and with what the reward must know.

Registered in agent_loops.yaml as `tool_agent`, which replaces verl's: the worker writes the file's entries
over the registry after verl's own are in it (agent_loop.py:439 of 0.7.1, :449 of 0.8.0, :539 of 0.9.1), and
this module only subclasses. Budgets are read once from ts_loop.json:

    {"version": 1, "tool_response_tokens": 256, "turn_tokens": null, "calls": null, "extra_fields": {}}

Every trajectory gets the same keys in `extra_fields`: with the V0 trainer a key that only some have ends the
run (DataProto.concat).

    ts_spans      [[start, length], ...] of the response tokens that the policy wrote
    ts_stop       why it ended: no_tool_call, response_length, max_assistant_turns, max_user_turns or
                  tool_response_overflow
    ts_truncated  1 when the last turn was cut by a limit, else 0
    ts_calls      calls that were executed or refused, in all
    ts_tools      names of the tools that this row may call
    ts_answers    what each of these calls was answered: {number, turn, name, text, error, seconds}; number counts
                  the trajectory's calls from 1, turn the policy's turns from 0, error is one of ts_trajectory.Answer
"""

from __future__ import annotations

import copy
import json
import time
from typing import Any

import ts_cut
import ts_load
import ts_trajectory
from verl.experimental.agent_loop.tool_agent_loop import AgentState, ToolAgentLoop
from verl.tools.schemas import ToolResponse

LIMITS: dict[str, Any] = ts_load.read_json("ts_loop.json")

NEVER = 2**31  # characters: verl's own cut comes first and must not bind


def row_state(tools_kwargs: Any) -> dict[str, Any]:
    """`tools_kwargs` of a row without the nulls that parquet puts where rows differ."""
    if not isinstance(tools_kwargs, dict):
        return {}
    return {
        tool: {key: value for key, value in settings.items() if value is not None}
        for tool, settings in tools_kwargs.items()
        if isinstance(settings, dict)
    }


class SpanToolAgentLoop(ToolAgentLoop):  # type: ignore[misc, unused-ignore]
    """The release's loop, plus limits and the keys above. One object a trajectory on every release."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.ts_limits = LIMITS
        if self.ts_limits.get("tool_response_tokens") is not None:
            self.max_tool_response_length = NEVER

    async def run(self, sampling_params: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        kwargs["tools_kwargs"] = row_state(kwargs.get("tools_kwargs"))
        output = await super().run(sampling_params, *args, **kwargs)
        output.extra_fields["ts_spans"] = ts_trajectory.spans(output.response_mask)
        for key, value in {
            "ts_stop": "",
            "ts_truncated": 0,
            "ts_calls": 0,
            "ts_tools": sorted(self.tools),
            "ts_answers": [],
            **(self.ts_limits.get("extra_fields") or {}),
        }.items():
            output.extra_fields.setdefault(key, copy.deepcopy(value))
        return output

    async def _handle_generating_state(
        self, agent_data: Any, sampling_params: dict[str, Any], *args: Any, **kwargs: Any
    ) -> Any:
        before = len(agent_data.prompt_ids)
        # Without max_tokens the engines allow up to prompt_length + response_length in all, so that a short
        # prompt lets a turn run past the trajectory's budget, to be cut off afterwards.
        room = self.response_length - len(agent_data.response_mask)
        most = min(room, self.ts_limits.get("turn_tokens") or room, sampling_params.get("max_tokens") or room)
        state = await super()._handle_generating_state(
            agent_data, {**sampling_params, "max_tokens": most}, *args, **kwargs
        )
        # Only now: verl copies the engine's fields (global_steps ...) into extra_fields if these are empty.
        fields = agent_data.extra_fields
        fields["ts_truncated"] = int(self._was_cut(list(agent_data.response_ids), most, before))
        fields.setdefault("ts_calls", 0)
        fields["ts_tools"] = sorted(self._active(agent_data))
        fields["ts_stop"] = self._why(agent_data) if state == AgentState.TERMINATED else ""
        return state

    async def _handle_processing_tools_state(self, agent_data: Any, *args: Any, **kwargs: Any) -> Any:
        state = await super()._handle_processing_tools_state(agent_data, *args, **kwargs)
        if state == AgentState.TERMINATED:
            agent_data.extra_fields["ts_stop"] = "tool_response_overflow"
        return state

    async def _call_tool(self, tool_call: Any, tools_kwargs: dict[str, Any], agent_data: Any) -> Any:
        fields = agent_data.extra_fields
        number = fields["ts_calls"] = fields.get("ts_calls", 0) + 1
        turn, began = agent_data.assistant_turns - 1, time.monotonic()
        refused = self._refusal(tool_call, number, self._active(agent_data))
        if refused:
            response, reward, metrics = ToolResponse(text=refused), 0.0, {"ts_error": "refused"}
        else:
            response, reward, metrics = await super()._call_tool(tool_call, tools_kwargs, agent_data)
        if response.text:
            response.text = self._fit(response.text)
        fields.setdefault("ts_answers", []).append(
            {
                "number": number,
                "turn": turn,
                "name": str(tool_call.name),
                "text": response.text or "",
                "error": str((metrics or {}).get("ts_error") or ""),
                "seconds": round(time.monotonic() - began, 4),
            }
        )
        return response, reward, metrics

    def _active(self, agent_data: Any) -> dict[str, Any]:
        """The tools of this row: 0.8.0 and later may choose by `extra_info.tool_selection`."""
        tools: dict[str, Any] = self.tools
        if hasattr(agent_data, "_active_tools"):
            tools = agent_data._active_tools
        return tools

    def _refusal(self, tool_call: Any, number: int, tools: dict[str, Any]) -> str:
        """What the model reads instead of a result; verl words the last two differently on each release."""
        allowed = self.ts_limits.get("calls")
        if allowed is not None and number > allowed:
            return f"Error: no tool calls left, {allowed} were allowed. Answer with what you know."
        if tool_call.name not in tools:
            return f"Error: there is no tool {tool_call.name!r}. Tools: {', '.join(sorted(tools))}."
        try:
            json.loads(tool_call.arguments)
        except (TypeError, ValueError) as error:
            return f"Error: the arguments are not valid JSON: {error}"
        return ""

    def _fit(self, text: str) -> str:
        limit = self.ts_limits.get("tool_response_tokens")
        return text if limit is None else ts_cut.cut(text, int(limit), self.tokenizer)

    def _was_cut(self, ids: list[int], most: int, before: int) -> bool:
        """Whether a turn ended by a limit: of the turn, of the trajectory, or of the engine's context."""
        if not ids:
            return True
        ends = {self.tokenizer.eos_token_id, *(getattr(self.tool_parser, "stop_token_ids", None) or [])}
        if ids[-1] in ends:
            return False
        context = getattr(self.rollout_config, "max_model_len", None)
        return len(ids) >= most or (context is not None and before + len(ids) >= int(context) - 1)

    def _why(self, agent_data: Any) -> str:
        """The first of verl's conditions that ended the episode, in verl's order."""
        if len(agent_data.response_mask) >= self.response_length:
            return "response_length"
        if self.max_assistant_turns and agent_data.assistant_turns >= self.max_assistant_turns:
            return "max_assistant_turns"
        if self.max_user_turns and agent_data.user_turns >= self.max_user_turns:
            return "max_user_turns"
        return "no_tool_call"
