"""A sweep against the rest of its spec: what could not be a point is a problem at its own place, before any compile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from toolspec.specs.nearest import nearest
from toolspec.specs.problem import Problem, ProblemError, Span, in_file_order, nearest_span
from toolspec.specs.raw import Raw, SpecPath, lay
from toolspec.specs.reward import TERMS
from toolspec.specs.shape import sections_at
from toolspec.specs.spec import Spec
from toolspec.specs.sweep import MOST_POINTS, Sweep
from toolspec.specs.validation import validate

_NEVER = {
    "sweep": "a sweep has no sweep",
    "extends": "it is read before any value",
    "toolspec": "it is the version of the language",
    "name": "every point gets a name of its own",
}


def check_sweep(spec: Spec, sweep: Sweep, raw: Raw) -> None:
    """Raises ProblemError with everything that is wrong with `sweep`, in file order."""
    problems = [*_paths(sweep, raw), *_lengths(sweep, raw), *_simplex(spec, sweep, raw)]
    if not problems and sweep.most > MOST_POINTS:
        message = f"the sweep has {sweep.most:,} points, and {MOST_POINTS:,} are taken at most"
        span = raw.key_spans.get(("sweep",)) or nearest_span(raw.spans, ("sweep",))
        fix = "fewer values, or `random: {points: N, over: …}` over the same paths"
        problems.append(Problem("TS027", "sweep", message, span, "sweep", fix=fix))
    if all(problem.path != "sweep" for problem in problems):
        problems += _values(sweep, raw)
    if problems:
        raise ProblemError(in_file_order(problems))


def parts_of(path: str) -> tuple[str, ...]:
    """The keys of a spec path. A raw key of verl is one key of `overrides`, dots and all."""
    root, dot, rest = path.partition(".")
    return (root, rest) if root == "overrides" and dot else tuple(path.split("."))


def canonical(path: str) -> str:
    """`reward.valid_call` as `reward.valid_call.weight`: the field that a bare value at the path stands for."""
    parts = parts_of(path)
    while parts[0] != "overrides" and (section := next(iter(sections_at(parts)), None)) is not None:
        if not section.short_form:
            break
        parts = (*parts, section.short_form)
    return ".".join(parts)


def written_at(raw: Raw, place: Sequence[str | int]) -> SpecPath:
    """Where the file has what `place` names below `sweep`: a path of the grid may stand in `sweep` itself."""
    path = ("sweep", *place)
    short = ("sweep", *place[1:])
    return short if place[:1] == ("grid",) and path[:3] not in raw.spans and short[:2] in raw.spans else path


def lay_values(raw: Raw, values: Sequence[tuple[str, Any, Span | None]]) -> Raw:
    """`raw` with each (path, value, place) laid over it, a shorter path first, as settings are."""
    for path, value, span in sorted(values, key=lambda one: len(parts_of(one[0]))):
        raw = lay(raw, parts_of(path), value, span)
    return raw


def _paths(sweep: Sweep, raw: Raw) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for place, path in sweep.paths:
        where = written_at(raw, place if place[0] != "simplex" else (*place[:2], int(place[2])))
        span = raw.key_spans.get(where) or nearest_span(raw.spans, where)
        dotted = "sweep." + ".".join(place)
        parts = parts_of(path)
        if parts[0] in _NEVER or not all(parts):
            why = _NEVER.get(parts[0], "a part of the path is empty")
            yield Problem("TS027", "sweep", f"`{path}` cannot be swept over: {why}", span, dotted)
            continue
        if (above := _list_above(raw.value, parts)) is not None:
            message = f"`{above}` is a list, which a point replaces as a whole"
            fix = f"{above}: [[…], […]]" if above != "env" else "write `env` as a mapping, `{NAME: value}`"
            yield Problem("TS027", "sweep", message, span, dotted, fix=fix)
        if (first := seen.setdefault(canonical(path), path)) != path or seen.get(f" {path}"):
            said = f"`{path}`" if first == path else f"`{first}` and `{path}` are one field, and it"
            yield Problem("TS027", "sweep", f"{said} is swept twice", span, dotted, fix="keep one")
        seen[f" {path}"] = path


def _list_above(value: Any, parts: Sequence[str]) -> str | None:
    """The path of a list on the way to the last of the parts; None where there is none."""
    for depth, part in enumerate(parts[:-1], start=1):
        value = value.get(part) if isinstance(value, dict) else None
        if isinstance(value, list):
            return ".".join(parts[:depth])
    return None


def _lengths(sweep: Sweep, raw: Raw) -> Iterator[Problem]:
    lengths = {path: len(values) for path, values in sweep.zip.items()}
    first = next(iter(lengths), "")
    for path, length in lengths.items():
        if length != lengths[first]:
            span = nearest_span(raw.spans, ("sweep", "zip", path))
            message = (
                f"`{path}` has {length} {'value' if length == 1 else 'values'}, and `{first}` has {lengths[first]}: "
                "the first of each are a point, then the second"
            )
            fix = "as many values for each, or `grid` for every combination"
            yield Problem("TS027", "sweep", message, span, f"sweep.zip.{path}", fix=fix)


def _simplex(spec: Spec, sweep: Sweep, raw: Raw) -> Iterator[Problem]:
    simplex = sweep.simplex
    if simplex is None:
        return
    weights = {name: term.weight for name, term in spec.reward.terms}
    for number, name in enumerate(simplex.terms):
        if name in weights:
            continue
        span = nearest_span(raw.spans, ("sweep", "simplex", "terms", number))
        short = name.removeprefix("reward.").removesuffix(".weight")
        close = [short] if short in weights else nearest(short, weights)
        fix = f"did you mean `{close[0]}`?" if close else ""
        if name in TERMS and not spec.reward.python:
            fix = f"give `reward.{name}` with a weight, which says its sign"
        why = (
            f"its terms: {', '.join(weights)}" if weights else "it is one Python function, and has no weights"
        )
        message = f"the reward has no term `{name}`"
        yield Problem("TS027", "sweep", message, span, f"sweep.simplex.terms.{number}", why, fix)
    if simplex.keep == "sum" and simplex.total is None and not any(weights.get(n) for n in simplex.terms):
        span = nearest_span(raw.spans, ("sweep", "simplex"))
        message = "the weights of these terms add up to 0, so there is nothing to share out"
        yield Problem("TS027", "sweep", message, span, "sweep.simplex", fix="total: 1.0")


def _values(sweep: Sweep, raw: Raw) -> Iterator[Problem]:
    """Values that the spec could not have at their paths; what hangs on two paths at once is left to the points."""
    for path, values in sweep.grid.items():
        for number, value in enumerate(values):
            yield from _refused(raw, [(path, value, written_at(raw, ("grid", path, number)))])
    for number in range(min(map(len, sweep.zip.values()), default=0)):
        together = [(p, v[number], ("sweep", "zip", p, number)) for p, v in sweep.zip.items()]
        yield from _refused(raw, together)
    for path, draw in sweep.random.over.items() if sweep.random is not None else ():
        kind = next(name for name in type(draw).model_fields if getattr(draw, name) is not None)
        above: SpecPath = ("sweep", "random", "over", path)
        inside = (*above, kind) if (*above, kind) in raw.spans else above
        for number, value in enumerate(draw.ends):
            refused = list(_refused(raw, [(path, value, (*inside, number))]))
            yield from refused
            if refused and kind != "choice":  # one end tells of both
                break


def _refused(raw: Raw, values: Sequence[tuple[str, Any, SpecPath]]) -> Iterator[Problem]:
    spans = {path: nearest_span(raw.spans, place) for path, _, place in values}
    if any(parts_of(path)[0] in _NEVER for path in spans):
        return
    try:
        validate(lay_values(raw, [(path, value, spans[path]) for path, value, _ in values]))
    except ProblemError as error:
        for problem in error.problems:
            for path, _, place in values:
                unknown = problem.name == "unknown-key" and f"{path}.".startswith(f"{problem.path}.")
                if unknown or f"{problem.path}.".startswith(f"{path}."):
                    at = place
                    while unknown and at not in raw.key_spans and at:
                        at = at[:-1]
                    span = raw.key_spans.get(at) if unknown else spans[path]
                    yield problem._replace(span=span, path=".".join(map(str, at)))
                    break
