"""`tools`: what the policy may call."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field, model_validator

from toolspec.specs.section import Positive, Section, Text
from toolspec.specs.units import Duration

# OpenAI's rule for function names, which chat templates and verl's parsers pass on unchanged.
ToolName = Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]


class Tool(Section):
    """One tool: a Python function, or a verl tool class with its schema. A bare value is `python`."""

    short_form: ClassVar[str] = "python"
    described: ClassVar[tuple[str, ...]] = ("class", "schema")

    python: Text | None = Field(
        default=None,
        description=(
            "A function, `file.py:name`. Its schema is read from signature and docstring; the file "
            "is never imported "
            "by toolspec."
        ),
    )
    class_: Text | None = Field(
        default=None,
        alias="class",
        description=(
            "A subclass of verl's BaseTool, `file.py:Class` or `module.Class`. A module beside the "
            "spec is copied into "
            "the bundle; any other must be installed on the cluster."
        ),
    )
    schema_: Text | dict[str, Any] | None = Field(
        default=None,
        alias="schema",
        description=(
            "A JSON or YAML file with the tool's OpenAI schema, or the schema itself. Needed with `class`."
        ),
    )
    config: dict[str, Any] = Field(
        default_factory=dict,
        description=(
            "Given to the class as its config, or to the function as keyword arguments the model does "
            "not see."
        ),
    )
    timeout: Duration | None = Field(
        default=None,
        description="Longest a call may take; then the model reads an error. Default: 60s. Example: `30s`.",
    )
    concurrency: Positive | None = Field(
        default=None,
        description="Calls of this tool under way at once in one rollout worker. Default: no limit.",
    )
    per_row: dict[Text, Text] = Field(
        default_factory=dict,
        description=(
            "State from the row: create argument → column. Example: `{db_id: db_id}`. A function "
            "gets it as a keyword "
            "argument that the model does not see."
        ),
    )

    @model_validator(mode="after")
    def one_implementation(self) -> Tool:
        if (self.python is None) == (self.class_ is None):
            raise ValueError(
                "a tool is either `python: file.py:function` or `class: file.py:Class`, exactly one of them"
            )
        if self.class_ is not None and self.schema_ is None:
            raise ValueError(
                "a tool class needs `schema:`, a JSON or YAML file with the schema that the model sees"
            )
        return self
