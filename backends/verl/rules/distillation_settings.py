"""Settings of a teacher that contradict each other.

The teacher reads the student's prompt and response and makes one token more: its `max_model_len` must hold them. Its
replicas must fill the pool. The entry `teacher_model` is dropped as soon as another is added beside it. Loss k1 has no
gradient of its own, and the policy gradient of the distillation takes the loss `vanilla` alone.

Why: verl raises a ValueError when it reads the configuration, or distils from other teachers than are written.
Source: workers/config/distillation.py of 0.8.0 and 0.9.1 (0.9.1: DistillationLossConfig.__post_init__,
validate_and_prepare_for_distillation, DistillationConfig.__post_init__ and _resolve_teacher_models), and
trainer/distillation/losses.py:305, :371
Bad:
    distillation.enabled=True distillation.nnodes=1 distillation.n_gpus_per_node=2
    distillation.teacher_models.teacher_model.model_path=model
    distillation.teacher_models.teacher_model.inference.max_model_len=3072
Good:
    distillation.enabled=True distillation.nnodes=1 distillation.n_gpus_per_node=2
    distillation.teacher_models.teacher_model.model_path=model
    distillation.teacher_models.teacher_model.inference.max_model_len=3073
Bad:
    distillation.enabled=True distillation.nnodes=1 distillation.n_gpus_per_node=1
    distillation.teacher_models.teacher_model.model_path=model
Bad:
    distillation.enabled=True distillation.nnodes=1 distillation.n_gpus_per_node=2
    distillation.teacher_models.teacher_model.model_path=model distillation.distillation_loss.loss_mode=k1
Bad:
    distillation.enabled=True distillation.nnodes=1 distillation.n_gpus_per_node=2
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import PROMPT_LENGTH, RESPONSE_LENGTH, distils
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.specs.nearest import nearest

RULE = Rule("TS133", "distillation-settings", "error")

SECTION = "distillation"
TEACHERS, LOSS = f"{SECTION}.teacher_models", f"{SECTION}.distillation_loss"
FIRST = f"{TEACHERS}.teacher_model"
MODES = ("k3", "k1", "k2", "kl", "abs", "mse", "low_var_kl", "forward_kl_topk")
STOPS = "verl raises a ValueError when it reads the configuration"


def check(view: View) -> Iterator[Found]:
    if not view.at_least("0.8.0") or not distils(view):
        return
    yield from _loss(view)
    others = [said.key for said in view.said_below(TEACHERS) if not said.key.startswith(f"{FIRST}.")]
    if others:
        written = [said.key for said in view.said_below(FIRST)]
        if written:
            yield Found(
                f"verl drops {FIRST} where {others[0].rpartition('.')[0]} stands beside it",
                (written[0], others[0]),
                fix=f"another name for it: +{TEACHERS}.teacher_model1.…",
                why="the entry `teacher_model` is the default of a single teacher, and goes when others are added",
            )
        return
    yield from _single(view)


def _loss(view: View) -> Iterator[Found]:
    mode, policy = view.text(f"{LOSS}.loss_mode"), f"{LOSS}.policy_loss_mode"
    direct = not view.value(f"{LOSS}.use_policy_gradient")
    if mode not in MODES:
        close = nearest(mode, MODES)
        fix = f"{LOSS}.loss_mode={close[0] if close else MODES[0]}"
        yield Found(
            f"{view.shown(f'{LOSS}.loss_mode')} is none of {', '.join(MODES)}",
            (f"{LOSS}.loss_mode",),
            fix,
            STOPS,
        )
    elif mode == "k1" and direct:
        yield Found(
            f"{view.shown(f'{LOSS}.loss_mode')} with {view.shown(f'{LOSS}.use_policy_gradient')}",
            (f"{LOSS}.loss_mode", f"{LOSS}.use_policy_gradient"),
            fix=f"{LOSS}.use_policy_gradient=True, or {LOSS}.loss_mode=k3",
            why=f"the gradient of k1 does not depend on the teacher: {STOPS}",
        )
    if view.value(policy) != "vanilla":
        yield Found(f"{view.shown(policy)} is not vanilla", (policy,), f"{policy}=vanilla", STOPS)


def _single(view: View) -> Iterator[Found]:
    if view.value(f"{FIRST}.model_path") is None:
        path = f"{FIRST}.model_path"
        yield Found(f"{path} is not set", (path, f"{SECTION}.enabled"), f"{path}=MODEL", STOPS)
    inference = f"{FIRST}.inference"
    limit, length = view.value(f"{inference}.max_model_len"), f"{inference}.max_model_len"
    needed = view.integer(f"{inference}.prompt_length") + view.integer(f"{inference}.response_length") + 1
    if isinstance(limit, int) and limit < needed:
        yield Found(
            f"{view.shown(length)} is below the student's prompt and response and one token: {needed}",
            (length, PROMPT_LENGTH, RESPONSE_LENGTH),
            fix=f"{length}={needed}",
            why=STOPS,
        )
    sizes = ("tensor_model_parallel_size", "data_parallel_size", "pipeline_model_parallel_size")
    replica = 1
    for name in sizes:
        replica *= view.integer(f"{inference}.{name}", null=1)
    pool = view.integer(f"{SECTION}.n_gpus_per_node") * view.integer(f"{SECTION}.nnodes")
    if pool > 0 and replica > 0 and pool % replica:
        tensor = f"{inference}.{sizes[0]}"
        yield Found(
            f"a teacher of {replica} GPUs ({view.shown(tensor)}) does not divide the pool of {pool}",
            (tensor, f"{SECTION}.n_gpus_per_node", f"{SECTION}.nnodes"),
            fix=f"{tensor}=1" if pool % 2 else f"{SECTION}.n_gpus_per_node={replica}",
            why=STOPS,
        )
