"""Texts that a policy may write, for every format of verl's parsers: sound calls, broken ones, and heaps of marks.

The same seed gives the same texts.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

from real.parser_pieces import DEEP, EXPRESSIONS, KEYS, MARKS, NAMES, PADS, PROSE, TEXTS, D

Call = tuple[str, dict[str, Any]]


def tools(release: str) -> list[Any]:
    """Lists of schemas: many types; one tool; none; no list at all."""
    types = {
        "city": "string", "n": "integer", "x": "number", "flag": "boolean", "items": "array",
        "opts": "object", "kind": "Enum", "शहर": " STR ", "k²": "unsigned", "": "dict[str, int]",
        "both": "null",
    }  # fmt: skip
    if release != "0.7.1":
        types |= {"either": ["integer", "string"]}  # type: ignore[dict-item]
    properties = {key: {"type": kind, "description": "d"} for key, kind in types.items()}

    def tool(name: str, required: list[str], kind: str = "function") -> dict[str, Any]:
        schema = {"type": "object", "properties": properties, "required": required}
        return {"type": kind, "function": {"name": name, "description": "d", "parameters": schema}}

    bare = {"type": "function", "function": {"name": "calc-1", "description": "d"}}
    many = [tool("search", ["city"]), tool("get_weather", ["n", "x"]), bare, tool("x y", [], "custom")]
    return [many, [tool("मौसम", ["items"]), tool("Web", [])], [], None]


def value(dice: random.Random, depth: int = 0) -> Any:
    kind = dice.randrange(9 if depth < 3 else 6)
    if kind < 2:
        return dice.choice(TEXTS)
    if kind == 2:
        return dice.choice((0, -1, 2**63 - 1, -(2**63), 2**64, 10**25, dice.randint(-999, 999)))
    if kind == 3:
        return dice.choice((0.5, -1e-7, 1e22, float("inf"), float("nan"), 3.0))
    if kind == 4:
        return dice.choice((True, False, None, {}, [], ""))
    if kind == 5:
        return dice.choice(EXPRESSIONS)
    if kind == 6:
        return [value(dice, depth + 1) for _ in range(dice.randrange(4))]
    return {dice.choice(KEYS): value(dice, depth + 1) for _ in range(dice.randrange(4))}


def call(dice: random.Random) -> Call:
    keys = dice.sample(KEYS, dice.randrange(5))
    return dice.choice(NAMES), {key: value(dice) for key in keys}


def _plain(dice: random.Random, given: Any) -> str:
    """A value as text: itself where it is one, else JSON or Python's way to write it, with or without blanks."""
    if isinstance(given, str):
        return given if dice.random() < 0.9 else json.dumps(given)
    if dice.random() < 0.1:
        return repr(given)
    return json.dumps(given, ensure_ascii=dice.random() < 0.3)


def _json(dice: random.Random, given: Any) -> str:
    return json.dumps(given, ensure_ascii=dice.random() < 0.3, indent=dice.choice((None, None, 1)))


def _blank(dice: random.Random) -> str:
    return dice.choice(("", "", "\n", "\n", " ", "\n\n", "\t", "\x1c", "\x85", "\u2003 "))


def _hermes(dice: random.Random, one: Call) -> str:
    name: Any = one[0] if dice.random() < 0.95 else dice.choice((None, 3, ["a"], {"a": 1}))
    arguments: Any = one[1] if dice.random() < 0.9 else value(dice)
    body: Any = {"name": name, dice.choice(("arguments",) * 9 + ("parameters",)): arguments}
    body = body if dice.random() < 0.95 else dice.choice(([body], "text", 5, None))
    return f"<tool_call>{_blank(dice)}{_json(dice, body)}{_blank(dice)}</tool_call>"


