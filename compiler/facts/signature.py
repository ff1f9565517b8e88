"""The top-level functions and classes of a Python file, and what a function can be called with."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from typing import Literal, NamedTuple

from toolspec.compiler.facts.module_names import FunctionNode, ModuleNames, read_names
from toolspec.compiler.facts.python_source import PythonSource, fault, parse_source, refuse
from toolspec.specs.nearest import nearest
from toolspec.specs.problem import Problem, Span

Kind = Literal["positional-only", "positional-or-keyword", "var-positional", "keyword-only", "var-keyword"]


class Parameter(NamedTuple):
    """One parameter as written. annotation: its text, "" where there is none."""

    name: str
    kind: Kind
    annotation: str
    has_default: bool
    span: Span


class FunctionSignature(NamedTuple):
    """What a function can be called with. span: its name in the `def` line."""

    name: str
    is_async: bool
    parameters: tuple[Parameter, ...]
    span: Span


def function_signature(source: str, file: str, name: str) -> FunctionSignature:
    """The parameters of the top-level function `name`. Raises ProblemError."""
    module, _, node = find_function(source, file, name)
    return read_signature(module, node)


def class_names(source: str, file: str = "<source>") -> tuple[str, ...]:
    """The top-level classes of a file, in file order. Raises ProblemError."""
    classes = read_names(parse_source(source, file).tree).classes
    return tuple(sorted(classes, key=lambda name: classes[name].lineno))


def keyword_call_problems(
    signature: FunctionSignature, given: Collection[str], caller: str
) -> tuple[Problem, ...]:
    """Why a call with exactly the keywords `given` would raise TypeError; empty where it works.

    caller: who calls, for the message, such as "verl calls a reward function".
    """
    takes_any = any(p.kind == "var-keyword" for p in signature.parameters)
    by_keyword = [p.name for p in signature.parameters if p.kind in ("positional-or-keyword", "keyword-only")]
    problems = []
    refused = [name for name in given if name not in by_keyword]
    needed = [
        p for p in signature.parameters if not p.has_default and p.name in by_keyword and p.name not in given
    ]
    if refused and len(refused) == len(needed) == len(by_keyword) and not takes_any:
        # Nothing but the names is in the way, so that one fix is enough.
        them = _quoted([p.name for p in needed])
        return (
            fault(
                "keyword-call",
                f"`{signature.name}` takes {them}, and is called with {_quoted(refused)}",
                needed[0].span,
                why=f"{caller} with {_quoted(given)}, all by keyword, for one trajectory at a time",
                fix=f"name {'it' if len(refused) == 1 else 'them'} {_quoted(refused)}",
            ),
        )
    if refused and not takes_any:
        problems.append(
            fault(
                "keyword-call",
                f"`{signature.name}` does not take {_quoted(refused)} by keyword",
                signature.span,
                why=f"{caller} with {_quoted(given)}, all by keyword",
                fix="add `**kwargs` to its parameters",
            )
        )
    for parameter in signature.parameters:
        must_be_given = not parameter.has_default and not parameter.kind.startswith("var-")
        if must_be_given and (parameter.name not in given or parameter.kind == "positional-only"):
            fix = "delete the `/`" if parameter.kind == "positional-only" else "give it a default"
            message = f"`{signature.name}` needs `{parameter.name}`, which is not given by keyword"
            problems.append(
                fault("keyword-call", message, parameter.span, why=f"{caller} with {_quoted(given)}", fix=fix)
            )
    return tuple(problems)


def find_function(source: str, file: str, name: str) -> tuple[PythonSource, ModuleNames, FunctionNode]:
    module = parse_source(source, file)
    names = read_names(module.tree)
    if names.functions.get(name):
        return module, names, names.functions[name][-1]
    if "." in name:
        fix = "name a function at the top level, or the class by `class:`"
        raise refuse(
            "function-not-found",
            f"`{name}` is a method or nested; only top-level functions are read",
            None,
            fix=fix,
        )
    if name in names.imports:
        message, fix = f"`{name}` is imported from `{names.imports[name]}`", "name the file that defines it"
        raise refuse("function-not-found", message, Span(file, 1, 1), fix=fix)
    if name in names.classes:
        span = module.span(names.classes[name], len("class ") + len(name))
        raise refuse(
            "function-not-found", f"`{name}` is a class, not a function", span, fix=f"class: {file}:{name}"
        )
    if name in names.aliases:
        message = f"`{name}` is assigned, not defined by `def`; its parameters are not written there"
        raise refuse("function-not-found", message, module.span(names.aliases[name]), fix=f"def {name}(…): …")
    known = sorted(names.functions)
    close = nearest(name, known)
    listed = ", ".join(known[:12]) + (f" and {len(known) - 12} more" if len(known) > 12 else "")
    fix = (
        f"did you mean `{close[0]}`?"
        if close
        else f"functions there: {listed}"
        if known
        else f"def {name}(…): …"
    )
    there = f"; it defines {listed}" if known and close else "" if known else "; it defines no function"
    raise refuse(
        "function-not-found", f"no top-level function `{name}` in {file}{there}", Span(file, 1, 1), fix=fix
    )


def arguments_of(node: FunctionNode) -> Iterator[tuple[ast.arg, ast.expr | None]]:
    """(parameter, default or None) of all that are not `*args` or `**kwargs`, in order."""
    positional = [*node.args.posonlyargs, *node.args.args]
    missing: list[ast.expr | None] = [None] * (len(positional) - len(node.args.defaults))
    yield from zip(positional, [*missing, *node.args.defaults], strict=True)
    yield from zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)


def read_signature(module: PythonSource, node: FunctionNode) -> FunctionSignature:
    arguments = node.args
    defaults = {argument.arg: default is not None for argument, default in arguments_of(node)}
    groups: tuple[tuple[Kind, list[ast.arg]], ...] = (
        ("positional-only", arguments.posonlyargs),
        ("positional-or-keyword", arguments.args),
        ("var-positional", [arguments.vararg] if arguments.vararg else []),
        ("keyword-only", arguments.kwonlyargs),
        ("var-keyword", [arguments.kwarg] if arguments.kwarg else []),
    )
    parameters = tuple(
        Parameter(
            argument.arg,
            kind,
            module.text(argument.annotation) if argument.annotation else "",
            defaults.get(argument.arg, False),
            module.span(argument, len(argument.arg)),
        )
        for kind, group in groups
        for argument in group
    )
    is_async = isinstance(node, ast.AsyncFunctionDef)
    return FunctionSignature(node.name, is_async, parameters, name_span(module, node))


def name_span(module: PythonSource, node: FunctionNode) -> Span:
    start = module.span(node, len(node.name))
    text = module.lines[start.line - 1]
    at = text.find(node.name, text.find("def ", start.column - 1) + 4)
    return Span(start.file, start.line, at + 1, len(node.name)) if at >= 0 else start


def _quoted(names: Collection[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
