"""Rows name an agent loop that is not there.

The column `agent_name` chooses the loop of a row, before `rollout.agent.default_agent_loop`. A null is a name as well.

Why: the first such row stops the run (V0), or its group fails (V1), after loading.
Source: experimental/agent_loop/agent_loop.py _run_agent_loop (0.7.1: :552, 0.8.0: :584, 0.9.1: :678)
Bad:
    --- train.parquet
    {"data_source": "c", "prompt": [{"role": "user", "content": "2?"}], "reward_model": {"ground_truth": "2"}, \
"agent_name": "tool_agent_loop"}
Good:
    --- train.parquet
    {"data_source": "c", "prompt": [{"role": "user", "content": "2?"}], "reward_model": {"ground_truth": "2"}, \
"agent_name": "tool_agent"}
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import MODEL, ROLLOUT, imports_modules
from toolspec.backends.verl.lint.facts.rows import rows_at_hand
from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.specs.nearest import nearest

RULE = Rule("TS632", "agent-name-unknown", "error")

AGENT = f"{ROLLOUT}.agent"


def check(view: View) -> Iterator[Found]:
    if view.run.spec is not None and view.said(f"{AGENT}.agent_loop_config_path") is not None:
        return  # the bundle brings its loops
    if view.value(f"{AGENT}.agent_loop_manager_class") or view.value(f"{MODEL}.external_lib"):
        return
    if imports_modules(view):
        return
    known = (*view.release.enums["agent_loop"], *_own(view))
    for split, rows in rows_at_hand(view):
        if "agent_name" not in rows.names:
            continue
        counts = Counter(name for name in rows.values("agent_name") if name not in known)
        for name, number in counts.most_common(3):
            close = nearest(str(name), known)
            yield Found(
                f"{rows.files[0].name}: agent_name is {'null' if name is None else name} in {number} of"
                f" {len(rows.sample)} rows",
                ("dataset:agent_name", f"{AGENT}.agent_loop_config_path", f"data.{split}_files"),
                fix=f"did you mean {close[0]}?" if close else f"one of {', '.join(known)}, or no column",
                why=f"verl asserts that it is registered: {', '.join(known)}",
                span=view.span(f"data.{split}_files"),
            )


def _own(view: View) -> tuple[str, ...]:
    """The loops that agent_loop_config_path registers. Raises NotKnownError where it is not at hand."""
    import re

    file = view.text(f"{AGENT}.agent_loop_config_path")
    if not file:
        return ()
    path = view.path(file)
    data = view.files.read(path) if path is not None else None
    if data is None:
        raise NotKnownError(f"the agent loops of {file}")
    found = re.findall(r"\bname[\"']?\s*:\s*[\"']?([\w.-]+)", data.decode("utf-8", "replace"))
    return tuple(found)