def _gpt_oss(dice: random.Random, one: Call) -> str:
    thought = "<|channel|>analysis<|message|>hm<|end|>" if dice.random() < 0.3 else ""
    channel = dice.choice(("commentary", "commentary", "analysis", "", " to=functions.first", "a\nb"))
    body = _json(dice, one[1]) if dice.random() < 0.9 else _plain(dice, value(dice))
    head = f"{thought}<|start|>assistant<|channel|>{channel} to=functions.{one[0]} "
    return f"{head}<|constrain|>json<|message|>{body}<|call|>"


def _qwen3(dice: random.Random, one: Call) -> str:
    given = "".join(
        f"<parameter={key}>{_blank(dice)}{_plain(dice, each)}{_blank(dice)}</parameter>{_blank(dice)}"
        for key, each in one[1].items()
    )
    body = f"<function={one[0]}>{_blank(dice)}{given}</function>"
    body = body * 2 if dice.random() < 0.1 else body
    return f"<tool_call>{_blank(dice)}{body}{_blank(dice)}</tool_call>"


def _seed(dice: random.Random, one: Call) -> str:
    return _qwen3(dice, one).replace("tool_call>", "seed:tool_call>")


def _glm(dice: random.Random, one: Call) -> str:
    given = "".join(
        f"<arg_key>{key}</arg_key>{_blank(dice)}<arg_value>{_plain(dice, each)}</arg_value>{_blank(dice)}"
        for key, each in one[1].items()
    )
    return f"<tool_call>{one[0]}{_blank(dice)}{given}</tool_call>"


def _minimax(dice: random.Random, one: Call) -> str:
    given = "".join(
        f'<parameter name="{key}">{_blank(dice)}{_plain(dice, each)}</parameter>{_blank(dice)}'
        for key, each in one[1].items()
    )
    body = f'<invoke name="{one[0]}">{_blank(dice)}{given}</invoke>{_blank(dice)}'
    return f"<minimax:tool_call>{_blank(dice)}{body * dice.choice((1, 1, 2))}</minimax:tool_call>"


def _kimi(dice: random.Random, one: Call) -> str:
    name = dice.choice(
        (one[0], f"functions.{one[0]}:0", f"{one[0]}-call", f"functions.search_{one[0]}:1", "?")
    )
    body = _json(dice, one[1] if dice.random() < 0.9 else value(dice))
    middle = f"<|tool_call_argument_begin|>{_blank(dice)}{body}"
    mark = f"<|tool_call_begin|>{name}{_blank(dice)}{middle}<|tool_call_end|>"
    return f"<|tool_calls_section_begin|>{mark * dice.choice((1, 1, 2))}<|tool_calls_section_end|>"


def _kind(dice: random.Random) -> str:
    return dice.choice(("true", "false", "false", "no"))


def _deepseek_v4(dice: random.Random, one: Call) -> str:
    given = "".join(
        f'<{D}parameter name="{key}" string="{_kind(dice)}">{_plain(dice, each)}</{D}parameter>{_blank(dice)}'
        for key, each in one[1].items()
    )
    body = f'<{D}invoke name="{one[0]}">{_blank(dice)}{given}</{D}invoke>{_blank(dice)}'
    end = dice.choice(("", "<｜end▁of▁sentence｜>"))
    return f"\n\n<{D}tool_calls>\n{body * dice.choice((1, 1, 2))}</{D}tool_calls>{end}"


def _gemma4(dice: random.Random, one: Call) -> str:
    given = []
    for key, each in one[1].items():
        plain = _plain(dice, each)
        written = f'<|"|>{plain}<|"|>' if isinstance(each, str) and dice.random() < 0.7 else plain
        given.append(f"{key}:{dice.choice(('', '', ' '))}{written}")
    return f"<|tool_call>call:{one[0]}{{{dice.choice((',', ',', ', ', ' ')).join(given)}}}<tool_call|>"


WRITERS: dict[str, Callable[[random.Random, Call], str]] = {
    "hermes": _hermes, "gpt-oss": _gpt_oss, "qwen3_coder": _qwen3, "gemma4": _gemma4, "glm": _glm,
    "seed": _seed, "minimax": _minimax, "kimi": _kimi, "deepseek_v4": _deepseek_v4,
}  # fmt: skip


