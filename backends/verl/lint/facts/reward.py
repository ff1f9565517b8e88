"""The user's reward function as its source says it. Nothing of it is run.

Source of how it is called: experimental/reward_loop/reward_manager/{naive,dapo,gdpo,limited,remote}.py of each release:
by keyword, with data_source, solution_str, ground_truth and extra_info.
"""

from __future__ import annotations

import ast
from functools import cached_property, lru_cache
from typing import Any

from toolspec.backends.verl.lint.derived import FUNCTION, MANAGER
from toolspec.backends.verl.lint.facts.code import SLOTS, filled, source_of
from toolspec.backends.verl.lint.facts.outcomes import Outcome, Outcomes
from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.backends.verl.lint.view import View
from toolspec.compiler.facts.module_names import FunctionNode, ModuleNames
from toolspec.compiler.facts.python_source import PythonSource, nodes
from toolspec.specs.problem import ProblemError, Span

FUNCTION_SLOT = SLOTS[0]
# What each manager adds to extra_info. None: a loop and its tools may add any name beside these.
ADDED: dict[str, tuple[frozenset[str], bool]] = {
    "naive": (frozenset({"num_turns", "rollout_reward_scores", "turn_scores", "tool_rewards"}), True),
    "remote": (frozenset({"num_turns", "rollout_reward_scores", "turn_scores", "tool_rewards"}), True),
    "rate_limited": (frozenset({"turn_scores", "tool_rewards"}), True),
    "dapo": (frozenset(), False),
    "gdpo": (frozenset({"experiment_name"}), False),
}
OF_THE_LOOP = frozenset({"num_turns", "rollout_reward_scores", "turn_scores", "tool_rewards"})
PLAIN_DECORATORS = frozenset({"lru_cache", "cache", "no_type_check"})


class RewardFunction:
    """source: its file. node: its definition. names: what the module defines. key: the file's name, for findings."""

    def __init__(self, source: PythonSource, names: ModuleNames, node: FunctionNode, key: str) -> None:
        self.source = source
        self.names = names
        self.node = node
        self.key = key

    @cached_property
    def outcomes(self) -> tuple[Outcome, ...]:
        """What it may return, one entry a `return`; None where the end can be reached."""
        return Outcomes(self.names).of(self.node)

    @cached_property
    def code(self) -> tuple[FunctionNode, ...]:
        """The function and those of its file that it calls by name, directly or not."""
        found: dict[int, FunctionNode] = {}
        todo = [self.node]
        while todo:
            node = todo.pop()
            if id(node) in found:
                continue
            found[id(node)] = node
            for part in nodes(node):
                if isinstance(part, ast.Name) and self.names.functions.get(part.id):
                    todo.append(self.names.functions[part.id][-1])
        return tuple(found.values())

    @property
    def self_contained(self) -> bool:
        """Whether all that may look at the answer is in sight: nothing but the standard library is called."""
        used = {part.id for node in self.code for part in nodes(node) if isinstance(part, ast.Name)}
        strangers = [
            name
            for name, origin in self.names.imports.items()
            if name in used and origin.partition(".")[0] not in PLAIN_MODULES
        ]
        classes = [name for name in self.names.classes if name in used]
        return not strangers and not classes

    def parameter(self, name: str) -> bool:
        """Whether it takes an argument of this name."""
        arguments = self.node.args
        return any(a.arg == name for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs))

    def mentions(self, name: str) -> bool:
        """Whether the function itself reads the name."""
        return any(isinstance(part, ast.Name) and part.id == name for part in nodes(self.node))

    def span(self, node: ast.AST | None = None) -> Span:
        from toolspec.compiler.facts.signature import name_span

        return name_span(self.source, self.node) if node is None else self.source.span(node)


PLAIN_MODULES = frozenset(
    {
        "re",
        "json",
        "math",
        "string",
        "ast",
        "typing",
        "collections",
        "functools",
        "itertools",
        "numbers",
        "decimal",
    }
    | {
        "fractions",
        "difflib",
        "random",
        "logging",
        "os",
        "sys",
        "time",
        "datetime",
        "unicodedata",
        "operator",
        "numpy",
    }
)


def read_reward(view: View) -> RewardFunction | None:
    """None where the run has none of the user's own.

    Raises NotKnownError where its definition is not in the file that verl loads, or the file is not at hand.
    """
    one = filled(view, FUNCTION_SLOT)
    if one is None:
        if str(view.value(FUNCTION_SLOT.path) or "").startswith("pkg://"):
            raise NotKnownError(f"the module {view.value(FUNCTION_SLOT.path)}")
        return None
    name = view.text(f"{FUNCTION}.name")
    try:
        source, names = source_of(view, one)
    except ProblemError:
        raise NotKnownError(f"a Python file at {one.slot.path}") from None
    target: Any = names.aliases.get(name)
    if isinstance(target, ast.Name) and not names.functions.get(name):
        name = target.id
    found = names.functions.get(name)
    if not found or name in names.imports or name in names.aliases:
        raise NotKnownError(f"the definition of {name} in {one.pseudo}")
    node = found[-1]
    if not all(_decorator(part) in PLAIN_DECORATORS for part in node.decorator_list):
        raise NotKnownError(f"what the decorators of {name} make of it")
    return RewardFunction(source, names, node, one.pseudo)


def _decorator(node: ast.expr) -> str:
    if isinstance(node, ast.Call):
        node = node.func
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def manager(view: View) -> str:
    """The manager of verl's that calls the function; "" for another, which decides itself what it does."""
    name = view.text(f"{MANAGER}.name")
    return name if view.value(f"{MANAGER}.source") == "register" and name in ADDED else ""


def reads_rows(view: View) -> bool:
    """Whether the manager scores: a reward model without a function of the user's scores by itself.

    Source: reward_loop.py compute_score of each release.
    """
    return bool(view.value(f"{FUNCTION}.path")) or not view.value("reward.reward_model.enable")


@lru_cache(maxsize=64)
def parts(node: ast.AST) -> tuple[ast.AST, ...]:
    """A function's own statements and expressions, without those of functions and classes inside it."""
    todo: list[ast.AST] = list(ast.iter_child_nodes(node))
    found: list[ast.AST] = []
    while todo:
        part = todo.pop()
        found.append(part)
        if not isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            todo += ast.iter_child_nodes(part)
    return tuple(found)
