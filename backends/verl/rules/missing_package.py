"""A package that the run imports and nothing installs.

The V1 trainer imports `transfer_queue`, which verl 0.9 brings only with an extra (`verl[verl-core]`, `verl[sglang]`,
…). The agent loop imports `cachetools`, `uvicorn` and `fastapi`, which its plain requirements lack too. Loggers and
engines are packages of their own. flash-attn is in no requirement: FSDP loads the policy with it unless
`model.override_config.attn_implementation` says otherwise, and a critic in any case.

Why: ModuleNotFoundError after Ray has started, or after the models have loaded.
Source: trainer/main_ppo.py:137 (0.9.1) and Requires-Dist of each wheel; utils/tracking.py Tracking.__init__;
workers/config/model.py (0.9.1: :158) and utils/model.py load_valuehead_model of each release
Bad:
    --- pip-freeze.txt
    verl==0.9.1
    sglang==0.5.12
    cachetools==6.2.0
    uvicorn==0.35.0
    fastapi==0.116.1
Good:
    --- pip-freeze.txt
    verl==0.9.1
    sglang==0.5.12
    cachetools==6.2.0
    uvicorn==0.35.0
    fastapi==0.116.1
    TransferQueue==0.1.11
    flash-attn==2.8.3
Bad:
    --- requirements.txt
    verl==0.9.1
    transformers==5.9.0
Good:
    --- requirements.txt
    verl[sglang]==0.9.1
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import MODEL, ROLLOUT, engine_of, has_critic, uses_v1
from toolspec.backends.verl.lint.facts.environment import extras_with, requirements
from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS815", "missing-package", "error")

# Engine or logger → its package.
ENGINES = {"sglang": "sglang", "vllm": "vllm"}
LOGGERS = {
    "wandb": "wandb",
    "swanlab": "swanlab",
    "mlflow": "mlflow",
    "tensorboard": "tensorboard",
    "clearml": "clearml",
    "trackio": "trackio",
}
FLASH, ATTENTION = "flash-attn", f"{MODEL}.override_config.attn_implementation"
SERVERS = ("cachetools", "uvicorn", "fastapi")


def check(view: View) -> Iterator[Found]:
    environment = view.facts.environment()
    verl = environment.get("verl")
    if not environment.complete and verl is None:
        raise NotKnownError("a list of packages with verl in it")
    required = requirements(view.release.requires)
    span = verl.span if verl is not None else None
    for name, key, why in _wanted(view):
        if environment.get(name) is not None or any(
            one.name == name.lower() and not one.extra for one in required
        ):
            continue
        extras = extras_with(required, name)
        if verl is not None and (verl.extras & extras or (verl.clauses == () and not environment.complete)):
            continue  # an extra brings it, or the line names a version of verl that is not known
        if not environment.complete and not extras:
            continue  # another requirement may bring it
        fix = f"pip install {name}" + (f", or verl[{sorted(extras)[0]}]" if extras else "")
        yield Found(
            f"{why}, and {name} is not among the packages of {' and '.join(environment.files)}",
            (f"env:{name}", key),
            fix=fix,
            why="the run stops with ModuleNotFoundError"
            if name != FLASH
            else "it stops when the model loads",
            span=span,
            # With the package `kernels` transformers takes kernels from the hub instead, where it can.
            severity="warning" if name == FLASH and environment.get("kernels") is not None else None,
        )


def _wanted(view: View) -> Iterator[tuple[str, str, str]]:
    """Package, key that asks for it, and why."""
    if uses_v1(view):
        yield "TransferQueue", "trainer.use_v1", "the V1 trainer imports transfer_queue"
    engine = view.text(f"{ROLLOUT}.name")
    environment = view.facts.environment()
    if environment.complete:
        if engine in ENGINES:
            yield ENGINES[engine], f"{ROLLOUT}.name", f"rollout.name is {engine}"
        loggers = view.value("trainer.logger")
        for name in loggers if isinstance(loggers, list) else [loggers]:
            if isinstance(name, str) and name in LOGGERS:
                yield LOGGERS[name], "trainer.logger", f"{name} is among the loggers"
        if engine_of(view) == "dp":
            if has_critic(view):
                yield (
                    FLASH,
                    "algorithm.adv_estimator",
                    "verl loads a critic with flash_attention_2, whatever is set",
                )
            elif view.value(ATTENTION) in (None, "flash_attention_2"):
                yield FLASH, ATTENTION, "the policy is loaded with flash_attention_2, the default"
        if view.at_least("0.9.0"):
            for name in SERVERS:
                yield name, f"{ROLLOUT}.name", "the agent loop's server imports it"
