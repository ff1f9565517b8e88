"""The problems of one YAML file while it is composed: what is said about each, and when to give up."""

from __future__ import annotations

from typing import Any

from toolspec.specs.problem import Problem, Span
from toolspec.specs.source import fault

MAX_DEPTH = 64
MAX_VALUES = 100_000
MAX_PROBLEMS = 100

TAG = "tag:yaml.org,2002:"

Path = tuple[str | int, ...]


class StopError(Exception):
    """Nothing after this place can be read; the problem is noted."""


def make_span(file: str, lines: tuple[str, ...], start: Any, end: Any) -> Span:
    """The span between two marks, or to the end of the first line where they are on different ones."""
    line, column = start.line, start.column
    if end.line == line:
        return Span(file, line + 1, column + 1, max(1, end.column - column))
    text = lines[line] if line < len(lines) else ""
    if "'" not in text and '"' not in text:
        text = text.partition(" #")[0]
    return Span(file, line + 1, column + 1, max(1, len(text.rstrip()) - column))


def dotted(path: Path) -> str:
    """A path as the user writes it: `tools.search.config`, `data.train.1`."""
    return ".".join(map(str, path))


class Complaints:
    """Collects problems. `event`: the libyaml event that is complained about; its marks give the place."""

    def __init__(self, file: str, lines: tuple[str, ...]) -> None:
        self.file, self.lines = file, lines
        self.problems: list[Problem] = []

    def add(
        self, name: str, message: str, span: Span, path: Path = (), *, why: str = "", fix: str = ""
    ) -> None:
        """Note a problem of `source.CODES`. Raises StopError when there are too many to be of use."""
        self.problems.append(fault(name, message, span, path=dotted(path), why=why, fix=fix))
        if len(self.problems) >= MAX_PROBLEMS:
            raise StopError

    def span(self, event: Any, last: Any = None) -> Span:
        return make_span(self.file, self.lines, event.start_mark, (last or event).end_mark)

    def second_document(self, event: Any) -> None:
        message = "a second document begins here; one file is one document"
        fix = "delete the `---`, or move what follows into a file of its own"
        self.add("several-documents", message, self.span(event), fix=fix)
        raise StopError

    def too_many_values(self, event: Any) -> None:
        message = f"more than {MAX_VALUES:,} values from here on, aliases written out"
        why = "a few aliases of aliases can stand for billions of values"
        self.add("too-many-values", message, self.span(event), why=why)
        raise StopError

    def too_deep(self, event: Any) -> None:
        message = f"more than {MAX_DEPTH} mappings or lists inside one another"
        self.add("too-deep", message, self.span(event))
        raise StopError

    def number(self, event: Any, path: Path, message: str) -> None:
        fix = "quote it if it is text, such as a revision"
        self.add("number-range", message, self.span(event), path, fix=fix)

    def tag(self, event: Any, path: Path) -> None:
        message = f"the tag `{cut(_tag_name(event.tag))}` is not read; nothing was constructed from it"
        self.add("tag", message, self.span(event), path, fix="delete the tag")

    def tag_of_another_type(self, event: Any, path: Path) -> None:
        message = f"`{cut(event.value)}` is no {_tag_name(event.tag)}"
        self.add("tag", message, self.span(event), path, fix="delete the tag")

    def alias(self, event: Any, path: Path, *, known: bool) -> None:
        """known: the anchor is there, but its value is still open."""
        name = cut(event.anchor)
        if known:
            self.add("alias", f"`*{name}` stands inside the value that it names", self.span(event), path)
        else:
            fix = "quote it if it is text, such as a file pattern"
            self.add("alias", f"no `&{name}` comes before `*{name}`", self.span(event), path, fix=fix)

    def merge(self, span: Span, path: Path) -> None:
        self.add("merge-key", "`<<` takes a mapping or a list of mappings", span, path)

    def duplicate_key(self, event: Any, path: Path, first: Any) -> None:
        line = self.span(first).line
        source = cut(self.lines[line - 1].strip(), 50)
        message = f"`{cut(event.value)}` is already given on line {line}: {source}"
        why = "YAML readers keep the last one without a word"
        self.add("duplicate-key", message, self.span(event), path, why=why, fix="delete one of the two")

    def plain_key(self, event: Any, path: Path, value: object) -> None:
        """A key that reads as `value`, which is no text."""
        text = event.value
        kind = {bool: "a truth value", type(None): "nothing"}.get(type(value), "a number")
        what = f"the key `{cut(text)}` is {kind}" if text else "the key is missing"
        fix = f'"{text}":' if text and len(text) <= 40 else ""
        self.add("key-not-text", f"{what}; keys are text", self.span(event), path, fix=fix)

    def collection_key(self, event: Any, path: Path, what: str) -> None:
        fix = 'quote "{…}" if it is text' if what == "a mapping" else ""
        self.add("key-not-text", f"the key is {what}; keys are text", self.span(event), path, fix=fix)

    def invisible(self, event: Any, path: Path, character: str) -> None:
        message = f"the key holds the invisible character U+{ord(character):04X}"
        self.add("control-character", message, self.span(event), path, fix="delete it")

    def no_space(self, event: Any, path: Path, key: str, value: str) -> None:
        message = f"there is no space after the colon of `{key}:`"
        self.add("syntax", message, self.span(event), path, fix=f"{key}: {value}")


def _tag_name(tag: str) -> str:
    return "!!" + tag.removeprefix(TAG) if tag.startswith(TAG) else tag


def cut(text: str, width: int = 40) -> str:
    text = text.replace("\n", "⏎")
    return text if len(text) <= width else text[: width - 1] + "…"
