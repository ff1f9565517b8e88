"""A searchpath that depends on the folder from which the run is started.

`file://verl/trainer/config` is relative to the working directory, and found from the root of verl's repository only.
`pkg://verl.trainer.config` is found from everywhere.

Why: Hydra stops before anything starts: it cannot load ppo_trainer.
Source: hydra-core 1.3, _internal/config_search_path_impl.py and core_plugins/file_config_source.py; composed with 0.9.1
Bad:
    --- config.yaml
    hydra:
      searchpath: [file://verl/trainer/config]
    defaults: [ppo_trainer, _self_]
    data: {train_files: train.parquet, val_files: val.parquet}
Bad:
    --- config.yaml
    hydra:
      searchpath: [pkg://verl.trainer.configs]
    defaults: [ppo_trainer, _self_]
Good:
    data.train_batch_size=32
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.specs.nearest import nearest

RULE = Rule("TS812", "searchpath", "error")

KEY = "hydra.searchpath"
OWN = ("verl.trainer.config",)
# Keys that name a file beside the config where the run is started in its folder.
FILES = (
    "data.train_files",
    "data.val_files",
    "reward.custom_reward_function.path",
    "actor_rollout_ref.rollout.multi_turn.tool_config_path",
)


def check(view: View) -> Iterator[Found]:
    said = view.run.hydra.get(KEY)
    if said is None:
        return
    entries = said.value if isinstance(said.value, list) else [said.value]
    for entry in entries:
        package = str(entry).removeprefix("pkg://")
        if package != str(entry) and package not in OWN and nearest(package, OWN):
            yield Found(
                f"verl {view.version} has no package of configs `{package}`",
                (KEY,),
                fix=f"pkg://{OWN[0]}",
                why="Hydra stops: it cannot load ppo_trainer",
                span=said.span,
                severity=None if len(entries) == 1 and package.startswith("verl.trainer.") else "warning",
            )
            return
    if any(str(entry).startswith("pkg://verl") for entry in entries):
        return
    for entry in entries:
        path = str(entry).removeprefix("file://")
        if "://" in path or "$" in path or Path(path).is_absolute() or view.path(path) is not None:
            continue
        if view.run.launch is not None and path.startswith(f"{view.run.folder}/"):
            continue  # from `$(cd "$(dirname "$0")" && pwd)`: the script's own folder
        here = _starts_here(view)
        where = f", and {here} is, so that the run starts there" if here else ""
        yield Found(
            f"`{entry}` is relative to the working directory: there is no {path} beside the config{where}",
            (KEY,),
            fix="pkg://verl.trainer.config",
            why="Hydra stops: it cannot load ppo_trainer",
            span=said.span,
            severity=None if here else "warning",
        )


def _starts_here(view: View) -> str:
    """A file beside the config that it names by a relative path, which shows where the run starts; "" for none."""
    for key in FILES:
        said = view.said(key)
        value = None if said is None else said.value
        if (
            isinstance(value, str)
            and value
            and not Path(value).is_absolute()
            and (view.run.folder / value).is_file()
        ):
            return value
    return ""
