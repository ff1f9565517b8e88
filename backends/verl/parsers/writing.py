"""A call as a model writes it, in each of verl's formats: what the format's parser reads back."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

D = "｜DSML｜"
Arguments = Mapping[str, Any]


def written(format: str, name: str, arguments: Arguments) -> str:
    """Raises KeyError for a format that verl has not."""
    return WRITERS[format](name, arguments)


def answered(format: str, text: str) -> str:
    """An answer to the user: gpt-oss has a channel for it."""
    return f"<|channel|>final<|message|>{text}" if format == "gpt-oss" else text


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else _json(value)


def _hermes(name: str, arguments: Arguments) -> str:
    return f"<tool_call>\n{_json({'name': name, 'arguments': arguments})}\n</tool_call>"


def _gpt_oss(name: str, arguments: Arguments) -> str:
    """The prompt ends with the start of the message, which a model that thinks first writes anew."""
    thought = "<|channel|>analysis<|message|>A tool is needed.<|end|>"
    head = f"<|start|>assistant<|channel|>commentary to=functions.{name} "
    return f"{thought}{head}<|constrain|>json<|message|>{_json(arguments)}<|call|>"


def _qwen3_coder(name: str, arguments: Arguments) -> str:
    given = "".join(f"<parameter={key}>\n{_plain(value)}\n</parameter>\n" for key, value in arguments.items())
    return f"<tool_call>\n<function={name}>\n{given}</function>\n</tool_call>"


def _seed(name: str, arguments: Arguments) -> str:
    return _qwen3_coder(name, arguments).replace("tool_call>", "seed:tool_call>")


def _glm(name: str, arguments: Arguments) -> str:
    given = "".join(
        f"<arg_key>{key}</arg_key>\n<arg_value>{_plain(value)}</arg_value>\n"
        for key, value in arguments.items()
    )
    return f"<tool_call>{name}\n{given}</tool_call>"


def _minimax(name: str, arguments: Arguments) -> str:
    given = "".join(
        f'<parameter name="{key}">{_plain(value)}</parameter>\n' for key, value in arguments.items()
    )
    return f'<minimax:tool_call>\n<invoke name="{name}">\n{given}</invoke>\n</minimax:tool_call>'


def _kimi(name: str, arguments: Arguments) -> str:
    call = f"<|tool_call_begin|>functions.{name}:0<|tool_call_argument_begin|>{_json(arguments)}<|tool_call_end|>"
    return f"<|tool_calls_section_begin|>{call}<|tool_calls_section_end|>"


def _deepseek_v4(name: str, arguments: Arguments) -> str:
    given = "".join(
        f'<{D}parameter name="{key}" string="{_json(isinstance(value, str))}">{_plain(value)}</{D}parameter>\n'
        for key, value in arguments.items()
    )
    call = f'<{D}invoke name="{name}">\n{given}</{D}invoke>\n'
    return f"\n\n<{D}tool_calls>\n{call}</{D}tool_calls>"


def _gemma4(name: str, arguments: Arguments) -> str:
    given = ",".join(
        f'{key}:<|"|>{value}<|"|>' if isinstance(value, str) else f"{key}:{_json(value)}"
        for key, value in arguments.items()
    )
    return f"<|tool_call>call:{name}{{{given}}}<tool_call|>"


WRITERS: Mapping[str, Callable[[str, Arguments], str]] = {
    "hermes": _hermes,
    "gpt-oss": _gpt_oss,
    "qwen3_coder": _qwen3_coder,
    "seed": _seed,
    "glm": _glm,
    "minimax": _minimax,
    "kimi": _kimi,
    "deepseek_v4": _deepseek_v4,
    "gemma4": _gemma4,
}
