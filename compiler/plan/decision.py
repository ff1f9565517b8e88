"""A plan: every decision taken, by its path, with the reason for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, TypeVar

from toolspec.specs.problem import Problem, Span

Kind = Literal["given", "default", "derived"]
T = TypeVar("T")


class Decision(NamedTuple):
    """One value of the plan. Never None: what is off or unlimited says so (`none`, `never`, 0).

    kind: `given` in the spec, `default` of the language, or `derived` from other values. reason: a few words.
    span: where it was given, or what it was derived from, if a single place. sources: spec paths it rests on.
    """

    value: Any
    kind: Kind
    reason: str
    span: Span | None = None
    sources: tuple[str, ...] = ()


class Plan:
    """Path → decision, in the order in which `toolspec plan` shows them. notes: warnings of relations."""

    def __init__(
        self,
        name: str,
        target: str,
        decisions: Mapping[str, Decision] = MappingProxyType({}),
        notes: tuple[Problem, ...] = (),
    ) -> None:
        self.name = name
        self.target = target
        self.decisions = decisions
        self.notes = notes

    def __getitem__(self, path: str) -> Any:
        return self.decisions[path].value

    def __contains__(self, path: object) -> bool:
        return path in self.decisions

    def __iter__(self) -> Iterator[str]:
        return iter(self.decisions)

    def typed(self, path: str, kind: type[T]) -> T:
        """The value at `path`, which must be of `kind`. Raises TypeError otherwise: a fault of toolspec."""
        value = self.decisions[path].value
        if not isinstance(value, kind):
            raise TypeError(f"plan[{path!r}] is {value!r}, not {kind.__name__}")
        return value

    def number(self, path: str) -> int:
        return self.typed(path, int)

    def text(self, path: str) -> str:
        return self.typed(path, str)

    def flag(self, path: str) -> bool:
        return self.typed(path, bool)
