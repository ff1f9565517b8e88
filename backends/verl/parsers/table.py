"""verl's tool-call parsers by name, and what is done with a text that the policy wrote."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from toolspec.backends.verl.parsers import (
    deepseek_v4,
    gemma4,
    glm,
    gpt_oss,
    hermes,
    kimi,
    minimax,
    qwen3_coder,
    seed,
)
from toolspec.backends.verl.parsers.call import Given, NoAnswer, Parsed, ParserFailure, Tools

SINCE_071 = ("0.7.1", "0.8.0", "0.9.0", "0.9.1")
SINCE_080 = SINCE_071[1:]
SINCE_090 = SINCE_071[2:]  # tool_parser.py of 0.9.0 and 0.9.1 are the same


class Stop(NamedTuple):
    """A token that ends the turn, added to the sampling parameters (0.9.1 tool_agent_loop.py:239-241).

    checked: an id that is no integer, or negative, is left out. Without the check it is passed on, also None.
    Neither helps where the tokenizer answers an unknown token with its unknown token's id, which then ends turns.
    """

    token: str
    checked: bool


class Format(NamedTuple):
    """One parser of verl.

    releases: those that have it.
    read: the parser, on decoded text without what is removed.
    keeps_special_tokens: verl decodes with `skip_special_tokens=False`, or (None) leaves it to the tokenizer; the
    transformers' own keep them then.
    pad: what becomes of the tokenizer's padding token in the text: `stays`, `removed`, or `needed`: removed, and a
    tokenizer without one is a TypeError.
    removed: other texts that are taken out.
    """

    releases: tuple[str, ...]
    read: Callable[[str, Given], Parsed]
    keeps_special_tokens: bool | None = True
    pad: str = "stays"
    removed: tuple[str, ...] = ()
    stop: Stop | None = None


FORMATS: Mapping[str, Format] = {
    "hermes": Format(SINCE_071, hermes.read, keeps_special_tokens=None),
    "gpt-oss": Format(SINCE_071, gpt_oss.read, pad="needed"),
    "qwen3_coder": Format(SINCE_071, qwen3_coder.read, keeps_special_tokens=None),
    "gemma4": Format(SINCE_080, gemma4.read, pad="removed", stop=Stop("<tool_call|>", checked=False)),
    "glm": Format(SINCE_090, glm.read, stop=Stop("<|observation|>", checked=True)),
    "seed": Format(SINCE_090, seed.read),
    "minimax": Format(SINCE_090, minimax.read),
    "kimi": Format(SINCE_090, kimi.read, stop=Stop("<|im_end|>", checked=True)),
    "deepseek_v4": Format(SINCE_090, deepseek_v4.read, pad="removed", removed=("<｜end▁of▁sentence｜>",)),
}


def named(format: str, release: str) -> Format:
    """The parser. Raises ParserFailure (ValueError): the release has none of this name."""
    found = FORMATS.get(format)
    if found is None or release not in found.releases:
        raise ParserFailure("ValueError")
    return found


def parse(format: str, release: str, text: str, tools: Tools, pad_token: str | None = "") -> Parsed:
    """What verl's parser makes of a decoded text.

    tools: schemas in the shape of verl's model. pad_token: the text of the tokenizer's padding token, None where it
    has none; the default is for texts that hold no padding.
    Raises ParserFailure where verl raises, and NoAnswer where 0.7.1 and 0.8.0 would run the text (expression.py).
    Arguments nested hundreds of levels deep depend on the depth of the caller's stack, here and in verl.
    """
    chosen = named(format, release)
    try:
        return chosen.read(_cleaned(text, chosen, pad_token), Given(tools, release))
    except NoAnswer:
        raise
    except Exception as error:
        raise ParserFailure(type(error).__name__) from error


def _cleaned(text: str, chosen: Format, pad_token: str | None) -> str:
    if chosen.pad == "needed" and pad_token is None:
        raise TypeError("the tokenizer has no padding token")
    for token in (pad_token if chosen.pad != "stays" else None, *chosen.removed):
        text = text.replace(token, "") if token else text
    return text


def parse_ids(
    format: str,
    release: str,
    ids: Sequence[int],
    tools: Tools,
    decode: Callable[..., str],
    pad_token: str | None = "",
) -> Parsed:
    """The same from token ids. decode: called as verl calls the tokenizer's, with `skip_special_tokens` or without."""
    keeps = named(format, release).keeps_special_tokens
    text = decode(ids) if keeps is None else decode(ids, skip_special_tokens=not keeps)
    return parse(format, release, text, tools, pad_token)


def stop_token_ids(format: str, release: str, id_of: Callable[[str], Any]) -> list[Any]:
    """What verl adds to the engine's stop tokens. id_of: the tokenizer's `convert_tokens_to_ids`; a marker that the
    tokenizer lacks has the id of its unknown token, or None."""
    stop = named(format, release).stop
    if stop is None:
        return []
    found = id_of(stop.token)
    fits = isinstance(found, int) and found >= 0
    return [found] if fits or not stop.checked else []


def formats_that_parse(text: str, tools: Tools, release: str) -> tuple[str, ...]:
    """Formats of the release that find a call in the text, one whose arguments verl would run among them."""
    return tuple(
        name
        for name, one in FORMATS.items()
        if release in one.releases and _finds(name, release, text, tools)
    )


def _finds(format: str, release: str, text: str, tools: Tools) -> bool:
    try:
        return bool(parse(format, release, text, tools).calls)
    except NoAnswer:
        return True
    except ParserFailure:
        return False
