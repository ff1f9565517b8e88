"""`model`: what is trained."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from toolspec.specs.section import Many, Positive, Section, Text


class Lora(Section):
    """Train low-rank adapters in place of all weights."""

    short_form: ClassVar[str] = "rank"

    rank: Positive = Field(description="Rank of the adapters. Example: `32`.")
    alpha: Positive | None = Field(
        default=None, description="Scale of the adapters. Default: the rank, a scale of 1."
    )
    targets: Literal["all-linear"] | Many[Text] = Field(
        default="all-linear",
        description=(
            "Layers that get an adapter: `all-linear`, or a list of module names. Example: `[q_proj, "
            "v_proj]`."
        ),
    )


class Model(Section):
    """The policy. A bare value is its path."""

    short_form: ClassVar[str] = "path"
    described: ClassVar[tuple[str, ...]] = ("revision", "chat_template", "tool_format", "trust_remote_code")

    path: Text = Field(
        description=(
            "Hub name (`Qwen/Qwen2.5-3B-Instruct`) or a local directory with config.json and tokenizer."
        )
    )
    revision: Text | None = Field(
        default=None, description="Commit, tag or branch of the hub repository. Default: its main branch."
    )
    chat_template: Text | None = Field(
        default=None,
        description=(
            "A Jinja2 file that replaces the model's own chat template. It is copied into the bundle."
        ),
    )
    tool_format: Text = Field(
        default="auto",
        description=(
            "How the model writes a call, by the name of verl's parser: `hermes`, `qwen3_coder`, "
            "`gpt-oss`, … "
            "`auto`: taken from the model's facts."
        ),
    )
    trust_remote_code: bool = Field(
        default=False,
        description=(
            "Run the model repository's own Python code on the cluster. toolspec itself never runs it."
        ),
    )
    dtype: Literal["bfloat16", "float16", "float32"] = Field(
        default="bfloat16",
        description=(
            "Type of the weights in the rollout engine and of the training computation (the master copy "
            "is fp32)."
        ),
    )
    attention: Literal["auto", "flash_attention_2", "sdpa", "eager"] = Field(
        default="auto",
        description=(
            "Attention of the trained models. `auto`: verl's choice, flash_attention_2. `sdpa` and "
            "`eager` need no "
            "flash-attn and train on padded batches."
        ),
    )
    thinking: bool | Literal["auto"] = Field(
        default="auto",
        description=(
            "The template's `enable_thinking` switch. `auto`: not passed, the template's own default."
        ),
    )
    max_model_len: Positive | Literal["auto"] = Field(
        default="auto",
        description=(
            "Longest sequence the engine must hold, in tokens. `auto`: prompt_tokens + trajectory_tokens."
        ),
    )
    lora: Lora | None = Field(
        default=None, description="Train adapters in place of all weights. Example: `{rank: 32}`."
    )
