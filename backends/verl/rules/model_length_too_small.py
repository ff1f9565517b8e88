"""A model length that does not hold a prompt and its response.

`rollout.max_model_len` bounds prompt and response together. The engines' servers clamp what they generate to what it
leaves, and refuse a prompt that leaves nothing.

Why: trajectories with long prompts end early and train as if they were whole; nothing is logged.
Source: workers/rollout/sglang_rollout/async_sglang_server.py (0.7.1: :343-366; 0.8.0: :550-573; 0.9.1: :588-611),
workers/rollout/vllm_rollout/vllm_async_server.py (0.7.1: :520-541; 0.8.0: :474-496; 0.9.1: :593-615)
Bad:
    actor_rollout_ref.rollout.max_model_len=2560
Good:
    actor_rollout_ref.rollout.max_model_len=3072
Bad:
    actor_rollout_ref.rollout.max_model_len=2048
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import LENGTHS, PROMPT_LENGTH, RESPONSE_LENGTH, ROLLOUT
from toolspec.backends.verl.lint.rule import Found, Put, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS203", "model-length-too-small", "warning")

LIMIT = f"{ROLLOUT}.max_model_len"


def check(view: View) -> Iterator[Found]:
    if view.value(LIMIT) is None:
        return  # the model's positions: beyond-positions
    limit, prompt, response = (view.integer(key) for key in (LIMIT, PROMPT_LENGTH, RESPONSE_LENGTH))
    if limit >= prompt + response:
        return
    if limit <= response:
        why, certain = f"no response reaches its limit of {response} tokens", True
    elif limit <= prompt:
        why, certain = (
            f"the engine refuses a prompt of {limit} tokens, which the limit of {prompt} lets pass",
            False,
        )
    else:
        why, certain = (
            f"after a prompt of more than {limit - response} tokens the engine cuts the response short",
            False,
        )
    yield Found(
        f"{view.shown(LIMIT)} is below prompt and response, {prompt} + {response} = {prompt + response}",
        (LIMIT, *LENGTHS),
        fix=f"{LIMIT}={prompt + response}",
        changes=(Put(LIMIT, prompt + response),),
        why=why,
        severity="error" if certain else None,
    )
