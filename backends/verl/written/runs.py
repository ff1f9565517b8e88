"""A raw verl config, a shell script or an argument list as the runs of verl that it says."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

from toolspec.backends.verl.written.arguments import Arguments, read_arguments
from toolspec.backends.verl.written.bases import BASES, PRIMARY
from toolspec.backends.verl.written.files import Files
from toolspec.backends.verl.written.launches import blank_words, lost_arguments, main_of
from toolspec.backends.verl.written.placing import placed
from toolspec.backends.verl.written.run import ARGUMENTS, LEFT, MAIN, Launch, Run, split_hydra
from toolspec.backends.verl.written.shell.text import Command, Script, Word
from toolspec.backends.verl.written.value import Said, Unknown
from toolspec.specs.named_file import from_here
from toolspec.specs.problem import Problem, Span

if TYPE_CHECKING:
    from toolspec.backends.verl.written.hydra_file import Composed


_NO_START = re.compile(r"#|\b(?:pgrep|pkill|e?grep|ps|awk|kill|echo|printf|log)\b")
"""What stands before the trainer's name where a line looks for it, shows it or is a comment."""


class Read(NamedTuple):
    """What an input says. sources: file → lines to quote. notes: remarks on what was not checked, and why."""

    runs: tuple[Run, ...]
    sources: dict[str, tuple[str, ...]]
    notes: tuple[Problem, ...] = ()
    script: Script | None = None


def read_yaml(data: bytes, file: Path, files: Files) -> Read:
    """The run of a YAML file alone, laid over verl's own config. Raises ProblemError."""
    from toolspec.backends.verl.written.hydra_file import compose  # PyYAML costs more than reading a script

    composed = compose(data, file, files.read)
    assumed: list[str] = []
    if not composed.base and not composed.open:
        assumed.append("the file is laid over ppo_trainer, which its defaults list does not name")
    run = _of_file(composed, file, str(file))
    left = "" if ESSENTIAL & {one.key for one in run.said} else LEFT
    run = run._replace(assumed=tuple(assumed), open=run.open or left)
    return Read((run,), dict(composed.files))


def _of_file(composed: Composed, file: Path, shown: str) -> Run:
    said, hydra = split_hydra(composed.said)
    if composed.base_after_self:
        said = []  # verl's own values win over every one of them; rule defaults-order says so
    return Run(
        shown,
        tuple(said),
        composed.base_span or Span(shown, 1, 1),
        file.parent,
        composed.groups,
        composed.base or PRIMARY,
        composed.open,
        hydra=hydra,
        written=tuple(composed.said),
        base_after_self=composed.base_after_self,
        names_base=bool(composed.base),
        dotted=tuple(composed.dotted),
        unread=tuple(composed.unread),
    )


def read_script_file(data: bytes, file: Path, files: Files) -> Read:
    """The runs of a shell script. Raises ProblemError for what is no text."""
    from toolspec.backends.verl.written.shell.reading import read_script

    folder = file.parent
    script = read_script(data, str(file), lambda name: files.read(folder / name))
    runs: list[Run] = []
    notes: list[Problem] = []
    sources = {str(file): script.lines}
    for command in script.commands:
        found = main_of(command)
        if found is None:
            continue
        module, start = found
        if module != MAIN:
            notes.append(_other_main(command, module))
            continue
        run = _launched(script, command, start, folder, files, sources)
        if run is not None:
            runs.append(run._replace(before=tuple(runs)))
    if not runs and not notes:
        notes.append(_no_launch(script))
    return Read(tuple(runs), sources, tuple(dict.fromkeys(notes)), script)


