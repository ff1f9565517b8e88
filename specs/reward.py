"""`reward`: what a trajectory is paid for."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field, model_validator

from toolspec.specs.section import Section, Text
from toolspec.specs.terms.bad_call import BadCall
from toolspec.specs.terms.correct import Correct
from toolspec.specs.terms.extra_call import ExtraCall
from toolspec.specs.terms.format import Format
from toolspec.specs.terms.term import Term
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
TERMS: tuple[str, ...] = ("correct", "valid_call", "extra_call", "bad_call", "format")


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
        return self

    @property
    def terms(self) -> tuple[tuple[str, Term], ...]:
        """(name, term) of each term given, in the registry's order."""
        pairs = ((name, getattr(self, name)) for name in TERMS)
        return tuple((name, term) for name, term in pairs if term is not None)
