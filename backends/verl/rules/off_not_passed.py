"""A setting of vLLM that is turned off, and that verl does not pass on.

verl 0.7.1 and 0.8.0 start vLLM with arguments of a command line and leave out every one that is false. vLLM then takes
its own default, and that of chunked prefill and of prefix caching is on for a model that generates. verl 0.9.1 passes
`--no-…`, and raises `max_num_batched_tokens` to the model's length where prompts are not cut.

Why: the rollout prefills in chunks, or reuses prefixes, though the run says no.
Source: workers/rollout/vllm_rollout/utils.py build_cli_args_from_config (0.7.1: :279-281, 0.8.0: :344-346, 0.9.1:
:501-506); vllm_async_server.py:1113-1119 of 0.9.1; vLLM EngineArgs, the defaults of V1
Bad (verl 0.8.0):
    actor_rollout_ref.rollout.name=vllm actor_rollout_ref.rollout.enable_chunked_prefill=False
Bad (verl 0.7.1):
    actor_rollout_ref.rollout.name=vllm actor_rollout_ref.rollout.enable_prefix_caching=False
Good (verl 0.9.1):
    actor_rollout_ref.rollout.name=vllm actor_rollout_ref.rollout.enable_chunked_prefill=False
Good (verl 0.8.0):
    actor_rollout_ref.rollout.name=sglang actor_rollout_ref.rollout.enable_prefix_caching=False
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import ROLLOUT
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS525", "off-not-passed", "note")

ON = {"enable_chunked_prefill": "", "enable_prefix_caching": " (off for hybrid models)"}
"""What vLLM V1 has on by itself for a model that generates, and the exception."""


def check(view: View) -> Iterator[Found]:
    if view.value(f"{ROLLOUT}.name") != "vllm" or view.at_least("0.9.1"):
        return
    for name, exception in ON.items():
        key = f"{ROLLOUT}.{name}"
        if view.value(key) is False:
            yield Found(
                f"verl {view.version} does not pass `{key}=False` on to vLLM, whose default is on{exception}",
                (key,),
                fix="drop it, or verl 0.9.1",
                why="verl leaves out the arguments that are false",
            )
