"""A YAML file as plain values, with the place of every key and value.

Differences from a plain safe load: scalars are read by YAML 1.2 (`toolspec.specs.scalars`), keys must be
text, a key given twice is a problem, and size, depth and number of values are limited. No tag constructs an
object.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import yaml

from toolspec.specs.complaints import Complaints, Path, StopError, make_span
from toolspec.specs.compose import Composer
from toolspec.specs.problem import Problem, ProblemError, Span, nearest_span
from toolspec.specs.scalars import YAML_1_2, Dialect
from toolspec.specs.source import NO_SPACE, read_text, split_lines


class Spans(Mapping[Path, Span]):
    """Path → Span, made on access from the parser's marks: a file without problems asks for few of them."""

    __slots__ = ("_file", "_lines", "_made", "_marks")

    def __init__(self, file: str, lines: tuple[str, ...], marks: dict[Path, tuple[Any, Any]]) -> None:
        self._file, self._lines, self._marks = file, lines, marks
        self._made: dict[Path, Span] = {}

    def __getitem__(self, path: Path) -> Span:
        span = self._made.get(path)
        if span is None:
            first, last = self._marks[path]
            span = self._made[path] = make_span(self._file, self._lines, first.start_mark, last.end_mark)
        return span

    def __contains__(self, path: object) -> bool:
        return path in self._marks

    def __iter__(self) -> Iterator[Path]:
        return iter(self._marks)

    def __len__(self) -> int:
        return len(self._marks)


class Tree(NamedTuple):
    """A parsed file.

    value: plain dict, list, str, int, float, bool, None. spans: the place of each value: of a collection
    its first line, of an alias the alias itself, of what lies inside an alias its definition. key_spans: the
    place of each key. lines: the source. quoted: scalars that were quoted, a block, or tagged as text.
    ambiguous: text that YAML 1.1 reads as something else or that looks like `key:value`; what to write.
    A merge key leaves the paths of its sources (`…, "<<", …`) in spans.
    """

    file: str
    value: Any
    spans: Mapping[Path, Span]
    key_spans: Mapping[Path, Span]
    lines: tuple[str, ...]
    quoted: frozenset[Path]
    ambiguous: Mapping[Path, str]

    def nearest_span(self, path: Path) -> Span | None:
        """The span at a path, or at the innermost mapping or list around it that the file has."""
        return nearest_span(self.spans, path)


def parse(data: bytes, file: str, dialect: Dialect = YAML_1_2) -> Tree:
    """The tree of a YAML file whose top level is a mapping.

    Raises ProblemError with every problem of TS001-TS016 that was found, in file order.
    """
    return _compose(data, file, dialect, top_is_mapping=True)


def parse_value(text: str) -> Any:
    """The value of a `--set path=value` argument: one YAML value, read by the rules of a file.

    Raises ProblemError; its spans are in a file named `--set`.
    """
    return value_tree(text, "--set").value


def value_tree(text: str, file: str) -> Tree:
    """One YAML value of any kind, with its places. Raises ProblemError."""
    return _compose(text.encode("utf-8", "surrogateescape"), file, YAML_1_2, top_is_mapping=False)


def _compose(data: bytes, file: str, dialect: Dialect, *, top_is_mapping: bool) -> Tree:
    text = read_text(data, file)
    lines = split_lines(text)
    complaints = Complaints(file, lines)
    composer = Composer(complaints, dialect)
    try:
        composer.run(text)
        if top_is_mapping and not isinstance(composer.value, dict):
            _refuse_top(composer, complaints)
    except StopError:
        pass
    except yaml.YAMLError as error:
        from toolspec.specs.syntax import explain  # needed only for a file that is not YAML

        complaints.problems.append(explain(error, file, lines, composer.last))
    if complaints.problems:
        raise ProblemError(tuple(sorted(complaints.problems, key=_place)))
    return Tree(
        file,
        composer.value,
        Spans(file, lines, composer.marks),
        Spans(file, lines, composer.key_marks),
        lines,
        frozenset(composer.quoted),
        MappingProxyType(composer.ambiguous),
    )


def _refuse_top(composer: Composer, complaints: Complaints) -> None:
    value = composer.value
    marks = composer.marks.get(())
    if marks is None or (value is None and getattr(marks[0], "value", "x") == ""):
        what = "holds only comments" if any("#" in line for line in complaints.lines) else "is empty"
        complaints.add("empty-file", f"the file {what}", Span(complaints.file, 1, 1))
        return
    if isinstance(value, str) and (found := NO_SPACE.fullmatch(value)):
        complaints.no_space(marks[0], (), found[1], found[2])
        return
    kinds = {list: "a list", str: "text", bool: "a truth value", type(None): "null"}
    message = f"the top level is {kinds.get(type(value), 'a number')}; it must be `key: value` lines"
    fix = "delete the dashes" if isinstance(value, list) and marks[0].flow_style is False else ""
    complaints.add("not-a-mapping", message, complaints.span(*marks), fix=fix)


def _place(problem: Problem) -> tuple[int, int]:
    return (problem.span.line, problem.span.column) if problem.span else (0, 0)
