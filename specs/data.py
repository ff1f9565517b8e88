"""`data`: the rows to train and evaluate on."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator

from toolspec.specs.section import Many, NonNegative, Section, Text


class Columns(Section):
    """Which column of the file holds what. Naming any makes compile write the rows in verl's layout."""

    prompt: Text | None = Field(
        default=None,
        description="The question: text, or a list of {role, content} messages. Default: `prompt`.",
    )
    answer: Text | None = Field(
        default=None,
        description="The right answer, or a list of accepted ones (`reward_model.ground_truth`).",
    )
    system: Text | None = Field(default=None, description="A system message of the row's own.")
    tools_kwargs: Text | None = Field(
        default=None, description="A mapping tool → create arguments of the row (`extra_info.tools_kwargs`)."
    )
    data_source: Text | None = Field(
        default=None,
        description="The name under which validation reports the row and verl's scorers know it.",
    )
    needed_calls: Text | None = Field(
        default=None,
        description=(
            "How many calls the row needs (`extra_info.needed_calls`), which `reward.extra_call.free: "
            "needed_calls` lets go free."
        ),
    )


class Source(Section):
    """One file (or glob) with columns of its own."""

    short_form: ClassVar[str] = "path"
    described: ClassVar[tuple[str, ...]] = ("columns", "source")

    path: Text = Field(description="A parquet, jsonl or json file, or a glob.")
    columns: Columns | None = Field(
        default=None, description="Columns of this file. Default: `data.columns`."
    )
    source: Text | None = Field(default=None, description="`data_source` of every row of this file.")


class OrderBy(Section):
    """Rows in the order of a column's value."""

    by: Text = Field(description="Column to sort by, ascending; ties keep the order of the file.")


class Data(Section):
    """Training and validation rows."""

    train: Many[Source] = Field(
        min_length=1,
        description="A file, a list of files, or a list of `{path, columns, source}`.",
    )
    val: Many[Source] | dict[Text, Source] | None = Field(
        default=None,
        description=(
            "As `train`, or named sets: `{aime25: path, math: path}`. Validation reports each by its name."
        ),
    )
    columns: Columns | None = Field(
        default=None,
        description=(
            "Column mapping for files that are not in verl's layout. Without it a parquet file is "
            "used as it is. "
            "Example: `{prompt: question, answer: answer}`."
        ),
    )
    system: Text | None = Field(
        default=None,
        description="System message put before every prompt: text, or a path ending in .txt or .md.",
    )
    order: Literal["shuffle", "given"] | OrderBy = Field(
        default="shuffle",
        description="`shuffle` each epoch, keep the order `given`, or sort once `{by: column}`.",
    )
    seed: NonNegative = Field(default=1, description="Seed of the shuffle.")
    class_: Text | None = Field(
        default=None,
        alias="class",
        description=(
            "A dataset class of one's own, `file.py:Class`. Rows are then what it makes of them: "
            "compile converts nothing."
        ),
    )

    @field_validator("train", mode="before")
    @classmethod
    def one_is_a_list_of_one(cls, value: Any) -> Any:
        return [value] if isinstance(value, (str, dict)) else value

    @field_validator("val", mode="before")
    @classmethod
    def one_or_named_sets(cls, value: Any) -> Any:
        """A mapping with a `path`, or with `columns` that are a mapping of columns, is one file; else sets by name."""
        is_file = isinstance(value, dict) and (
            "path" in value or (isinstance(value.get("columns"), dict) and "path" not in value["columns"])
        )
        return [value] if isinstance(value, str) or is_file else value

    @property
    def val_sources(self) -> tuple[tuple[str, Source], ...]:
        """(name or "", source) of each validation file, in the order written."""
        if self.val is None:
            return ()
        if isinstance(self.val, dict):
            return tuple(self.val.items())
        return tuple(("", source) for source in self.val)
