"""The base of every section: frozen, strict, closed, and able to be written small."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)
from pydantic_core import PydanticCustomError

T = TypeVar("T")

# A YAML list arrives as a Python list; strict pydantic would refuse it for a tuple, and a frozen value needs one.
Many = Annotated[tuple[T, ...], Field(strict=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[int, Field(ge=1)]
NonNegative = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]


def _without_nul(value: str) -> str:
    if "\0" in value:
        raise ValueError("a NUL stands in it, which no file, variable or argument can hold")
    return value


Text = Annotated[str, Field(min_length=1), AfterValidator(_without_nul)]


def _one_line(value: str) -> str:
    if "\n" in value or "\r" in value:
        raise ValueError("a line break stands in it, and it is part of one line of the job script")
    return value


Line = Annotated[Text, AfterValidator(_one_line)]


def _same_type(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    found = handler(value)
    if type(found) is not type(value) or isinstance(found, bool) != isinstance(value, bool):
        raise PydanticCustomError("literal_error", "another value is needed")
    return found


# For a literal number or truth value: `1 == True == 1.0` in Python, and in a spec they are three values.
SAME_TYPE = WrapValidator(_same_type)


class Section(BaseModel):
    """A mapping of the spec with a fixed set of keys.

    `short_form` names the field that a bare value stands for: with `short_form = "path"`, `model: NAME` means
    `model: {path: NAME}`. Unknown keys and wrong types are errors; text is never read as a number.

    What a bare value in one file means over a mapping in its parent: it sets the fields of its long form, and the
    others stay, but for `described`, the fields that describe what the old value names. `bare_is_whole`: nothing
    of the mapping stays. `spread`: the field, a mapping, whose keys may stand in the section itself.
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
    spread: ClassVar[str] = ""
    described: ClassVar[tuple[str, ...]] = ()
    bare_is_whole: ClassVar[bool] = False

    @classmethod
    def long_form(cls, value: Any) -> Any:
        """The mapping that a bare value stands for; the value itself where it stands for none."""
        return {cls.short_form: value} if cls.short_form else value

    @model_validator(mode="before")
    @classmethod
    def expand_short_form(cls, value: Any) -> Any:
        return value if value is None or isinstance(value, (dict, BaseModel)) else cls.long_form(value)
