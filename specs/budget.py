"""`budget`, `evaluation`, `checkpoint`, `tracking`: what a run may use, and what it leaves behind."""

from __future__ import annotations

from collections.abc import Iterable
from math import gcd
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from toolspec.specs.section import Finite, Many, NonNegative, Positive, Section, Share, Text


class PromptTokens(Section):
    """A limit of the first prompt that is taken from the rows: how long a share of them is, and room above it.

    Counted is what verl's dataset counts: each row of `train` and `val` through the model's own tokenizer and chat
    template, with the tools. Rows that are longer than the limit are left out by verl.
    """

    quantile: Share = Field(
        default=1.0, description="The share of the rows that fits at least, of `train` and of `val` alike."
    )
    margin: NonNegative = Field(default=64, description="Tokens that are added.")
    multiple: Positive = Field(
        default=64, description="The sum is rounded up to a multiple of it; 1 takes it as it is."
    )


class Budget(Section):
    """Limits of a trajectory and of the run. Lengths are in tokens of the model."""

    turns: Positive | None = Field(
        default=None,
        description=(
            "Turns of the policy, the answer included. The last turn's call is never executed: 5 "
            "turns are at most 4 "
            "tool rounds. Default: 5 with tools, else 1."
        ),
    )
    rounds: NonNegative | None = Field(
        default=None,
        description="Tool rounds, in place of `turns`: the answer comes on top (turns = rounds + 1).",
    )
    user_turns: Positive | None = Field(
        default=None,
        description="Turns that are not the policy's (tool responses). Default: no limit of its own.",
    )
    calls: Positive | None = Field(
        default=None,
        description="Calls executed in a trajectory. Default: no limit beside turns and parallel_calls.",
    )
    prompt_tokens: Positive | Literal["auto"] | PromptTokens = Field(
        default=2048,
        description=(
            "The first prompt: messages, chat template and tool schemas. `auto` counts the rows: the longest "
            "prompt of `train` and `val`, 64 tokens more, rounded up to a multiple of 64. Or a mapping that says "
            "how many of the rows must fit. Both need the model's files and the rows. Example: `auto` or "
            "`{quantile: 0.99}`"
        ),
    )
    trajectory_tokens: Positive = Field(
        default=1024,
        description="All that follows the first prompt: every turn of the policy and every tool response.",
    )
    turn_tokens: Positive | Literal["auto"] = Field(
        default="auto", description="One turn of the policy. `auto`: what is left of the trajectory."
    )
    tool_response_tokens: Positive = Field(
        default=256, description="One tool response, a hard bound; the middle of a longer one is cut out."
    )
    epochs: Positive = Field(default=1, description="Passes over the training rows.")
    steps: Positive | None = Field(
        default=None, description="Stop after so many steps; the earlier of both ends the run."
    )
    gpu_hours: Finite | None = Field(
        default=None, gt=0, description="Upper bound of nodes × GPUs × time limit; more is refused."
    )

    @property
    def prompt_tokens_wanted(self) -> PromptTokens | None:
        """What is asked of the rows; None where the number is given."""
        if isinstance(self.prompt_tokens, int):
            return None
        return PromptTokens() if self.prompt_tokens == "auto" else self.prompt_tokens

    @model_validator(mode="after")
    def one_word_for_turns(self) -> Budget:
        if self.turns is not None and self.rounds is not None:
            raise ValueError("`turns` counts the answer, `rounds` does not (turns = rounds + 1); keep one")
        return self


class Evaluation(Section):
    """Validation during training. A bare number is `every`."""

    short_form: ClassVar[str] = "every"

    every: Positive | Literal["never"] = Field(default=20, description="Steps between validations.")
    before_train: bool = Field(default=True, description="Validate the untrained model too.")
    samples: Positive | dict[Text, Positive] = Field(
        default=1, description="Trajectories a row, or by named set: `{aime25: 32, math: 4}`."
    )
    temperature: Finite = Field(default=0.0, ge=0, description="0 takes the most likely token.")
    top_p: Share = Field(default=1.0, description="Nucleus sampling in validation.")
    top_k: int = Field(default=-1, ge=-1, description="Top-k sampling in validation; -1 is off.")

    def samples_of(self, names: Iterable[str]) -> tuple[int, dict[str, int]]:
        """verl's one number of samples for all sets, and how often the rows of each set stand to make up its own.

        The number is the greatest common divisor; a set that `samples` does not name has 1.
        """
        if isinstance(self.samples, int):
            return self.samples, {}
        counts = {name: self.samples.get(name, 1) for name in names if name} or {"": 1}
        common = gcd(*counts.values())
        return common, {name: count // common for name, count in counts.items()}


class Checkpoint(Section):
    """What is saved, and what a restart takes up. A bare number is `every`."""

    short_form: ClassVar[str] = "every"

    dir: Text | None = Field(
        default=None, description="Folder of the checkpoints. Default: checkpoints/ in the run folder."
    )
    every: Positive | Literal["never"] = Field(default=50, description="Steps between checkpoints.")
    keep: Positive | Literal["all"] = Field(
        default="all",
        description="Newest checkpoints that stay on disk. 2 needs as much room as 1, and while the next is written "
        "one is always whole.",
    )
    resume: Text = Field(
        default="auto",
        description="`auto`: go on from the newest in `dir`; `never`; or the path of a global_step_N folder.",
    )
    contents: Many[Literal["model", "optimizer", "extra", "hf_model"]] = Field(
        default=("model", "optimizer", "extra"),
        min_length=1,
        description="`hf_model` adds a copy that transformers can load.",
    )


Backend = Literal["console", "wandb", "tensorboard", "mlflow", "file"]


class Tracking(Section):
    """Where metrics go. A bare word or list is `to`."""

    short_form: ClassVar[str] = "to"

    to: Many[Backend] = Field(
        default=("console",),
        min_length=1,
        description="Trackers that get the metrics. Example: `[console, wandb]`.",
    )
    project: Text = Field(default="toolspec", description="Project name at the tracker.")
    experiment: Text | None = Field(default=None, description="Run name at the tracker. Default: `name`.")
    samples: NonNegative = Field(default=0, description="Validation trajectories logged at each validation.")
    rollouts: bool = Field(
        default=False, description="Write every training and validation trajectory to the run folder."
    )
    trace: Literal["none", "weave", "mlflow"] = Field(
        default="none", description="Trace of every model and tool call (trainer v0 only)."
    )

    @field_validator("to", mode="before")
    @classmethod
    def one_is_a_list_of_one(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value
