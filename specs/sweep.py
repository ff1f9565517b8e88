"""`sweep`: the points of a study, as kinds of variation that are multiplied with one another."""

from __future__ import annotations

from collections.abc import Iterator
from math import comb, prod
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from toolspec.specs.section import Finite, Many, NonNegative, Positive, Section, Text

MOST_POINTS = 10_000
DIGITS = 6
"""Significant digits of a drawn number: the same on every machine, though logarithms may differ in the last bit."""
SHARES = 10_000
"""Samples of a simplex are whole numbers of this part of the total, so that their sum is exact."""

Values = Annotated[Many[Any], Field(min_length=1)]
_Bound = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Draw(Section):
    """What one path is drawn from: `choice`, `uniform`, `log_uniform` or `integer`. A bare list is a choice."""

    short_form: ClassVar[str] = "choice"

    choice: Values | None = Field(default=None, description="Each value is as likely as another.")
    uniform: Many[Finite] | None = Field(
        default=None,
        min_length=2,
        max_length=2,
        description=f"[least, most]: every number between is as likely; rounded to {DIGITS} significant digits.",
    )
    log_uniform: Many[_Bound] | None = Field(
        default=None,
        min_length=2,
        max_length=2,
        description="[least, most], both above 0: uniform in the logarithm; each decade is as likely. Rounded so too.",
    )
    integer: Many[int] | None = Field(
        default=None,
        min_length=2,
        max_length=2,
        description="[least, most]: whole numbers, both ends among them.",
    )

    @field_validator("uniform", "log_uniform", "integer")
    @classmethod
    def least_then_most(cls, value: Any) -> Any:
        if value is not None and value[0] >= value[1]:
            raise ValueError(f"[least, most] is needed, and {value[0]:g} is not less than {value[1]:g}")
        return value

    @model_validator(mode="after")
    def one_kind(self) -> Draw:
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(
                "one of `choice`, `uniform`, `log_uniform` and `integer` is needed, not "
                + (" and ".join(f"`{name}`" for name in given) or "none")
            )
        return self

    @property
    def ends(self) -> tuple[Any, ...]:
        """Values that the spec must take for it to take all that can be drawn."""
        if self.choice is not None:
            return self.choice
        bounds = self.uniform or self.log_uniform
        return tuple(map(float, bounds)) if bounds is not None else self.integer or ()


class Random(Section):
    """Points that are drawn. Each value hangs on seed, number and path alone: more points keep those that are there."""

    points: Positive = Field(description="Points that are drawn; equal ones are one.")
    seed: NonNegative = Field(default=0, description="The same seed draws the same points on every machine.")
    over: dict[Text, Draw] = Field(
        min_length=1,
        description=(
            "Spec path → what it is drawn from. Example: `{algorithm.lr: {log_uniform: [1e-7, 1e-5]}}`."
        ),
    )


