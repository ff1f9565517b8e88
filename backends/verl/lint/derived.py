"""What several settings together make of a run: which trainer, which roles, how many ranks.

Each function raises NotKnownError where one of its settings is not known. Sources: verl 0.9.1, but where a release is
named.
"""

from __future__ import annotations

import re
from math import lcm

from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.backends.verl.lint.view import View

ACTOR, REF, ROLLOUT = "actor_rollout_ref.actor", "actor_rollout_ref.ref", "actor_rollout_ref.rollout"
MODEL = "actor_rollout_ref.model"
MULTI_TURN = f"{ROLLOUT}.multi_turn"
PROMPT_LENGTH, RESPONSE_LENGTH = f"{ROLLOUT}.prompt_length", f"{ROLLOUT}.response_length"
LENGTHS = (PROMPT_LENGTH, RESPONSE_LENGTH, "data.max_prompt_length", "data.max_response_length")
"""The keys of `longest`, the ones that win first."""
FUNCTION, MANAGER = "reward.custom_reward_function", "reward.reward_manager"
TOOL_LOOP = "tool_agent"
MODE = "trainer.v1.trainer_mode"


def uses_v1(view: View) -> bool:
    """Whether the V1 trainer runs: by trainer.use_v1 from 0.9.0 on (main_ppo.py:44-50), never before."""
    return view.at_least("0.9.0") and view.true("trainer.use_v1")


def gpus(view: View) -> int:
    """GPUs of all nodes together."""
    return view.integer("trainer.n_gpus_per_node") * view.integer("trainer.nnodes")


def has_critic(view: View) -> bool:
    """Source: trainer/ppo/utils.py need_critic, the same in all releases."""
    asked = view.value("critic.enable")
    return view.text("algorithm.adv_estimator") == "gae" if asked is None else bool(asked)


def has_reference(view: View) -> bool:
    """Source: trainer/ppo/utils.py need_reference_policy, the same in all releases."""
    return any_true(view, f"{ACTOR}.use_kl_loss", "algorithm.use_kl_in_reward")


def any_true(view: View, *keys: str) -> bool:
    """Whether one of the keys is true. Raises NotKnownError where none that is known is, and one is not known."""
    missing: NotKnownError | None = None
    for key in keys:
        try:
            if view.true(key):
                return True
        except NotKnownError as error:
            missing = missing or error
    if missing is not None:
        raise missing
    return False


def is_megatron(view: View) -> bool:
    return view.engine == "megatron" or view.value(f"{ACTOR}.strategy") == "megatron"


def engine_of(view: View) -> str:
    """The model engine: `dp` (FSDP), `megatron`, `veomni`, …"""
    return "megatron" if is_megatron(view) else view.engine


def legacy_workers(view: View) -> bool:
    """Whether the FSDP and Megatron workers of before the engines run: 0.7.1, unless they are switched off.

    Source: trainer/main_ppo.py:128-180 of 0.7.1 (`auto` and `enable` mean them); gone in 0.8.0.
    """
    if view.at_least("0.8.0") or view.value("trainer.use_legacy_worker_impl") == "disable":
        return False
    return engine_of(view) in ("dp", "megatron")


def v1_mode(view: View) -> str:
    """The V1 trainer's mode: `sync`, `colocate_async`, `separate_async`; "" where V0 runs.

    Raises NotKnownError for a mode that the release does not have.
    """
    if not uses_v1(view):
        return ""
    mode = view.text(MODE)
    if mode not in (view.release.choices(MODE) or (mode,)):
        raise NotKnownError(f"{MODE}={mode}")
    return mode


def update_prompts(view: View) -> int:
    """Prompts of one pass of updates: the batch, or its share where weights are sent several times a batch.

    Sources: trainer/ppo/v1/trainer_base.py:534-539; V0 takes `gen_batch_size` rows where it is set
    (trainer/ppo/ray_trainer.py, StatefulDataLoader, in every release).
    """
    mode, batch = v1_mode(view), view.integer("data.train_batch_size")
    if mode:
        steps = view.value(f"trainer.v1.{mode}.parameter_sync_step")
        return batch // steps if isinstance(steps, int) and steps > 0 else batch
    rows = view.value("data.gen_batch_size")
    return rows if isinstance(rows, int) and rows > 0 else batch


