"""A dataclass with annotations as text, in a file that verl loads by path.

verl does not put such a file into sys.modules. `@dataclass` looks there for the module of every annotation that is a
text, and with `from __future__ import annotations` all of them are.

Why: the run stops with `'NoneType' object has no attribute '__dict__'`; for a reward function after loading.
Source: utils/import_utils.py load_module of each release (no module_name is given); dataclasses._is_type; run on 0.7.1,
0.8.0 and 0.9.1
Bad:
    reward.custom_reward_function.path=reward.py
    --- reward.py
    from __future__ import annotations

    from dataclasses import dataclass


    @dataclass
    class Answer:
        text: str


    def compute_score(data_source, solution_str, ground_truth, extra_info=None):
        answer = Answer(solution_str.rsplit("Answer: ", 1)[-1])
        return {"score": float(answer.text == ground_truth)}
Good:
    reward.custom_reward_function.path=reward.py
    --- reward.py
    from dataclasses import dataclass


    @dataclass
    class Answer:
        text: str


    def compute_score(data_source, solution_str, ground_truth, extra_info=None):
        answer = Answer(solution_str.rsplit("Answer: ", 1)[-1])
        return {"score": float(answer.text == ground_truth)}
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from toolspec.backends.verl.lint.facts.code import source_of, written
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.compiler.facts.module_names import ModuleNames
from toolspec.compiler.facts.python_source import PythonSource
from toolspec.specs.problem import ProblemError

RULE = Rule("TS404", "dataclass-in-loaded-file", "error")

# dataclasses._MODULE_IDENTIFIER_RE without a module in front: then sys.modules is asked for the class's own.
_PLAIN = re.compile(r"\s*\w+(?!\s*\.|\w)")


def check(view: View) -> Iterator[Found]:
    for one in written(view):
        if one.file is None:
            continue
        try:
            source, names = source_of(view, one)
        except ProblemError:
            continue  # rule python-syntax
        if "sys.modules" in "\n".join(source.lines):
            continue
        for node in names.classes.values():
            if _is_dataclass(node, names) and _text_fields(node, source):
                yield Found(
                    f"{one.pseudo} makes `{node.name}` a dataclass with annotations that are texts",
                    (one.pseudo, one.slot.path),
                    fix="drop `from __future__ import annotations` and quotes around annotations, or the dataclass",
                    why="verl loads the file without a place in sys.modules, where dataclasses look",
                    span=source.span(node, len("class ") + len(node.name)),
                )


def _is_dataclass(node: ast.ClassDef, names: ModuleNames) -> bool:
    for decorator in node.decorator_list:
        target = decorator.func if isinstance(decorator, ast.Call) else decorator
        if names.origin(target) == "dataclasses.dataclass":
            return True
    return False


def _text_fields(node: ast.ClassDef, source: PythonSource) -> bool:
    future = any(
        isinstance(part, ast.ImportFrom)
        and part.module == "__future__"
        and any(alias.name == "annotations" for alias in part.names)
        for part in source.tree.body
    )
    for part in node.body:
        if not isinstance(part, ast.AnnAssign):
            continue
        written = part.annotation
        if isinstance(written, ast.Constant) and isinstance(written.value, str):
            text = written.value
        elif future:
            text = source.text(written)
        else:
            continue
        if _PLAIN.match(text):
            return True
    return False
