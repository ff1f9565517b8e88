"""A verl YAML file as Hydra composes it: its defaults list, the files that it names, and its keys in their order.

Sources: hydra-core 1.3, _internal/defaults_list.py (`_self_` comes last where it is not written); verl's configs
are packages of `pkg://verl.trainer.config`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from toolspec.backends.verl.written.bases import BASES
from toolspec.backends.verl.written.omegaconf_scalars import OMEGACONF
from toolspec.backends.verl.written.value import Said
from toolspec.specs.problem import Span
from toolspec.specs.yaml_tree import Tree, parse

SELF = "_self_"
DEEPEST = 8
Read = Callable[[Path], bytes | None]


class Composed:
    """What a file and the files that it names say, in the order of their effect.

    base: verl's own config among the defaults, "" for none. base_after_self: it comes after `_self_`, so that its
    values win. open: what could not be read, "" for nothing. dotted: leaves under a name with a dot in it, which is one
    key of that name and no path (OmegaConf, run), so that they are not among `said`. unread: entries of the defaults
    list that are not at hand.
    """

    def __init__(self, files: dict[str, tuple[str, ...]]) -> None:
        self.said: list[Said] = []
        self.dotted: list[Said] = []
        self.unread: list[Said] = []
        self.groups: dict[str, Said] = {}
        self.hydra: dict[str, Said] = {}
        self.base = ""
        self.base_span: Span | None = None
        self.base_after_self = False
        self.open = ""
        self.files = files


def compose(data: bytes, file: Path, read: Read, depth: int = 0) -> Composed:
    """Read a file and what its defaults list names beside it. read: content of a file, None where it is not there.

    Raises ProblemError with everything that is wrong with the YAML.
    """
    tree = parse(data, str(file), OMEGACONF)
    found = Composed({str(file): tree.lines})
    entries = tree.value.get("defaults")
    own, found.dotted = _leaves(tree)
    if not isinstance(entries, list):
        found.said += own
        return found
    if SELF not in entries:
        entries = [*entries, SELF]
    seen_self = False
    for number, entry in enumerate(entries):
        span = tree.spans.get(("defaults", number)) or Span(str(file), 1, 1)
        if entry == SELF:
            seen_self = True
            found.said += own
            continue
        _take(found, entry, span, file, read, depth, after_self=seen_self)
    return found


def _take(
    found: Composed, entry: Any, span: Span, file: Path, read: Read, depth: int, *, after_self: bool
) -> None:
    """One entry of a defaults list: a config by name, or an option of a group."""
    if isinstance(entry, dict):
        for name, option in entry.items():
            group = str(name).removeprefix("override ").removeprefix("optional ").strip().lstrip("/")
            if group.startswith("hydra/"):
                continue
            found.groups[group] = Said(group, option, span, span, text=str(option))
            if read(file.parent / group.partition("@")[0] / f"{option}.yaml") is not None:
                # It may set any key, by a package of its own.
                found.open = found.open or f"`{group}: {option}` of the defaults list is not read"
        return
    name = str(entry).lstrip("/")
    if name in BASES:
        found.base, found.base_span, found.base_after_self = name, span, after_self
        return
    beside = file.parent / (name if name.endswith((".yaml", ".yml")) else f"{name}.yaml")
    data = read(beside) if depth < DEEPEST else None
    if data is None:
        found.open = found.open or f"`{name}` of the defaults list is not at hand"
        found.unread.append(Said("defaults", name, span, span))
        return
    inner = compose(data, beside, read, depth + 1)
    found.said += inner.said
    found.dotted += inner.dotted
    found.unread += inner.unread
    found.groups.update(inner.groups)
    found.files.update(inner.files)
    found.open = found.open or inner.open
    if inner.base:
        found.base, found.base_span, found.base_after_self = (
            inner.base,
            inner.base_span,
            inner.base_after_self,
        )


def _leaves(tree: Tree) -> tuple[list[Said], list[Said]]:
    """Every leaf of the file but the defaults list, as dotted keys; an empty mapping is a leaf.

    Those under a name that has a dot itself are apart.
    """
    plain: list[Said] = []
    dotted: list[Said] = []
    todo: list[tuple[tuple[str, ...], Any]] = [
        ((name,), value) for name, value in tree.value.items() if name != "defaults"
    ]
    while todo:
        path, value = todo.pop(0)
        if isinstance(value, dict) and value:
            todo = [((*path, name), below) for name, below in value.items()] + todo
            continue
        span = tree.spans[path]
        said = Said(".".join(path), value, span, tree.key_spans.get(path, span), text=_text(tree, span))
        (dotted if any("." in name for name in path) else plain).append(said)
    return plain, dotted


def _text(tree: Tree, span: Span) -> str:
    line = tree.lines[span.line - 1] if span.line <= len(tree.lines) else ""
    return line[span.column - 1 : span.column - 1 + span.length]
