"""The base of every section: frozen, strict, closed, and able to be written small."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

T = TypeVar("T")

# A YAML list arrives as a Python list; strict pydantic would refuse it for a tuple, and a frozen value needs one.
Many = Annotated[tuple[T, ...], Field(strict=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[int, Field(ge=1)]
NonNegative = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
Text = Annotated[str, Field(min_length=1)]


class Section(BaseModel):
    """A mapping of the spec with a fixed set of keys.

    `short_form` names the field that a bare value stands for: with `short_form = "path"`, `model: NAME` means
    `model: {path: NAME}`. Unknown keys and wrong types are errors; text is never read as a number.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        populate_by_name=False,
        use_attribute_docstrings=False,
        defer_build=True,
    )
    short_form: ClassVar[str] = ""

    @model_validator(mode="before")
    @classmethod
    def expand_short_form(cls, value: Any) -> Any:
        if cls.short_form and value is not None and not isinstance(value, (dict, BaseModel)):
            return {cls.short_form: value}
        return value
