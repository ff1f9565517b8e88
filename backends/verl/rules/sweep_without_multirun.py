"""Several values for a key without `--multirun`.

`key=a,b` and `key=choice(a,b)` are sweeps. Without `-m` Hydra takes one run only, and a list has brackets:
`key=[a,b]`.

Why: Hydra stops before anything starts.
Source: hydra-core 1.3, _internal/config_loader_impl.py validate_sweep_overrides_legal
Bad:
    trainer.logger=console,wandb
Good:
    trainer.logger=[console,tensorboard]
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.backends.verl.written.override import Sweep

RULE = Rule("TS903", "sweep-without-multirun", "error")


def check(view: View) -> Iterator[Found]:
    if view.run.multirun:
        return
    for said in (*view.run.said, *view.run.groups.values()):
        if isinstance(said.value, Sweep):
            plain = "(" not in said.text
            yield Found(
                f"`{said.key}={said.text}` is a sweep of several values, and --multirun is not given",
                (said.key,),
                fix=f"'{said.key}=[{said.text}]' for a list, or -m for several runs" if plain else "-m",
                why="Hydra stops before anything starts",
                span=said.span,
            )
