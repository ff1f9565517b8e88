"""`algorithm`: how the policy is improved."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from toolspec.specs.section import SAME_TYPE, Finite, NonNegative, Positive, Section
from toolspec.specs.units import ShareOrSteps

AlgorithmName = Literal["ppo", "grpo", "rloo", "reinforce++", "remax", "dapo", "gspo"]


class LearningRate(Section):
    """The optimiser of one model. A bare number is the peak."""

    short_form: ClassVar[str] = "peak"

    peak: Finite = Field(gt=0, description="Learning rate after the warm-up. Example: `1e-6`.")
    warmup: ShareOrSteps = Field(default=0, description="Steps, or a share of all steps: `10`, `5%`.")
    schedule: Literal["constant", "cosine"] = Field(
        default="constant", description="What follows the warm-up."
    )
    decay: Finite = Field(default=0.01, ge=0, description="Weight decay of AdamW.")
    clip: Finite = Field(default=1.0, gt=0, description="Largest norm of the gradient.")


class Clip(Section):
    """Range of the probability ratio in the policy loss. A bare number is both `low` and `high`."""

    low: Finite | None = Field(default=None, gt=0, lt=1, description="The ratio is clipped below at 1 − low.")
    high: Finite | None = Field(default=None, gt=0, description="The ratio is clipped above at 1 + high.")
    dual: Finite | None = Field(
        default=None,
        gt=1,
        description="Dual clip: lower bound, in multiples, for negative advantages. Default: 3.",
    )

    @classmethod
    def long_form(cls, value: Any) -> Any:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return {"low": value, "high": value}
        return value


class Filter(Section):
    """Drop groups whose trajectories all got the same reward, and sample others in their place."""

    metric: Literal["reward", "correct"] = Field(
        default="reward",
        description="What must differ within a group: the whole `reward`, or `correct` alone.",
    )
    keep: Literal["mixed"] = Field(
        default="mixed", description="Groups kept: those with more than one value."
    )
    in_flight: Positive = Field(
        default=1, description="Generation batches under way at once while refilling."
    )


class Overlong(Section):
    """A soft penalty for length: from 0 at `trajectory_tokens − buffer` down to −penalty at `trajectory_tokens`."""

    buffer: Positive = Field(description="Length of the slope, in tokens of the response. Example: `1024`.")
    penalty: Finite = Field(default=1.0, gt=0, description="Taken from the score at the end of the slope.")


class Kl(Section):
    """Keeps the policy near the reference model."""

    where: Literal["loss", "reward"] = Field(
        default="loss", description="A term of the loss, or of each token's reward."
    )
    type: Literal["kl", "abs", "mse", "low_var_kl"] = Field(
        default="low_var_kl", description="Estimator of the divergence (k1, |k1|, k2, k3)."
    )
    coef: Finite = Field(default=0.001, gt=0, description="Weight of the penalty.")
    schedule: Literal["fixed", "adaptive"] = Field(
        default="fixed", description="`adaptive` steers the weight to `target`; only with `where: reward`."
    )
    target: Finite | None = Field(
        default=None, gt=0, description="`adaptive`: divergence to steer to. Default: 0.1."
    )
    horizon: Positive | None = Field(
        default=None, description="`adaptive`: how slowly it steers. Default: 10000."
    )

    @model_validator(mode="after")
    def adaptive_belongs_to_reward(self) -> Kl:
        if self.schedule == "adaptive" and self.where == "loss":
            raise ValueError(
                "`schedule: adaptive` needs `where: reward`; a loss term has a fixed weight in verl"
            )
        if self.schedule == "fixed" and (self.target is not None or self.horizon is not None):
            raise ValueError("`target` and `horizon` belong to `schedule: adaptive`")
        return self


class Algorithm(Section):
    """The update rule and its numbers. A bare word is the name."""

    short_form: ClassVar[str] = "name"

    name: AlgorithmName = Field(
        description=(
            "`ppo` (GAE and a critic), `grpo`, `rloo`, `reinforce++`, `remax`, `gspo`, or `dapo`: "
            "grpo with clip-higher, "
            "group filter, token-mean loss, soft overlong penalty and no KL, each of which `plan` "
            "lists and can be set."
        )
    )
    batch: Positive = Field(default=128, description="Prompts a step.")
    mini_batch: Positive | None = Field(
        default=None, description="Prompts an update. Default: the batch, one update."
    )
    updates: Positive | None = Field(default=None, description="Updates a step, in place of `mini_batch`.")
    passes: Positive = Field(default=1, description="Times that each step's trajectories are gone through.")
    group: Positive | None = Field(
        default=None, description="Trajectories a prompt. Default: 4 for ppo, 1 for remax, 8 for the others."
    )
    lr: LearningRate | None = Field(
        default=None, description="The policy's optimiser. Default: 1e-6, constant."
    )
    critic_lr: LearningRate | None = Field(
        default=None, description="The critic's (ppo only). Default: 1e-5, constant."
    )
    critic_warmup: NonNegative | None = Field(
        default=None, description="Steps in which only the critic learns (ppo only). Default: 0."
    )
    clip: Clip | None = Field(
        default=None, description="Default: 0.2 both ways; 0.2 and 0.28 for dapo; 0.0003 and 0.0004 for gspo."
    )
    filter: Filter | bool | None = Field(default=None, description="Group filter. Default: on for dapo only.")
    overlong: Overlong | Annotated[Literal[False], SAME_TYPE] | None = Field(
        default=None,
        description=(
            "Soft length penalty. Default: for dapo a buffer of a fifth of trajectory_tokens, penalty 1."
        ),
    )
    kl: Kl | Literal["none"] | None = Field(
        default=None,
        description="Default: `{where: loss, type: low_var_kl, coef: 0.001}`; none for dapo and gspo.",
    )
    entropy: Finite = Field(default=0.0, ge=0, description="Weight of the entropy bonus.")
    gamma: Finite = Field(default=1.0, gt=0, le=1, description="Discount a token.")
    lambda_: Finite = Field(default=1.0, ge=0, le=1, alias="lambda", description="GAE's trace decay.")
    normalize: bool | None = Field(
        default=None,
        description=(
            "Divide a group's advantages by their standard deviation (grpo, dapo, gspo). Default: true."
        ),
    )
    loss_aggregation: (
        Literal["token-mean", "seq-mean-token-sum", "seq-mean-token-mean", "seq-mean-token-sum-norm"] | None
    ) = Field(
        default=None,
        description=(
            "How token losses become one number. Default: `token-mean`; `seq-mean-token-mean` for gspo."
        ),
    )

    @field_validator("kl", mode="before")
    @classmethod
    def none_is_a_word(cls, value: Any) -> Any:
        return "none" if value is False else value

    @model_validator(mode="after")
    def settings_belong_to_the_algorithm(self) -> Algorithm:
        if self.mini_batch is not None and self.updates is not None:
            raise ValueError("`mini_batch` and `updates` say the same thing twice; keep one")
        if self.name != "ppo":
            for field in ("critic_lr", "critic_warmup"):
                if getattr(self, field) is not None:
                    raise ValueError(f"`{field}` belongs to ppo; {self.name} has no critic")
        if self.normalize is not None and self.name not in ("grpo", "dapo", "gspo"):
            raise ValueError(
                f"`normalize` belongs to grpo, dapo and gspo; {self.name} has no group advantage to scale"
            )
        return self
