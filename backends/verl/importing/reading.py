"""How values of verl's configuration are said in a spec, where it is not by the same value.

Each function raises NotKnownError where a spec cannot say it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from toolspec.backends.verl.importing.places import several
from toolspec.backends.verl.importing.wanted import Wanted
from toolspec.backends.verl.interpolation import ABSENT
from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.backends.verl.lower.table import ACTOR, MODEL, REF, ROLLOUT
from toolspec.compiler.plan.algorithm import PRESETS
from toolspec.compiler.plan.places import RUN_FOLDER
from toolspec.specs.dotted import nested
from toolspec.specs.units import share

# The estimator's name in verl → the algorithm whose preset has it.
ESTIMATORS = {
    "gae": "ppo",
    "grpo": "grpo",
    "rloo": "rloo",
    "reinforce_plus_plus": "reinforce++",
    "remax": "remax",
}
FILTER = "algorithm.filter_groups"


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise NotKnownError("a number")
    return value


def files(key: str) -> Callable[[Wanted], Any]:
    def read(wanted: Wanted) -> Any:
        found = [wanted.place(key, one) for one in several(wanted.raw(key))]
        if not found:
            raise NotKnownError("a file")
        return found[0] if len(found) == 1 else found

    return read


def order(wanted: Wanted) -> str:
    shuffled = wanted.get("data.shuffle")
    if not isinstance(shuffled, bool):
        raise NotKnownError("true or false")
    return "shuffle" if shuffled else "given"


def lora(wanted: Wanted) -> Any:
    rank = wanted.get(f"{MODEL}.lora_rank")
    if isinstance(rank, bool) or not isinstance(rank, int) or rank < 1:
        raise NotKnownError("a rank")
    alpha, targets = wanted.get(f"{MODEL}.lora_alpha"), wanted.get(f"{MODEL}.target_modules")
    found: dict[str, Any] = {"rank": rank}
    if alpha != rank:
        found["alpha"] = alpha
    if targets != "all-linear":
        found["targets"] = targets
    return found


def algorithm(wanted: Wanted, overlong: bool) -> str:
    """The name whose preset is nearest: by estimator and loss, and dapo by its filter or its length penalty."""
    estimator = wanted.or_("algorithm.adv_estimator", "gae")
    name = ESTIMATORS.get(estimator, "grpo") if isinstance(estimator, str) else "grpo"
    if name != "grpo":
        return name
    if wanted.or_(f"{ACTOR}.policy_loss.loss_mode", "") == "gspo":
        return "gspo"
    high, low = (wanted.or_(f"{ACTOR}.clip_ratio_{side}", 0) for side in ("high", "low"))
    no_kl = not wanted.or_(f"{ACTOR}.use_kl_loss", False) and not wanted.or_(
        "algorithm.use_kl_in_reward", False
    )
    filters = wanted.or_(f"{FILTER}.enable", False)
    return "dapo" if (filters or overlong) and (no_kl or high != low) else "grpo"


def _name(wanted: Wanted) -> str:
    return wanted.algorithm


def learning_rate(section: str) -> Callable[[Wanted], Any]:
    def read(wanted: Wanted) -> Any:
        optim = f"{section}.optim"
        found: dict[str, Any] = {"peak": wanted.get(f"{optim}.lr")}
        warmup = _warmup(wanted.get(f"{optim}.lr_warmup_steps"), wanted.get(f"{optim}.lr_warmup_steps_ratio"))
        if warmup:
            found["warmup"] = warmup
        schedule = wanted.get(f"{optim}.lr_scheduler_type")
        if schedule in ("cosine",):
            found["schedule"] = schedule
        if (decay := wanted.get(f"{optim}.weight_decay")) != 0.01:
            found["decay"] = decay
        if (clip := wanted.or_(f"{optim}.clip_grad", wanted.or_(f"{section}.grad_clip", 1.0))) not in (
            1.0,
            None,
        ):
            found["clip"] = clip
        return found if len(found) > 1 else found["peak"]

    return read


def _warmup(steps: Any, ratio: Any) -> Any:
    """Steps where there are any (verl then ignores the ratio), else the ratio as a share."""
    if isinstance(steps, int) and not isinstance(steps, bool) and steps > 0:
        return steps
    ratio = _number(ratio)
    if not ratio:
        return 0
    for digits in range(1, 18):
        text = f"{ratio * 100:.{digits}g}"
        if re.fullmatch(r"\d+(\.\d+)?", text) and share(f"{text}%") == ratio:
            return f"{text}%"
    raise NotKnownError("a share")


def critic_rate(wanted: Wanted) -> Any:
    if _name(wanted) != "ppo":
        raise NotKnownError("a critic")
    return learning_rate("critic")(wanted)


def critic_warmup(wanted: Wanted) -> Any:
    if _name(wanted) != "ppo":
        raise NotKnownError("a critic")
    return wanted.get("trainer.critic_warmup")


def clip(wanted: Wanted) -> Any:
    low, high = wanted.get(f"{ACTOR}.clip_ratio_low"), wanted.get(f"{ACTOR}.clip_ratio_high")
    dual = wanted.get(f"{ACTOR}.clip_ratio_c")
    if low == high and dual == 3:
        return low
    preset = PRESETS[_name(wanted)].clip
    found = {"low": low, "high": high} if (low, high) != preset else {}
    return {**found, **({"dual": dual} if dual != 3 else {})}


def group_filter(wanted: Wanted) -> Any:
    if not wanted.or_(f"{FILTER}.enable", False):
        return False
    found: dict[str, Any] = {}
    if (metric := wanted.get(f"{FILTER}.metric")) not in ("reward", None):
        found["metric"] = metric
    if (flying := wanted.or_(f"{FILTER}.max_inflight_gen_batches", 1)) != 1:
        found["in_flight"] = flying
    return found or True


def kl(wanted: Wanted) -> Any:
    if wanted.get(f"{ACTOR}.use_kl_loss"):
        found = {
            "where": "loss",
            "type": wanted.get(f"{ACTOR}.kl_loss_type"),
            "coef": wanted.get(f"{ACTOR}.kl_loss_coef"),
        }
    elif wanted.get("algorithm.use_kl_in_reward"):
        control = "algorithm.kl_ctrl"
        found = {
            "where": "reward",
            "type": wanted.get("algorithm.kl_penalty"),
            "coef": wanted.get(f"{control}.kl_coef"),
        }
        if (schedule := wanted.get(f"{control}.type")) != "fixed":
            found |= {"schedule": schedule}
            found |= {
                "target": wanted.get(f"{control}.target_kl"),
                "horizon": wanted.get(f"{control}.horizon"),
            }
    else:
        return "none"
    usual = {"type": "low_var_kl", "coef": 0.001, "target": 0.1, "horizon": 10000}
    return {name: value for name, value in found.items() if usual.get(name) != value}


def normalize(wanted: Wanted) -> Any:
    if _name(wanted) not in ("grpo", "dapo", "gspo"):
        raise NotKnownError("a group's deviation")
    return wanted.get("algorithm.norm_adv_by_std_in_grpo")


def engine_options(wanted: Wanted) -> dict[str, Any]:
    engine = wanted.get(f"{ROLLOUT}.name")
    section = f"{ROLLOUT}.engine_kwargs.{engine}"
    found = nested(
        (name, wanted.get(f"{section}.{name}") if said is not None else None)
        for name, said in wanted.below(section)
    )
    if not found:
        raise NotKnownError("options of the engine")
    return found


def loop(wanted: Wanted) -> str:
    """verl's two loops. A loop of one's own is carried (code.py)."""
    name = wanted.get(f"{ROLLOUT}.agent.default_agent_loop")
    if name not in ("tool_agent", "single_turn_agent"):
        raise NotKnownError("one of verl's own loops")
    return "tool_agent" if name == "tool_agent" else "single_turn"


def trainer(wanted: Wanted) -> str:
    return "v1" if wanted.get("trainer.use_v1") is True else "v0"


def offload(wanted: Wanted) -> Any:
    words: dict[str, str] = {}
    for role, section in (
        ("actor", f"{ACTOR}.fsdp_config"),
        ("critic", "critic.fsdp"),
        ("ref", f"{REF}.fsdp_config"),
    ):
        params = wanted.or_(f"{section}.param_offload", False)
        optimizer = role != "ref" and wanted.or_(f"{section}.optimizer_offload", False)
        if params or optimizer:
            words[role] = ("all" if optimizer else "params") if params else "optimizer"
    if _name(wanted) != "ppo":
        words.pop("critic", None)
    if not words:
        raise NotKnownError("offloading")
    return words


def micro_batch(wanted: Wanted) -> int:
    """Fixed micro batches; where only verl's older key says their size, any size, which is overridden back."""
    if wanted.get(f"{ACTOR}.use_dynamic_bsz"):
        raise NotKnownError("fixed micro batches")
    size = wanted.or_(f"{ACTOR}.ppo_micro_batch_size_per_gpu", None)
    return size if isinstance(size, int) and not isinstance(size, bool) and size > 0 else 1


def token_budget(wanted: Wanted) -> Any:
    if not wanted.get(f"{ACTOR}.use_dynamic_bsz"):
        raise NotKnownError("batches by tokens")
    return wanted.get(f"{ACTOR}.ppo_max_token_len_per_gpu")


def never(key: str) -> Callable[[Wanted], Any]:
    def read(wanted: Wanted) -> Any:
        every = wanted.get(key)
        return "never" if every == -1 and not isinstance(every, bool) else every

    return read


def resume(wanted: Wanted) -> str:
    mode = wanted.get("trainer.resume_mode")
    if mode in ("auto", "disable"):
        return {"auto": "auto", "disable": "never"}[mode]
    if mode != "resume_path":
        raise NotKnownError("a way to resume")
    return wanted.place("trainer.resume_from_path")


def rollouts(wanted: Wanted) -> bool:
    """Only the run folder's own: another folder is the user's choice."""
    if wanted.raw("trainer.rollout_data_dir") not in (f"{RUN_FOLDER}/rollouts", ABSENT):
        raise NotKnownError("the run folder")
    return True
