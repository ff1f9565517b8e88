"""Everything about a spec that is read from files, without running any of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from toolspec.compiler.chat.distribution import Distribution
from toolspec.compiler.facts.catalogue import GpuFacts, ModelFacts, find_gpu, nearest_gpus
from toolspec.compiler.facts.code_check import check_call, check_class, check_reward_function
from toolspec.compiler.facts.data import DataFacts, data_facts
from toolspec.compiler.facts.local_imports import hides, local_modules
from toolspec.compiler.facts.model import model_facts
from toolspec.compiler.facts.python_source import at_the_name
from toolspec.compiler.facts.tools import ToolFacts, tool_facts
from toolspec.compiler.facts.user_code import CodeRef, code_ref
from toolspec.specs.loading import LoadedSpec
from toolspec.specs.named_file import UnreadableError, located, named, read_text, real, unreadable
from toolspec.specs.problem import Problem, ProblemError, in_file_order
from toolspec.specs.reward import Reward

T = TypeVar("T")
MAX_TEMPLATE_BYTES = 1 << 20


class Facts(NamedTuple):
    """What the files say. `shipped`: path in the bundle's ts_user → file. `notes`: warnings and remarks.

    code: spec path (`reward.python`) → the user's function or class there. model: None where every value that would
    be derived from it is given in the spec. prompts: split → lengths of its prompts in tokens, None where nobody
    asked or they cannot be counted; what is counted depends on the plan, so they are added later.
    """

    model: ModelFacts | None
    gpu: GpuFacts | None
    tools: Mapping[str, ToolFacts]
    code: Mapping[str, CodeRef]
    data: DataFacts
    chat_template: str | None
    shipped: Mapping[str, Path]
    third_party: tuple[str, ...]
    notes: tuple[Problem, ...] = ()
    prompts: Mapping[str, Distribution] | None = None


def gather(loaded: LoadedSpec, pack: bool = False, writing: bool = True) -> Facts:
    """The facts of a spec; pack, writing: see data_facts. Raises ProblemError with every problem of every file."""
    problems: list[Problem] = []
    spec = loaded.spec

    def attempt(read: Callable[[], T], otherwise: T) -> T:
        try:
            return read()
        except ProblemError as error:
            problems.extend(error.problems)
            return otherwise

    model = attempt(lambda: _model(loaded), None)
    gpu = attempt(lambda: _gpu(loaded), None)
    code: dict[str, CodeRef] = {}
    for path, text in _references(loaded):
        ref = attempt(lambda p=path, t=text: _ref(loaded, p, t), None)  # type: ignore[misc]
        if ref is not None:
            code[path] = ref
            problems += attempt(lambda p=path, r=ref: _checked(loaded, p, r), ())  # type: ignore[misc]
    tools: dict[str, ToolFacts] = {}
    for name in spec.tools:
        found = attempt(lambda n=name: tool_facts(loaded, n), None)  # type: ignore[misc]
        if found is not None:
            tools[name] = found
            problems += [p for p in found.problems if p.severity == "error"]
    data = attempt(lambda: data_facts(loaded, pack, writing), DataFacts())
    template = attempt(lambda: _template(loaded), None)
    told = {p.path for p in problems}
    attempt(lambda: _check_homes(loaded, told), None)
    refs = [*code.items(), *((f"tools.{name}", facts.code) for name, facts in tools.items())]
    shipped, third_party, ship_problems = _shipped(loaded, refs)
    problems += ship_problems
    errors = [p for p in problems if p.severity == "error"]
    if errors:
        raise ProblemError(in_file_order(errors))
    notes = (*problems, *data.notes, *(p for facts in tools.values() for p in facts.problems))
    return Facts(model, gpu, tools, code, data, template, shipped, third_party, tuple(dict.fromkeys(notes)))


def _model(loaded: LoadedSpec) -> ModelFacts | None:
    model = loaded.spec.model
    try:
        return model_facts(model.path, model.revision, loaded.base(("model", "path")))
    except ProblemError as error:
        open_questions = []
        if model.tool_format == "auto" and loaded.spec.tools:
            open_questions.append("model.tool_format")
        if loaded.spec.rollout.tensor_parallel == "auto":
            open_questions.append("rollout.tensor_parallel")
        if not open_questions:
            return None
        span = loaded.span(("model", "path"))
        raise ProblemError(
            tuple(
                Problem(
                    p.code,
                    p.name,
                    p.message,
                    p.span or span,
                    p.path or "model.path",
                    p.why or f"it decides {' and '.join(open_questions)}",
                    f"{p.fix}; or say {' and '.join(open_questions)}"
                    if p.fix
                    else f"say {' and '.join(open_questions)}",
                )
                for p in error.problems
            )
        ) from None


def _gpu(loaded: LoadedSpec) -> GpuFacts | None:
    name = loaded.spec.cluster.gpu
    if name is None:
        return None
    found = find_gpu(name)
    if found is None:
        close = nearest_gpus(name)
        fix = f"known: {', '.join(close)}" if close else "leave `cluster.gpu` out"
        span = loaded.span(("cluster", "gpu"))
        raise ProblemError(
            (Problem("TS506", "unknown-gpu", f'"{name}" is no known GPU', span, "cluster.gpu", fix=fix),)
        )
    return found


def _references(loaded: LoadedSpec) -> Iterator[tuple[str, str]]:
    """(spec path, reference) of every piece of the user's code but the tools'."""
    spec = loaded.spec
    reward: Reward = spec.reward
    pairs: list[tuple[str, Any]] = [
        ("reward.python", reward.python),
        ("reward.correct.python", reward.correct.python if reward.correct is not None else None),
        *((f"reward.own.{name}.python", term.python) for name, term in reward.own.items()),
        ("data.class", spec.data.class_),
        ("agent.class", spec.agent.class_),
        ("agent.manager", spec.agent.manager),
    ]
    yield from ((path, text) for path, text in pairs if text is not None)


def _ref(loaded: LoadedSpec, path: str, text: str) -> CodeRef:
    parts = tuple(path.split("."))
    return code_ref(text, loaded.base(parts), path, loaded.span(parts))


def _checked(loaded: LoadedSpec, path: str, ref: CodeRef) -> tuple[Problem, ...]:
    if path.startswith("reward."):
        reward: Reward = loaded.spec.reward
        try:
            if path.startswith("reward.own."):
                given = ("trajectory", *reward.own[path.split(".")[2]].kwargs)
                return check_call(ref, given, "the bundle calls a term of your own", path)
            more = tuple(reward.kwargs) if path == "reward.python" else ()
            return check_reward_function(ref, more, path)
        except ProblemError as error:
            raise at_the_name(error, loaded.span(tuple(path.split("."))), path) from None
    return check_class(ref, path, loaded.span(tuple(path.split("."))))


def _template(loaded: LoadedSpec) -> str | None:
    name = loaded.spec.model.chat_template
    if name is None:
        return None
    path = ("model", "chat_template")
    return named(
        lambda: read_text(located(name, loaded.base(path)), MAX_TEMPLATE_BYTES),
        name,
        loaded.span(path),
        "model.chat_template",
        fix="name a file with the template's text, from the spec's folder",
    )


def _check_homes(loaded: LoadedSpec, told: Collection[str]) -> None:
    """Raises ProblemError where a path that is only passed on begins with the home folder of nobody here.

    told: spec paths of which a problem is known already.
    """
    spec = loaded.spec
    problems: list[Problem] = []
    pairs = [
        ("model.path", spec.model.path),
        ("checkpoint.dir", spec.checkpoint.dir),
        ("checkpoint.resume", spec.checkpoint.resume),
    ]
    for path, text in pairs:
        if path in told:
            continue
        parts = tuple(path.split("."))
        try:
            located(text or "", loaded.base(parts))
        except UnreadableError as error:
            fix = "write the folder's whole path"
            problems += unreadable(error, text or "", loaded.span(parts), path, fix).problems
    if problems:
        raise ProblemError(tuple(problems))


def _hidden(loaded: LoadedSpec, path: str, ref: CodeRef) -> list[Problem]:
    """A problem where the module of a reference is imported by its name and another one has that name.

    A file that is no part of a package is loaded by its path, whatever it is called; verl imports loops by name.
    """
    top = ref.module.partition(".")[0]
    by_name = path in ("agent.class", "agent.manager") or "." in ref.module
    whose = hides(top) if by_name else ""
    if not whose:
        return []
    message = f"the local module `{top}` has the name of {whose}"
    why = "that one comes first on the import path, so this file would never be found"
    span = loaded.span(tuple(path.split(".")))
    return [Problem("TS090", "module-shadows", message, span, path, why, "rename it")]


def _shipped(
    loaded: LoadedSpec, refs: list[tuple[str, CodeRef]]
) -> tuple[dict[str, Path], tuple[str, ...], list[Problem]]:
    """The user's modules and what they import from beside them: one name in the bundle, one file."""
    shipped: dict[str, Path] = {}
    third_party: set[str] = set()
    problems: list[Problem] = []
    for path, ref in refs:
        if ref.file is None:
            third_party.add(ref.module.split(".")[0])
            continue
        try:
            found = local_modules(ref.file, ref.root)
        except ProblemError as error:
            problems += error.problems
            continue
        problems += found.problems
        problems += _hidden(loaded, path, ref)
        third_party |= set(found.third_party)
        for relative in found.files:
            name, file = str(relative), real(ref.root / relative)
            if shipped.setdefault(name, file) != file:
                span = loaded.span(tuple(path.split(".")))
                message = f"two files would be {name} in the bundle: {shipped[name]} and {file}"
                problems.append(
                    Problem("TS311", "same-module", message, span, path, fix="rename one of them")
                )
    return dict(sorted(shipped.items())), tuple(sorted(third_party)), problems
