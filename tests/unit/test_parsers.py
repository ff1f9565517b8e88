"""Texts as verl's parsers read them, by format; tests/real/test_parsers_real.py asks verl itself."""

from __future__ import annotations

import json
from typing import Any

import pytest

from toolspec.backends.verl.parsers import (
    FORMATS,
    Call,
    NoAnswer,
    Parsed,
    ParserFailure,
    formats_that_parse,
    parse,
    parse_ids,
    stop_token_ids,
)
from toolspec.backends.verl.releases import TABLES, release

ALL = ("0.7.1", "0.8.0", "0.9.1")
EVALS = ALL[:2]
D = "｜DSML｜"


def tool(name: str, types: dict[str, Any], required: tuple[str, ...] = ()) -> dict[str, Any]:
    properties = {key: {"type": kind} for key, kind in types.items()}
    schema = {"type": "object", "properties": properties, "required": list(required)}
    return {"type": "function", "function": {"name": name, "description": "d", "parameters": schema}}


TOOLS = [
    tool("f", {"s": "string", "i": "integer", "x": "number", "b": "boolean", "a": "array", "o": "object"}),
    tool("search", {"query": "string"}, ("query",)),
]

GPT = "<|start|>assistant<|channel|>commentary to=functions.f <|constrain|>json<|message|>"
SECTION = "<|tool_calls_section_begin|>"
ARGUMENT = "<|tool_call_argument_begin|>"

CASES: list[tuple[str, str, str | None, list[tuple[str, str]]]] = [
    (
        "hermes",
        'a<tool_call>\n{"name": "f", "arguments": {"s": "é\\n"}}\n</tool_call>b',
        "ab",
        [("f", '{"s": "é\\n"}')],
    ),
    ("hermes", '<tool_call>{"name": "f", "arguments": null}</tool_call>', "", [("f", "null")]),
    ("hermes", '<tool_call>{"name": "f", "parameters": {}}</tool_call>', "", []),
    ("hermes", '<tool_call>{"name": 1, "arguments": {}}</tool_call>', "", []),
    ("hermes", '<tool_call>[]</tool_call><tool_call>{"name"', '<tool_call>{"name"', []),
    ("hermes", '</tool_call>{"name": "f", "arguments": 1}<tool_call>', None, []),
    ("gpt-oss", f'{GPT}{{"s":1}}<|call|>b', "b", [("f", '{"s":1}')]),
    ("gpt-oss", f"<|channel|>analysis<|message|>{GPT}<|end|>{GPT}no<|call|>", "", [("f", "no")]),
    ("gpt-oss", f"{GPT}{{}}", None, []),
    ("gemma4", 'a<|tool_call>call:f{s:<|"|>x,y<|"|>,i:1_0,b:TRUE,x:nan}<tool_call|>b', "a", [
        ("f", '{"s": "x,y", "i": 10, "b": true, "x": NaN}')
    ]),
    ("gemma4", '<|tool_call>call:f{s:<|"|>x\ny<|"|>}<tool_call|>', "", [("f", '{"s": "<|\\"|>x\\ny<|\\"|>"}')]),
    ("gemma4", "<|tool_call>call:मौसम{k²:1,शहर:2}<tool_call|>", "", [("मौसम", '{"शहर": 2}')]),
    ("gemma4", "<|tool_call>call:f{a:[1,2]}<tool_call|>", "", [("f", '{"a": "[1"}')]),
    ("glm", "<think>a</think>b<tool_call>f\n<arg_key>i</arg_key> <arg_value>5</arg_value></tool_call>", "b", [
        ("f", '{"i": 5}')
    ]),
    ("glm", "</think><tool_call> Any text. </tool_call>", "", [("Any text.", "{}")]),
    ("glm", "<tool_call>f<arg_key>i</arg_key>\x1c<arg_value>5</arg_value></tool_call>", "", [("f", "{}")]),
    ("seed", "a<seed:tool_call><function= f >\n<parameter=i>\n5\n</parameter></function><function=g></function>"
     "</seed:tool_call>b", "a", [("f", '{"i": 5}')]),
    ("seed", "<seed:tool_call><function=\n<function=f></function></seed:tool_call>", "", [("f", "{}")]),
    ("minimax", 'a<minimax:tool_call><invoke name="f"><parameter name="s">x</parameter></invoke><invoke name="g">'
     "</invoke></minimax:tool_call>", "a", [("f", '{"s": "x"}'), ("g", "{}")]),
    ("minimax", '<minimax:tool_call><invoke name="<invoke name="f"></invoke></minimax:tool_call>', "", [("f", "{}")]),
    ("deepseek_v4", f'hm</think>a\n\n<{D}tool_calls><{D}invoke name="f"><{D}parameter name="i" string="false">5'
     f'</{D}parameter><{D}parameter name="s" string="true">5</{D}parameter></{D}invoke></{D}tool_calls>'
     "<｜end▁of▁sentence｜>", "a", [("f", '{"i": 5, "s": "5"}')]),
    ("deepseek_v4", f"a</think>b<{D}tool_calls>", "b", []),
    ("kimi", f'a{SECTION}<|tool_call_begin|>functions.f:0{ARGUMENT}{{"i": 5}}<|tool_call_end|>', "a", [
        ("f", '{"i": 5}')
    ]),
    ("kimi", f'{SECTION}<|tool_call_begin|>?{ARGUMENT}{{"query": 1}}<|tool_call_end|>', "", [
        ("search", '{"query": 1}')
    ]),
    ("kimi", f"{SECTION}<|tool_call_begin|>f{ARGUMENT}[1]<|tool_call_end|>", "", [("f", "{}")]),
]  # fmt: skip


