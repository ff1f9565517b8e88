"""The one type that fits every value met under a name: what the Arrow schema of the written rows is made of.

Whole and other numbers together are numbers; dates and decimals are text; a field that is null in every row
is left out, as is a mapping without fields (parquet cannot hold one). Fields of a mapping are in alphabetical
order, so the schema does not depend on the file's format or on which row comes first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

DEEPEST = 32
MOST_FIELDS = 1000
_WORDS = {
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "text": "text",
    "bytes": "bytes",
    "list": "a list",
    "struct": "a mapping",
}
Report = Callable[[str, str, str], None]
"""Gets (path, what is wrong, fix)."""


def kind_of(value: Any) -> str:
    """One of the words above, "null" for None; whatever JSON has no word for is text."""
    if value is None:
        return "null"
    kinds = {
        bool: "bool",
        int: "int",
        float: "float",
        str: "text",
        bytes: "bytes",
        list: "list",
        dict: "struct",
    }
    return kinds.get(type(value), "text")


def word(value: Any) -> str:
    """What a value is, in words."""
    return (
        "null" if value is None else _WORDS[kind_of(value)] if kind_of(value) != "text" else type_word(value)
    )


def type_word(value: Any) -> str:
    return "text" if isinstance(value, str) else f"a {type(value).__name__}"


class Shape:
    """Grows with every value observed. count: values that were not null. kind: "" until one was."""

    __slots__ = ("count", "fields", "item", "kind", "where")

    def __init__(self) -> None:
        self.kind, self.count, self.where = "", 0, ""
        self.fields: dict[str, Shape] = {}
        self.item: Shape | None = None

    def observe(self, value: Any, path: str, where: str, report: Report, depth: int = 0) -> None:
        """Widens the shape by one value. where: the row, to be named when a later one does not fit."""
        kind = kind_of(value)
        if kind == "null":
            return
        if depth > DEEPEST:
            report(path, f"`{path}` is nested deeper than {DEEPEST}", "write it as JSON text")
            return
        if not self.kind:
            self.kind, self.where = kind, where
        elif kind != self.kind:
            if {kind, self.kind} != {"int", "float"}:
                message = f"`{path}` is {_WORDS[kind]}, but {_WORDS[self.kind]} in {self.where}"
                report(path, message, "make it the same in every row")
                return
            self.kind = "float"
        self.count += 1
        if kind == "struct":
            self._observe_fields(value, path, where, report, depth)
        elif kind == "list":
            self.item = self.item or Shape()
            for part in value:
                self.item.observe(part, f"{path}[]", where, report, depth + 1)
        elif kind == "int" and not -(2**63) <= value < 2**63:
            report(path, f"`{path}` is beyond 64 bits", "write it as text")
        elif kind == "text" and isinstance(value, str) and not is_unicode(value):
            report(path, f"`{path}` holds half of a surrogate pair, which is no character", "repair the text")

    def _observe_fields(
        self, value: Mapping[Any, Any], path: str, where: str, report: Report, depth: int
    ) -> None:
        for name, part in value.items():
            field = self.fields.get(name)
            if field is None:
                if not isinstance(name, str) or not name or not is_unicode(name):
                    report(path, f"`{path}` has the key {name!r}, which no column can be called", "rename it")
                    continue
                if len(self.fields) >= MOST_FIELDS:
                    report(
                        path,
                        f"`{path}` has more than {MOST_FIELDS:,} keys over the rows; each becomes a column",
                        "leave it out, or write it as JSON text",
                    )
                    return
                field = self.fields[name] = Shape()
            field.observe(part, f"{path}.{name}" if path else name, where, report, depth + 1)

    def prune(self) -> Shape:
        """Takes out what parquet cannot hold, once all is observed: mappings without fields in any row."""
        if self.item is not None:
            self.item.prune()
        self.fields = {name: field for name, field in sorted(self.fields.items()) if field.prune().kind}
        if self.kind == "struct" and not self.fields:
            self.kind = ""
        return self

    def arrow(self) -> Any:
        """The pyarrow type of a pruned shape; text where nothing was ever there."""
        import pyarrow as pa

        if self.kind == "struct":
            return pa.struct([pa.field(name, field.arrow()) for name, field in self.fields.items()])
        if self.kind == "list":
            return pa.list_((self.item or Shape()).arrow())
        simple = {"bool": pa.bool_, "int": pa.int64, "float": pa.float64, "bytes": pa.binary}
        return simple.get(self.kind, pa.string)()

    def fit(self, value: Any) -> Any:
        """The value as it is written: numbers widened, dates as text, nothing that the shape leaves out."""
        if value is None:
            return None
        if self.kind == "struct":
            return {name: shape.fit(value[name]) for name, shape in self.fields.items() if name in value}
        if self.kind == "list":
            item = self.item or Shape()
            return [item.fit(part) for part in value]
        if self.kind == "float":
            return float(value)
        if self.kind == "text" and not isinstance(value, str):
            return value.isoformat() if hasattr(value, "isoformat") else str(value)
        return value if self.kind else None

    def sometimes(self, path: str) -> Iterator[tuple[str, int]]:
        """(path, rows without it) of every mapping's field that only some of the rows have."""
        if self.kind == "struct":
            for name in sorted(self.fields):
                field = self.fields[name]
                if 0 < field.count < self.count:
                    yield f"{path}.{name}", self.count - field.count
                yield from field.sometimes(f"{path}.{name}")


def is_unicode(text: str) -> bool:
    """Whether UTF-8 can hold the text: JSON's escapes can write half of a surrogate pair."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
