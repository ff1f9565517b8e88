"""What verl's own tool-call parsers make of texts. Run by the real environment's Python, with a wheel on its path.

usage: parser_judge.py [MODEL_FOLDER] < asked.json > answers.json

asked: `tools`: lists of schemas, or None; `cases`: [format, text, index of its tools, padding token]; and
`encoded`: pairs of a format and a text that the model folder's tokenizer encodes. answers, in the same order: `cases`:
[content, [(name, arguments, id), ...]] or the name of the exception's class, as Python's `ascii` writes it, since JSON
would join halves of a surrogate pair; `stops`: format to what three tokenizers give as stop ids; `encoded`: [decode's
options, text as decoded by the parser, padding token, answer].
"""

# mypy: disable-error-code="import-not-found,import-untyped"
from __future__ import annotations

import asyncio
import json
import logging
import sys
import warnings
from typing import Any


class Prepared:
    """A tokenizer that decodes to a text that it is given, and knows one marker or none."""

    def __init__(self, pad_token: str | None = None, text: str = "", unknown: Any = None) -> None:
        self.pad_token, self.text, self.unknown = pad_token, text, unknown

    def decode(self, ids: list[int], **options: Any) -> str:
        assert options in ({}, {"skip_special_tokens": False}), options
        return self.text

    def convert_tokens_to_ids(self, token: str) -> Any:
        return self.unknown


class Noting:
    """The real tokenizer, which remembers what it decoded, and how."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer, self.decoded = tokenizer, ""
        self.options: dict[str, Any] = {}
        self.pad_token = tokenizer.pad_token

    def decode(self, ids: list[int], **options: Any) -> str:
        self.options = options
        self.decoded = self.tokenizer.decode(ids, **options)
        return str(self.decoded)

    def convert_tokens_to_ids(self, token: str) -> Any:
        return self.tokenizer.convert_tokens_to_ids(token)


async def answer(parser: Any, ids: list[int], tools: Any) -> str:
    try:
        content, calls = await parser.extract_tool_calls(ids, tools)
    except Exception as error:
        return ascii(type(error).__name__)
    return ascii(
        [content, [(call.name, call.arguments, getattr(call, "tool_call_id", None)) for call in calls]]
    )


async def judge(asked: dict[str, Any], folder: str | None) -> dict[str, Any]:
    from verl.experimental.agent_loop.tool_parser import ToolParser
    from verl.tools.schemas import OpenAIFunctionToolSchema

    def parser(name: str, tokenizer: Any) -> Any:
        return ToolParser.get_tool_parser(name, tokenizer)

    tools = [one and [OpenAIFunctionToolSchema(**schema) for schema in one] for one in asked["tools"]]
    cases = []
    for name, text, index, pad_token in asked["cases"]:
        try:
            found = parser(name, Prepared(pad_token, text, 7))
        except Exception as error:
            cases.append(ascii(type(error).__name__))
            continue
        cases.append(await answer(found, [], tools[index]))
    stops = {
        name: [
            getattr(parser(name, Prepared(unknown=unknown)), "stop_token_ids", [])
            for unknown in (5, -1, None)
        ]
        for name in ToolParser._registry
    }
    encoded: list[Any] = []
    if asked["encoded"]:
        from transformers import AutoTokenizer

        tokenizer: Any = AutoTokenizer.from_pretrained(folder)
        for name, text in asked["encoded"]:
            ids = tokenizer.encode(text, add_special_tokens=False)
            noting = Noting(tokenizer)
            found = await answer(parser(name, noting), ids, tools[0])
            encoded.append([noting.options, noting.decoded, noting.pad_token, found])
    return {"cases": cases, "stops": stops, "encoded": encoded}


def main() -> None:
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    asked = json.load(sys.stdin)
    found = asyncio.run(judge(asked, sys.argv[1] if sys.argv[1:] else None))
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
