"""What several settings together make of a run: which trainer, which roles, how many ranks.

Each function raises NotKnownError where one of its settings is not known. Sources: verl 0.9.1, but where a release is
named.
"""

from __future__ import annotations

from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.backends.verl.lint.view import View

ACTOR, REF, ROLLOUT = "actor_rollout_ref.actor", "actor_rollout_ref.ref", "actor_rollout_ref.rollout"
MODEL = "actor_rollout_ref.model"
MULTI_TURN = f"{ROLLOUT}.multi_turn"
FUNCTION, MANAGER = "reward.custom_reward_function", "reward.reward_manager"
TOOL_LOOP = "tool_agent"


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
    return view.true("algorithm.use_kl_in_reward") or view.true(f"{ACTOR}.use_kl_loss")


def is_megatron(view: View) -> bool:
    return view.engine == "megatron" or view.value(f"{ACTOR}.strategy") == "megatron"


def sequence_parallel(view: View, role: str = ACTOR) -> int:
    """Ulysses ranks of a role: its own key, or that of its engine where the former is 1 (workers/config/actor.py)."""
    if is_megatron(view):
        return view.integer(f"{role}.megatron.context_parallel_size", null=1)
    section = f"{role}.fsdp" if role == "critic" else f"{role}.fsdp_config"
    own = view.integer(f"{role}.ulysses_sequence_parallel_size", null=1)
    return own if own > 1 else view.integer(f"{section}.ulysses_sequence_parallel_size", null=1)


def data_parallel(view: View, role: str = ACTOR) -> int:
    """Ranks that take different samples. Raises NotKnownError where the GPUs do not split."""
    ranks = sequence_parallel(view, role)
    if is_megatron(view):
        for name in ("tensor_model_parallel_size", "pipeline_model_parallel_size"):
            ranks *= view.integer(f"{role}.megatron.{name}")
    total = gpus(view)
    if ranks < 1 or total % ranks:
        raise NotKnownError(f"GPUs ({total}) that split into {ranks}")
    return total // ranks


def group(view: View) -> int:
    """Trajectories a prompt."""
    return view.integer(f"{ROLLOUT}.n")


def longest(view: View) -> int:
    """Tokens of the longest sequence: the prompt's limit and the response's."""
    return view.integer("data.max_prompt_length") + view.integer("data.max_response_length")


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
