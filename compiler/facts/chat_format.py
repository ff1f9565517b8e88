"""Which of verl's tool parsers reads the calls that a chat template shows to the model.

A template is only searched for text, never rendered. A format is named where the template holds all marks of
one row; the rows are ordered, since several formats share `<tool_call>`.

Source of the marks: verl 0.9.1 experimental/agent_loop/tool_parser.py, the tokens each parser looks for
(hermes :103, gpt-oss :150, qwen3_coder :202, glm :383, seed :458, minimax :516, kimi :569, deepseek_v4 :675,
gemma4 :753).
"""

from __future__ import annotations

from collections.abc import Sequence

# (parser, marks that must all be there, one of which must be there)
_FORMATS: Sequence[tuple[str, tuple[str, ...], tuple[str, ...]]] = (
    ("deepseek_v4", ("DSML", "tool_calls"), ()),
    ("kimi", ("<|tool_calls_section_begin|>",), ()),
    ("minimax", ("<minimax:tool_call>", "<invoke name="), ()),
    ("seed", ("<seed:tool_call>",), ()),
    ("gemma4", ("<|tool_call>", "<tool_call|>"), ()),
    ("gpt-oss", ("<|channel|>", "<|call|>"), ()),
    ("glm", ("<tool_call>", "<arg_key>"), ()),
    ("qwen3_coder", ("<tool_call>", "<function="), ()),
    ("hermes", ("<tool_call>",), ('"arguments"', '\\"arguments\\"', "'arguments'")),
)

FORMAT_NAMES = frozenset(name for name, _, _ in _FORMATS)
"""verl's own parsers, of all releases."""


def tool_format_of(template: str) -> tuple[str | None, str]:
    """The parser's name and the reason, or None and the reason. `template`: the Jinja2 text of a chat
    template."""
    for name, marks, one_of in _FORMATS:
        if all(mark in template for mark in marks):
            found = next((mark for mark in one_of if mark in template), None)
            if one_of and found is None:
                continue
            shown = " and ".join(f"`{mark}`" for mark in (*marks, *([found] if found else [])))
            return name, f"the chat template writes {shown}"
    if "tools" not in template:
        return None, "the chat template does not mention tools"
    return None, "the chat template's way of writing a call is none that a verl parser reads"
