"""A config folder that is not where Hydra looks for it.

A relative `--config-path` is relative to main_ppo.py, inside the installed package, and not to the working directory.

Why: Hydra stops before anything starts: it cannot find the primary config.
Source: hydra-core 1.3, _internal/utils.py compute_search_path_dir; trainer/main_ppo.py of each release
Bad:
    --- run.sh
    python3 -m verl.trainer.main_ppo --config-path=conf --config-name=mine
    --- conf/mine.yaml
    defaults: [ppo_trainer, _self_]
    data: {train_batch_size: 32}
Good:
    data.train_batch_size=32
Good:
    --- run.sh
    here="$(cd "$(dirname "$0")" && pwd)"
    python3 -m verl.trainer.main_ppo --config-path="$here/conf" --config-name=mine $ARGUMENTS
    --- conf/mine.yaml
    defaults: [ppo_trainer, _self_]
    data: {train_batch_size: 32}
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS911", "config-path", "error")


def check(view: View) -> Iterator[Found]:
    launch = view.run.launch
    given = view.run.options.get("--config-path")
    if launch is None or given is None:
        return
    path, span = given
    if not isinstance(path, str) or path.startswith(("/", "pkg://", "~")) or "://" in path or "$" in path:
        return
    name = view.run.options.get("--config-name", ("ppo_trainer", span))[0]
    if not isinstance(name, str):
        return
    stem = name.removesuffix(".yaml").removesuffix(".yml")
    inside = PurePosixPath(path).parts[:1] == ("config",) and stem in view.release.groups[""]
    beside = view.run.folder / path / f"{stem}.yaml"
    # Only a file that is there shows that it was meant: verl's own folder may be a copy with more in it.
    if not inside and view.files.read(beside) is not None:
        yield Found(
            f"`--config-path={path}` is relative to main_ppo.py, and {path}/{stem}.yaml is beside the script",
            ("launch:--config-path",),
            fix=f'--config-path="$PWD/{path}"',
            why="Hydra cannot find the primary config and stops",
            span=span,
        )
