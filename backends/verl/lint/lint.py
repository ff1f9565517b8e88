"""A file, or arguments of main_ppo, with everything that the rules say of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from toolspec.backends.verl.lint.engine import Skipped, apply
from toolspec.backends.verl.lint.fork import checkout, less_certain
from toolspec.backends.verl.lint.rule import Rule
from toolspec.backends.verl.lint.view import View
from toolspec.backends.verl.releases import NEWEST, RELEASES, parse_target, release
from toolspec.backends.verl.rules.registry import Loaded, rules
from toolspec.backends.verl.written.files import Files
from toolspec.backends.verl.written.runs import Read, read_argument_list, read_script_file, read_yaml
from toolspec.specs.named_file import from_here
from toolspec.specs.problem import Problem, ProblemError, Span, in_file_order

_PIN = re.compile(r"^\s*verl(?:\[[^\]]*\])?\s*==\s*([\w.]+)", re.MULTILINE)
SHELL = frozenset({".sh", ".bash", ".sbatch", ".slurm", ".ksh", ".zsh"})
SHEBANG = re.compile(rb"#!.*\b(ba|da|k|z)?sh\b")
YAML = frozenset({".yaml", ".yml"})
_SECTIONS = frozenset({"actor_rollout_ref", "trainer", "critic", "algorithm", "data", "reward"})


class Linted(NamedTuple):
    """findings: by place. checked: rules that were applied. skipped: rules that could not be, for want of what."""

    file: str
    findings: tuple[Problem, ...]
    sources: dict[str, tuple[str, ...]]
    checked: tuple[Rule, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    assumed: tuple[str, ...] = ()
    kind: str = ""


def lint_file(
    path: Path,
    target: str | None,
    files: Files,
    chosen: Sequence[Loaded] | None = None,
    sets: Sequence[str] = (),
    counting: bool = True,
) -> Linted:
    """Lint one file: a spec, a verl config or a script. Faults in the file are findings of the result.

    sets: `path=value` laid over a spec. counting: see compile_spec; lengths are not known without.
    """
    data = files.read(path)
    if data is None:
        message = f"cannot read {path}: {files.why_not(path)}"
        return _unreadable(str(path), Problem("TS020", "unreadable-file", message))
    sources: dict[str, tuple[str, ...]] = {}
    try:
        kind = kind_of(path, data)
        if kind == "spec":
            from toolspec.backends.verl.lint.spec_run import lint_spec

            return lint_spec(path, target, files, chosen, sets, counting)
        read = read_script_file(data, path, files) if kind == "script" else read_yaml(data, path, files)
        return _lint(str(path), read, path.parent, target, files, chosen, kind)
    except ProblemError as error:
        from toolspec.specs.source import show_lines

        sources[str(path)] = show_lines(data)
        return Linted(str(path), in_file_order(error.problems), sources)


def lint_arguments(
    arguments: Sequence[str], target: str | None, files: Files, chosen: Sequence[Loaded] | None = None
) -> Linted:
    """Lint `key=value …` as they would follow main_ppo."""
    folder = Path()
    return _lint(
        "--", read_argument_list(arguments, files, folder), folder, target, files, chosen, "arguments"
    )


def kind_of(path: Path, data: bytes) -> str:
    """`spec`, `config` or `script`, by the file's name and its first lines.

    Raises ProblemError for a YAML file that is neither a spec nor a verl config.
    """
    suffix = path.suffix.lower()
    if suffix in SHELL or (suffix not in YAML and SHEBANG.match(data)):
        return "script"
    if re.search(rb"^toolspec[ \t]*:", data, re.MULTILINE):
        return "spec"
    keys = set(re.findall(r"^([A-Za-z_]\w*)[ \t]*:", data.decode("utf-8", "replace"), re.MULTILINE))
    if keys & {"actor_rollout_ref", "trainer", "critic"} or (keys & _SECTIONS and "defaults" in keys):
        return "config"
    if suffix not in YAML and b"main_ppo" in data:
        return "script"
    if keys & {"model", "tools", "budget", "rollout"}:
        return "spec"
    if keys & _SECTIONS or "defaults" in keys:
        return "config"
    message = (
        "this is neither a spec (`toolspec: 1`), nor a verl config (`actor_rollout_ref:`), nor a shell script"
    )
    raise ProblemError((Problem("TS037", "unknown-input", message, Span(str(path), 1, 1)),))


def _unreadable(name: str, problem: Problem) -> Linted:
    return Linted(name, (problem,), {})


def _lint(
    name: str,
    read: Read,
    folder: Path,
    target: str | None,
    files: Files,
    chosen: Sequence[Loaded] | None,
    kind: str,
) -> Linted:
    version, assumed = choose_release(target, folder, files)
    loaded = rules() if chosen is None else tuple(chosen)
    other = "" if kind == "spec" else _other_verl(version, folder, files)
    if other and target is not None:
        assumed, other = (*assumed, f"{other}, and it is judged as verl=={version}, which was asked for"), ""
    return lint_runs(name, read, version, files, loaded, kind, assumed, other)


def _other_verl(version: str, folder: Path, files: Files) -> str:
    """What a package `verl` in the folder of the start is, where it is not the release; "" without one."""
    found = checkout(folder, files)
    if found is None or found[1] == version:
        return ""
    return f"verl is likely taken from {from_here(found[0])}, which is of version {found[1] or 'unknown'}"


def lint_runs(
    name: str,
    read: Read,
    version: str,
    files: Files,
    loaded: Sequence[Loaded],
    kind: str,
    assumed: tuple[str, ...],
    other: str = "",
) -> Linted:
    """Every rule over every run of an input; what two runs have in common is said once.

    other: why verl is certainly another than the release.
    """
    findings: list[Problem] = [*read.notes]
    checked: dict[Rule, None] = {}
    skipped: dict[tuple[str, str], Skipped] = {}
    taken: dict[str, None] = dict.fromkeys(assumed)
    for run in read.runs:
        view = View(run, release(version), files)
        report = apply(view, loaded)
        findings += run.problems
        found, doubt = less_certain(view, report.findings, other)
        findings += found
        checked.update(dict.fromkeys(report.checked))
        for one in report.skipped:
            skipped.setdefault((one.rule.code, one.needs), one)
        taken.update(dict.fromkeys((*run.assumed, *filter(None, (doubt,)))))
    left = tuple(one for one in skipped.values())
    return Linted(
        name,
        in_file_order(_once(findings)),
        _sources(read, findings, files),
        tuple(checked),
        left,
        tuple(taken),
        kind,
    )


def _sources(read: Read, findings: Sequence[Problem], files: Files) -> dict[str, tuple[str, ...]]:
    """The lines of every file that a finding points into, such as the user's reward function."""
    from toolspec.specs.source import show_lines

    sources = dict(read.sources)
    for name in {finding.span.file for finding in findings if finding.span is not None} - sources.keys():
        data = files.read(Path(name))
        if data is not None:
            sources[name] = show_lines(data)
    return sources


def _once(findings: Sequence[Problem]) -> list[Problem]:
    """One finding for a place, rule and message."""
    return list(dict.fromkeys(findings))


def choose_release(target: str | None, folder: Path, files: Files) -> tuple[str, tuple[str, ...]]:
    """The release: asked for, else that of a requirements file or a checkout of verl beside the input, else the newest.

    What nobody asked for is assumed.

    Raises ProblemError for a release that is not known.
    """
    if target is not None:
        return parse_target(target), ()
    for name in files.named(folder, r"(requirements.*|pip-freeze)\.txt"):
        data = files.read(folder / name) or b""
        pin = _PIN.search(data.decode("utf-8", "replace"))
        if pin and pin[1] in RELEASES:
            return pin[1], (f"target verl=={pin[1]}, from {name}",)
    found = checkout(folder, files)
    if found is not None and found[1] in RELEASES:
        return found[1], (f"target verl=={found[1]}, the version of {from_here(found[0])}",)
    return NEWEST, (f"target verl=={NEWEST}, the newest release known",)
