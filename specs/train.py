"""`train`: how the update is computed on the GPUs."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from toolspec.specs.section import NonNegative, Positive, Section

OffloadWord = Literal["none", "params", "optimizer", "all", "auto"]


class Offload(Section):
    """What each role keeps in CPU memory between its turns. A bare word sets all roles."""

    actor: OffloadWord = Field(
        default="auto", description="The policy: `params`, `optimizer`, both (`all`) or `none`."
    )
    ref: Literal["none", "params", "all", "auto"] = Field(default="auto", description="The reference model.")
    critic: OffloadWord = Field(default="auto", description="The critic.")

    @classmethod
    def long_form(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"actor": value, "critic": value, "ref": "none" if value == "optimizer" else value}
        if isinstance(value, bool):
            return dict.fromkeys(("actor", "critic", "ref"), "all" if value else "none")
        return value


class Train(Section):
    """Strategy, memory and batch splitting of the update."""

    short_form: ClassVar[str] = ""

    trainer: Literal["auto", "v0", "v1"] = Field(
        default="auto",
        description="verl's trainer. `auto`: the release's default, v1 on 0.9.1 and v0 before.",
    )
    strategy: Literal["fsdp", "fsdp2"] = Field(
        default="fsdp2", description="Sharding of weights and optimiser."
    )
    offload: Offload = Field(
        default_factory=Offload,
        description="A word for all roles, or by role: `{actor: none, ref: params}`. Default: none.",
    )
    gradient_checkpointing: bool = Field(
        default=True, description="Recompute activations: less memory, a third slower."
    )
    sequence_parallel: Positive = Field(default=1, description="GPUs that share one sequence (Ulysses).")
    micro_batch: Positive | None = Field(
        default=None,
        description="Trajectories a GPU takes at once: fixed micro batches in place of a token budget.",
    )
    token_budget: Positive | Literal["auto"] | None = Field(
        default=None,
        description=(
            "Tokens a GPU takes at once (dynamic batches, the default). `auto`: the larger of 16384 "
            "and two of the "
            "longest sequences."
        ),
    )
    compile: bool = Field(default=True, description="torch.compile of the loss (actor and reference).")
    seed: NonNegative | None = Field(
        default=None, description="Seed of FSDP and of the batch order. Default: 42."
    )

    @model_validator(mode="after")
    def one_way_to_split(self) -> Train:
        if self.micro_batch is not None and self.token_budget is not None:
            raise ValueError(
                "`micro_batch` (fixed) and `token_budget` (dynamic batches) exclude each other; keep one"
            )
        return self
