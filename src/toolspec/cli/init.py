"""`toolspec init`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, TypeVar

import click

from toolspec.cli.options import given
from toolspec.cli.replace import replace_file
from toolspec.cli.start import STARTS, Answers, side_files, spec_text

T = TypeVar("T")

ALGORITHMS = ("ppo", "grpo", "rloo", "reinforce++", "remax", "dapo", "gspo")


@click.command("init")
@click.argument("file", type=click.Path(path_type=str), default="exp.yaml", callback=given)
@click.option("--from", "kind", type=click.Choice(list(STARTS)), help="What to start from. Default: seed.")
@click.option("--model", metavar="M", help="Hub name or local directory.")
@click.option("--data", "train", metavar="TRAIN", help="Training file.")
@click.option("--val", metavar="VAL", help="Validation file.")
@click.option("--algorithm", type=click.Choice(ALGORITHMS), help="How the policy is improved.")
@click.option("--gpus", type=click.IntRange(min=1), metavar="N", help="GPUs a node.")
@click.option("--slurm", "partition", metavar="PARTITION", help="Slurm partition.")
@click.option("--name", metavar="N", help="Name of the bundle and of the run.")
@click.option("--yes", is_flag=True, help="Ask nothing, take the defaults.")
@click.option("--force", is_flag=True, help="Replace files that are already there.")
def init(
    file: str,
    *,
    kind: str | None,
    model: str | None,
    train: str | None,
    val: str | None,
    algorithm: str | None,
    gpus: int | None,
    partition: str | None,
    name: str | None,
    yes: bool,
    force: bool,
) -> None:
    """Write a commented spec to start from, with the files that it needs.

    \b
    Example:
      toolspec init --from calculator
      toolspec init exp.yaml --model Qwen/Qwen3-4B --algorithm grpo --gpus 4

    On a terminal, what no option says is asked.

    \b
      seed        your own rows in verl's layout, one tool, PPO on one node
      calculator  complete and small, its data made by a script, one GPU
      search      a search service as a stateful tool, four nodes on Slurm
    """
    asks = not yes and sys.stdin.isatty()
    path = _spec_path(file)
    if kind is None:
        kind = _asked("start from (" + ", ".join(STARTS) + ")", "seed", click.Choice(list(STARTS)), asks)
    start = STARTS[kind]
    own_data = kind != "calculator"
    algorithm = algorithm or _asked("algorithm", start.algorithm, click.Choice(ALGORITHMS), asks)
    answers = Answers(
        name=name
        or _asked("name", f"seed-{algorithm.rstrip('+')}" if kind == "seed" else kind, click.STRING, asks),
        model=_from(path, model, folder=True) or _asked("model", start.model, click.STRING, asks),
        train=_from(path, train) or _asked("training file", start.train, click.STRING, asks and own_data),
        val=_from(path, val) or _asked("validation file", start.val, click.STRING, asks and own_data),
        algorithm=algorithm,
        gpus=gpus or _asked("GPUs a node", start.gpus, click.IntRange(min=1), asks),
        partition=_partition(partition, "gpu" if start.slurm else "", asks),
    )
    files = {path: spec_text(kind, answers, path.name)}
    files |= {path.parent / side: text for side, text in side_files(kind).items()}
    _check(path, files[path])
    _write(files, force)
    for line in _next_steps(kind, path, list(files), answers):
        print(line)


def _spec_path(file: str) -> Path:
    """The file to write; a folder stands for the exp.yaml in it."""
    path = Path(file)
    return path / "exp.yaml" if path.is_dir() or file.endswith(os.sep) else path


def _asked(question: str, default: T, kind: click.ParamType[Any], asks: bool) -> T:
    if not asks:
        return default
    answer: T = click.prompt(question, default=default, type=kind, show_choices=False)
    return answer


def _partition(given: str | None, default: str, asks: bool) -> str:
    if given is not None or not asks:
        return default if given is None else given
    shown = f" [{default}]" if default else " (empty: none)"
    answer: str = click.prompt(f"Slurm partition{shown}", default=default, show_default=False)
    return answer.strip()


def _from(spec: Path, given: str | None, *, folder: bool = False) -> str | None:
    """A path of the command line as the spec says it: relative to the spec. folder: only if it is one."""
    if not given or "://" in given or given.startswith(("/", "~")) or (folder and not Path(given).is_dir()):
        return given
    relative = Path(os.path.relpath(given, spec.parent)).as_posix()
    return f"./{relative}" if folder and not relative.startswith(".") else relative


def _check(path: Path, text: str) -> None:
    """Validate the text before it is written. Raises ProblemError with its places in the file to be."""
    from toolspec.specs.problem import ProblemError
    from toolspec.specs.raw import Raw
    from toolspec.specs.source import show_lines
    from toolspec.specs.validation import validate
    from toolspec.specs.yaml_tree import parse

    data, name = text.encode(), str(path)
    try:
        tree = parse(data, name)
        validate(Raw(tree.value, tree.spans, tree.key_spans, tree.ambiguous, {}, (path,)))
    except ProblemError as error:
        error.sources = {name: show_lines(data)}  # type: ignore[attr-defined]
        raise


def _write(files: dict[Path, str], force: bool) -> None:
    """Write every file, or none where one is there with other content and `force` is not given."""
    folder = next(iter(files)).parent
    above = next((place for place in (folder, *folder.parents) if os.path.lexists(place)), folder)
    if not above.is_dir():
        raise click.UsageError(f"cannot write into {folder}: {above} is no folder")
    there = [path for path in files if os.path.lexists(path)]
    for path in there:
        if not path.is_file():
            raise click.UsageError(f"{path} is there and is no file; choose another folder")
    taken = [path for path in there if _content(path) != files[path].encode()]
    if taken and not force:
        names = ", ".join(map(str, taken))
        verb = "is" if len(taken) == 1 else "are"
        raise click.UsageError(f"{names} {verb} already there; --force replaces, another folder avoids it")
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, text.encode())


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _next_steps(kind: str, spec: Path, written: list[Path], answers: Answers) -> list[str]:
    steps = []
    if not _is_known(answers.model, spec):
        steps.append((f"toolspec fetch {answers.model}", "its facts are not known here"))
    if answers.train == STARTS["calculator"].train and kind == "calculator":
        script = spec.parent / "make_data.py"
        steps.append((f"python {script}", "writes train.jsonl and val.jsonl"))
    steps += [
        (f"toolspec plan {spec}", "every value with its reason"),
        (f"toolspec compile {spec}", "checks it and writes the bundle"),
    ]
    room = max(len(command) for command, _ in steps)
    lines = [f"  {command:<{room}}   {why}" for command, why in steps]
    return [f"wrote {', '.join(map(str, written))}", "next", *lines]


def _is_known(model: str, spec: Path) -> bool:
    from toolspec.compiler.facts.hub_cache import is_hub_name
    from toolspec.compiler.facts.model import model_facts
    from toolspec.specs.problem import ProblemError

    try:
        model_facts(model, None, spec.parent)
    except ProblemError:
        return not is_hub_name(model)
    return True