def _no_launch(script: Script) -> Problem:
    message, span = "the script starts no trainer of verl", Span(script.file, 1, 1)
    if script.broken:
        # Where the whole is no script, the first line says nothing.
        line = next((line for line in script.broken if line > 1), script.broken[0])
        return Problem(
            "TS909",
            "no-launch",
            f"{message} that can be seen: line {line} cannot be read as bash",
            Span(script.file, line, 1),
            why="bash stops at what it cannot read, and here nothing after it is checked",
            fix=f"see what `bash -n {script.file}` says",
            severity="warning",
        )
    for number, line_text in enumerate(script.lines, 1):
        if MAIN in line_text and not _NO_START.search(line_text.partition(MAIN)[0]):
            message = (
                f"the script names {MAIN}, and no command that starts it can be read: nothing is checked"
            )
            span = Span(script.file, number, line_text.index(MAIN) + 1, len(MAIN))
            break
    return Problem("TS909", "no-launch", message, span, severity="note")


def _other_main(command: Command, module: str) -> Problem:
    message = f"`{module}` is another program than {MAIN}: the command is read and not checked"
    return Problem("TS908", "other-main", message, command.span, severity="note")


def read_argument_list(arguments: Sequence[str], files: Files, folder: Path) -> Read:
    """The run that `key=value …` of a command line says; each argument is a line of a file named `--`."""
    words = [
        Word((text,) if text else (), Span(ARGUMENTS, number, 1, max(1, len(text))))
        for number, text in enumerate(arguments, 1)
    ]
    sources = {ARGUMENTS: tuple(arguments)}
    run = _with_arguments(read_arguments(words), Span(ARGUMENTS, 1, 1), ARGUMENTS, folder, files, sources)
    return Read((run,), sources)


def _launched(
    script: Script,
    command: Command,
    start: int,
    folder: Path,
    files: Files,
    sources: dict[str, tuple[str, ...]],
) -> Run:
    blanks = {id(word) for word in blank_words(command)}
    words = placed(script, command, [word for word in command.words[start:] if id(word) not in blanks])
    lost, lost_why = lost_arguments(script, command)
    arguments = read_arguments(words)
    missing = read_arguments(lost)
    launch = Launch(script, command, tuple(missing.said), lost_why)
    # The rules see what the writer meant to pass; that bash drops a part of it is a finding of its own.
    arguments.said += missing.said
    run = _with_arguments(arguments, command.span, script.file, folder, files, sources)
    run = run._replace(open=run.open or _incomplete(script, command, run))
    return run._replace(launch=launch, assumed=(*run.assumed, *script.assumed))


ESSENTIAL = frozenset({"actor_rollout_ref.model.path", "data.train_files", "critic.model.path"})
"""What verl has no usable default for; a run that sets none of it takes them from somewhere else."""
_ALL_ARGUMENTS = re.compile(r"\$(?:[@*]|\{[@*])")


def _incomplete(script: Script, command: Command, run: Run) -> str:
    """Why the command alone is no whole run; "" where it may be one."""
    if ESSENTIAL & {one.key for one in run.said} or command.inner:
        return ""
    text = "\n".join(script.lines).encode("utf-8", "surrogatepass")[command.start : command.end]
    if _ALL_ARGUMENTS.search(text.decode("utf-8", "ignore")):
        return "`$@` may hold further overrides: model and data are not among those that the command has"
    if not (run.said or run.groups or run.options):
        return "the command sets nothing, so that verl's own config must have been edited"
    return ""


def _with_arguments(
    arguments: Arguments,
    span: Span,
    file: str,
    folder: Path,
    files: Files,
    sources: dict[str, tuple[str, ...]],
) -> Run:
    """The run of a command: its config file, if one is named and at hand, under its overrides."""
    name, path = (
        arguments.options.get(option, (None, span)) for option in ("--config-name", "--config-path")
    )
    base = _base(name[0], path[0], folder, files)
    if isinstance(base, Run):
        run = base
        sources.update({run.file: _lines(files.read(Path(run.file)))})
        for other in {one.span.file for one in run.said}:
            sources.setdefault(other, _lines(files.read(Path(other))))
    else:
        run = Run(file, (), span, folder, base=base[0], open=base[1])
    overrides, hydra = split_hydra(arguments.said)
    groups = dict(run.groups)
    keyed: list[Said] = []
    elsewhere = ""
    for said in arguments.groups:
        groups[said.key] = said
    beside = Path(run.file).parent if isinstance(base, Run) else None
    searched = _searches({**run.hydra, **hydra}) or "--config-dir" in arguments.options
    for said in overrides:
        own = said.key not in GROUPS and _may_be_group(said, searched, beside, files)
        if own:
            elsewhere = elsewhere or f"`{said.key}={said.text}` may choose a config that is not read"
        if own or (said.key in GROUPS and said.op == "" and not isinstance(said.value, dict)):
            groups[said.key] = said
        else:
            keyed.append(said)
    return run._replace(
        file=file,
        span=span,
        folder=folder,
        said=(*run.said, *keyed),
        groups=groups,
        hydra={**run.hydra, **hydra},
        open=run.open or arguments.open or elsewhere,
        problems=(*run.problems, *arguments.problems),
        multirun=arguments.sweeps,
        options=arguments.options,
    )


