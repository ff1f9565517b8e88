"""Jinja2 as transformers sets it up for chat templates, and one template rendered in it.

Source: transformers utils/chat_template_utils.py `_cached_compile_jinja_template` (5.10.4; 4.57.1 renders the same).
Runs in the child process of worker.py only: a template is a program of whoever wrote the model's folder.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import jinja2
import jinja2.ext
import jinja2.meta
from jinja2 import nodes
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

CLOCK = datetime(2026, 1, 1)
"""What `strftime_now` says: the real clock would make of one prompt another every day."""
MOST_CHARACTERS = 16 << 20
"""Of one rendered prompt: several million tokens."""


class TooLongError(Exception):
    """A template writes more than MOST_CHARACTERS."""


class _Generation(jinja2.ext.Extension):
    """`{% generation %}…{% endgeneration %}`, by which transformers marks what the assistant wrote: as if not there.

    It is a call block, as in transformers, so a variable that is set inside does not reach the outside.
    """

    tags = {"generation"}  # noqa: RUF012 - jinja2 reads it from the class

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.CallBlock(self.call_method("_written"), [], [], body).set_lineno(line)

    def _written(self, caller: Callable[[], str]) -> str:
        return caller()


def _raise_exception(message: Any) -> None:
    raise jinja2.exceptions.TemplateError(message)


def _tojson(
    x: Any,
    ensure_ascii: bool = False,
    indent: Any = None,
    separators: Any = None,
    sort_keys: bool = False,
) -> str:
    """Unlike Jinja2's own it does not escape HTML."""
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def _strftime_now(format: str) -> str:
    return CLOCK.strftime(format)


@lru_cache(maxsize=16)
def compiled(template: str) -> jinja2.Template:
    """Raises jinja2.TemplateSyntaxError, and whatever Python's compiler raises for what Jinja2 makes of it."""
    return _environment().from_string(template)


def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, jinja2.ext.loopcontrols]
    )
    environment.filters["tojson"] = _tojson
    environment.globals["raise_exception"] = _raise_exception
    environment.globals["strftime_now"] = _strftime_now
    return environment


def names_of(template: str) -> list[str]:
    """Names that the template reads and does not set, functions of transformers' own among them. Nothing is run.

    Raises as `compiled` does.
    """
    environment = _environment()
    environment.globals.clear()  # else these are not counted
    return sorted(jinja2.meta.find_undeclared_variables(environment.parse(template)))


def render(
    template: str,
    messages: Sequence[Mapping[str, Any]],
    tools: Sequence[Mapping[str, Any]] | None,
    add_generation_prompt: bool,
    variables: Mapping[str, Any],
) -> str:
    """The prompt's text. variables: special tokens, and what the user hands to the template.

    Raises what the template raises, and TooLongError.
    """
    names = {
        "messages": messages,
        "tools": tools,
        "documents": None,
        "add_generation_prompt": add_generation_prompt,
        **variables,
    }
    parts: list[str] = []
    left = MOST_CHARACTERS
    for part in compiled(template).generate(names):
        parts.append(part)
        left -= len(part)
        if left < 0:
            raise TooLongError(f"it writes more than {MOST_CHARACTERS:,} characters")
    return "".join(parts)
