"""What texts for verl's parsers are put together from: names, values, prose and the marks of each format."""

from __future__ import annotations

D = "｜DSML｜"
PADS = ("<|endoftext|>", "<pad>", "", None)
NAMES = ("search", "get_weather", "calc-1", "Search_Web", "मौसम", "a²", "x y", "search", "get_weather", "")
KEYS = (
    "city", "n", "x", "flag", "items", "opts", "kind", "both", "either", "other", "शहर", "k²", "", " pad ",
)  # fmt: skip
TEXTS = (
    "Zürich", "a\nb", 'say "hi"', "it's", "back\\slash \\d", "\n", "", " ", "\n\nx\n\n", "नमस्ते दुनिया",
    "🙂👩‍👩‍👧", "²½Ⅷ", "</tool_call>", "<tool_call>", "a > b", "<|\"|>", "a,b}c", "}<tool_call|>",
    "</parameter>", "\x1c x \x85", "\u3000", "null", "NULL", "true", "False", "12", "007", "1_000", " 5 ",
    "١٢", "-3.50", "1e400", "nan", "-inf", "1e3", "0x1f", "9223372036854775807", "18446744073709551616",
    "9" * 30, "9" * 4400, "[" * 100 + "]" * 100,
)  # fmt: skip
EXPRESSIONS = (
    "[1, 'a', None]", "(1, 2)", "{'a': (1,), 2: True}", "{1, 2}", "{}", "[]", "()", "1+2", "2 ** 10", "2**0.5", "1/0",
    "7 // 2", "'ab' * 3", "-5", "not 1", "1 < 2 < 3", "1 if 0 else [2]", "[1, 2][0]", "'abc'[1:]", "[][0]",
    "{'a': 1}['a']", "None", "True", "b'x'", "1j", "1+2j", "...", "San Francisco", "Paris - France",
    "Paris", "example.com", "index[0]", "foo(1, 2)", "int", "[int]", "{int: 1}", "json", "param_name",
    "func_name + '!'", "'a' 'b'", "'é\\n\"'", "\"\\d\"", "f'x'", "f'{y}'", "1.5.x", "'a'.nothing", "5(3)",
    "(1", "[1, 2", "a b c", "lambda: 1", "[w for w in words]", "(x := 5)", "1 in [1]", "'a' + 1", "1,2",
    " 5", "\t[1]", "[1]\n", "\n[1]", "# no", "", "1 # one", "0x1F", "1_0", "0777", "- 1", "--1", "+1",
    "~1", "[1] + [2]", "9" * 5000, "[true, false]", '{"a": true}', '[{"k": [1, 2.50, null]}]',
    "{'a': {'b': ['c', {}]}}", "[1,]", "* 5", "{**{}}", "yield", "await x", "1 == 1.0", "[] or 5",
    "0 or x", "1 and 2", "{[]: 1}", "{(1,): 2}", "{None: 1, 1.5: 2}", "nan", "1e999", "[1e999, -1e999]",
)  # fmt: skip
PROSE = (
    "", "Let me look.\n", "<think>\nhm <tool_call> hm\n</think>\n\n", "</think>", " \n</think>\nok",
    "<think>a", "Done.", "\n\n", "\x1c<think>a</think>b", "\u3000<think>b</think> c",
    "<think>a</think><think>b</think></think>", "नमस्ते ", "1 < 2 > 0\n",
)  # fmt: skip
DEEP = '{"a":' * 50_000 + "1" + "}" * 50_000  # too deep for any Python's JSON
MARKS: dict[str, tuple[str, ...]] = {
    "hermes": ("<tool_call>", "</tool_call>", '{"name": "a", "arguments": {}}', "{", "}"),
    "gpt-oss": (
        "<|start|>assistant<|channel|>", "<|channel|>analysis<|message|>", "analysis<|message|>",
        "<|end|>", "<|call|>", " to=functions.", "a ", " ", "<|constrain|>json<|message|>",
        "<|start|>assistant<|channel|>commentary to=functions.f ",
    ),
    "qwen3_coder": (
        "<tool_call>", "</tool_call>", "<function=", "</function>", "<parameter=", "</parameter>", ">",
        "\n", "search>", "items>",
    ),
    "gemma4": (
        "<|tool_call>call:", "<|tool_call>", "}<tool_call|>", "f{", "{", "}", ":", '<|"|>', ",", "\n", "k:", "²",
        "ा",
    ),
    "glm": (
        "<tool_call>", "</tool_call>", "<arg_key>", "</arg_key>", "<arg_value>", "</arg_value>", " ", "\n",
        "<think>", "</think>",
    ),
    "seed": (
        "<seed:tool_call>", "</seed:tool_call>", "<function=", "</function>", "<parameter=",
        "</parameter>", ">", "\n", "f>",
    ),
    "minimax": (
        "<minimax:tool_call>", "</minimax:tool_call>", '<invoke name="', "</invoke>", '<parameter name="',
        "</parameter>", '">', '"', "f\">",
    ),
    "kimi": (
        "<|tool_calls_section_begin|>", "<|tool_calls_section_end|>", "<|tool_call_begin|>",
        "<|tool_call_argument_begin|>", "<|tool_call_end|>", "{}", "search", '{"city": 1}',
    ),
    "deepseek_v4": (
        f"<{D}tool_calls>", f"</{D}tool_calls>", f'<{D}invoke name="', f"</{D}invoke>",
        f'<{D}parameter name="', f"</{D}parameter>", '">', '" string="true">', '" string="false">',
        "</think>", "<｜end▁of▁sentence｜>", "\n\n", "1",
    ),
}  # fmt: skip
