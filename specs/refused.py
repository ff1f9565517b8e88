"""What version 1 knows of and does not do: refused by name, with what to do instead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from toolspec.specs.problem import Problem

# Spec path (a `*` stands for any key) → what to do instead. Checked before unknown keys, so that a reader learns
# that the idea is known rather than that the word is not.
REFUSED: Mapping[str, str] = {
    "services": "start the service yourself and pass its address in `env` or a tool's `config`",
    "user": "simulated users are outside version 1; a loop of your own can hold one: `agent: {class: file.py:Loop}`",
    "data.columns.images": "images are outside version 1; lint the raw verl config instead",
    "data.columns.tools": "tools that differ by row are outside version 1; list all tools under `tools`",
    "model.vision": "vision models are outside version 1; lint the raw verl config instead",
    "train.async": "asynchronous training is outside version 1; lint the raw verl config instead",
    "train.megatron": "megatron is outside version 1; `strategy` is fsdp or fsdp2",
    "tools.*.http": "write a function that calls the endpoint: `{python: tools.py:search}`",
    "tools.*.mcp": "write a function that calls the server: `{python: tools.py:search}`",
    "tools.*.run": "a tool that is shown and never run is outside version 1; give it `python` or `class`",
    "model.tool_format.call": "calls written as tags are outside version 1; name one of verl's parsers or `auto`",
    "model.tool_format.class": "a parser of one's own is outside version 1; name one of verl's parsers or `auto`",
    "reward.judge": "a judge is outside version 1; call it from your own function: `reward: {python: reward.py:fn}`",
    "reward.by": "rewards by data source are outside version 1; use `reward: {python: reward.py:fn}`",
    "cluster.ray": "submitting to a running Ray cluster is outside version 1; run the bundle's launch.sh there",
}
REFUSED_VALUES: Mapping[str, Mapping[Any, str]] = {
    "train.strategy": {"megatron": REFUSED["train.megatron"]},
    "rollout.engine": {"trtllm": "TensorRT-LLM is outside version 1; `engine` is sglang or vllm"},
}


def refused(value: Any) -> Iterator[Problem]:
    """Problems (without a span) for every part of the raw spec that is known and refused."""
    for pattern, instead in REFUSED.items():
        for path in _matches(value, pattern.split("."), ()):
            yield _problem(".".join(path), "", instead)
    for pattern, values in REFUSED_VALUES.items():
        for path in _matches(value, pattern.split("."), ()):
            found = _at(value, path)
            if isinstance(found, str) and found in values:
                yield _problem(".".join(path), f": {found}", values[found])


def _problem(path: str, value: str, instead: str) -> Problem:
    return Problem(
        code="TS025",
        name="outside-version-1",
        message=f"`{path}{value}` is not part of toolspec version 1",
        path=path,
        fix=instead,
    )


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


def _matches(value: Any, pattern: list[str], path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if not pattern:
        yield path
        return
    if not isinstance(value, dict):
        return
    for key in value if pattern[0] == "*" else ([pattern[0]] if pattern[0] in value else []):
        yield from _matches(value[key], pattern[1:], (*path, str(key)))
