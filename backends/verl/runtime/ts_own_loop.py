"""The user's agent loop, with the spans of what its policy wrote for the reward.

verl hands a reward manager no response mask, and every agent loop returns one (AgentLoopOutput.response_mask of the
three releases): it is left in `extra_fields` as `ts_spans`, as ts_loop.py does it. Nothing else of the loop is touched.
An entry of agent_loops.yaml:

    - name: ts_user_agent
      _target_: ts_own_loop.build
      ts_class: ts_user.loop.Loop
      (further keys: the loop's own)
"""

from __future__ import annotations

import functools
import importlib
from typing import Any

import ts_trajectory


def build(ts_class: str, **given: Any) -> Any:
    """The loop, built with what verl gives every loop. Raises what importing or building it raises."""
    module, _, name = ts_class.rpartition(".")
    return _spanned(getattr(importlib.import_module(module), name))(**given)


@functools.cache
def _spanned(kind: type[Any]) -> type[Any]:
    class Spanned(kind):  # type: ignore[misc]
        async def run(self, *args: Any, **kwargs: Any) -> Any:
            output = await super().run(*args, **kwargs)
            # 0.8.0 and later take several outputs of one prompt as well
            for one in output if isinstance(output, list | tuple) else [output]:
                one.extra_fields.setdefault("ts_spans", ts_trajectory.spans(list(one.response_mask)))
            return output

    Spanned.__name__, Spanned.__qualname__ = kind.__name__, kind.__qualname__
    Spanned.__module__ = kind.__module__
    return Spanned
