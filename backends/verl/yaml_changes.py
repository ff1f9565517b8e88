"""Keys of a YAML mapping set, added, moved and taken out in its text: comments, order and quoting stay."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from toolspec.backends.verl.yaml_text import Entry, Path, YamlText
from toolspec.specs.scalars import Dialect
from toolspec.specs.yaml_tree import parse

_PLAIN = re.compile(r"[A-Za-z0-9_./+@%-][\w./+@%=-]*")
_BEHIND = re.compile(r"[ \t]+#[^\r\n]*")


def yaml_text(value: Any, dialect: Dialect) -> str:
    """Plain data on one line, which reads back as this value."""
    if isinstance(value, str) and _PLAIN.fullmatch(value):
        read = parse(f"x: {value}".encode(), "", dialect).value["x"]
        return value if read == value and isinstance(read, str) else json.dumps(value)
    if isinstance(value, list):
        return "[" + ", ".join(yaml_text(item, dialect) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {yaml_text(item, dialect)}" for key, item in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)


def put(text: YamlText, path: Path, value: Any, short: str = "") -> bool:
    """Give the key at `path` this value. short: the field that a scalar at its section stands for, "" for none."""
    entry = text.entries.get(path)
    new = yaml_text(value, text.dialect)
    if entry is None:
        return add(text, path, f": {new}", short)
    if isinstance(value, str):
        text.set_scalar(entry, value if new == value else _escaped(text, entry, new, value))
    else:
        old = text.text[entry.value_start : entry.value_end]
        head = re.match(r"(?:&\S+\s+)?", old)
        glue = " " if text.text[entry.value_start - 1] == ":" else ""
        text.replace(entry.value_start, entry.value_end, f"{glue}{head[0] if head else ''}{new}")
    return True


def _escaped(text: YamlText, entry: Entry, new: str, value: str) -> str:
    """A text that needs quotes, for a place that may have some."""
    quote = text.text[entry.value_end - 1]
    return new[1:-1] if quote == '"' else value.replace("'", "''") if quote == "'" else new


def add(text: YamlText, path: Path, body: str, short: str = "") -> bool:
    """Write a key that is not there. body: what follows the name, from its colon on, indented as it will stand."""
    depth = next((n for n in range(len(path) - 1, 0, -1) if path[:n] in text.entries), 0)
    chain = path[depth:]
    inside = [e for at, e in text.entries.items() if len(at) == depth + 1 and at[:depth] == path[:depth]]
    if inside:
        last = max(inside, key=lambda e: e.key_start)
        if last.in_flow:
            if "\n" in body or "#" in body:
                return False
            text.insert_after(last, _flow(chain, body))
            return True
        lines = _block(chain, body, _column(text, last), step(text), text.newline)
        end = text.line_end(last.value_end)
        text.replace(end, end, text.newline + lines)
        return True
    if not depth:
        return False
    above = text.entries[path[:depth]]
    old = text.text[above.value_start : above.value_end]
    if "\n" in body or above.alias:
        return False
    if old in ("", "{}", "null", "~"):
        glue = " " if text.text[above.value_start - 1] == ":" else ""
        text.replace(above.value_start, above.value_end, f"{glue}{{{_flow(chain, body)}}}")
        return True
    if short and short != chain[0] and not re.match(r"[\[{&!|>*]", old):
        text.replace(above.value_start, above.value_end, f"{{{short}: {old}, {_flow(chain, body)}}}")
        return True
    return False


def _flow(chain: Path, body: str) -> str:
    *sections, name = chain
    return "".join(f"{section}: {{" for section in sections) + f"{name}{body.rstrip()}" + "}" * len(sections)


def _block(chain: Path, body: str, column: int, deeper: int, newline: str) -> str:
    *sections, name = chain
    lines = [f"{' ' * (column + n * deeper)}{section}:" for n, section in enumerate(sections)]
    lines.append(f"{' ' * (column + len(sections) * deeper)}{name}{body}")
    return newline.join(lines)


def _column(text: YamlText, entry: Entry) -> int:
    return entry.key_start - text.line_start(entry.key_start)


def step(text: YamlText) -> int:
    """Blanks by which this file indents a mapping."""
    for at, entry in text.entries.items():
        above = text.entries.get(at[:-1])
        if above is not None and not entry.in_flow:
            wide = _column(text, entry) - _column(text, above)
            if wide > 0:
                return wide
    return 2


def move(text: YamlText, path: Path, new: Path) -> bool:
    """Give a key another name, or another section: its value goes along, and the comment behind it."""
    entry = text.entries.get(path)
    if entry is None or entry.alias or new in text.entries:
        return False
    if path[:-1] == new[:-1]:
        text.rename(entry, new[-1])
        return True
    end = text.line_end(entry.value_end)
    body = text.text[entry.key_end : entry.value_end]
    if "\n" in body.strip():
        return False
    behind = "" if entry.in_flow else _BEHIND.match(text.text[entry.value_end : end])
    comment = behind[0] if behind else ""
    return add(text, new, body.rstrip() + comment) and remove(text, [path])


def remove(text: YamlText, paths: Sequence[Path]) -> bool:
    """Take keys out, with the sections that have nothing else. Comments on lines of their own stay."""
    leaving: set[Path] = set()
    for path in paths:
        entry = text.entries.get(path)
        if entry is None:
            return False
        leaving.add(path)
    for path in sorted(leaving, key=len, reverse=True):
        above = path[:-1]
        while above and all(at in leaving for at in text.entries if at[:-1] == above):
            leaving.add(above)
            above = above[:-1]
    if all(path in leaving for path in text.entries if len(path) == 1):
        return False
    for path in leaving:
        entry = text.entries[path]
        if entry.in_flow:
            if path[:-1] not in leaving and not _out_of_flow(text, entry, leaving):
                return False
            continue
        start, end = text.line_start(entry.key_start), text.line_end(entry.value_end)
        if text.text[start : entry.key_start].strip():
            return False  # it shares its line with what is before it
        inner = any(at[:-1] == path for at in leaving) and not _holds_flow(text, entry)
        if inner:
            end = text.line_end(entry.key_end)
        below = text.text.find("\n", end)
        text.replace(start, len(text.text) if below < 0 else below + 1, "")
    return True


def _holds_flow(text: YamlText, entry: Entry) -> bool:
    return any(e.in_flow for at, e in text.entries.items() if at[:-1] == entry.path)


def _out_of_flow(text: YamlText, entry: Entry, leaving: set[Path]) -> bool:
    """Out of `{…}` with one comma. One at a time: which comma goes depends on the neighbours."""
    siblings = sorted(
        (e for at, e in text.entries.items() if at[:-1] == entry.path[:-1]), key=lambda e: e.key_start
    )
    if sum(e.path in leaving for e in siblings) > 1:
        return False
    at = siblings.index(entry)
    if at + 1 < len(siblings):
        text.replace(entry.key_start, siblings[at + 1].key_start, "")
    else:
        text.replace(siblings[at - 1].value_end, entry.value_end, "")
    return True
