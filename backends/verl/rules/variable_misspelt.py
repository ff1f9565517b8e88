"""A variable that is set under one name and used under another.

The command uses a name that nothing in the script sets, and the script sets one that is nearly the same and that
nothing uses.

Why: bash puts nothing in its place, or stops under `set -u`; the value that was set is lost.
Source: bash's manual, 3.5.3 (an unset parameter is empty)
Bad:
    --- run.sh
    MODEL_PATH=model
    python3 -m verl.trainer.main_ppo $ARGUMENTS actor_rollout_ref.model.path=$MODEL_PTH
Good:
    --- run.sh
    MODEL_PATH=model
    python3 -m verl.trainer.main_ppo $ARGUMENTS actor_rollout_ref.model.path=$MODEL_PATH
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.backends.verl.written.run import Launch
from toolspec.backends.verl.written.value import Unknown
from toolspec.specs.nearest import nearest

RULE = Rule("TS923", "variable-misspelt", "warning")

_PLAIN = re.compile(r"\$(?:\{([A-Za-z_]\w+)\}|([A-Za-z_]\w+))")


def check(view: View) -> Iterator[Found]:
    launch = view.run.launch
    if launch is None or launch.command.inner:
        return
    lines = [line for line in launch.script.lines if not line.lstrip().startswith("#")]
    text = "\n".join(lines)
    if re.search(r"(?m)(?:^|[;&]\s*)\s*(?:source|\.|eval)\s", text):
        return  # what a file sets is not seen
    free = _unused(launch, text)
    told: set[str] = set()
    for said in view.run.said:
        if not isinstance(said.value, Unknown) or said.key_span.file != launch.script.file:
            continue
        for match in _PLAIN.finditer(said.text):
            name = match[1] or match[2]
            if name in told or re.search(
                rf"(?m)\b{name}\+?=|\bread\b.*\b{name}\b|\bfor\s+{name}\b|\{{{name}:?[-=?]", text
            ):
                continue
            close = nearest(name, free)
            if close:
                told.add(name)
                yield Found(
                    f"nothing sets `${name}`, and nothing uses `{close[0]}`, which the script sets",
                    (said.key, f"launch:{name}"),
                    fix=f"${close[0]}",
                    why="bash puts nothing in its place, unless the caller's environment has it",
                    span=said.span,
                )


def _unused(launch: Launch, text: str) -> list[str]:
    """Variables that the script sets and that stand nowhere else in it."""
    names = dict.fromkeys(one.name for one in launch.script.assignments)
    return [name for name in names if len(re.findall(rf"\b{re.escape(name)}\b", text)) == 1]
