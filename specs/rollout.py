"""`rollout` and `agent`: how trajectories are sampled."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from toolspec.specs.section import Finite, NonNegative, Positive, Section, Share, Text


class Rollout(Section):
    """The inference engine and its sampling."""

    engine: Literal["sglang", "vllm"] = Field(default="sglang", description="Engine that samples.")
    temperature: Finite = Field(default=1.0, gt=0, description="Sampling temperature in training.")
    top_p: Share = Field(default=1.0, description="Nucleus sampling in training.")
    top_k: int = Field(default=-1, ge=-1, description="Top-k sampling in training; -1 is off.")
    tensor_parallel: Positive | Literal["auto"] = Field(
        default="auto",
        description="GPUs a model copy of the engine. `auto`: the fewest that hold the weights.",
    )
    gpu_memory: Share | Literal["auto"] = Field(
        default="auto",
        description=(
            "Share of each GPU's memory for the engine. `auto`: 0.5, since training sits on the same GPUs."
        ),
    )
    parallel_calls: Positive = Field(
        default=1, description="Calls of one turn that are executed; verl drops further ones without a word."
    )
    workers: Positive | Literal["auto"] = Field(
        default="auto", description="Processes that run trajectories. `auto`: 8, fewer for a small batch."
    )
    max_batched_tokens: Positive | Literal["auto"] = Field(
        default="auto",
        description="Tokens the engine prefills at once. `auto`: at least the longest sequence.",
    )
    max_sequences: Positive | Literal["auto"] = Field(
        default="auto", description="Sequences under way at once in one engine. `auto`: 256."
    )
    eager: bool = Field(default=False, description="No CUDA graphs: slower, starts sooner, less memory.")
    free_cache: bool = Field(default=True, description="Release the KV cache while training.")
    seed: NonNegative | None = Field(
        default=None, description="Seed of the engine (verl 0.9.1). Default: the release's."
    )
    engine_options: dict[str, Any] = Field(
        default_factory=dict,
        description="The engine's own arguments, passed on. Example: `{attention_backend: triton}`.",
    )

    @field_validator("engine_options")
    @classmethod
    def options_are_plain_names(cls, value: dict[str, Any]) -> dict[str, Any]:
        for name in value:
            if "." in name:
                raise ValueError(f"`{name}` is no argument of an engine: a dot would make it a mapping")
        return value


# Keys of an entry of agent_loops.yaml, and what verl passes to every loop over the entry's own (`instantiate` in
# agent_loop.py of the three releases): an argument of that name would never arrive, or would rename the loop.
TAKEN_BY_THE_ENTRY = ("name", "ts_class", "_target_", "_args_", "_partial_")
TAKEN_BY_VERL = (
    *("trainer_config", "server_manager", "tokenizer", "processor", "dataset_cls", "data_config"),
    *("tools", "hf_model_type"),  # from 0.8.0 and from 0.9.1 on
)


class Agent(Section):
    """The loop that runs a trajectory. A bare word names verl's own."""

    short_form: ClassVar[str] = "name"
    described: ClassVar[tuple[str, ...]] = ("class", "config")

    name: Literal["tool_agent", "single_turn"] | None = Field(
        default=None,
        description="`tool_agent` calls tools over turns; `single_turn` answers once and is shown no tool.",
    )
    class_: Text | None = Field(
        default=None,
        alias="class",
        description=(
            "A loop of one's own, `file.py:Class` or `module.Class`. What toolspec knows of masks, "
            "forged results and "
            "turn limits then depends on that class."
        ),
    )
    config: dict[str, Any] = Field(default_factory=dict, description="Arguments of the class.")
    manager: Text | None = Field(
        default=None,
        description=(
            "Class that takes the place of verl's AgentLoopManager, `file.py:Class` or `module.Class`."
        ),
    )

    @field_validator("config")
    @classmethod
    def arguments_are_the_loops_own(cls, value: dict[str, Any]) -> dict[str, Any]:
        for name in value:
            if name in TAKEN_BY_THE_ENTRY:
                raise ValueError(
                    f"`{name}` is a key of the loop's entry itself: give the argument another name"
                )
            if name in TAKEN_BY_VERL:
                raise ValueError(
                    f"verl passes its own `{name}` to every loop: give the argument another name"
                )
        return value

    @model_validator(mode="after")
    def config_belongs_to_a_class(self) -> Agent:
        if self.config and self.class_ is None:
            raise ValueError("`config` holds the arguments of `class`, which is not given")
        return self
