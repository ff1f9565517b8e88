"""A path with dots as one name in a YAML file.

`data.train_batch_size: 32` is a path on a command line alone. In a file it is one key, whose name has dots, at the top
of the configuration.

Why: nothing reads it, and verl keeps its default; inside a section that becomes a dataclass it stops the run.
Source: OmegaConf 2.3 and hydra-core 1.3, composed: the value at the path stays that of ppo_trainer
Bad:
    --- config.yaml
    defaults: [ppo_trainer, _self_]
    data.train_batch_size: 32
Good:
    data.train_batch_size=32
Bad:
    --- config.yaml
    defaults: [ppo_trainer, _self_]
    actor_rollout_ref:
      actor:
        optim.lr: 1.0e-6
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS824", "dotted-key", "error")


def check(view: View) -> Iterator[Found]:
    for said in view.run.dotted:
        name = view.name(said.key)
        if said.key.startswith("hydra.") or view.keys.listed(name):
            sections = "".join(f"{part}: {{" for part in said.key.split(".")[:-1])
            yield Found(
                f"`{said.key}` has a name with a dot in this file, which is no path: nothing reads it",
                (said.key,),
                fix=f"{sections}{said.key.rpartition('.')[2]}: {said.text}{'}' * said.key.count('.')}",
                why="only a command line takes dots for a path; in YAML each part is a mapping of its own",
                span=said.key_span,
            )