@pytest.mark.parametrize(("form", "text", "content", "calls"), CASES)
def test_a_text_is_read(form: str, text: str, content: str | None, calls: list[tuple[str, str]]) -> None:
    for number in ALL:
        if number in FORMATS[form].releases:
            found = parse(form, number, text, TOOLS)
            assert found.content == (text if content is None else content)
            assert [call[:2] for call in found.calls] == calls


def qwen(key: str, value: str, number: str = "0.9.1", tools: Any = TOOLS) -> Parsed:
    text = f"a<tool_call>\n<function=f>\n<parameter={key}>\n{value}\n</parameter>\n</function>\n</tool_call>"
    return parse("qwen3_coder", number, text, tools)


@pytest.mark.parametrize(
    ("key", "value", "argument"),
    [
        ("s", "12", '"12"'),
        ("s", "NULL", "null"),
        ("i", "9223372036854775808", "9223372036854775808"),
        ("i", "5.0", '"5.0"'),
        ("x", "5.0", "5"),
        ("x", "1e400", '"1e400"'),
        ("b", "yes", "false"),
        ("o", '{"k": [1.50]}', '{"k": [1.5]}'),
        ("o", "{'k': (1,)}", '{"k": [1]}'),
        ("a", "[1, None]", "[1, null]"),
        ("a", "[true]", '"[true]"'),
        ("a", "San Francisco", '"San Francisco"'),
        ("unknown", "[1]", '"[1]"'),
    ],
)
def test_qwen3_coder_converts_by_the_schema(key: str, value: str, argument: str) -> None:
    for number in ALL:
        assert qwen(key, value, number) == ("a", (Call("f", f'{{"{key}": {argument}}}'),))


@pytest.mark.parametrize(
    ("value", "of_eval", "of_literal"),
    [
        ("1+2", "3", '"1+2"'),
        ("[1] * 2", "[1, 1]", '"[1] * 2"'),
        ("param_name", '"a"', '"param_name"'),
        ("1 if 0 else [2]", "[2]", '"1 if 0 else [2]"'),
        ("Paris.x(1)", '"Paris.x(1)"', '"Paris.x(1)"'),  # a NameError
        ("{1, 2}", None, None),  # JSON has no sets: all calls are lost
        ("int", None, '"int"'),  # nor has it classes
    ],
)
def test_eval_and_literal_eval(value: str, of_eval: str | None, of_literal: str | None) -> None:
    for number, argument in (*((each, of_eval) for each in EVALS), ("0.9.1", of_literal)):
        calls = () if argument is None else (Call("f", f'{{"a": {argument}}}'),)
        assert qwen("a", value, number).calls == calls


