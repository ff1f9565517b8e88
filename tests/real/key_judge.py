"""What a release itself says of single keys laid over its defaults. Run by the real environment's Python.

usage: key_judge.py MODEL_FOLDER < changes.json > answers.json

A change is `[key, value]`. An answer: `strict`, whether the release's own config has the key; `built`, the error of
building the dataclass of the role that holds the key, "" for none, null where no role holds it; `typed`, whether
OmegaConf takes the value for the key's annotation in its dataclass, null where it has none or one that OmegaConf lacks.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import json
import sys
import typing
from pathlib import Path
from typing import Any

import verl
from hydra.utils import get_class
from omegaconf import MISSING, DictConfig, KeyValidationError, OmegaConf, ValidationError

ROLES = ("actor_rollout_ref.actor", "actor_rollout_ref.rollout", "actor_rollout_ref.ref", "critic")
REFERENCE = "actor_rollout_ref.ref"
NAMES = {
    "ppo_micro_batch_size": "log_prob_micro_batch_size",
    "ppo_micro_batch_size_per_gpu": "log_prob_micro_batch_size_per_gpu",
    "use_dynamic_bsz": "log_prob_use_dynamic_bsz",
    "ppo_max_token_len_per_gpu": "log_prob_max_token_len_per_gpu",
}
NEEDED = {
    "actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu": 4,
    "actor_rollout_ref.actor.use_kl_loss": True,
    "actor_rollout_ref.rollout.name": "sglang",
    "actor_rollout_ref.rollout.log_prob_micro_batch_size_per_gpu": 4,
    "actor_rollout_ref.rollout.tensor_model_parallel_size": 1,
    "actor_rollout_ref.ref.log_prob_micro_batch_size_per_gpu": 4,
    "critic.ppo_micro_batch_size_per_gpu": 4,
}


def main() -> None:
    model = sys.argv[1]
    defaults = Path(verl.__file__).parent / "trainer" / "config" / "_generated_ppo_trainer.yaml"
    base = OmegaConf.load(defaults)
    for key, value in {**NEEDED, "actor_rollout_ref.model.path": model, "critic.model.path": model}.items():
        OmegaConf.update(base, key, value)
    answers = []
    with contextlib.redirect_stdout(sys.stderr):
        clean = {role: built(section_of(base, role), role, base) for role in ROLES}
        assert not any(clean.values()), clean
        OmegaConf.set_struct(base, True)
        for key, value in json.load(sys.stdin):
            answer = {"strict": strict(base, key, value), "built": judged(base, key, value)}
            answers.append({**answer, "typed": typed(base, key, value)})
    print(json.dumps(answers))


def strict(base: Any, key: str, value: Any) -> bool:
    """Whether a strict merge takes the key."""
    change = OmegaConf.create()
    OmegaConf.update(change, key, value, merge=False, force_add=True)
    try:
        OmegaConf.merge(base, change)
    except Exception:
        return False
    return True


def judged(base: Any, key: str, value: Any) -> str | None:
    role = next((role for role in ROLES if key.startswith(f"{role}.")), None)
    if role is None:
        return None
    section = section_of(base, role)
    OmegaConf.update(section, key[len(role) + 1 :], value, merge=False, force_add=True)
    return built(section, role, base)


def typed(base: Any, key: str, value: Any) -> bool | None:
    annotation = annotation_of(base, key) if key.startswith(ROLES) else None
    if annotation is None or annotation is Any or Any in typing.get_args(annotation):
        return None
    try:
        one = OmegaConf.structured(dataclasses.make_dataclass("One", [("it", annotation, MISSING)]))
    except ValidationError:
        return None
    try:
        one.it = value
    except (ValidationError, KeyValidationError):
        return False
    return True


def annotation_of(base: Any, key: str) -> Any:
    """The annotation of a key in the dataclass that the nearest `_target_` above it names."""
    *above, name = key.split(".")
    below: list[str] = []
    while above:
        node = OmegaConf.select(base, ".".join(above))
        target = node.get("_target_") if isinstance(node, DictConfig) else None
        if target:
            break
        below.insert(0, above.pop())
    if not above:
        return None
    holder: Any = get_class(str(target))
    for part in below:
        holder = typing.get_type_hints(holder).get(part) if dataclasses.is_dataclass(holder) else None
    return typing.get_type_hints(holder).get(name) if dataclasses.is_dataclass(holder) else None


def section_of(base: Any, role: str) -> Any:
    """A copy of a role's section, whose interpolations look into the whole (which is slow to copy)."""
    section = copy.deepcopy(OmegaConf.select(base, role))
    OmegaConf.set_struct(section, False)
    return section


def built(section: Any, role: str, base: Any) -> str:
    """The error of building a role's dataclass as the engine's worker does (workers/engine_workers.py)."""
    from verl.utils.config import omega_conf_to_dataclass

    if role == REFERENCE:
        for new, old in NAMES.items():
            section[new] = section.pop(old, None)
        section.ppo_mini_batch_size = base.actor_rollout_ref.actor.ppo_mini_batch_size
    try:
        omega_conf_to_dataclass(section)
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:400]
    return ""


if __name__ == "__main__":
    main()
