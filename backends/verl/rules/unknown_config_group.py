"""A config group or an option of one that the release does not have.

`model_engine=…`, `actor@actor_rollout_ref.actor=…` and entries of a defaults list choose a file of verl's
`trainer/config`, or of a folder of your own beside the config.

Why: Hydra stops before anything starts.
Source: the folders of trainer/config in each wheel; hydra-core 1.3 _internal/defaults_list.py
Bad:
    model_engine=fsdp
Bad:
    --- config.yaml
    defaults: [ppo_trainner, _self_]
    data: {train_batch_size: 32}
Good:
    model_engine=dp
Bad (verl 0.7.1):
    transfer_queue@transfer_queue=transfer_queue
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.backends.verl.releases import TABLES, release
from toolspec.backends.verl.written.value import Said, Unknown
from toolspec.specs.nearest import nearest

RULE = Rule("TS821", "unknown-config-group", "error")

VERLS = "pkg://verl"
SLIP = 2
"""Letters more or less of a name that is still the same with a slip."""


def check(view: View) -> Iterator[Found]:
    yield from _defaults(view)
    if _other_folders(view):
        return
    for name, said in view.run.groups.items():
        group, _, _ = name.partition("@")
        if isinstance(said.value, Unknown) or said.op == "~" or view.files.names(view.run.folder / group):
            continue
        options = view.release.groups.get(group)
        if options is None:
            yield _found(view, name, said, f"config group `{group}`", tuple(view.release.groups))
            continue
        for option in said.value if isinstance(said.value, list) else [said.value]:
            if (
                option is not None
                and "${" not in str(option)
                and str(option).rpartition("/")[2] not in options
            ):
                yield _found(view, name, said, f"`{option}` for the config group `{group}`", options)


def _defaults(view: View) -> Iterator[Found]:
    """An entry that is nearly the name of a config of verl's; others may lie where the run is started."""
    own = [name for name in view.release.groups[""] if name.startswith("ppo_")]
    for said in view.run.unread:
        close = nearest(str(said.value), own)
        if close and abs(len(close[0]) - len(str(said.value))) <= SLIP:
            yield Found(
                f"verl {view.version} has no config `{said.value}`",
                ("defaults",),
                fix=f"defaults: [{close[0]}, _self_]",
                why="Hydra stops before anything starts: it cannot find the file",
                span=said.span,
            )


def _other_folders(view: View) -> bool:
    """Whether configs come from elsewhere too."""
    said = view.run.hydra.get("hydra.searchpath")
    if said is None:
        return bool(view.run.open) or not view.run.base
    paths = said.value if isinstance(said.value, list) else [said.value]
    return not all(str(path).startswith(VERLS) for path in paths)


def _found(view: View, name: str, said: Said, what: str, choices: tuple[str, ...]) -> Found:
    group = name.partition("@")[0]
    able = [v for v in TABLES if str(said.value) in release(v).groups.get(group, ()) and v != view.version]
    more = f" ({', '.join(able)} {'has' if len(able) == 1 else 'have'} it)" if able else ""
    close = nearest(str(said.value), choices)
    known = ", ".join(choice for choice in choices if choice)
    config = f"ppo_{said.value}_trainer"
    fix = f"did you mean {close[0]}?" if close else f"one of {known}"
    if group == "model_engine" and config in view.release.groups[""]:
        fix = f"--config-name={config}"
    return Found(
        f"verl {view.version} has no {what}{more}",
        (name,),
        fix=fix,
        why="Hydra stops before anything starts: it cannot find the file",
        span=said.span,
    )
