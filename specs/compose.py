"""libyaml's events made into values with their marks: one pass, no recursion, every limit checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import yaml

from toolspec.specs.complaints import MAX_DEPTH, MAX_VALUES, TAG, Complaints, Path
from toolspec.specs.scalars import YAML_1_2, Dialect, NumberRangeError, Scalar
from toolspec.specs.source import NO_SPACE

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TEXT_TAGS = frozenset({"!", TAG + "str"})
_SCALAR_TAGS: Mapping[str, tuple[type, ...]] = MappingProxyType(
    {
        TAG + "bool": (bool,),
        TAG + "int": (int,),
        TAG + "float": (float, int),
        TAG + "null": (type(None),),
    }
)
# No-break, soft-hyphen and zero-width characters: pasted from documents and chats, they make another key.
_INVISIBLE = re.compile("[\xa0\xad\u2000-\u200f\u202f\u205f-\u2064\u3000]")


class _Frame:
    """An open collection. `key` is the event of the key whose value comes next, None where a key is due."""

    __slots__ = ("before", "height", "is_key", "items", "key", "merge", "path", "start")

    def __init__(self, items: Any, path: Path, start: Any, before: int, *, is_key: bool) -> None:
        self.items, self.path, self.start, self.before, self.is_key = items, path, start, before, is_key
        self.key: Any = None
        self.merge = False
        self.height = 1


class _Anchor(NamedTuple):
    """A finished value that aliases can name. size: values in it and itself; height: collections in a row."""

    value: Any
    path: Path
    size: int
    height: int


class Composer:
    """Takes the events of one document. After `run`: value, marks, key_marks, quoted, ambiguous.

    marks and key_marks: path → (event that begins it, event that ends it). They only grow, so that an
    anchor's paths stay valid whatever comes later. Problems are told to `complaints`.
    """

    def __init__(self, complaints: Complaints, dialect: Dialect = YAML_1_2) -> None:
        self._dialect = dialect
        self.value: Any = None
        self.marks: dict[Path, tuple[Any, Any]] = {}
        self.key_marks: dict[Path, tuple[Any, Any]] = {}
        self.quoted: set[Path] = set()
        self.ambiguous: dict[Path, str] = {}
        self.last: Any = None
        self._complaints = complaints
        self._stack: list[_Frame] = []
        self._anchors: dict[str, _Anchor | None] = {}
        self._count = 0

    def run(self, text: str) -> None:
        """Read the whole stream. Raises StopError, yaml.YAMLError; `last` is then the event before it."""
        loader = _LOADER(text)
        try:
            while True:
                event = loader.get_event()
                kind = type(event)
                if kind is yaml.ScalarEvent:
                    self._scalar(event)
                elif kind is yaml.MappingStartEvent:
                    self._open(event, {}, "map")
                elif kind is yaml.SequenceStartEvent:
                    self._open(event, [], "seq")
                elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                    self._close(event)
                elif kind is yaml.AliasEvent:
                    self._alias(event)
                elif kind is yaml.DocumentStartEvent:
                    if self.marks:
                        self._complaints.second_document(event)
                elif kind is yaml.StreamEndEvent:
                    return
                self.last = event
        finally:
            loader.dispose()

    def _grow(self, event: Any, size: int = 1) -> None:
        self._count += size
        if self._count > MAX_VALUES:
            self._complaints.too_many_values(event)

    def _nest(self, event: Any, height: int) -> None:
        if len(self._stack) + height > MAX_DEPTH:
            self._complaints.too_deep(event)

    def _key_is_due(self) -> bool:
        return bool(self._stack) and type(self._stack[-1].items) is dict and self._stack[-1].key is None

    def _next_path(self) -> Path:
        """The path of a value that comes now; () for the top."""
        if not self._stack:
            return ()
        frame = self._stack[-1]
        if type(frame.items) is list:
            return (*frame.path, len(frame.items))
        return (*frame.path, frame.key.value)

    def _attach(self, value: Any) -> None:
        if not self._stack:
            self.value = value
            return
        frame = self._stack[-1]
        if type(frame.items) is list:
            frame.items.append(value)
        else:
            frame.items[frame.key.value] = value
            frame.key = None

    def _scalar(self, event: Any) -> None:
        self._grow(event)
        if self._key_is_due():
            self._key(event, self._stack[-1])
            return
        path = self._next_path()
        place = self._place(event)
        self.marks[path] = (place, place)
        value = self._read(event, path)
        if event.anchor is not None:
            self._anchors[event.anchor] = _Anchor(value, path, 1, 0)
        self._attach(value)

    def _place(self, event: Any) -> Any:
        """Where a scalar stands: itself, or its key where nothing follows a `? key`.

        libyaml puts that nothing where the next token begins: at another key, or below the last line.
        """
        key = self._stack[-1].key if self._stack else None
        nothing = event.implicit[0] and not event.value  # "" in quotes is something, and has a place
        return key if nothing and key is not None and event.start_mark.line > key.end_mark.line else event

    def _read(self, event: Any, path: Path) -> Scalar:
        text: str = event.value
        tag = event.tag
        if (tag is None and not event.implicit[0]) or tag in _TEXT_TAGS:
            self.quoted.add(path)
            return text
        if tag is not None and tag not in _SCALAR_TAGS:
            self._complaints.tag(event, path)
            return text
        try:
            value, note = self._dialect.read(text)
        except NumberRangeError as error:
            self._complaints.number(event, path, str(error))
            return text
        if value is None or ":" in text:
            note = note or self._missing_space(event, path)
        if tag is not None and type(value) not in _SCALAR_TAGS[tag]:
            self._complaints.tag_of_another_type(event, path)
        elif note:
            self.ambiguous[path] = note
        return value

    def _missing_space(self, event: Any, path: Path) -> str:
        """`{gpus:8}` is the key `gpus:8` without a value: a problem; `turns:5` below `a:` a text: a note."""
        key = self._stack[-1].key if self._stack else None
        text: str = event.value
        if key is None:
            return ""
        if not text and key.implicit[0] and (found := NO_SPACE.fullmatch(key.value)):
            self._complaints.no_space(key, path[:-1], found[1], found[2])
        elif event.start_mark.line > key.start_mark.line and (found := NO_SPACE.fullmatch(text)):
            write = f"write `{found[1]}: {found[2]}`, or quote it"
            return f"`{text}` is text, for want of a space after the colon: {write}"
        return ""

    def _key(self, event: Any, frame: _Frame) -> None:
        text: str = event.value
        path = (*frame.path, text)
        frame.key = event
        if event.tag is None and event.implicit[0]:
            self._plain_key(event, frame, path)
        elif event.tag is not None and event.tag not in _TEXT_TAGS:
            self._complaints.tag(event, path)
        if event.anchor is not None:
            self._anchors[event.anchor] = _Anchor(text, path, 1, 0)
        if text in frame.items:
            self._complaints.duplicate_key(event, path, self.key_marks[path][0])
        else:
            self.key_marks[path] = (event, event)
        if not text.isascii() and (found := _INVISIBLE.search(text)):
            self._complaints.invisible(event, path, found[0])

    def _plain_key(self, event: Any, frame: _Frame, path: Path) -> None:
        if event.value == "<<":
            frame.merge = True
            return
        if not self._dialect.only_text_keys:
            return
        try:
            value, _ = self._dialect.read(event.value)
        except NumberRangeError:
            value = 0
        if not isinstance(value, str):
            self._complaints.plain_key(event, path, value)

    def _collection_key(self, event: Any, what: str) -> None:
        """Note a key that is no scalar, once for keys inside keys, and go on as if it were the key `?`."""
        frame = self._stack[-1]
        if not frame.is_key:
            self._complaints.collection_key(event, frame.path, what)
        frame.key = yaml.ScalarEvent(None, None, (True, False), "?", event.start_mark, event.end_mark)
        path = (*frame.path, "?")
        self.key_marks[path] = (event, event)

    def _open(self, event: Any, items: Any, tag: str) -> None:
        self._grow(event)
        self._nest(event, 1)
        is_key = self._key_is_due()
        if is_key:
            self._collection_key(event, "a mapping" if tag == "map" else "a list")
        path = self._next_path()
        self.marks[path] = (event, event)
        if event.tag is not None and event.tag not in ("!", TAG + tag):
            self._complaints.tag(event, path)
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        self._stack.append(_Frame(items, path, event, self._count - 1, is_key=is_key))

    def _close(self, event: Any) -> None:
        frame = self._stack.pop()
        self.marks[frame.path] = (frame.start, event)
        if frame.merge:
            self._merge(frame)
        if frame.start.anchor is not None:
            size = self._count - frame.before
            self._anchors[frame.start.anchor] = _Anchor(frame.items, frame.path, size, frame.height)
        if self._stack and frame.height >= self._stack[-1].height:
            self._stack[-1].height = frame.height + 1
        if not frame.is_key:
            self._attach(frame.items)

    def _alias(self, event: Any) -> None:
        anchor = self._anchors.get(event.anchor)
        if self._key_is_due():
            self._grow(event)
            self._collection_key(event, "an alias")
            return
        path = self._next_path()
        self.marks[path] = (event, event)
        if anchor is None:
            self._grow(event)
            self._complaints.alias(event, path, known=event.anchor in self._anchors)
            self._attach(None)
            return
        self._grow(event, anchor.size)
        self._nest(event, anchor.height)
        if self._stack and anchor.height >= self._stack[-1].height:
            self._stack[-1].height = anchor.height + 1
        self._attach(self._copy(anchor.value, anchor.path, path))

    def _copy(self, value: Any, source: Path, target: Path) -> Any:
        """A value again under another path, with the places inside it. The recursion ends at MAX_DEPTH."""
        if source in self.quoted:
            self.quoted.add(target)
        elif source in self.ambiguous:
            self.ambiguous[target] = self.ambiguous[source]
        if type(value) is list:
            return [self._copy_item(item, (*source, i), (*target, i)) for i, item in enumerate(value)]
        if type(value) is dict:
            return {k: self._copy_item(item, (*source, k), (*target, k)) for k, item in value.items()}
        return value

    def _copy_item(self, value: Any, source: Path, target: Path) -> Any:
        self.marks[target] = self.marks[source]
        if source in self.key_marks:
            self.key_marks[target] = self.key_marks[source]
        return self._copy(value, source, target)

    def _merge(self, frame: _Frame) -> None:
        """YAML 1.1's `<<`: the mapping's own keys win, then the earlier source (yaml.org/type/merge.html)."""
        path: Path = (*frame.path, "<<")
        given = frame.items.pop("<<", None)
        sources = (
            [((*path, i), item) for i, item in enumerate(given)] if type(given) is list else [(path, given)]
        )
        for place, source in sources:
            if type(source) is not dict:
                self._complaints.merge(self._complaints.span(*self.marks[place]), place)
                continue
            for key, value in source.items():
                if key not in frame.items:
                    frame.items[key] = self._copy_item(value, (*place, key), (*frame.path, key))
