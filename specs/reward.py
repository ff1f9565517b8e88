"""`reward`: what a trajectory is paid for."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field, model_validator

from toolspec.specs.section import Finite, Many, Section, Share, Text
from toolspec.specs.terms.bad_call import BadCall
from toolspec.specs.terms.correct import Correct
from toolspec.specs.terms.extra_call import ExtraCall
from toolspec.specs.terms.forged_result import ForgedResult
from toolspec.specs.terms.format import Format
from toolspec.specs.terms.length import Length
from toolspec.specs.terms.own import Own, OwnName
from toolspec.specs.terms.repeat_call import RepeatCall
from toolspec.specs.terms.term import Gated, Term
from toolspec.specs.terms.tool_error import ToolError
from toolspec.specs.terms.truncated import Truncated
from toolspec.specs.terms.turns import Turns
from toolspec.specs.terms.used_result import UsedResult
from toolspec.specs.terms.valid_call import ValidCall

# The preset of the same name: +1 for the right result, +0.2 for a valid call, −0.1 a surplus call, −1 a bad call.
PRESETS: dict[str, dict[str, Any]] = {
    "tool_calling": {
        "correct": {"weight": 1.0, "match": "number"},
        "valid_call": 0.2,
        "extra_call": -0.1,
        "bad_call": -1.0,
    },
}

# The registry of terms, in the order in which they are shown and summed. A term is one file under specs/terms
# (its settings) and one under backends/verl/runtime/ts_terms (its value).
TERMS: tuple[str, ...] = (
    "correct",
    "valid_call",
    "extra_call",
    "bad_call",
    "format",
    "repeat_call",
    "tool_error",
    "used_result",
    "length",
    "turns",
    "truncated",
    "forged_result",
)
# Names that the metrics of a reward have beside those of its terms (ts_scorer.py).
TAKEN = ("score", "reward", "acc", "task_success", "tool_calls", "tool_parse_success", "ts_fault", "overlong")


class Reward(Section):
    """A weighted sum of terms, or one Python function of one's own. A bare word is a preset: `tool_calling`."""

    bare_is_whole: ClassVar[bool] = True

    correct: Correct | None = Field(default=None, description="The final answer is right.")
    valid_call: ValidCall | None = Field(default=None, description="At least one valid call was made.")
    extra_call: ExtraCall | None = Field(default=None, description="Valid calls beyond the free ones.")
    bad_call: BadCall | None = Field(
        default=None, description="Calls of unknown tools or against the schema."
    )
    format: Format | None = Field(default=None, description="The answer has the asked form.")
    repeat_call: RepeatCall | None = Field(default=None, description="Valid calls made again.")
    tool_error: ToolError | None = Field(
        default=None, description="Valid calls whose tool raised or did not answer."
    )
    used_result: UsedResult | None = Field(default=None, description="The answer holds what a tool returned.")
    length: Length | None = Field(default=None, description="How long the trajectory is.")
    turns: Turns | None = Field(default=None, description="Turns beyond the free ones.")
    truncated: Truncated | None = Field(default=None, description="A limit ended the trajectory.")
    forged_result: ForgedResult | None = Field(
        default=None, description="Tool responses that the policy wrote itself."
    )
    own: dict[OwnName, Own] = Field(
        default_factory=dict,
        description="Terms of your own by name, each a function of the trajectory.",
    )
    clip: Many[Finite] | None = Field(
        default=None,
        min_length=2,
        max_length=2,
        description=(
            "The least and the most that a trajectory is paid, [least, most], all terms and "
            "`algorithm.overlong` together. Default: no bounds. Example: `[-1, 2]`."
        ),
    )
    on_error: Finite = Field(
        default=0.0,
        description="Paid where scoring a trajectory fails; the failure is counted and recorded.",
    )
    fault_limit: Share = Field(
        default=0.1,
        description="Share of failed scores above which the job ends the run, from 100 scores on.",
    )
    python: Text | None = Field(
        default=None,
        description=(
            "`file.py:name`, the whole reward as one function with verl's signature (data_source, "
            "solution_str, "
            "ground_truth, extra_info). Stands alone."
        ),
    )
    kwargs: dict[str, Any] = Field(
        default_factory=dict,
        description="With `python`: keyword arguments added to every call of the function.",
    )

    @classmethod
    def long_form(cls, value: Any) -> Any:
        return PRESETS.get(value, value) if isinstance(value, str) else value

    @model_validator(mode="before")
    @classmethod
    def only_presets_are_words(cls, value: Any) -> Any:
        if isinstance(value, str) and value not in PRESETS:
            raise ValueError(f"{value!r} is no preset; known: {', '.join(PRESETS)}")
        return value

    @model_validator(mode="after")
    def terms_or_python(self) -> Reward:
        if self.python is not None and self.terms:
            raise ValueError(
                f"`python` is the whole reward and stands alone; drop it or {', '.join(name for name, _ in self.terms)}"
            )
        if self.python is None and not self.terms:
            raise ValueError(
                f"a reward needs at least one term ({', '.join(TERMS)}) or `python: file.py:function`"
            )
        if self.kwargs and self.python is None:
            raise ValueError("`kwargs` belongs to `python`")
        if self.clip is not None and self.clip[0] >= self.clip[1]:
            raise ValueError(
                f"`clip` is [least, most], and {self.clip[0]:g} is not less than {self.clip[1]:g}"
            )
        if taken := [name for name in self.own if name in (*TERMS, *TAKEN)]:
            raise ValueError(f"`own.{taken[0]}`: the name is taken by a term or a metric; choose another")
        gated = [name for name, term in self.terms if isinstance(term, Gated) and term.only_if is not None]
        if gated and self.correct is None:
            raise ValueError(f"`{gated[0]}.only_if: correct` needs the term `correct`; add it, or drop it")
        return self

    @property
    def terms(self) -> tuple[tuple[str, Term], ...]:
        """(path below `reward`, term) of each term given, in the registry's order, the user's own last."""
        pairs = ((name, getattr(self, name)) for name in TERMS)
        given = tuple((name, term) for name, term in pairs if term is not None)
        return (*given, *((f"own.{name}", term) for name, term in self.own.items()))
