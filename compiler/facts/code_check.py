"""Whether the user's functions and classes are there and can be called as verl calls them. Nothing is imported."""

from __future__ import annotations

from collections.abc import Collection

from toolspec.compiler.facts.module_names import ModuleNames, read_names
from toolspec.compiler.facts.python_source import parse_source, read_source
from toolspec.compiler.facts.signature import function_signature, keyword_call_problems
from toolspec.compiler.facts.user_code import CodeRef
from toolspec.specs.nearest import nearest
from toolspec.specs.problem import Problem, Span

# What verl's naive manager passes to a reward function, by keyword (reward_manager/naive.py of the three releases).
REWARD_KEYWORDS = ("data_source", "solution_str", "ground_truth", "extra_info")


def check_reward_function(ref: CodeRef, more: Collection[str], path: str) -> tuple[Problem, ...]:
    """Why verl could not call the function `ref`; `more` are the keywords of the spec's own.

    See `check_call`.
    """
    return check_call(ref, (*REWARD_KEYWORDS, *more), "verl calls a reward function", path)


def check_call(ref: CodeRef, given: Collection[str], caller: str, path: str) -> tuple[Problem, ...]:
    """Why the function `ref` could not be called with exactly the keywords `given`.

    A name that its module imports from elsewhere is not followed. Raises ProblemError where it is not there.
    """
    if ref.file is None:
        return ()
    source = read_source(ref.file)
    names = read_names(parse_source(source, str(ref.file)).tree)
    if ref.name in names.imports:
        return ()
    signature = function_signature(source, str(ref.file), ref.name)
    found = keyword_call_problems(signature, given, caller)
    return tuple(problem._replace(path=problem.path or path) for problem in found)


def check_class(ref: CodeRef, path: str, span: Span | None) -> tuple[Problem, ...]:
    """A problem where the file has no class (or imported or assigned name) `ref.name`. Raises ProblemError."""
    if ref.file is None:
        return ()
    names = read_names(parse_source(read_source(ref.file), str(ref.file)).tree)
    if ref.name in _all_names(names):
        return ()
    close = nearest(ref.name, names.classes)
    fix = f"did you mean {close[0]}?" if close else f"its classes: {', '.join(names.classes) or 'none'}"
    return (Problem("TS310", "user-code", f"{ref.file.name} has no class `{ref.name}`", span, path, fix=fix),)


def _all_names(names: ModuleNames) -> set[str]:
    return {*names.classes, *names.imports, *names.aliases}