def sound(dice: random.Random, form: str) -> str:
    """Calls as the format has them, with text around."""
    parts = [dice.choice(PROSE)]
    for _ in range(dice.choice((1, 1, 1, 2, 3, 0))):
        parts += [WRITERS[form](dice, call(dice)), dice.choice(PROSE) if dice.random() < 0.4 else ""]
    return "".join(parts)


def deep(form: str) -> str:
    """Two calls, the first of which has JSON that is too deep."""
    first = {"opts": "DEEP"} if form in ("hermes", "gpt-oss", "kimi") else {"opts": "DEEP", "items": "DEEP"}
    text = "".join(WRITERS[form](random.Random(5), ("search", each)) for each in (first, {"city": "x"}))
    return text.replace('"DEEP"', "DEEP").replace("DEEP", DEEP)


def expressions(form: str) -> list[str]:
    """Every text that may be Python, as a parameter of every kind."""
    given = [{key: each} for each in (*EXPRESSIONS, *TEXTS) for key in KEYS]
    dice = random.Random(6)  # blanks around a value are drawn: some make it no Python
    return [WRITERS[form](dice, ("search", one)) for one in given]


def heap(dice: random.Random, form: str) -> str:
    """Marks of the format in any order."""
    pieces = (*MARKS[form] * 3, "a", "b c", dice.choice(PROSE), dice.choice(TEXTS[:24]))
    return "".join(dice.choice(pieces) for _ in range(dice.randint(2, 16)))


def broken(dice: random.Random, form: str) -> str:
    text = sound(dice, form) or "x"
    for _ in range(dice.choice((1, 1, 2, 3))):
        text = dice.choice(MUTATIONS)(dice, form, text)
    return text


def _cut(dice: random.Random, form: str, text: str) -> str:
    at = dice.randint(0, len(text))
    return text[:at] if dice.random() < 0.7 else text[at:]


def _without_some(dice: random.Random, form: str, text: str) -> str:
    at = dice.randint(0, len(text))
    return text[:at] + text[at + dice.choice((1, 1, 2, 5)) :]


def _doubled(dice: random.Random, form: str, text: str) -> str:
    start = dice.randint(0, len(text))
    end = min(len(text), start + dice.randint(1, 40))
    return text[:end] + text[start:]


def _other_mark(dice: random.Random, form: str, text: str) -> str:
    there = [mark for mark in MARKS[form] if mark in text]
    return text.replace(dice.choice(there), dice.choice(MARKS[form]), 1) if there else text


def _lost_mark(dice: random.Random, form: str, text: str) -> str:
    there = [mark for mark in MARKS[form] if mark in text]
    return text.replace(dice.choice(there), "", dice.choice((1, -1))) if there else text


def _inserted(dice: random.Random, form: str, text: str) -> str:
    at = dice.randint(0, len(text))
    other = dice.choice(list(WRITERS))
    what = dice.choice(
        (WRITERS[other](dice, call(dice)), dice.choice(MARKS[form]), dice.choice(PADS) or ">", "\n")
    )
    return text[:at] + what + text[at:]


MUTATIONS = (_cut, _without_some, _doubled, _other_mark, _lost_mark, _inserted)


def texts(form: str, count: int, seed: int) -> list[tuple[str, int, str | None]]:
    """Texts with the index of their tools (see `tools`) and the tokenizer's padding token."""
    dice = random.Random(f"{form} {seed}")
    made = []
    for _ in range(count):
        how = dice.choice((sound, sound, broken, broken, heap))
        text = how(dice, form)
        pad = dice.choice(PADS[:2] * 4 + PADS)
        if pad and dice.random() < 0.2:
            at = dice.randint(0, len(text))
            text = text[:at] + pad + text[at:]
        made.append((text, dice.choice((0, 0, 0, 0, 1, 2, 3)), pad))
    return made
