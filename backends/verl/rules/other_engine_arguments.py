"""Arguments for another rollout engine than the one that runs.

Each engine reads its own block of `rollout.engine_kwargs`.

Why: the setting that was meant does nothing.
Source: workers/rollout/vllm_rollout/vllm_async_server.py:287 and sglang_rollout/async_sglang_server.py:276 (0.9.1),
:215 and :255 (0.8.0), :215 and :161 (0.7.1)
Bad:
    actor_rollout_ref.rollout.name=sglang +actor_rollout_ref.rollout.engine_kwargs.vllm.max_num_seqs=64
Good:
    actor_rollout_ref.rollout.name=sglang +actor_rollout_ref.rollout.engine_kwargs.sglang.max_running_requests=64
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import ROLLOUT
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS517", "other-engine-arguments", "warning")

ENGINES = ("vllm", "sglang", "trtllm")


def check(view: View) -> Iterator[Found]:
    name = f"{ROLLOUT}.name"
    written = [
        (engine, said)
        for engine in ENGINES
        for said in view.said_below(f"{ROLLOUT}.engine_kwargs.{engine}")
        if said.value not in (None, {})
    ]
    if not written or view.text(name) not in ENGINES:
        return
    running = view.text(name)
    for engine, said in written:
        if engine != running:
            yield Found(
                f"`{said.key}` is for {engine}, and the rollout runs {running}",
                (said.key, name),
                fix=f"drop it, or what it is called in engine_kwargs.{running}",
                why="each engine reads its own block alone",
                span=said.key_span,
            )
