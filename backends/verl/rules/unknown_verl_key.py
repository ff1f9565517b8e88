"""A key that the release does not have.

Hydra refuses an override of an unknown key without `+`. In a file, and with `+`, verl takes it: without a word where
the section stays a mapping (`data`, `trainer`, `algorithm`, `reward`, the top level), with a TypeError after Ray is up
where it becomes a dataclass (`actor`, `critic`, `rollout`, `ref` where there is a KL term, `distillation` where it is
on).

Why: the setting that was meant keeps its default.
Source: the release's generated config; utils/config.py omega_conf_to_dataclass; trainer/config/*.yaml `_target_`;
hydra-core 1.3 config_loader_impl.py _apply_overrides_to_config
Bad:
    data.train_batch_sise=128
Good:
    data.train_batch_size=128
Bad:
    +actor_rollout_ref.actor.ppo_mini_batch_sise=8
Bad:
    ray_init.num_cpus=64
Good:
    ray_kwargs.ray_init.num_cpus=64
Good (verl 0.9.1):
    +distillation.teacher_models.maths.key=maths +distillation.teacher_models.maths.num_replicas=1
Bad (verl 0.9.1):
    +distillation.teacher_models.maths.replicas=1
Good (verl 0.8.0):
    custom_reward_function.path=reward.py custom_reward_function.name=compute_score
    +custom_reward_function.reward_kwargs.bonus=0.1
    --- reward.py
    def compute_score(data_source, solution_str, ground_truth, extra_info=None, bonus=0.0):
        return float(solution_str.endswith(f"Answer: {ground_truth}")) + bonus
Good:
    +data.longest_side=512 +data.state_config_path=states.yaml data.custom_cls.path=rows.py data.custom_cls.name=Rows
    --- rows.py
    from verl.utils.dataset.rl_dataset import RLHFDataset


    class Rows(RLHFDataset):
        pass
Bad (verl 0.9.1):
    actor_rollout_ref.actor.megatron.tensor_model_parallel_size=2
Good:
    +actor_rollout_ref.model.lora.fully_sharded_loras=True
Bad:
    +env=alfworld env.max_steps=3
Bad:
    hydra.searchpath=[pkg://verl.trainer.config] +env=alfworld env.max_steps=3
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.composition import from_command, refusals
from toolspec.backends.verl.lint.derived import REF, has_critic, has_reference, runs_own_code
from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.backends.verl.lint.rule import Change, Drop, Found, Rename, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.backends.verl.releases import TABLES, ancestors, leaves, like_listed, release
from toolspec.backends.verl.renames import LEGACY_READ, MOVED_WHOLE, below, gone, name_in, takes
from toolspec.backends.verl.written.run import LEFT
from toolspec.backends.verl.written.value import Said
from toolspec.specs.problem import Severity

RULE = Rule("TS802", "unknown-verl-key", "error")

FOREIGN = 3
"""Unknown keys of a file without a near one from which on the file is taken for another program's."""
CONVERTED = ("actor_rollout_ref.rollout.disaggregation",)
"""Sections without a `_target_` of which verl builds a dataclass (workers/config/rollout.py __post_init__)."""
_RECIPES = frozenset({"recipe", "recipes", "experimental"})


def check(view: View) -> Iterator[Found]:
    if not view.run.base:
        raise NotKnownError(view.run.open)
    stopped = {id(one.said): one for one in refusals(view)}
    silent: list[Said] = []
    unsure = False
    for said in view.run.said:
        refusal = stopped.get(id(said))
        if refusal is not None and refusal.reason == "absent" and not view.keys.knows(refusal.key):
            if view.run.open and not _elsewhere(view, refusal.key):
                unsure = True  # a file that is not at hand may add the key
                continue
            yield _found(view, said._replace(key=refusal.key), "Hydra stops at an override of an unknown key")
        elif refusal is None and said.op != "~":
            for leaf in _unknown(view, said):
                if section := _surely_closed(view, leaf.key):
                    yield _found(view, leaf, _stops(section))
                else:
                    silent.append(leaf)
    own = view.run.open == LEFT or runs_own_code(view)  # the command may name it
    foreign = own or _is_foreign(view, silent)
    for leaf in silent:
        if own and from_command(view, leaf) and not _is_renamed(view, leaf.key):
            continue  # `+` says that the key is new, and the user's own code is handed the configuration
        severity: Severity | None = None if not foreign or _is_sure(view, leaf.key) else "warning"
        if from_command(view, leaf) and not _is_meant(view, leaf.key):
            severity = "warning"  # `+` says that the key is known to be new
        dead = gone(leaf.key, view.version)
        if dead is not None and not dead.lost:
            severity = "warning"  # the run does without it what it did with it
        yield _found(view, leaf, "verl takes it without a word and nothing reads it", severity)
    if unsure:
        raise NotKnownError(view.run.open)