class Simplex(Section):
    """Weights of reward terms that are shifted against one another. Each keeps the sign that it has in the reward.

    `keep: sum`: all sizes of weights that are 0 or more and add up to `total`. `keep: order`: all sizes
    low < w ≤ high of `between` with the first term's the largest, each next one's smaller.
    `steps` takes a lattice of that set, `points` samples that are uniform over it; both together take both.
    """

    terms: Many[Text] = Field(
        min_length=2, description="Terms of the reward, two or more; with `keep: order` the largest first."
    )
    keep: Literal["sum", "order"] = Field(default="sum", description="What holds for every point.")
    total: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = Field(
        default=None,
        description="Of `keep: sum`: what the sizes add up to. Default: the sum of the sizes in the reward.",
    )
    least: Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)] = Field(
        default=0.0, description="Of `keep: sum`: the least share of the total that each term has."
    )
    between: Many[Finite] = Field(
        default=(0.0, 1.0),
        min_length=2,
        max_length=2,
        description="Of `keep: order`: [low, high] of the sizes.",
    )
    steps: Positive | None = Field(
        default=None,
        description="Parts of the lattice: of the total that is shared out, or of the way from low to high.",
    )
    points: Positive | None = Field(default=None, description="Samples.")
    seed: NonNegative = Field(default=0, description="Of the samples.")

    @field_validator("between")
    @classmethod
    def low_then_high(cls, value: Any) -> Any:
        if not 0 <= value[0] < value[1]:
            raise ValueError(
                f"[low, high] of sizes is needed, 0 ≤ low < high, not [{value[0]:g}, {value[1]:g}]"
            )
        return value

    @model_validator(mode="after")
    def one_set(self) -> Simplex:
        if len(set(self.terms)) < len(self.terms):
            raise ValueError("a term stands twice in `terms`")
        if self.steps is None and self.points is None:
            raise ValueError("`steps` (a lattice), `points` (samples) or both are needed")
        given, number = self.model_fields_set, len(self.terms)
        other = {"total", "least"} & given if self.keep == "order" else {"between"} & given
        if other:
            raise ValueError(
                f"`{min(other)}` belongs to `keep: {'sum' if self.keep == 'order' else 'order'}`"
            )
        if self.keep == "order" and self.steps is not None and self.steps < number:
            raise ValueError(f"{number} different sizes need `steps: {number}` or more, not {self.steps}")
        if self.least * number >= 1:
            raise ValueError(
                f"{number} terms of at least {self.least:g} of the total leave nothing to share out; "
                f"`least` is below 1/{number}"
            )
        return self

    @property
    def most(self) -> int:
        """Points that it has, counted as if no sample were equal to another."""
        steps, number = self.steps, len(self.terms)
        lattice = 0 if steps is None else comb(steps + number - 1, number - 1)
        if self.keep == "order" and steps is not None:
            lattice = comb(steps, number)
        return lattice + (self.points or 0)


class Sweep(Section):
    """What is varied. Several kinds together are multiplied: every point of one with every point of the other.

    A spec path with its values may stand in `sweep` itself: `{reward.valid_call: [0.1, 0.2]}` is a grid.
    """

    spread: ClassVar[str] = "grid"

    grid: dict[Text, Values] = Field(
        default_factory=dict,
        description="Spec path → values; every combination. Example: `{reward.valid_call: [0.1, 0.2]}`.",
    )
    zip: dict[Text, Values] = Field(
        default_factory=dict,
        description=(
            "Spec path → values, all of one length; the first of each, the second of each, … "
            "Example: `{algorithm.batch: [64, 128], algorithm.lr: [1e-6, 2e-6]}`."
        ),
    )
    random: Random | None = Field(default=None, description="Points that are drawn.")
    simplex: Simplex | None = Field(
        default=None, description="Weights of reward terms that keep their sum or their order."
    )
    parallel: Positive | None = Field(
        default=None, description="Points that run at once. Default: as many as there is room for."
    )

    @property
    def most(self) -> int:
        """Points that it has, counted as if none were equal to another. Needs values of one length in `zip`."""
        sizes = [*map(len, self.grid.values()), *(len(values) for values in list(self.zip.values())[:1])]
        sizes += [self.random.points] if self.random else []
        sizes += [self.simplex.most] if self.simplex else []
        return prod(sizes) if sizes else 0

    @property
    def paths(self) -> Iterator[tuple[tuple[str, ...], str]]:
        """(place below `sweep`, spec path) of everything that is varied, in the order of kinds."""
        yield from ((("grid", path), path) for path in self.grid)
        yield from ((("zip", path), path) for path in self.zip)
        if self.random is not None:
            yield from ((("random", "over", path), path) for path in self.random.over)
        if self.simplex is not None:
            yield from (
                (("simplex", "terms", str(n)), f"reward.{t}") for n, t in enumerate(self.simplex.terms)
            )


KINDS = tuple(Sweep.model_fields)


def spelled_out(value: Any, roots: frozenset[str]) -> Any:
    """A raw `sweep` with the paths that stand in it moved to `grid`. roots: keys of a spec, none of them a kind's.

    Raises ValueError for a path that stands in both.
    """
    if not isinstance(value, dict):
        return value
    short = {k: v for k, v in value.items() if k not in KINDS and ("." in str(k) or k in roots)}
    grid = value.get("grid", {})
    if not short or not isinstance(grid, dict):
        return value
    twice = next((path for path in short if path in grid), None)
    if twice is not None:
        raise ValueError(f"`{twice}` stands in `grid` and beside it; keep one")
    rest = {key: item for key, item in value.items() if key not in short}
    return {**rest, "grid": {**grid, **short}}
