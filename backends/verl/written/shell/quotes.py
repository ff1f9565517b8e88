"""Whether a quote of a script is closed before the script ends, as bash's own reader sees it."""

from __future__ import annotations

import re
from typing import NamedTuple

_HERE = re.compile(r"<<-?\s*[\\\"'A-Za-z_]")


class OpenQuote(NamedTuple):
    """quote: the character. line: where it opens that is the first to run over the end of its line, from 1."""

    quote: str
    line: int


def open_quote(text: str) -> OpenQuote | None:
    """The quote that is open where the text ends; None for none, and where it cannot be said.

    Here-documents, `case` inside a substitution and quotes inside `${…}` have rules of their own, and end the reading.
    """
    stack: list[tuple[str, int]] = []  # what is open: a quote or `(`, with its line
    line, at, first = 1, 0, 0
    while at < len(text):
        one, inside = text[at], stack[-1][0] if stack else ""
        if one == "\n":
            if inside in ("'", '"', "$'") and not first:
                first = stack[-1][1]
            line += 1
        elif inside == "'":
            if one == "'":
                stack.pop()
        elif one == "\\":
            line += text[at : at + 2].count("\n")
            if inside == '"' and text[at : at + 2] == "\\\n" and not first:
                first = stack[-1][1]
            at += 1
        elif inside == "$'":
            if one == "'":
                stack.pop()
        elif text.startswith("${", at):
            end = text.find("}", at)
            if end < 0 or re.search(r"[\"'`\n{]", text[at + 2 : end]):
                return None
            at = end
        elif text.startswith("$(", at):
            stack.append(("(", line))
            at += 1
        elif one == "`":
            return None
        elif one == '"':
            if inside == '"':
                stack.pop()
            else:
                stack.append(('"', line))
        elif inside != '"':
            if one == "'":
                stack.append(("$'" if text[at - 1 : at] == "$" else "'", line))
            elif one == "#" and (at == 0 or text[at - 1] in " \t\n;&|("):
                end = text.find("\n", at)
                at = (end if end >= 0 else len(text)) - 1
            elif one == "<" and _HERE.match(text, at) and not text.startswith("<<<", at):
                return None
            elif inside == "(":
                if one == "(":
                    stack.append(("(", line))
                elif one == ")":
                    stack.pop()
                elif text.startswith("case ", at):
                    return None
        at += 1
    open_now = [(quote, opened) for quote, opened in stack if quote != "("]
    if not open_now:
        return None
    quote, opened = open_now[-1]
    return OpenQuote(quote[-1], first or opened)