@pytest.mark.parametrize(
    "value",
    [
        *("print(1)", "__import__('os')", "(1).real", "'a'.upper()", "[x for x in [1]]", "9**9**9"),
        *("'%9999d' % 1", "[[[0] * 9999] * 9999]", "lambda: 1", "f'{1}'", "param_config", "int == int"),
        *("1 is 1", "{**{}}", "(x := 1)"),
    ],
)
def test_what_eval_would_run_has_no_answer(value: str) -> None:
    for number in EVALS:
        with pytest.raises(NoAnswer):
            qwen("a", value, number)
    assert qwen("a", value).calls == (Call("f", json.dumps({"a": value})),)


def test_a_header_without_an_end_loses_itself_or_all() -> None:
    text = "a<tool_call><function=f></function></tool_call><tool_call><function=g</function></tool_call>"
    for number in EVALS:
        assert parse("qwen3_coder", number, text, TOOLS) == (text, ())
    assert parse("qwen3_coder", "0.9.1", text, TOOLS) == ("a", (Call("f", "{}"),))


def test_no_list_of_tools_was_an_error() -> None:
    assert [len(qwen("s", "x", number, None).calls) for number in ALL] == [0, 0, 1]


def test_kimi_passes_the_written_name_on() -> None:
    (call,) = parse(
        "kimi", "0.9.1", f"{SECTION}<|tool_call_begin|>f:3{ARGUMENT}{{}}<|tool_call_end|>", TOOLS
    ).calls
    assert call == ("f", "{}", "f:3")


def test_what_verl_raises() -> None:
    with pytest.raises(ParserFailure, match=r"^TypeError$"):
        parse("gpt-oss", "0.9.1", "", TOOLS, pad_token=None)
    with pytest.raises(ParserFailure, match=r"^ValueError$"):
        parse("glm", "0.8.0", "", TOOLS)


def test_padding_is_taken_out_where_verl_does() -> None:
    kept = {form for form in FORMATS if "<pad>" in parse(form, "0.9.1", "a<pad>", TOOLS, "<pad>").content}
    assert kept == set(FORMATS) - {"gpt-oss", "gemma4", "deepseek_v4"}


def test_ids_are_decoded_as_verl_does() -> None:
    asked = []

    def decode(ids: list[int], **options: bool) -> str:
        asked.append(options)
        return "x"

    for form in FORMATS:
        assert parse_ids(form, "0.9.1", [1], TOOLS, decode) == ("x", ())
    plain = [form for form, options in zip(FORMATS, asked, strict=True) if not options]
    assert plain == ["hermes", "qwen3_coder"]
    assert [options for options in asked if options] == [{"skip_special_tokens": False}] * 7


def test_stop_tokens() -> None:
    assert stop_token_ids("glm", "0.9.1", {"<|observation|>": 5}.get) == [5]
    assert stop_token_ids("kimi", "0.9.1", {"<|im_end|>": -1}.get) == []
    assert stop_token_ids("kimi", "0.9.1", lambda _: None) == []
    assert stop_token_ids("gemma4", "0.9.1", lambda _: None) == [None]
    assert stop_token_ids("hermes", "0.9.1", lambda _: 5) == []


def test_formats_are_those_of_the_tables() -> None:
    for number in TABLES:
        having = {form for form, one in FORMATS.items() if number in one.releases}
        assert having == set(release(number).enums["tool_parser"])


def test_formats_that_could_read_a_text() -> None:
    coder = "<tool_call><function=f><parameter=a>print(1)</parameter></function></tool_call>"
    assert formats_that_parse(coder, TOOLS, "0.8.0") == ("qwen3_coder",)
    assert formats_that_parse(coder, TOOLS, "0.9.1") == ("qwen3_coder", "glm")
    assert formats_that_parse("The answer is 5.", TOOLS, "0.9.1") == ()


@pytest.mark.parametrize("form", FORMATS)
def test_a_heap_of_opening_marks_ends(form: str) -> None:
    """By scanning: patterns with lazy gaps would take minutes for each of these."""
    for mark in (
        "<tool_call>",
        "<function=",
        "<arg_key>",
        '<invoke name="',
        "<|tool_call_begin|>",
        'a:<|"|>',
        "a",
    ):
        for text in (mark * 50_000, f"<tool_call>{mark * 50_000}</tool_call>", f"{SECTION}{mark * 50_000}"):
            parse(form, "0.9.1", text, TOOLS)
