"""A config folder that is not where Hydra looks for it.

A relative `--config-path` is relative to main_ppo.py, inside the installed package, and not to the working directory.
Without one, `--config-name` is a config of verl's own.

Why: Hydra stops before anything starts: it cannot find the primary config.
Source: hydra-core 1.3, _internal/utils.py compute_search_path_dir; trainer/main_ppo.py of each release
Bad:
    --- run.sh
    python3 -m verl.trainer.main_ppo --config-path=conf --config-name=mine
    --- conf/mine.yaml
    defaults: [ppo_trainer, _self_]
    data: {train_batch_size: 32}
Bad:
    --- run.sh
    python3 -m verl.trainer.main_ppo --config-name=ppo_trainner $ARGUMENTS
Bad:
    --- run.sh
    python3 -m verl.trainer.main_ppo --config-path="$PWD/conf" --config-name=mien $ARGUMENTS
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
from pathlib import Path, PurePosixPath

from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.specs.named_file import from_here, is_folder
from toolspec.specs.nearest import nearest
from toolspec.specs.problem import Span

STOPS = "Hydra cannot find the primary config and stops"
SLIP = 2
"""Letters more or less of a name that is still the same with a slip."""
RULE = Rule("TS911", "config-path", "error")


def check(view: View) -> Iterator[Found]:
    if view.run.launch is None:
        return
    given = view.run.options.get("--config-path")
    if given is None:
        yield from _verls_own(view)
        return
    path, span = given
    if not isinstance(path, str) or path.startswith(("pkg://", "~")) or "://" in path or "$" in path:
        return
    name = view.run.options.get("--config-name", ("ppo_trainer", span))[0]
    if not isinstance(name, str):
        return
    stem = name.removesuffix(".yaml").removesuffix(".yml")
    if path.startswith("/"):
        yield from _absolute(view, PurePosixPath(path), stem, view.run.options.get("--config-name", given)[1])
        return
    inside = PurePosixPath(path).parts[:1] == ("config",) and stem in view.release.groups[""]
    beside = view.run.folder / path / f"{stem}.yaml"
    # Only a file that is there shows that it was meant: verl's own folder may be a copy with more in it.
    if not inside and view.files.read(beside) is not None:
        yield Found(
            f"`--config-path={path}` is relative to main_ppo.py, and {path}/{stem}.yaml is beside the script",
            ("launch:--config-path",),
            fix=f'--config-path="$PWD/{path}"',
            why=STOPS,
            span=span,
        )


def _verls_own(view: View) -> Iterator[Found]:
    """A name that is nearly one of verl's. Others may be a config that was put into a copy of verl."""
    given = view.run.options.get("--config-name")
    if given is None or "--config-dir" in view.run.options or "hydra.searchpath" in view.run.hydra:
        return
    name, span = given
    if not isinstance(name, str):
        return
    stem = name.removesuffix(".yaml").removesuffix(".yml")
    own = [one for one in view.release.groups[""] if not one.startswith("_")]
    close = nearest(stem, own)
    if (
        stem in view.release.groups[""]
        or not close
        or view.files.read(view.run.folder / f"{stem}.yaml") is not None
    ):
        return
    if abs(len(stem) - len(close[0])) <= SLIP:
        yield Found(
            f"verl {view.version} has no config `{stem}`",
            ("launch:--config-name",),
            fix=f"--config-name={close[0]}",
            why=STOPS,
            span=span,
        )


def _absolute(view: View, path: PurePosixPath, stem: str, span: Span) -> Iterator[Found]:
    """A folder that is here, and a file that is not in it."""
    folder = from_here(Path(path))
    if not is_folder(folder) or view.files.read(folder / f"{stem}.yaml") is not None:
        return
    there = [name.removesuffix(".yaml") for name in view.files.named(folder, r".+\.yaml")]
    if there:
        close = nearest(stem, there)
        yield Found(
            f"{path} holds no {stem}.yaml",
            ("launch:--config-name",),
            fix=f"--config-name={(close or there)[0]}",
            why=STOPS,
            span=span,
        )
