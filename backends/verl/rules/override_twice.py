"""A key that one command gives two values.

Hydra takes the last one without a word. In one command that is left over from an edit; arguments that are appended to
others (`"${ARGS[@]}"`, `"$@"`) are meant to win and are left alone.

Why: the run uses the value that stands below, whatever the one above says.
Source: hydra-core 1.3, _internal/config_loader_impl.py _apply_overrides_to_config (one after the other); composed
Bad:
    --- run.sh
    python3 -m verl.trainer.main_ppo \\
        $ARGUMENTS \\
        trainer.save_freq=20 \\
        trainer.save_freq=50
Good:
    --- run.sh
    python3 -m verl.trainer.main_ppo \\
        $ARGUMENTS
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.backends.verl.written.value import Said, Unknown

RULE = Rule("TS915", "override-twice", "warning")


def check(view: View) -> Iterator[Found]:
    launch = view.run.launch
    if launch is None or launch.command.inner:
        return
    text = "\n".join(launch.script.lines).encode("utf-8", "surrogatepass")[
        launch.command.start : launch.command.end
    ]
    first = launch.command.span.line
    lines = range(first, first + text.count(b"\n") + 1)
    seen: dict[str, Said] = {}
    for said in view.run.said:
        if said.key_span.file != launch.script.file or said.key_span.line not in lines or said.op == "~":
            continue
        before = seen.get(said.key)
        seen[said.key] = said
        if before is None or said.value == before.value or isinstance(said.value, Unknown | dict):
            continue
        if _written(launch.script.lines, said) and _written(launch.script.lines, before):
            yield Found(
                f"`{said.key}` is {before.text} on line {before.key_span.line}, and {said.text} on line "
                f"{said.key_span.line}, which wins",
                (said.key,),
                fix="drop one of them",
                why="Hydra takes the last value",
                span=said.key_span,
            )


def _written(lines: tuple[str, ...], said: Said) -> bool:
    """Whether the key itself stands there, and not a variable that holds it."""
    line, start = lines[said.key_span.line - 1], said.key_span.column - 1
    return said.key in line[start : start + len(said.key) + 4]
