"""A critic on a GPU, or with a setting, that its attention does not take.

verl loads an FSDP critic with `attn_implementation="flash_attention_2"`, whatever
`critic.model.override_config.attn_implementation` says. FlashAttention 2 needs an Ampere GPU or a newer one.

Why: the run stops when the critic loads, or attention is not the one that was asked for.
Source: utils/model.py load_valuehead_model of 0.7.1, 0.8.0 and 0.9.1 (0.9.1: :640-690);
workers/engine/fsdp/transformer_impl.py:291-305 (0.9.1), :259-273 (0.8.0), workers/fsdp_workers.py:1437 of 0.7.1
Bad:
    algorithm.adv_estimator=gae critic.model.path=model critic.ppo_micro_batch_size_per_gpu=4
    +critic.model.override_config.attn_implementation=sdpa
Good:
    algorithm.adv_estimator=grpo
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import engine_of, has_critic
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS516", "critic-attention", "error")

OVERRIDE, ESTIMATOR = "critic.model.override_config.attn_implementation", "algorithm.adv_estimator"
FLASH = "flash_attention_2"
AMPERE = (8, 0)


def check(view: View) -> Iterator[Found]:
    if engine_of(view) != "dp" or not has_critic(view):
        return
    asked = view.value(OVERRIDE)
    if asked not in (None, FLASH):
        yield Found(
            f"{OVERRIDE}={asked} has no effect: verl loads the critic with {FLASH}",
            (OVERRIDE, ESTIMATOR),
            fix=f"drop it, or an estimator without a critic ({ESTIMATOR}=grpo)",
            severity="warning",
        )
    gpu = view.facts.gpu()
    if gpu.compute_capability is None:
        return
    major, _, minor = gpu.compute_capability.partition(".")
    if (int(major), int(minor or 0)) < AMPERE:
        yield Found(
            f"verl loads the critic with {FLASH}, which a {gpu.title} (compute capability "
            f"{gpu.compute_capability}) does not run",
            (ESTIMATOR, OVERRIDE, "launch:gres"),
            fix=f"{ESTIMATOR}=grpo, or an Ampere GPU or a newer one",
            why="no setting changes the critic's attention",
            span=view.span(ESTIMATOR, OVERRIDE),
        )
