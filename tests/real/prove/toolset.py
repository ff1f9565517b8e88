"""Stages on the tools: they load, the model sees their schemas as written, the parser and the loop exist."""

# mypy: disable-error-code="import-not-found,import-untyped"
from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from real.prove.proof import Failed, Proof, Skipped

TOOL_CONFIG = "actor_rollout_ref.rollout.multi_turn.tool_config_path"
FUNCTION_TOOLS = "actor_rollout_ref.rollout.multi_turn.function_tool_path"


def tools(proof: Proof) -> str:
    """The release's registry loads the tools, and each schema reaches the prompt byte for byte.

    The schema as seen is what the loop takes from the tool
    (`model_dump(exclude_unset, exclude_none)`, tool_agent_loop.py of each release) and the template renders.
    """
    path = proof.get(TOOL_CONFIG)
    functions = proof.get(FUNCTION_TOOLS)
    if not path and not functions:
        raise Skipped("no tools configured")
    proof.tools = _load(proof.setting.release, path, functions)
    names = [tool.name for tool in proof.tools]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise Failed(f"two tools have the name {', '.join(twice)}: only the last is callable")
    proof.facts["tools"] = names
    seen = seen_schemas(proof.tools)
    rendered = _prompt_with(proof, seen)
    schemas = _written_schemas(path)
    for name, shown in zip(names, seen, strict=True):
        if name not in schemas:
            proof.notes.append(f"the tool {name} makes its schema in code")
            continue
        text = json.dumps(schemas[name], ensure_ascii=False)
        if json.dumps(shown, ensure_ascii=False) != text:
            raise Failed(
                f"the schema was altered: written {text}, seen {json.dumps(shown, ensure_ascii=False)}"
            )
        if rendered is not None and text not in rendered:
            raise Failed(f"the prompt does not carry this schema: {text}")
    return ", ".join(names)


def seen_schemas(tools: list[Any], selected: list[str] | None = None) -> list[dict[str, Any]]:
    """The schemas as the loop takes them; `selected`: the row's tool_selection (0.8.0 and later)."""
    return [
        tool.tool_schema.model_dump(exclude_unset=True, exclude_none=True)
        for tool in tools
        if not selected or tool.name in selected
    ]


def template_options(proof: Proof) -> dict[str, Any]:
    """What the configuration adds to the rendering of a prompt."""
    options = dict(proof.get("data.apply_chat_template_kwargs", {}))
    template = proof.get("actor_rollout_ref.model.custom_chat_template")
    return options if template is None else options | {"chat_template": template}


def _load(release: str, path: str | None, functions: str | None) -> list[Any]:
    if release == "0.7.1":
        from verl.tools.utils.tool_registry import initialize_tools_from_config

        return list(initialize_tools_from_config(path)) if path else []
    from verl.tools.tool_registry import load_all_tools

    return list(load_all_tools(tool_config_path=path, function_tool_path=functions))


def _written_schemas(path: str | None) -> dict[str, Any]:
    """Schema by tool, as the bundle says that it was written.

    ts_reward.json carries them as JSON; where the reward is the user's own, tools.yaml does, in which `${` is
    escaped (verl reads it through OmegaConf). A tool that makes its schema in code has none.
    """
    import yaml

    reward = Path("ts_reward.json")
    given = json.loads(reward.read_text(encoding="utf-8")).get("tools") if reward.is_file() else None
    if given is None:
        if path is None:
            return {}
        entries = yaml.safe_load(Path(path).read_text(encoding="utf-8"))["tools"]
        schemas = [entry.get("tool_schema") or (entry.get("config") or {}).get("schema") for entry in entries]
        given = json.loads(json.dumps([schema for schema in schemas if schema]).replace("\\\\${", "${"))
    return {schema["function"]["name"]: schema for schema in given}


def _prompt_with(proof: Proof, schemas: list[dict[str, Any]]) -> str | None:
    """The text of a prompt with these tools; None where the template writes schemas in a form of its own."""
    message = [{"role": "user", "content": "Hello"}]
    options = template_options(proof)
    text: str = proof.tokenizer.apply_chat_template(message, tools=schemas, tokenize=False, **options)
    if text == proof.tokenizer.apply_chat_template(message, tokenize=False, **options):
        raise Failed("the chat template ignores tools: the prompt is the same with and without them")
    hermes = proof.get("actor_rollout_ref.rollout.multi_turn.format") == "hermes"
    return text if hermes else None


def parser(proof: Proof) -> str:
    """The tool parser of `multi_turn.format` exists and reads a text without calls as one without calls."""
    from verl.experimental.agent_loop.tool_parser import ToolParser

    name = proof.get("actor_rollout_ref.rollout.multi_turn.format")
    found = ToolParser.get_tool_parser(name, proof.tokenizer)
    ids = proof.tokenizer.encode("The answer is 7.", add_special_tokens=False)
    _, calls = asyncio.run(found.extract_tool_calls(ids, [tool.tool_schema for tool in proof.tools]))
    if calls:
        raise Failed(f"the parser {name} finds a call in plain text: {calls}")
    return str(name)


def loop(proof: Proof) -> str:
    """The loop of every row is registered as the worker does it, is a class, and calls tools."""
    import yaml
    from hydra.utils import get_class
    from verl.experimental.agent_loop import agent_loop as registry

    path = proof.get("actor_rollout_ref.rollout.agent.agent_loop_config_path")
    for entry in yaml.safe_load(Path(path).read_text(encoding="utf-8")) if path else []:
        registry._agent_loop_registry[entry["name"]] = entry
    names = {str(proof.get("actor_rollout_ref.rollout.agent.default_agent_loop"))}
    if proof.rows is not None and "agent_name" in proof.rows.dataframe.column_names:
        names = {str(name) for name in proof.rows.dataframe["agent_name"]}
    found = []
    for name in sorted(names):
        if name not in registry._agent_loop_registry:
            raise Failed(
                f"the agent loop {name} is not registered; known: {', '.join(registry._agent_loop_registry)}"
            )
        kind = get_class(registry._agent_loop_registry[name]["_target_"])
        if proof.tools and not hasattr(kind, "_call_tool"):
            raise Failed(f"{len(proof.tools)} tools are configured, but {name} ({kind.__name__}) calls none")
        proof.loops.append(kind)
        found.append(f"{name} -> {kind.__module__}.{kind.__name__}")
    proof.facts["agent_loops"] = found
    return ", ".join(found)
