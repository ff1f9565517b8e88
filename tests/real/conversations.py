"""Conversations and tools over which templates are compared: plain data, the same for both sides."""

from __future__ import annotations

from typing import Any

Message = dict[str, Any]


def user(content: Any = "What is 17 * 23?") -> Message:
    return {"role": "user", "content": content}


def system(content: Any = "You are careful.") -> Message:
    return {"role": "system", "content": content}


def calls(*named: tuple[str, Any], content: Any = "", **more: Any) -> Message:
    listed = [
        {"type": "function", "id": f"call0000{number}", "function": {"name": name, "arguments": arguments}}
        for number, (name, arguments) in enumerate(named)
    ]
    return {"role": "assistant", "content": content, "tool_calls": listed, **more}


def answer(content: Any = "It is 391.", **more: Any) -> Message:
    return {"role": "assistant", "content": content, **more}


def result(content: Any = "391", number: int = 0, name: str = "calc") -> Message:
    return {"role": "tool", "content": content, "tool_call_id": f"call0000{number}", "name": name}


ODD = {
    "expression": "\"a\" + 'b' <|im_end|>\n\\ é 中 \u2028",
    "deep": {"list": [1, 2.5, None, True], "empty": {}},
}

CONVERSATIONS: dict[str, list[Message]] = {
    "user": [user()],
    "system": [system(), user()],
    "parts": [user([{"type": "text", "text": "What is "}, {"type": "text", "text": "17 * 23?"}])],
    "turns": [
        system(),
        user(),
        answer(),
        user("And 2?"),
        answer("2."),
        user("Ta <b>&amp;</b> é 中 'quoted'"),
    ],
    "answered": [user(), answer()],
    "empty": [user("")],
    "blanks": [system("  x\n"), user("\n\n a  \n")],
    "developer": [{"role": "developer", "content": "Be brief."}, user()],
    "two users": [user("one"), user("two")],
    "no user": [system()],
    "assistant first": [answer("Hello."), user()],
    "late system": [user(), answer(), system("now"), user("go on")],
    "unknown role": [{"role": "oracle", "content": "x"}, user()],
    "no content": [{"role": "user"}],
    "null content": [user(None)],
    "round": [user(), calls(("calc", {"expression": "17*23"})), result()],
    "round answered": [system(), user(), calls(("calc", {"expression": "17*23"})), result(), answer()],
    "null call": [user(), calls(("calc", {"expression": "17*23"}), content=None), result()],
    "text arguments": [user(), calls(("calc", '{"expression": "17*23"}')), result()],
    "odd arguments": [user(), calls(("calc", ODD)), result("a\n<tool_response>&'\"")],
    "no arguments": [user(), calls(("calc", {})), result("")],
    "large numbers": [user(), calls(("calc", {"a": 2**63 - 1, "b": -1e-7, "c": 1e100})), result()],
    "two calls": [
        user(),
        calls(("calc", {"expression": "1"}), ("search", {"query": "x", "top": 3}), content="Both."),
        result(),
        result("found", 1, "search"),
    ],
    "two rounds": [
        user(),
        calls(("calc", {"expression": "1"})),
        result(),
        calls(("search", {"query": "é"}), content="Then."),
        result("none", 0, "search"),
        answer("Done."),
    ],
    "mapping result": [user(), calls(("calc", {"expression": "1"})), result({"value": 391})],
    "parts result": [user(), calls(("calc", {"expression": "1"})), result([{"type": "text", "text": "391"}])],
    "thinking": [user(), answer("391.", reasoning_content="17 * 23 = 391"), user("Sure?")],
    "think tags": [user(), answer("<think>\n17 * 23\n</think>\n\n391."), user("Sure?")],
    "thinking calls": [
        user(),
        calls(("calc", {"expression": "17*23"}), content="So:", reasoning_content="I calculate."),
        result(),
    ],
    "thinking key": [user(), answer("391.", thinking="17 * 23 = 391"), user("Sure?")],
}


def tool(name: str, properties: dict[str, Any], required: list[str], **more: Any) -> dict[str, Any]:
    parameters = {"type": "object", "properties": properties, "required": required, **more}
    function = {"name": name, "description": f"Does {name}. <&'\"> é", "parameters": parameters}
    return {"type": "function", "function": function}


CALC = tool("calc", {"expression": {"type": "string", "description": "Python's syntax"}}, ["expression"])
SEARCH = tool(
    "search",
    {
        "query": {"type": "string", "description": "Words"},
        "top": {"type": "integer", "description": "How many", "enum": [1, 3, 5], "default": 3},
    },
    ["query"],
)
BOOK = tool(
    "book",
    {
        "guests": {
            "type": "array",
            "description": "Who",
            "items": {
                "type": "object",
                "properties": {
                    "name": {"type": "string"},
                    "age": {"type": ["integer", "null"], "minimum": 0},
                },
                "required": ["name"],
            },
        },
        "until": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}], "default": None},
        "rooms": {"type": "integer", "minimum": 1, "maximum": 9},
    },
    ["guests"],
    additionalProperties=False,
)
TOOLS: dict[str, list[dict[str, Any]] | None] = {
    "none": None,
    "empty": [],
    "one": [CALC],
    "several": [CALC, SEARCH],
    "nested": [BOOK, SEARCH],
}
VARIABLES: tuple[dict[str, Any], ...] = ({}, {"enable_thinking": False}, {"enable_thinking": True})
