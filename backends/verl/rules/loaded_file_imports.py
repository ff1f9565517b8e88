"""A file that verl loads by path imports in a way that only a package or its own folder can.

The file is run under a name of its own and not as part of a package: an import with a leading dot has no parent. A
module beside it is found only where its folder is on the import path, which holds the folder that the run starts in.

Why: the run stops with ImportError; for a reward function in the reward workers, after the models have loaded.
Source: utils/import_utils.py load_module of each release (spec_from_file_location)
Bad:
    reward.custom_reward_function.path=reward.py
    --- reward.py
    from .answers import last_number


    def compute_score(data_source, solution_str, ground_truth, extra_info=None):
        return {"score": float(last_number(solution_str) == ground_truth)}
    --- answers.py
    def last_number(text):
        return text.rsplit("Answer: ", 1)[-1]
Good:
    reward.custom_reward_function.path=reward.py
    --- reward.py
    from answers import last_number


    def compute_score(data_source, solution_str, ground_truth, extra_info=None):
        return {"score": float(last_number(solution_str) == ground_truth)}
    --- answers.py
    def last_number(text):
        return text.rsplit("Answer: ", 1)[-1]
Bad:
    reward.custom_reward_function.path=rewards/reward.py
    --- rewards/reward.py
    from answers import last_number


    def compute_score(data_source, solution_str, ground_truth, extra_info=None):
        return {"score": float(last_number(solution_str) == ground_truth)}
    --- rewards/answers.py
    def last_number(text):
        return text.rsplit("Answer: ", 1)[-1]
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from toolspec.backends.verl.lint.facts.code import Written, source_of, written
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.compiler.facts.module_names import statements
from toolspec.compiler.facts.python_source import PythonSource, nodes
from toolspec.specs.problem import ProblemError

RULE = Rule("TS403", "loaded-file-imports", "error")


def check(view: View) -> Iterator[Found]:
    for one in written(view):
        if one.file is None:
            continue
        try:
            source, _ = source_of(view, one)
        except ProblemError:
            continue  # rule python-syntax
        yield from _imports(view, one, source)


def _imports(view: View, one: Written, source: PythonSource) -> Iterator[Found]:
    tried = {
        id(part)
        for node in nodes(source.tree)
        if isinstance(node, ast.Try)
        for part in nodes(node)
        if isinstance(part, ast.Import | ast.ImportFrom)
    }
    moves_path = any(
        isinstance(node, ast.Attribute) and node.attr == "path" and _is_sys(node)
        for node in nodes(source.tree)
    )
    for node in statements(source.tree.body):
        if id(node) in tried or not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        if isinstance(node, ast.ImportFrom) and node.level:
            if "__package__" in "\n".join(source.lines):
                continue
            yield Found(
                f"{one.pseudo} imports `{'.' * node.level}{node.module or ''}`, and is loaded by its path, not as part"
                " of a package",
                (one.pseudo, one.slot.path),
                fix=f"from {node.module or 'NAME'} import …, with the folder on PYTHONPATH",
                why=f"verl loads the {one.slot.kind} from it and stops with ImportError",
                span=source.span(node),
            )
            continue
        if moves_path or "PYTHONPATH" in _script(view):
            continue
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
        for name in names:
            yield from _sibling(view, one, source, node, name.partition(".")[0])


def _sibling(view: View, one: Written, source: PythonSource, node: ast.stmt, name: str) -> Iterator[Found]:
    assert one.file is not None
    beside = one.file.parent
    here = {f"{name}.py", name}
    starts = {str(view.run.folder.absolute()), str(Path.cwd())}
    if not name or name in sys.stdlib_module_names or str(beside.absolute()) in starts:
        return
    if not here & set(view.files.names(beside)) or f"{name}.py" not in view.files.names(beside):
        return
    if here & set(view.files.names(view.run.folder)):
        return
    yield Found(
        f"{one.pseudo} imports `{name}`, which lies beside it in {beside.name}/ and not where the run starts",
        (one.pseudo, one.slot.path),
        fix=f"put {beside.name}/ on PYTHONPATH, or one file",
        why="workers of Ray have the folder that the run starts in on the import path, not the file's own",
        span=source.span(node),
        severity="warning",
    )


def _is_sys(node: ast.Attribute) -> bool:
    return isinstance(node.value, ast.Name) and node.value.id == "sys"


def _script(view: View) -> str:
    launch = view.run.launch
    extra = " ".join(f"{said.key}={said.text}" for said in view.final.values() if "env_vars" in said.key)
    return extra + ("" if launch is None else "\n".join(launch.script.lines))