GROUPS = frozenset({"model_engine", "critic", "data", "reward", "distillation"})
"""Config groups that verl's own configs put at the key of the same name, so that `critic=dp_critic` chooses a file.

Source: the defaults of trainer/config/ppo_trainer.yaml in each release; hydra-core 1.3 _internal/defaults_list.py
(an override is one of a group where a group has its name and its value is no mapping).
"""


def _may_be_group(said: Said, searched: bool, beside: Path | None, files: Files) -> bool:
    """Whether Hydra may take an override for the choice of a config of the user's, which may then set any key.

    It asks its search path for a folder of that name, and not whether there is a `+`. searched: folders besides verl's
    are on it. beside: the folder of the config that is named, which is on it too.

    Source: hydra-core 1.3, core/override_parser and _internal/defaults_list.py (Overrides.__init__, group_exists).
    """
    if "." in said.key or said.op == "~" or not isinstance(said.value, (str, list, Unknown)):
        return False
    return searched or (beside is not None and bool(files.names(beside / said.key)))


_VERLS = re.compile(r"pkg://verl\b.*|(?:file://)?(?:.*/)?verl/trainer/config/?")


def _searches(hydra: Mapping[str, Said]) -> bool:
    """Whether Hydra looks for configs in folders besides verl's."""
    said = hydra.get("hydra.searchpath")
    if said is None:
        return False
    paths = said.value if isinstance(said.value, list) else [said.value]
    return not all(_VERLS.fullmatch(str(path)) for path in paths)


def _base(name: Any, path: Any, folder: Path, files: Files) -> Run | tuple[str, str]:
    """The config that a command names: verl's own (its name, ""), one at hand, or why it is not known."""
    if name is None and path is None:
        return PRIMARY, ""
    if isinstance(name, Unknown):
        return "", f"the config's name is not known: {name.reason}"
    stem = str(name or PRIMARY).removesuffix(".yaml").removesuffix(".yml")
    text = path.text if isinstance(path, Unknown) else str(path or "")
    # A relative path is relative to main_ppo.py, so that `config` is verl's own folder.
    if stem in BASES and (not text or text in ("config", "./config") or text.startswith("pkg://verl")):
        return stem, ""
    for candidate in _candidates(stem, text, folder):
        data = files.read(candidate)
        if data is not None:
            from toolspec.backends.verl.written.hydra_file import compose

            file = from_here(candidate)
            return _of_file(compose(data, file, files.read), file, str(file))
    return "", f"the config `{stem}` is not at hand"


def _candidates(stem: str, path: str, folder: Path) -> Iterator[Path]:
    """Where a config may be: its path, the end of its path beside the script or above it, the script's folder."""
    name = f"{stem}.yaml"
    plain = path.removeprefix("file://")
    if plain and "$" not in plain:
        yield Path(plain) / name
        yield folder / plain / name
    parts = [part for part in PurePosixPath(plain).parts if "$" not in part and part not in ("/", "..")]
    for above in (folder, *list(folder.absolute().parents)[:3]):
        for cut in range(len(parts)):
            yield above.joinpath(*parts[cut:]) / name
    yield folder / name
    yield folder / "config" / name


def _lines(data: bytes | None) -> tuple[str, ...]:
    from toolspec.specs.source import show_lines

    return show_lines(data or b"")
