"""The spec: the root of the language, version 1."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from toolspec.specs.algorithm import Algorithm
from toolspec.specs.budget import Budget, Checkpoint, Evaluation, Tracking
from toolspec.specs.cluster import Cluster
from toolspec.specs.data import Data
from toolspec.specs.model import Model
from toolspec.specs.reward import Reward
from toolspec.specs.rollout import Agent, Rollout
from toolspec.specs.section import SAME_TYPE, Section, Text
from toolspec.specs.sweep import Sweep, spelled_out
from toolspec.specs.tools import Tool, ToolName
from toolspec.specs.train import Train


class Spec(Section):
    """One experiment. Everything not said has a derived or stated default, shown by `toolspec plan`."""

    toolspec: Annotated[Literal[1], SAME_TYPE] = Field(description="Version of the language.")
    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$",
        description="Names the bundle, the run and the experiment at the tracker.",
    )
    description: str = Field(default="", description="A sentence for the reader.")
    extends: Text | None = Field(
        default=None,
        description=(
            "A parent spec, relative to this file. Mappings are merged key by key, lists and values replaced."
        ),
    )
    target: Text | None = Field(
        default=None, description="verl release: `verl==0.9.1`. Default: the newest that toolspec knows."
    )
    model: Model = Field(description="What is trained: a hub name, a local directory, or a mapping.")
    data: Data = Field(description="Training and validation rows.")
    tools: dict[ToolName, Tool] = Field(
        default_factory=dict, description="What the policy may call, by name."
    )
    reward: Reward = Field(description="What a trajectory is paid for.")
    algorithm: Algorithm = Field(description="How the policy is improved: a name, or a mapping.")
    rollout: Rollout = Field(default_factory=Rollout, description="The inference engine and its sampling.")
    agent: Agent = Field(default_factory=Agent, description="The loop that runs a trajectory.")
    train: Train = Field(default_factory=Train, description="Strategy, memory and batch splitting.")
    budget: Budget = Field(default_factory=Budget, description="Limits of a trajectory and of the run.")
    evaluation: Evaluation = Field(default_factory=Evaluation, description="Validation during training.")
    checkpoint: Checkpoint = Field(
        default_factory=Checkpoint, description="What is saved and taken up again."
    )
    tracking: Tracking = Field(default_factory=Tracking, description="Where metrics go.")
    cluster: Cluster = Field(default_factory=Cluster, description="Nodes and GPUs.")
    env: dict[str, str | int | float | bool | None] = Field(
        default_factory=dict,
        description=(
            "Environment of the run: values, or bare names of secrets to pass on, which are never written. "
            "Example: `{NCCL_DEBUG: WARN, WANDB_API_KEY: }` or `[WANDB_API_KEY]`."
        ),
    )
    sweep: Sweep | None = Field(
        default=None,
        description=(
            "Variants of the experiment: spec path → values to try, or kinds of variation. "
            "Example: `{reward.valid_call: [0.1, 0.2]}`."
        ),
    )
    overrides: dict[Text, Any] = Field(
        default_factory=dict,
        description=(
            "Raw verl keys, by their dotted name in the target release. Checked and traced, and they win."
        ),
    )

    @field_validator("env", mode="before")
    @classmethod
    def names_are_secrets(cls, value: Any) -> Any:
        if isinstance(value, str):
            value = [value]
        if isinstance(value, list):
            merged: dict[str, Any] = {}
            for item in value:
                if not isinstance(item, (str, dict)):
                    raise ValueError(f"a list of `env` holds names of variables to pass on, not {item!r}")
                merged.update(item if isinstance(item, dict) else {item: None})
            return merged
        return value

    @field_validator("env")
    @classmethod
    def env_names_are_names(cls, value: dict[str, Any]) -> dict[str, Any]:
        for name in value:
            if not name.isidentifier() or not name.isascii():
                raise ValueError(f"{name!r} is no name of an environment variable (letters, digits, _)")
            if name.startswith("TOOLSPEC_") or name == "VERL_USE_EXTERNAL_MODULES":
                raise ValueError(f"{name} is set by the bundle's own launcher")
        return value

    @field_validator("sweep", mode="before")
    @classmethod
    def paths_are_a_grid(cls, value: Any) -> Any:
        return spelled_out(value, frozenset(cls.model_fields))

    @model_validator(mode="after")
    def agent_is_one_thing(self) -> Spec:
        if self.agent.name is not None and self.agent.class_ is not None:
            raise ValueError("`agent` is one of verl's loops by name or a class, not both")
        if self.agent.name == "single_turn" and self.tools:
            raise ValueError("`agent: single_turn` is shown no tool; drop `tools` or the agent")
        return self
