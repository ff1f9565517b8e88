"""More tokens than the model has positions.

The engines' servers compare `rollout.max_model_len` with the `max_position_embeddings` of the model's config.json,
after `model.override_config`; rope scaling does not count. Without the key it is that number, and a prompt and
response that are longer together are cut.

Why: a ValueError once the actor has loaded; without `max_model_len`, responses that end early.
Source: workers/rollout/sglang_rollout/async_sglang_server.py (0.7.1: :91-99; 0.8.0: :154-162; 0.9.1: :166-174),
workers/rollout/vllm_rollout/vllm_async_server.py (0.7.1: :113-121; 0.8.0: :812-820; 0.9.1: :1103-1111)
Bad:
    actor_rollout_ref.rollout.max_model_len=40960 data.max_response_length=39936
    actor_rollout_ref.actor.use_dynamic_bsz=True actor_rollout_ref.actor.ppo_max_token_len_per_gpu=40960
Good:
    actor_rollout_ref.rollout.max_model_len=32768
Bad:
    actor_rollout_ref.rollout.max_model_len=null data.max_response_length=32000
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import LENGTHS, MODEL, PROMPT_LENGTH, RESPONSE_LENGTH, ROLLOUT
from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS204", "beyond-positions", "error")

LIMIT = f"{ROLLOUT}.max_model_len"


def check(view: View) -> Iterator[Found]:
    if view.text(f"{ROLLOUT}.name") not in ("sglang", "vllm", "trtllm"):
        return
    limit = view.value(LIMIT)
    prompt, response = view.integer(PROMPT_LENGTH), view.integer(RESPONSE_LENGTH)
    if isinstance(limit, int) and limit <= 2048 and limit >= prompt + response:
        return  # no model in use has fewer positions, so that its files are not asked for
    positions, name = _positions(view)
    if limit is not None:
        if view.integer(LIMIT) > positions:
            yield Found(
                f"{view.shown(LIMIT)} is above the {positions} positions of {name}",
                (LIMIT, f"{MODEL}.path"),
                fix=f"{LIMIT}={positions}, or +{MODEL}.override_config.max_position_embeddings={view.integer(LIMIT)} "
                "with rope scaling",
                why="the engine's server raises a ValueError, after the actor has loaded",
            )
        return
    if prompt + response > positions:
        certain = positions <= max(prompt, response)
        yield Found(
            f"prompt and response, {prompt} + {response} = {prompt + response}, are more than the {positions} "
            f"positions of {name}",
            LENGTHS,
            fix=f"data.max_response_length={positions - prompt}" if positions > prompt else "",
            why="the engine cuts what it generates at the model's positions",
            severity="error" if certain else "warning",
        )


def _positions(view: View) -> tuple[int, str]:
    """Positions of the model as the servers see them, and the model's name. Raises NotKnownError."""
    override = view.value(f"{MODEL}.override_config.max_position_embeddings")
    if isinstance(override, int) and not isinstance(override, bool):
        return override, f"{MODEL}.override_config"
    if view.value(f"{MODEL}.override_config.model_config") is not None:
        raise NotKnownError(f"the positions that {MODEL}.override_config.model_config gives")
    facts = view.facts.model()
    if facts.max_position_embeddings is None:
        raise NotKnownError(f"the positions of {facts.name}")
    return facts.max_position_embeddings, facts.name
