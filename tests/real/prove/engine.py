"""How many tokens a release's engine server lets one turn have: the lines of the server itself.

The servers need their engine to be imported, so the arithmetic is taken from their source: in `generate` of
async_sglang_server.py and vllm_async_server.py all statements from the one that sets `max_possible_tokens` to the
assertion that closes the clamp (0.9.1: lines 588-613 and 593-621). What they do of their own: `max_tokens` of the
request wins over the configured lengths, the context bounds both, 0.8.0 and later keep one token of the context
on SGLang and give at least one token on vLLM, and a context that is full raises.
"""

# mypy: disable-error-code="import-not-found,import-untyped"
from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

SERVERS = {
    "sglang": "verl/workers/rollout/sglang_rollout/async_sglang_server.py",
    "vllm": "verl/workers/rollout/vllm_rollout/vllm_async_server.py",
}
# What the servers say of a turn that ended by itself and of one that was cut: SGLang's own words, and
# "completed" for both from vLLM (vllm_async_server.py: 0.7.1 :596, 0.8.0 :577, 0.9.1 :723).
STOP_REASONS = {"sglang": ("stop", "length"), "vllm": ("completed", "completed")}

TurnLimit = Callable[[Any, list[int], Mapping[str, Any]], int]


def turn_limit(wheel: Path, engine: str) -> TurnLimit:
    """limit(rollout configuration, prompt ids, sampling parameters): the most tokens that the turn may have.

    It raises what the server raises: ValueError where the context is full. Raises LookupError here when the
    server's source no longer has these statements.
    """
    path = wheel / SERVERS[engine]
    code = compile(ast.Module(_clamp(path), []), str(path), "exec")

    def limit(rollout: Any, prompt_ids: list[int], sampling_params: Mapping[str, Any]) -> int:
        names: dict[str, Any] = {
            "self": SimpleNamespace(config=rollout),
            "prompt_ids": prompt_ids,
            "sampling_params": dict(sampling_params),
        }
        exec(code, names)
        found: int = names["max_tokens"] if engine == "vllm" else names["max_new_tokens"]
        return found

    return limit


def _clamp(path: Path) -> list[ast.stmt]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.AsyncFunctionDef) and node.name == "generate":
            starts = [i for i, each in enumerate(node.body) if _assigns(each, "max_possible_tokens")]
            ends = [
                i
                for i, each in enumerate(node.body)
                if starts and i > starts[0] and isinstance(each, ast.Assert)
            ]
            if ends:
                return node.body[starts[0] : ends[0] + 1]
    raise LookupError(f"{path} has no clamp of max_tokens in generate")


def _assigns(statement: ast.stmt, name: str) -> bool:
    return isinstance(statement, ast.Assign) and any(
        isinstance(target, ast.Name) and target.id == name for target in statement.targets
    )