def samples_of_update(view: View) -> int:
    """Trajectories that the ranks get for one pass of updates, with those that V1 fills up with.

    Source: trainer/ppo/v1/trainer_base.py:1589-1621 (0.9.1): up to a multiple of the ranks and of every mini batch.
    """
    samples, each = update_prompts(view) * group(view), group(view)
    if not uses_v1(view):
        return samples
    multiple = lcm(data_parallel(view), max(1, view.integer(f"{ACTOR}.ppo_mini_batch_size") * each))
    if has_critic(view):
        multiple = lcm(multiple, max(1, view.integer("critic.ppo_mini_batch_size") * each))
    return -(-samples // multiple) * multiple


def distils(view: View) -> bool:
    """Whether a teacher is distilled, which has a loss of its own beside or in place of the advantages."""
    return bool(view.value("distillation.enabled"))


def shared_gpus(view: View) -> bool:
    """Whether the rollout engine sits on the GPUs that train."""
    return v1_mode(view) != "separate_async" and view.integer(f"{ROLLOUT}.nnodes", null=0) <= 0


def sequence_parallel(view: View, role: str = ACTOR) -> int:
    """Ranks that share a sequence, of a role. Raises NotKnownError."""
    return _one_at_least(f"the sequence parallel size of {role}", _sequence_parallel(view, role))


def _sequence_parallel(view: View, role: str) -> int:
    """Source: workers/config/{actor,critic}.py.

    A role's own Ulysses key, or that of its engine where the former is 1. The workers of 0.7.1 read the former alone
    (workers/fsdp_workers.py). From 0.8.0 on the critic's own key has no reader (FSDPCriticConfig.__post_init__ does
    not hand it on).
    """
    engine = engine_of(view)
    if engine == "megatron":
        return view.integer(f"{role}.megatron.context_parallel_size", null=1)
    if engine == "veomni":
        return view.integer(f"{role}.veomni.ulysses_parallel_size", null=1)
    if engine != "dp":
        raise NotKnownError(f"how {engine} splits a sequence")
    section = f"{role}.fsdp" if role == "critic" else f"{role}.fsdp_config"
    own = view.integer(f"{role}.ulysses_sequence_parallel_size", null=1)
    if legacy_workers(view):
        return own
    if own > 1 and not (role == "critic" and view.at_least("0.8.0")):
        return own
    return view.integer(f"{section}.ulysses_sequence_parallel_size", null=1)


def data_parallel(view: View, role: str = ACTOR) -> int:
    """Ranks that take different samples. Raises NotKnownError where the GPUs do not split."""
    ranks = sequence_parallel(view, role)
    if is_megatron(view):
        if view.value(f"{role}.megatron.dynamic_context_parallel"):
            raise NotKnownError("ranks of dynamic context parallelism")
        for name in ("tensor_model_parallel_size", "pipeline_model_parallel_size"):
            ranks *= view.integer(f"{role}.megatron.{name}")
    total = gpus(view)
    if ranks < 1 or total < 1 or total % ranks:
        raise NotKnownError(f"GPUs ({total}) that split into {ranks}")
    return total // ranks


def group(view: View) -> int:
    """Trajectories a prompt, 1 at least. Raises NotKnownError for fewer."""
    return _one_at_least(f"{ROLLOUT}.n", view.integer(f"{ROLLOUT}.n"))


def _one_at_least(name: str, number: int) -> int:
    if number < 1:
        raise NotKnownError(f"{name} as a number from 1 on")  # number-out-of-range says it
    return number


def longest(view: View) -> int:
    """Tokens of the longest sequence: the prompt's limit and the response's.

    The agent loops and the engines read the rollout's own keys, whose defaults are the data section's
    (experimental/agent_loop/*.py of every release).
    """
    return view.integer(PROMPT_LENGTH) + view.integer(RESPONSE_LENGTH)


def lora_rank(view: View) -> int:
    """Source: utils/config.py validate_config: `lora.rank`, else `lora_rank`; 0 for none."""
    rank = view.value(f"{MODEL}.lora.rank")
    if isinstance(rank, int) and not isinstance(rank, bool) and rank > 0:
        return rank
    return view.integer(f"{MODEL}.lora_rank", null=0)


def names_tools(view: View) -> tuple[str, ...]:
    """The keys under which tools are configured."""
    keys = (f"{MULTI_TURN}.tool_config_path", f"{MULTI_TURN}.function_tool_path")
    return tuple(key for key in keys if view.has(key) and view.value(key))


def dynamic(view: View, role: str = ACTOR) -> bool:
    """Whether a role splits its batches by tokens."""
    name = "use_dynamic_bsz" if role in (ACTOR, "critic") else "log_prob_use_dynamic_bsz"
    return view.true(f"{role}.{name}")


EXTERNAL_MODULES = "VERL_USE_EXTERNAL_MODULES"
_NOT_SET = re.compile(rf"^\s*(?:#|unset\b|.*\b{EXTERNAL_MODULES}=(?:\s|$|\"\"|''))")


def imports_modules(view: View) -> bool:
    """Whether verl may import modules of the user's before anything else, which may register any name or patch verl.

    Source: verl/__init__.py (0.7.1 and 0.8.0: :38-41; 0.9.1: :49-52), in every process that has the variable.
    """
    said = any(EXTERNAL_MODULES in f"{one.key}={one.text}" for one in view.said_below("ray_kwargs.ray_init"))
    launch = view.run.launch
    if launch is None:
        return said
    lines = launch.script.lines  # also a job's --runtime-env-json, or an option of a container
    named = any(EXTERNAL_MODULES in line and not _NOT_SET.match(line) for line in lines)
    return said or named or bool(launch.command.text(EXTERNAL_MODULES))


def runs_own_code(view: View) -> bool:
    """Whether code of the user's is handed the configuration, so that it may read keys that verl does not."""
    if view.value("reward.reward_manager.source") == "importlib" or imports_modules(view):
        return True
    keys = (
        "data.custom_cls.path",
        "actor_rollout_ref.model.external_lib",
        f"{ROLLOUT}.agent.agent_loop_config_path",
        f"{ROLLOUT}.agent.agent_loop_manager_class",
    )
    return any(view.value(key) for key in keys)


def steps(view: View) -> int:
    """Steps of the run, at most: `total_training_steps`, else the batches of all epochs.

    Source: trainer/ppo/ray_trainer.py _create_dataloader, trainer/ppo/v1/trainer_base.py; rows that a filter drops
    make it less.
    """
    total = view.value("trainer.total_training_steps")
    if total is not None:
        return view.integer("trainer.total_training_steps")
    rows = view.facts.rows().count
    most = view.integer("data.train_max_samples", null=-1)
    rows = min(rows, most) if most > 0 else rows
    return rows // max(1, view.integer("data.train_batch_size")) * view.integer("trainer.total_epochs")