def _unknown(view: View, said: Said) -> Iterator[Said]:
    """The leaves of what was written that the release does not know."""
    inside = leaves(said.value, f"{said.key}.") if isinstance(said.value, dict) and said.value else None
    for key in [said.key] if inside is None else [key for key, _ in inside]:
        hidden = key.rpartition(".")[2].startswith("_")  # `_target_` and its kin belong to Hydra
        if not (hidden or view.keys.knows(key) or _carried(view, key)):
            yield said if key == said.key else said._replace(key=key)


def _carried(view: View, key: str) -> bool:
    """Whether main_ppo moves the key to where it is read, with the old section that it is in."""
    old = view.version in LEGACY_READ and any(below(key, section) for section in MOVED_WHOLE)
    return old and view.keys.knows(name_in(key, view.version))


def _is_foreign(view: View, unknown: list[Said]) -> bool:
    """Whether something else than verl may read keys that verl does not."""
    if _RECIPES & set(view.run.folder.absolute().parts):
        return True
    strange = [said for said in unknown if not from_command(view, said) and not _is_meant(view, said.key)]
    return len(strange) >= FOREIGN


def _is_meant(view: View, key: str) -> bool:
    """Whether it is plain which key of verl's was meant."""
    return view.keys.nearest(key) is not None or _is_renamed(view, key)


def _is_sure(view: View, key: str) -> bool:
    """The same in a file of another program's, whose own sections may have keys that are like verl's."""
    own = key.rpartition(".")[0] not in view.keys.sections
    return _is_renamed(view, key) or (not own and _is_meant(view, key))


def _is_renamed(view: View, key: str) -> bool:
    return name_in(key, view.version) != key or gone(key, view.version) is not None


def _elsewhere(view: View, key: str) -> list[str]:
    return [v for v in TABLES if v != view.version and release(v).knows(key)]


def _surely_closed(view: View, key: str) -> str:
    """_closed, "" where it is not known whether the run has the role: the key is unknown in any case."""
    try:
        return _closed(view, key)
    except NotKnownError:
        return ""


def _closed(view: View, key: str) -> str:
    """The section around a key from which verl builds a dataclass, which takes no other field; "" for none."""
    for above in sorted(ancestors(like_listed(key)), key=len, reverse=True):
        if above in view.keys.open_mappings:
            return ""
        if above in view.keys.sections:
            built = above in view.keys.classes or above in CONVERTED
            return above if built and _is_built(view, above) else ""
    return ""


def _is_built(view: View, section: str) -> bool:
    """Whether the run builds the section's dataclass: that of a role only where the role is there."""
    if below(section, REF):
        # The workers of 0.7.1 build one part of it (fsdp_workers.py:950), unless the new ones are asked for.
        whole = view.at_least("0.8.0") or view.value("trainer.use_legacy_worker_impl") == "disable"
        return (whole or below(section, f"{REF}.fsdp_config")) and has_reference(view)
    if below(section, "critic"):
        return has_critic(view)
    if below(section, "distillation"):
        # trainer_base.py:360 of 0.9.1, ray_trainer.py:925 of 0.8.0; distillation.py _resolve_teacher_models
        return view.value("distillation.enabled") is True
    return section.startswith("actor_rollout_ref.")


def _stops(section: str) -> str:
    return f"verl builds a dataclass from {section} and stops at a field that it does not have"


def _found(view: View, said: Said, why: str, severity: Severity | None = None) -> Found:
    key, version = said.key, view.version
    new, dead, close = name_in(key, version), gone(key, version), view.keys.nearest(key)
    if close is not None:
        close = name_in(close, version)  # an old name that is close is no advice
    if close in view.keys.sections and not isinstance(said.value, dict):
        close = None  # a value is not put in the place of a section
    engines = [name for name in view.release.engines if view.release.knows(key, name)]
    changes: tuple[Change, ...] = ()
    if new != key and takes(new, version):
        fix = f"it is `{new}` there"
        changes = (Rename(key, new),)
    elif dead is not None:
        fix = f"drop it: {dead.why}"
        changes = (Drop(key),)
    elif engines:
        fix = f"drop it, or {_choose(view, engines[0])}"
    elif close is not None:
        fix = f"did you mean `{close}`?"
        changes = (Rename(key, close),)
    else:
        fix = "drop it"
    others = _elsewhere(view, key)
    more = f" ({', '.join(others)} {'has' if len(others) == 1 else 'have'} it)" if others else ""
    if engines:
        more = f" under model_engine={view.engine} ({', '.join(engines)} {'has' if len(engines) == 1 else 'have'} it)"
    return Found(
        f"verl {version} has no key `{key}`{more}",
        tuple(dict.fromkeys(filter(None, (key, new, close)))),
        fix=fix,
        why=why,
        span=said.key_span,
        severity=severity,
        changes=changes,
        safe=(new != key and takes(new, version)) or (dead is not None and not dead.lost),
    )


def _choose(view: View, engine: str) -> str:
    """How the release is given an engine: up to 0.7.1 megatron is a config of its own."""
    by_group = engine in view.release.groups["model_engine"]
    return f"model_engine={engine}" if by_group else f"--config-name=ppo_{engine}_trainer"
