"""`correct`: the final answer is right."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from toolspec.specs.section import Finite, Text
from toolspec.specs.terms.term import Pattern, Term

# Matches for which `pattern` finds the part of the answer that is compared.
EXTRACTS = ("json", "math", "qa_em", "qa_f1")


class Correct(Term):
    """1 when the final answer (the policy's last words, after every call) matches the row's answer, else 0.

    Formula: the best over the row's accepted answers; `qa_f1` 2·common / (words + words). Range: 0 or 1; `qa_f1` 0
    to 1; `verl` and `python` what the scorer returns. Unit: trajectories. Example: `correct: {weight: 1, match:
    number, wrong: -0.5}` pays 1 for the row's number and takes 0.5 for any other answer, and for none.
    """

    match: Literal[
        "exact",
        "number",
        "regex",
        "choice",
        "json",
        "math",
        "qa_em",
        "qa_f1",
        "calls",
        "verl",
        "python",
    ] = Field(
        default="exact",
        description=(
            "How the answer is compared. `exact`: same text, outer and repeated blanks apart. "
            "`number`: the last number, "
            "after `####` or in \\boxed{} if there is one. `regex`: what `pattern` finds. `choice`: "
            "the last letter that "
            "stands alone. `json`: same JSON value, of the whole answer, its last fenced block, or the "
            "last mapping or list in it. `math`: equal as mathematics (the package math-verify, which the "
            "job's environment must have). `qa_em`, `qa_f1`: exact match and F1 as SQuAD counts them. "
            "`calls`: the valid calls are those that the row's answer lists, [{name, arguments}], with no "
            "bad one. `verl`: the release's scorer for the row's data_source. `python`: a function of one's own."
        ),
    )
    wrong: Finite | None = Field(
        default=None,
        description=(
            "Paid where the answer is wrong (a value of 0 or less), in units of the score. Default: nothing. "
            "Example: `-0.5`."
        ),
    )
    tolerance: Finite = Field(
        default=0.0, ge=0, description="`number`: largest absolute difference that still counts as equal."
    )
    pattern: Pattern | None = Field(
        default=None,
        description=(
            "`regex`: its first group (else the whole match) is compared with the answer. Last match counts. "
            "`json`, `math`, `qa_em`, `qa_f1`: the same, in place of the whole answer."
        ),
    )
    ignore_case: bool | None = Field(
        default=None, description="`exact`: capitals count as small letters. Default: false."
    )
    choices: Annotated[Text, StringConstraints(pattern=r"^[A-Za-z]{2,26}$")] | None = Field(
        default=None,
        description="`choice`: the letters that rows choose from. Default: `ABCDE`. Example: `ABCDEFGHIJ`.",
    )
    ordered: bool | None = Field(
        default=None, description="`calls`: in the row's order. Default: in any order."
    )
    python: Text | None = Field(
        default=None,
        description=(
            "`python`: `file.py:name`, called as verl calls a reward function (data_source, "
            "solution_str, ground_truth, "
            "extra_info); its number is the term's value."
        ),
    )

    def pays_more(self) -> bool:
        return self.match in ("verl", "python") or (self.wrong or 0) * (self.cap or 0) > 0

    @model_validator(mode="after")
    def settings_fit_the_match(self) -> Correct:
        if self.match == "regex" and self.pattern is None:
            raise ValueError("`pattern` belongs to `match: regex`, which needs it")
        if self.pattern is not None and self.match not in ("regex", *EXTRACTS):
            raise ValueError(f"`pattern` belongs to `match: regex`, or to {', '.join(EXTRACTS)}")
        if (self.match == "python") != (self.python is not None):
            raise ValueError("`python` belongs to `match: python`, which needs it")
        if self.tolerance and self.match != "number":
            raise ValueError("`tolerance` belongs to `match: number`")
        if self.ignore_case is not None and self.match != "exact":
            raise ValueError("`ignore_case` belongs to `match: exact`")
        if self.choices is not None and self.match != "choice":
            raise ValueError("`choices` belongs to `match: choice`")
        if self.ordered is not None and self.match != "calls":
            raise ValueError("`ordered` belongs to `match: calls`")
        return self
