"""What the language has at a place: completions of keys and values, and the text of a hover."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple, get_args, get_origin

from toolspec.specs.shape import accepted, annotations_at, fields_of, sections_at

MOST_MODELS = 200


class Item(NamedTuple):
    """One completion. insert: what is written; detail: a few words beside it; text: what it means."""

    label: str
    insert: str
    detail: str
    text: str
    is_key: bool


def keys(path: Sequence[str], there: Sequence[str]) -> Iterator[Item]:
    """The keys that the mapping at `path` may still have; `there`: those that it has."""
    for section in sections_at(path):
        for name, info in fields_of(section).items():
            if name not in there:
                takes = accepted((*path, name))
                yield Item(name, f"{name}: ", takes[:60], info.description or "", True)


def values(path: Sequence[str]) -> Iterator[Item]:
    """The words that the value at `path` may be: of the language, and names of models, GPUs and releases."""
    for annotation in annotations_at(path):
        if get_origin(annotation) is Literal:
            for value in get_args(annotation):
                text = str(value).lower() if isinstance(value, bool) else str(value)
                yield Item(text, text, "", "", False)
        elif annotation is bool:
            yield from (Item(word, word, "", "", False) for word in ("true", "false"))
    if tuple(path) in (("model",), ("model", "path")):
        from toolspec.compiler.facts.catalogue import model_names

        yield from (Item(name, name, "known model", "", False) for name in model_names()[:MOST_MODELS])
    if tuple(path) == ("cluster", "gpu"):
        from toolspec.compiler.facts.catalogue import gpu_names

        yield from (Item(name, name, "known GPU", "", False) for name in gpu_names())
    if tuple(path) == ("target",):
        from toolspec.backends.verl.releases import RELEASES

        yield from (Item(f"verl=={v}", f"verl=={v}", "", "", False) for v in reversed(RELEASES))


def meaning(path: Sequence[str]) -> str:
    """Markdown: what a field of the language means, what it takes, and what it becomes in verl; "" for none."""
    info = _field(path)
    if info is None:
        return ""
    name = ".".join(path)
    parts = [f"**{name}**", info.description or "", f"Takes {accepted(path)}." if accepted(path) else ""]
    becomes = becomes_of(name)
    if becomes:
        parts.append("In verl: " + ", ".join(f"`{key}`" for key in becomes))
    return "\n\n".join(part for part in parts if part)


def _field(path: Sequence[str]) -> Any:
    if not path:
        return None
    for section in sections_at(path[:-1]):
        found = fields_of(section).get(path[-1])
        if found is not None:
            return found
    return None


def becomes_of(name: str) -> tuple[str, ...]:
    """The verl keys (newest names) that a plan path of this name is written to."""
    from toolspec.backends.verl.lower.table import TABLE

    return tuple(
        dict.fromkeys(row.key for row in TABLE if row.plan == name or row.plan.startswith(f"{name}."))
    )[:8]


def verl_key(key: str) -> str:
    """Markdown: a key of a raw verl config, with its default and type in each release."""
    from toolspec.backends.verl.releases import RELEASES, release
    from toolspec.backends.verl.renames import gone, name_in

    lines = []
    for version in RELEASES:
        table = release(version)
        name = name_in(key, version)
        dead = gone(key, version)
        if dead is not None:
            lines.append(f"- {version}: {dead.why}")
        elif name in table.defaults:
            moved = f" as `{name}`" if name != key else ""
            lines.append(
                f"- {version}{moved}: default `{table.defaults[name]}`, {table.types.get(name, 'any')}"
            )
        else:
            lines.append(f"- {version}: no such key")
    if all(line.endswith("no such key") for line in lines):
        return ""
    return "\n".join([f"**{key}**", "", *lines])
