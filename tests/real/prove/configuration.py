"""Stages on the text of config.yaml: it composes as in the release's entry point, and every key exists."""

# mypy: disable-error-code="import-not-found,import-untyped"
from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from real.prove.proof import Failed, Proof

# Read with .get() by the releases, absent from their defaults: get_custom_reward_fn in trainer/ppo/reward.py,
# migrate_legacy_reward_impl in experimental/reward_loop/reward_loop.py, _build_fsdp_module in workers/engine/fsdp.
OPEN_MAPPINGS = (
    "actor_rollout_ref.actor.fsdp_config.mixed_precision",
    "actor_rollout_ref.ref.fsdp_config.mixed_precision",
    "critic.fsdp.mixed_precision",
    "critic.model.fsdp_config.mixed_precision",
    "reward.reward_kwargs",
    "reward.custom_reward_function.reward_kwargs",
    "reward_model.reward_kwargs",
)
MODEL_KEYS = ("actor_rollout_ref.model.path", "critic.model.path")
FILE_KEYS = (
    "actor_rollout_ref.rollout.multi_turn.tool_config_path",
    "actor_rollout_ref.rollout.multi_turn.function_tool_path",
    "actor_rollout_ref.rollout.agent.agent_loop_config_path",
    "reward.custom_reward_function.path",
    "reward.reward_manager.module.path",
)
BUNDLE_FILES = ("launch.sh", "plan.json", "manifest.json")


def compose(proof: Proof) -> str:
    """The release's own `main` composes the folder through --config-path and --config-name.

    `main` runs for real up to the point where it would validate and start Ray; those two are replaced.
    A model that is not a local folder is replaced by the local one by override, since no hub is asked.
    """
    import yaml
    from omegaconf import OmegaConf

    written = yaml.safe_load((proof.setting.bundle / "config.yaml").read_text(encoding="utf-8"))
    overrides = []
    for key in MODEL_KEYS:
        path = OmegaConf.select(OmegaConf.create(written), key)
        if path is not None and Path(path).expanduser().is_dir():
            continue
        if proof.setting.model_dir is None:
            proof.notes.append(f"{key}={path} is not a local folder and no --model was given")
            continue
        overrides.append(f"{key}={proof.setting.model_dir}")
        proof.facts.setdefault("replaced", {})[key] = path
    proof.config = _compose(proof, overrides)
    return f"{', '.join(MODEL_KEYS[: len(overrides)])} replaced" if overrides else ""


def _compose(proof: Proof, overrides: list[str]) -> Any:
    import verl.trainer.main_ppo as entry
    from hydra.core.global_hydra import GlobalHydra

    taken: list[Any] = []

    def take(config: Any, *args: Any, **kwargs: Any) -> None:
        taken.append(config)

    argv = [
        "main_ppo",
        *(proof.arguments or ["--config-path", str(proof.setting.bundle), "--config-name", "config"]),
        *overrides,
        f"hydra.run.dir={proof.setting.run_dir}/hydra",  # the bundle's folder stays as it is
        "hydra.output_subdir=null",
        "hydra/job_logging=none",
        "hydra/hydra_logging=none",
    ]
    replaced = {"run_ppo": take, "validate_config": lambda **kwargs: None}
    if hasattr(entry, "migrate_legacy_reward_impl"):  # its turn is in the stage `validate`
        replaced["migrate_legacy_reward_impl"] = lambda config: config
    GlobalHydra.instance().clear()
    os.environ["HYDRA_FULL_ERROR"] = "1"  # raise; do not print and exit
    with _attributes(entry, replaced), _attributes(sys, {"argv": argv}):
        entry.main()
    if len(taken) != 1:
        raise Failed(f"main_ppo reached run_ppo {len(taken)} times")
    return taken[0]


@contextlib.contextmanager
def _attributes(owner: Any, values: dict[str, Any]) -> Iterator[None]:
    before = {name: getattr(owner, name) for name in values}
    for name, value in values.items():
        setattr(owner, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(owner, name, value)


def strict(proof: Proof) -> str:
    """Every key of config.yaml is in the release's generated defaults, and their struct merge takes it."""
    import yaml
    from omegaconf import OmegaConf

    written = yaml.safe_load((proof.setting.bundle / "config.yaml").read_text(encoding="utf-8")) or {}
    written = {key: value for key, value in written.items() if key not in ("defaults", "hydra")}
    generated = proof.setting.wheel / "verl/trainer/config/_generated_ppo_trainer.yaml"
    defaults = yaml.load(
        generated.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    )
    unknown = [key for key in _unknown(written, defaults, "") if not key.startswith(OPEN_MAPPINGS)]
    if unknown:
        raise Failed(f"keys that verl {proof.setting.release} does not have: {', '.join(unknown)}")
    base = OmegaConf.create(defaults)
    OmegaConf.set_struct(base, True)
    _open_empty(base)
    for key in OPEN_MAPPINGS:
        parent = OmegaConf.select(base, key.rpartition(".")[0])
        if parent is not None:
            OmegaConf.set_struct(parent, False)
    OmegaConf.merge(base, OmegaConf.create(written))
    return f"{sum(1 for _ in _leaves(written))} keys"


def _unknown(written: dict[str, Any], defaults: Any, prefix: str) -> Iterator[str]:
    for key, value in written.items():
        if not isinstance(defaults, dict) or key not in defaults:
            yield f"{prefix}{key}"
        elif isinstance(value, dict) and isinstance(defaults[key], dict) and defaults[key]:
            yield from _unknown(value, defaults[key], f"{prefix}{key}.")


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict) and value:
        for part in value.values():
            yield from _leaves(part)
    else:
        yield value


def _open_empty(node: Any) -> None:
    """Mappings that are empty in the defaults (engine_kwargs.sglang, override_config) take any key."""
    from omegaconf import OmegaConf

    for key in list(node.keys()):
        if OmegaConf.is_missing(node, key) or OmegaConf.is_interpolation(node, key):
            continue
        child = node._get_node(key)
        if OmegaConf.is_dict(child) and not child._is_none():
            if not len(child):
                OmegaConf.set_struct(child, False)
            _open_empty(child)


def files(proof: Proof) -> str:
    """The files that the configuration, the tool list and the loop list name are there."""
    import yaml

    missing = []
    present = 0
    for key in FILE_KEYS:
        for path in proof.files(key):
            if path.startswith("pkg://"):
                continue
            present += 1
            if not Path(path.removeprefix("file://")).expanduser().is_file():
                missing.append(f"{key}={path}")
    modules: set[str] = set()
    for path in proof.files(FILE_KEYS[0]):
        if Path(path).is_file():
            entries = (yaml.safe_load(Path(path).read_text(encoding="utf-8")) or {}).get("tools") or []
            modules.update(str(entry["class_name"]).partition(".")[0] for entry in entries)
    for path in proof.files(FILE_KEYS[2]):
        if Path(path).is_file():
            entries = yaml.safe_load(Path(path).read_text(encoding="utf-8")) or []
            modules.update(str(entry["_target_"]).partition(".")[0] for entry in entries)
    for module in sorted(modules):
        if module.startswith("ts_") and not Path(f"{module}.py").is_file():
            missing.append(f"{module}.py")
    if any(Path(name).exists() for name in BUNDLE_FILES):
        missing += [name for name in BUNDLE_FILES if not Path(name).is_file()]
    if missing:
        raise Failed(f"not there: {', '.join(missing)}")
    return f"{present} files and {len(modules)} modules"
