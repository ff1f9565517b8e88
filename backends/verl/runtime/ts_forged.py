"""What opens a tool's answer in the run's chat template. A policy turn that holds it, reasoning apart, has forged one.

The markers are read off the template: a conversation that ends with a tool's answer is rendered with and without that
message, and what stands before the answer is its opening. To it belong the tags that no other part of a conversation
has. Markers of other families (FORGED) count as well, since a policy may have learnt them elsewhere.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

logger = logging.getLogger("toolspec")

Messages = list[dict[str, Any]]
# (messages, add_generation_prompt) → text
Render = Callable[[Messages, bool], str]

FORGED = (
    "<tool_response>",
    "<|tool_response>",
    "<|im_start|>tool",
    "<|im_start|>user",
    "<|observation|>",
    "<|start|>functions.",
    "<|im_system|>tool",
    "<|start_header_id|>ipython",
    "<seed:bos>tool",
    "]~b]tool",
    "[TOOL_RESULTS]",
    "<｜tool▁output▁begin｜>",
    "<｜tool▁outputs▁begin｜>",
)

SAID, ANSWERED, NAME = "Q7said7Q", "Q7answered7Q", "q7name7q"
# Tags and special tokens as templates write them, closing tags apart.
TAG = re.compile(r"<[^<>/\s][^<>\s]{1,60}(?:>|(?=\s))|\[[A-Z][A-Z_]{2,40}\]")


def conversations() -> Iterable[Messages]:
    """Conversations that end with a tool's answer: what one template asks for another refuses."""
    user = {"role": "user", "content": "Q"}
    answer = {"role": "tool", "name": NAME, "content": ANSWERED}
    for arguments in ({"x": SAID}, f'{{"x": "{SAID}"}}'):
        function = {"name": NAME, "arguments": arguments}
        # nine letters and digits: Mistral's templates take no other id
        call = {"id": "abcdefghi", "type": "function", "function": function}
        yield [
            user,
            {"role": "assistant", "content": "", "tool_calls": [call]},
            {**answer, "tool_call_id": "abcdefghi"},
        ]
    yield [user, {"role": "assistant", "content": SAID}, answer]


def markers(render: Render) -> tuple[str, ...]:
    """What opens a tool's answer: the opening, and its own tags. () for a template that renders none.

    render: raises whatever it likes for a conversation that the template refuses.
    """
    for messages in conversations():
        try:
            before, asked = render(messages[:-1], False), render(messages[:-1], True)
            full = render(messages, False)
        except Exception:
            continue
        head, found, _ = full.partition(ANSWERED)
        if not found or SAID not in head:
            continue
        opening = head.rpartition(SAID)[2]
        # what ends the policy's own turn is no part of the opening
        opening = opening.removeprefix(before.rpartition(SAID)[2] if SAID in before else "").strip()
        tags = [tag for tag in TAG.findall(opening) if tag not in asked]
        unnamed = opening.partition(NAME)[0].rstrip(' "\n')
        whole = [unnamed] if TAG.search(unnamed) else []
        return tuple(dict.fromkeys([*whole, *tags]))
    return ()


def of_tokenizer(tokenizer: Any, template: str | None = None) -> tuple[str, ...]:
    """The markers of a tokenizer's chat template, or of `template` in its place; () where it has none."""
    apply = getattr(tokenizer, "apply_chat_template", None)
    if apply is None or not (template or getattr(tokenizer, "chat_template", None)):
        return ()
    chosen: Mapping[str, Any] = {"chat_template": template} if template else {}

    def render(messages: Messages, prompt: bool) -> str:
        return str(apply(messages, tokenize=False, add_generation_prompt=prompt, **chosen))

    try:
        return markers(render)
    except Exception as error:
        logger.warning("the template's opening of tool answers is not known: %s", error)
        return ()


def opened(further: Iterable[str] = ()) -> re.Pattern[str]:
    """Finds every marker: FORGED, and those of the run's template. The longest at a place counts.

    One that ends the text opens nothing: Gemma 4 ends a turn of calls with `<|tool_response>`.
    """
    every = sorted({*FORGED, *further}, key=lambda marker: (-len(marker), marker))
    return re.compile(f"(?:{'|'.join(map(re.escape, every))})(?=\\s*\\S)")
