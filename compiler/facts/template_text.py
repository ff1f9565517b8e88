"""What a chat template says of itself when there are tools: its words, by its syntax tree. Nothing is rendered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

MAX_CHARACTERS = 200_000


def words_with_tools(template: str) -> tuple[str, ...]:
    """The texts that the template writes in any case where `tools` holds something; () for one that is no template.

    Of a condition that is not the tools' own the shorter side is taken, of a loop nothing.
    """
    if len(template) > MAX_CHARACTERS:
        return ()
    from jinja2 import TemplateError
    from jinja2.ext import loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    # As transformers makes it (utils/chat_template_utils.py); `generation` is a tag of its own.
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols]
    )
    plain = template.replace("{% generation %}", "").replace("{% endgeneration %}", "")
    try:
        tree = environment.parse(plain)
    except (TemplateError, RecursionError, ValueError):
        return ()
    return tuple(_with_tools(tree.body))


def _with_tools(nodes: Iterable[Any]) -> Iterator[str]:
    """The texts under `{% if tools %}`, wherever it stands outside of loops and macros."""
    from jinja2 import nodes as n

    for node in nodes:
        if not isinstance(node, n.If):
            continue
        if _asks_for_tools(node.test):
            yield from _said(node.body)
            return


def _asks_for_tools(test: Any) -> bool:
    """`tools`, and what is true with it: `tools is not none`, `tools and …` is not."""
    from jinja2 import nodes as n

    if isinstance(test, n.Name):
        return bool(test.name == "tools")
    if isinstance(test, n.Not) and isinstance(test.node, n.Test):
        return test.node.name == "none" and _asks_for_tools(test.node.node)
    if isinstance(test, n.Test):
        return test.name == "defined" and _asks_for_tools(test.node)
    return isinstance(test, n.And) and _asks_for_tools(test.left) and _asks_for_tools(test.right)


def _said(nodes: Iterable[Any]) -> Iterator[str]:
    from jinja2 import nodes as n

    for node in nodes:
        if isinstance(node, n.Output):
            for part in node.nodes:
                yield from _text(part)
        elif isinstance(node, n.If):
            sides = [
                list(_said(node.body)),
                *(list(_said(other.body)) for other in node.elif_),
                list(_said(node.else_)),
            ]
            yield from min(sides, key=lambda texts: sum(map(len, texts)))


def _text(node: Any) -> Iterator[str]:
    """The constant texts of an expression that is written out."""
    from jinja2 import nodes as n

    if isinstance(node, n.TemplateData):
        yield node.data
    elif isinstance(node, n.Const) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, n.Add):
        yield from _text(node.left)
        yield from _text(node.right)
    elif isinstance(node, n.Concat):
        for part in node.nodes:
            yield from _text(part)
