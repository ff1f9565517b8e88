"""Edits of a YAML text, of a spec or a verl config: comments, order, quoting and line breaks stay as they are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isnan
from typing import Any

import yaml

from toolspec.specs.problem import Edit, Problem, ProblemError
from toolspec.specs.scalars import YAML_1_2, Dialect
from toolspec.specs.text_edits import edits_at
from toolspec.specs.yaml_tree import parse

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_BOM = "\ufeff"
Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """A `key: value` of the file, by offsets in characters. in_flow: inside `{…}`. alias: it is `*name`."""

    path: Path
    key_start: int
    key_end: int
    value_start: int
    value_end: int
    in_flow: bool
    alias: bool


@dataclass
class YamlText:
    """The text of a YAML mapping, and edits to it that are gathered and then made at once.

    lists: mappings in lists have entries too, by their number as text: `("tools", "0", "class_name")`.
    Raises ProblemError (TS001-TS016) for a file that is no YAML mapping.
    """

    data: bytes
    file: str
    dialect: Dialect = YAML_1_2
    lists: bool = False
    _edits: list[tuple[int, int, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.value: dict[str, Any] = parse(self.data, self.file, self.dialect).value
        text = self.data.decode("utf-8")
        self._bom = _BOM if text.startswith(_BOM) else ""
        self.text = text.removeprefix(_BOM)
        self.newline = "\r\n" if "\r\n" in self.text else "\n"
        root: Any = yaml.compose(self.text, Loader=_LOADER)  # a mapping: parse has seen to it
        self.flow_root = bool(root.flow_style)
        self.entries: dict[Path, Entry] = {}
        self._read(root, ())

    def _read(self, node: Any, path: Path) -> None:
        """Entries of the mappings in the file's own text; what an alias stands for is not gone into."""
        for key, value in node.value:
            here = (*path, key.value)
            alias = value.start_mark.index < key.end_mark.index
            start, end = value.start_mark.index, _last(value)
            if alias:
                found = re.compile(r"\s*:\s*(\*[^\s,}\]]+)").match(self.text, key.end_mark.index)
                start, end = found.span(1) if found else (key.end_mark.index, key.end_mark.index)
            self.entries[here] = Entry(
                here, key.start_mark.index, key.end_mark.index, start, end, bool(node.flow_style), alias
            )
            if not alias:
                self._read_value(value, here)

    def _read_value(self, node: Any, path: Path) -> None:
        if isinstance(node, yaml.MappingNode):
            self._read(node, path)
        elif self.lists and isinstance(node, yaml.SequenceNode):
            last = node.start_mark.index - 1
            for number, item in enumerate(node.value):
                if item.start_mark.index > last:  # else an alias of what stands before
                    self._read_value(item, (*path, str(number)))
                last = max(last, item.start_mark.index)

    def line(self, entry: Entry) -> int:
        """The 1-based line of the entry's key."""
        return self.text.count("\n", 0, entry.key_start) + 1

    def shown(self, entry: Entry) -> str:
        """The entry as it is written."""
        return self.text[entry.key_start : entry.value_end].rstrip()

    def replace(self, start: int, end: int, new: str) -> None:
        """Put other characters in the place of those from start to end."""
        self._edits.append((start, end, new))

    def rename(self, entry: Entry, new: str) -> None:
        """Give the key another name, in the quotes that it has."""
        old = self.text[entry.key_start : entry.key_end]
        name = entry.path[-1]
        self._edits.append((entry.key_start, entry.key_end, old.replace(name, new) if name in old else new))

    def set_scalar(self, entry: Entry, new: str) -> None:
        """Give a scalar another value, in the quotes that it has."""
        old = self.text[entry.value_start : entry.value_end]
        quote = old[-1] if old[-1:] in ("'", '"') and not entry.alias else ""
        # An anchor or a tag before the value stays.
        head = "" if entry.alias else old[: len(old) - len(_scalar_of(old))]
        self._edits.append((entry.value_start, entry.value_end, f"{head}{quote}{new}{quote}"))

    def insert_after(self, entry: Entry, text: str) -> None:
        """Add `key: value` behind another entry of the same mapping."""
        if entry.in_flow:
            self._edits.append((entry.value_end, entry.value_end, f", {text}"))
            return
        end = self.line_end(entry.value_end)
        indent = " " * (entry.key_start - self.line_start(entry.key_start))
        self._edits.append((end, end, f"{self.newline}{indent}{text}"))

    def insert_before(self, entry: Entry, text: str) -> None:
        """Add `key: value` in front of another entry of the same mapping."""
        start = entry.key_start
        indent = " " * (start - self.line_start(start))
        self._edits.append((start, start, f"{text}, " if entry.in_flow else f"{text}{self.newline}{indent}"))

    def drop(self, entries: list[tuple[Entry, str]]) -> None:
        """Take entries of one mapping out, each with a comment (`why`) that keeps what it said."""
        if not entries:
            return
        parent = entries[0][0].path[:-1]
        siblings = [
            e for path, e in self.entries.items() if path[:-1] == parent and len(path) == len(parent) + 1
        ]
        leaving = {entry.path for entry, _ in entries}
        if entries[0][0].in_flow:
            self._drop_from_flow(entries, siblings, leaving)
            return
        for entry, why in entries:
            start, end = self.line_start(entry.key_start), self.line_end(entry.value_end)
            indent = " " * (entry.key_start - start)
            said = [line[len(indent) :] for line in self.text[start:end].splitlines()]
            lines = [f"{indent}# {line}".rstrip() for line in (f"{why}:", *said)]
            self._edits.append((start, end, self.newline.join(lines)))
        if len(leaving) == len(siblings):
            above = self.entries[parent]
            colon = self.text.index(":", above.key_end) + 1
            self._edits.append((colon, colon, " {}"))

    def _drop_from_flow(
        self, entries: list[tuple[Entry, str]], siblings: list[Entry], leaving: set[Path]
    ) -> None:
        """An entry goes with the comma behind it, those at the end with the comma before them."""
        ordered = sorted(siblings, key=lambda e: e.key_start)
        stays = [at for at, entry in enumerate(ordered) if entry.path not in leaving]
        tail = stays[-1] + 1 if stays else 0
        for at, entry in enumerate(ordered[:tail]):
            if entry.path in leaving:
                self._edits.append((entry.key_start, ordered[at + 1].key_start, ""))
        if not stays:
            above = self.entries[entries[0][0].path[:-1]]
            self._edits.append((self.text.index("{", above.value_start), above.value_end, "{}"))
        elif tail < len(ordered):
            self._edits.append((ordered[tail - 1].value_end, ordered[-1].value_end, ""))
        top = self.entries[entries[0][0].path[:1]]
        start = self.line_start(top.key_start)
        indent = " " * (top.key_start - start) if not self.text[start : top.key_start].strip() else ""
        for entry, why in entries:
            said = " ".join(self.shown(entry).split())
            self._edits.append((start, start, f"{indent}# {why}: {said}{self.newline}"))

    def line_start(self, at: int) -> int:
        return self.text.rfind("\n", 0, at) + 1

    def line_end(self, at: int) -> int:
        """The end of the line of the character before `at`, without its break."""
        end = self.text.find("\n", max(at - 1, 0))
        end = len(self.text) if end < 0 else end
        return end - 1 if end and self.text[end - 1] == "\r" else end

    def edits(self, expected: Mapping[str, Any]) -> tuple[Edit, ...]:
        """The edits as places in the file. Raises ProblemError as `edited` does."""
        self.edited(expected)
        return edits_at(self.text, self.file, self._edits)

    def edited(self, expected: Mapping[str, Any]) -> bytes:
        """The file with all edits made.

        Raises ProblemError where that does not say `expected`, so that a text nobody foresaw is never
        spoilt.
        """
        text = self.text
        order = sorted(
            enumerate(self._edits), key=lambda item: (item[1][0], item[1][1], item[0]), reverse=True
        )
        for _, (start, end, new) in order:
            text = text[:start] + new + text[end:]
        data = (self._bom + text).encode("utf-8")
        try:
            right = same(parse(data, self.file, self.dialect).value, expected)
        except ProblemError:
            right = False
        if not right:
            message = f"{self.file} is written in a way that cannot be edited safely"
            why = "the file is left as it is; what would change is listed"
            raise ProblemError(
                (Problem("TS804", "cannot-edit", message, None, why=why, fix="edit it by hand"),)
            )
        return data


def same(a: Any, b: Any) -> bool:
    """Equality that tells 1 from 1.0 and from true, and not the order of keys."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(value, b[key]) for key, value in a.items())
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and (a == b or (isinstance(a, float) and isnan(a) and isnan(b)))


def _last(node: Any) -> int:
    """Where the text of a value ends: a block collection's own mark is past the comments that follow it."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        ends = [_last(part) for part in (last if isinstance(last, tuple) else (last,))]
        return max(ends)
    return int(node.end_mark.index)


def _scalar_of(text: str) -> str:
    """The scalar at the end of `&anchor !tag scalar`."""
    found = re.match(r"(?:[&!]\S*\s+)+", text)
    return text[found.end() :] if found else text
