"""What the prompts of the rows say of tools: names, call formats, several calls at once."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, TypeVar

from toolspec.backends.verl.lint.view import View

T = TypeVar("T")
_QUOTED = r"[`'\"*]{1,2}([A-Za-z_][A-Za-z0-9_]{2,63})[`'\"*]{1,2}"
# As texts, which `re` compiles and keeps when they are used: most configs have no rows at hand.
_NAMED = (
    rf"{_QUOTED}\s+(?:tool|function)\b(?!\s+(?:call|argument))"
    rf"|\b(?:tool|function)\s+{_QUOTED}|\btool named\s+{_QUOTED}"
)
_SEVERAL = (
    r"\bparallel\b[^.\n]{0,30}\bcalls?\b|\bcalls?\b[^.\n]{0,40}\bin parallel\b"
    r"|\b(?:all|several|multiple)\b[^.\n]{0,40}\bcalls?\b[^.\n]{0,40}\b(?:one|single|same)\s+(?:turn|message|response|step)\b"
    r"|\bseveral <tool_call>"
)
_DENIED = r"\b(?:not|never|don't|avoid|without|no|only one|cannot)\b[^.\n]*$"
_CALL = r"(?s)<tool_call>(.*?)</tool_call>"


def prompts(view: View) -> Iterator[list[Any]]:
    """The messages of each row of the sample. Raises NotKnownError where the rows are not at hand."""
    name = view.text("data.prompt_key")
    for value in view.facts.rows().values(name):
        if isinstance(value, list):
            yield value


def said(view: View) -> Counter[str]:
    """Texts of system and user messages, each with the number of rows that have it."""

    def counted() -> Counter[str]:
        found: Counter[str] = Counter()
        for messages in prompts(view):
            for message in messages:
                if isinstance(message, dict) and message.get("role") in ("system", "user", "developer"):
                    content = message.get("content")
                    if isinstance(content, str):
                        found[content] += 1
        return found

    return view.facts.rows().once(f"said {view.text('data.prompt_key')}", counted)


def telling(view: View, read: Callable[[str], T]) -> tuple[tuple[T, int], ...]:
    """(what `read` finds in a text, rows that have the text) of the texts in which it finds anything."""

    def found() -> tuple[tuple[T, int], ...]:
        return tuple((told, rows) for text, rows in said(view).items() if (told := read(text)))

    return view.facts.rows().once(f"{read.__name__} {view.text('data.prompt_key')}", found)


@lru_cache(maxsize=4096)
def tools_named(text: str) -> frozenset[str]:
    """Names that a text quotes as those of tools."""
    if "tool" not in text.lower() and "function" not in text.lower():
        return frozenset()
    return frozenset(name for found in re.findall(_NAMED, text, re.IGNORECASE) for name in found if name)


@lru_cache(maxsize=4096)
def asks_for_several(text: str) -> str:
    """The words that ask for several calls in one turn, "" where none do."""
    for found in re.finditer(_SEVERAL, text, re.IGNORECASE):
        if not re.search(_DENIED, text[max(0, found.start() - 60) : found.start()], re.IGNORECASE):
            return " ".join(found.group().split())
    return ""


def calls_shown(text: str) -> list[str]:
    """The calls that a text shows between `<tool_call>` marks."""
    return re.findall(_CALL, text) if "<tool_call>" in text else []
