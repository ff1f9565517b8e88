"""A loaded spec with a sweep → its points, each with a name that rests on what it changes alone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, product
from typing import Any, NamedTuple

from toolspec.compiler.sweep.draws import drawn, uniform
from toolspec.compiler.sweep.simplex import weights
from toolspec.specs.loading import LoadedSpec
from toolspec.specs.problem import Problem, ProblemError
from toolspec.specs.raw import SpecPath
from toolspec.specs.sweep import Random, Sweep
from toolspec.specs.sweep_check import canonical, written_at

NAME_DIGITS = 10
"""Hex digits in a point's name: of 10,000 points two have the same in one of 20,000 sweeps, which is then an error."""
LONGEST_NAME = 100
DRAWS_A_POINT = 20
"""Draws for each point that is asked for, before it is said that there are not as many different ones."""


class Change(NamedTuple):
    """One value of a point. place: where it stands below `sweep` in the spec."""

    path: str
    value: Any
    place: SpecPath


class Point(NamedTuple):
    """name: a valid name of a spec, `<name of the spec>-<suffix>`. suffix: decided by the values alone."""

    name: str
    suffix: str
    changes: tuple[Change, ...]

    @property
    def values(self) -> dict[str, Any]:
        """Spec path → value, in the order of the sweep."""
        return {change.path: change.value for change in self.changes}


class Expansion(NamedTuple):
    """Points in the order of the sweep, the last kind varying fastest. parallel: points at once, None for all.

    notes: points that were written twice, draws that are fewer than asked for.
    """

    loaded: LoadedSpec
    points: tuple[Point, ...]
    parallel: int | None
    notes: tuple[Problem, ...] = ()


def points_of(loaded: LoadedSpec) -> Expansion:
    """Every point of the spec's sweep. Pure. Raises ProblemError for a spec whose sweep varies nothing."""
    sweep = loaded.spec.sweep
    span = loaded.raw.key_spans.get(("sweep",)) or loaded.span(())
    if sweep is None or not any(True for _ in sweep.paths):
        what = "the spec has no `sweep`" if sweep is None else "the sweep varies nothing"
        fix = "sweep: {reward.valid_call: [0.1, 0.2, 0.4]}, say"
        raise _problem((Problem("TS027", "sweep", what, span, "sweep", fix=fix),), loaded)
    notes: list[Problem] = []
    found: dict[str, Point] = {}
    written = 0
    for rows in product(*_factors(loaded, sweep, notes)):
        changes = tuple(chain.from_iterable(rows))
        key = _key(changes)
        suffix = hashlib.sha256(key.encode()).hexdigest()[:NAME_DIGITS]
        name = f"{loaded.spec.name[: LONGEST_NAME - NAME_DIGITS - 1]}-{suffix}"
        written += 1
        same = found.setdefault(name, Point(name, suffix, changes))
        if same.changes is not changes and _key(same.changes) != key:
            raise _problem((_one_name(same, changes, span, name),), loaded)
    if written > len(found):
        message = f"{written - len(found)} of {written} points have the values of another, and are left out"
        notes.append(Problem("TS027", "sweep", message, span, "sweep", severity="note"))
    return Expansion(loaded, tuple(found.values()), sweep.parallel, tuple(notes))


def _problem(problems: tuple[Problem, ...], loaded: LoadedSpec) -> ProblemError:
    error = ProblemError(problems)
    error.sources = loaded.sources  # type: ignore[attr-defined]
    return error


def _key(changes: Sequence[Change]) -> str:
    """Canonical JSON of what is changed: the same for both spellings of a field, in whatever order they stand."""
    return json.dumps(
        {_field(change): change.value for change in changes},
        sort_keys=True,
        separators=(",", ":"),
        default=str,
    )


def _field(change: Change) -> str:
    return change.path if isinstance(change.value, Mapping) else canonical(change.path)


def _one_name(one: Point, other: Sequence[Change], span: Any, name: str) -> Problem:
    message = f"two points have the name {name}: {one.values} and {dict(c[:2] for c in other)}"
    return Problem(
        "TS027", "sweep", message, span, "sweep", fix="write a value of one of them in another way"
    )


def _factors(loaded: LoadedSpec, sweep: Sweep, notes: list[Problem]) -> Iterator[list[tuple[Change, ...]]]:
    """What is multiplied: the values of each path of a grid, rows of zip, drawn points, weights."""
    raw = loaded.raw
    for path, values in sweep.grid.items():
        place = written_at(raw, ("grid", path))
        yield [(Change(path, value, (*place, number)),) for number, value in enumerate(values)]
    if sweep.zip:
        length = len(next(iter(sweep.zip.values())))
        yield [
            tuple(Change(path, values[n], ("sweep", "zip", path, n)) for path, values in sweep.zip.items())
            for n in range(length)
        ]
    if sweep.random is not None:
        rows = _drawn(sweep.random)
        if len(rows) < sweep.random.points:
            message = f"only {len(rows)} different points are drawn, of {sweep.random.points} asked for"
            span = loaded.span(("sweep", "random", "points"))
            notes.append(Problem("TS027", "sweep", message, span, "sweep.random.points", severity="note"))
        yield rows
    if sweep.simplex is not None:
        simplex = sweep.simplex
        now = {name: term.weight for name, term in loaded.spec.reward.terms}
        yield [
            tuple(
                Change(f"reward.{name}.weight", weight, ("sweep", "simplex", "terms", number))
                for number, (name, weight) in enumerate(zip(simplex.terms, one, strict=True))
            )
            for one in weights(simplex, now)
        ]


def _drawn(asked: Random) -> list[tuple[Change, ...]]:
    """The first different points of the seed."""
    found: dict[str, tuple[Change, ...]] = {}
    for number in range(DRAWS_A_POINT * asked.points):
        row = tuple(
            Change(
                path,
                drawn(draw, uniform("random", asked.seed, number, path)),
                ("sweep", "random", "over", path),
            )
            for path, draw in asked.over.items()
        )
        found.setdefault(_key(row), row)
        if len(found) == asked.points:
            break
    return list(found.values())
