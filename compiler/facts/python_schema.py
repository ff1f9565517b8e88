"""A Python function's tool schema, from its signature and docstring. The file is never imported."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from toolspec.compiler.facts.annotation import AnnotationReader, UnreadableError
from toolspec.compiler.facts.docstring import Docstring, parse_docstring
from toolspec.compiler.facts.literal import fits
from toolspec.compiler.facts.module_names import FunctionNode, ModuleNames
from toolspec.compiler.facts.python_source import PythonSource, fault, refuse
from toolspec.compiler.facts.signature import (
    FunctionSignature,
    Parameter,
    arguments_of,
    class_names,
    find_function,
    function_signature,
    keyword_call_problems,
    name_span,
    read_signature,
)
from toolspec.specs.nearest import nearest
from toolspec.specs.problem import Problem, ProblemError

__all__ = [
    "FunctionFacts",
    "FunctionSignature",
    "Parameter",
    "class_names",
    "function_schema",
    "function_signature",
    "keyword_call_problems",
]

# Decorators that leave the call as it is written. Of any other the source does not tell.
_TRANSPARENT = frozenset(
    {
        "functools.cache",
        "functools.lru_cache",
        "typing.override",
        "typing.final",
        "typing.no_type_check",
        "warnings.deprecated",
        "pydantic.validate_call",
        "tenacity.retry",
        "verl.tools.function_tool.function_tool",
    }
)


class FunctionFacts(NamedTuple):
    """A function as a tool.

    schema: the OpenAI form `{"type": "function", "function": {"name", "description", "parameters"}}`;
    `required` is always there, since verl 0.7.1 demands it. line: of the `def`, from 1. returns: the text
    of the return annotation, "" where there is none. problems: warnings and notes; errors are raised.
    """

    schema: dict[str, Any]
    line: int
    is_async: bool
    returns: str
    parameters: tuple[Parameter, ...]
    problems: tuple[Problem, ...]


@lru_cache(maxsize=64)  # the specs of a folder share their tools
def function_schema(
    source: str, file: str, name: str, *, hidden: frozenset[str] = frozenset()
) -> FunctionFacts:
    """The schema of the top-level function `name`, from its signature and docstring.

    file: the name for problems. hidden: parameters that the caller gives and the model does not see; they
    need no annotation. Raises ProblemError with every error of the function.
    """
    module, names, node = find_function(source, file, name)
    signature = read_signature(module, node)
    try:
        problems = [*_refusals(signature, hidden), *_notes(module, names, node)]
        documentation = parse_docstring(ast.get_docstring(node) or "")
        properties: dict[str, Any] = {}
        required: list[str] = []
        for argument, default in arguments_of(node):
            if argument.arg in hidden:
                continue
            schema, found = _property(module, names, argument, default, documentation)
            problems.extend(found)
            properties[argument.arg] = schema
            if default is None:
                required.append(argument.arg)
        problems.extend(_docstring_problems(signature, documentation, properties, hidden))
        returns = module.text(node.returns) if node.returns else ""
    except (RecursionError, MemoryError):
        raise refuse("schema-too-large", f"`{name}` is nested too deep to be read", signature.span) from None
    if any(problem.severity == "error" for problem in problems):
        raise ProblemError(tuple(problems))
    function = {
        "name": name,
        "description": documentation.description,
        "parameters": {"type": "object", "properties": properties, "required": required},
    }
    schema = {"type": "function", "function": function}
    return FunctionFacts(
        schema, node.lineno, signature.is_async, returns, signature.parameters, tuple(problems)
    )


def _refusals(signature: FunctionSignature, hidden: Collection[str]) -> Iterator[Problem]:
    why = "the model gives every argument by name"
    for parameter in signature.parameters:
        mark = {"var-positional": "*", "var-keyword": "**"}.get(parameter.kind, "")
        if mark:
            message = f"`{mark}{parameter.name}` of `{signature.name}` cannot be said in a tool schema"
            yield fault("parameter-kind", message, parameter.span, why=why, fix="name each parameter")
        elif parameter.kind == "positional-only":
            message = f"`{parameter.name}` of `{signature.name}` is positional-only"
            yield fault("parameter-kind", message, parameter.span, why=why, fix="delete the `/`")
        elif not parameter.annotation and parameter.name not in hidden:
            message = f"`{parameter.name}` of `{signature.name}` has no annotation"
            why_typed = "the schema tells the model the type of each argument"
            fix = f"annotate it: `{parameter.name}: str`"
            yield fault("annotation-missing", message, parameter.span, why=why_typed, fix=fix)
    known = [p.name for p in signature.parameters if not p.kind.startswith("var-")]
    for name in sorted(set(hidden) - set(known)):
        close = nearest(name, known)
        fix = f"did you mean `{close[0]}`?" if close else f"add `{name}` to its parameters"
        yield fault(
            "keyword-call", f"`{signature.name}` takes no parameter `{name}`", signature.span, fix=fix
        )


def _read_class(reader: AnnotationReader, node: ast.ClassDef) -> dict[str, Any]:
    from toolspec.compiler.facts.class_schema import class_schema  # few parameters are of a class

    return class_schema(reader, node)


def _property(
    module: PythonSource,
    names: ModuleNames,
    argument: ast.arg,
    default: ast.expr | None,
    documentation: Docstring,
) -> tuple[dict[str, Any], list[Problem]]:
    """The schema of one parameter: type, then description, then default."""
    if argument.annotation is None:
        return {}, []
    reader = AnnotationReader(names, _read_class)
    try:
        schema = reader.schema(argument.annotation)
    except UnreadableError as error:
        return {}, [
            fault(error.name, f"`{argument.arg}`: {error.message}", module.span(error.node), fix=error.fix)
        ]
    problems = []
    if description := documentation.parameters.get(argument.arg):
        schema.pop("description", None)
        schema["description"] = description
    if reader.converted:
        listed = ", ".join(f"`{text}`" for text in dict.fromkeys(reader.converted))
        message = f"`{argument.arg}` is annotated with {listed}; a call passes plain JSON values instead"
        problems.append(
            fault("plain-argument", message, module.span(argument), fix="make the object in the function")
        )
    if default is not None:
        known, value = reader.value(default)
        if known and fits(value, schema):
            schema["default"] = value
        elif known:
            text = module.text(default)
            wanted = (
                f"{module.text(argument.annotation)} | None"
                if value is None
                else "a type that holds the default"
            )
            message = (
                f"the default {text[:40]} of `{argument.arg}` is not of its type; the schema leaves it out"
            )
            problems.append(
                fault("default-does-not-fit", message, module.span(default), fix=f"{argument.arg}: {wanted}")
            )
    return schema, problems


def _docstring_problems(
    signature: FunctionSignature,
    documentation: Docstring,
    properties: dict[str, Any],
    hidden: Collection[str],
) -> Iterator[Problem]:
    if not documentation.description:
        message = f"`{signature.name}` has no docstring that says what it does"
        why = "the model chooses a tool by its description"
        yield fault(
            "docstring-missing", message, signature.span, why=why, fix='"""Say in a sentence what it does."""'
        )
    names = {p.name for p in signature.parameters}
    for parameter in signature.parameters:
        if parameter.name in properties and not properties[parameter.name].get("description"):
            message = f"no description of `{parameter.name}`"
            fix = f"under `Args:` of the docstring: `{parameter.name}: what it is`"
            why = "verl's own inference refuses a function tool with an undescribed parameter"
            yield fault("description-missing", message, parameter.span, why=why, fix=fix)
    for stale in sorted(set(documentation.parameters) - names - set(hidden)):
        close = nearest(stale, sorted(names))
        fix = f"did you mean `{close[0]}`?" if close else "delete it"
        yield fault(
            "docstring-stale",
            f"the docstring describes `{stale}`, which is no parameter",
            signature.span,
            fix=fix,
        )


def _notes(module: PythonSource, names: ModuleNames, node: FunctionNode) -> Iterator[Problem]:
    for decorator in node.decorator_list:
        target = decorator.func if isinstance(decorator, ast.Call) else decorator
        if names.origin(target) not in _TRANSPARENT:
            decorated = f"`@{ast.unparse(target)[:60]}` may change its parameters"
            message = f"the schema is of `{node.name}` as written; {decorated}"
            yield fault("decorated", message, module.span(decorator))
    if len(names.functions[node.name]) > 1:
        message = f"`{node.name}` is defined {len(names.functions[node.name])} times; the last one counts"
        yield fault("redefined", message, name_span(module, node))
    if node.name in names.aliases:
        message = f"`{node.name}` is assigned again; the schema is of the function as written"
        yield fault("redefined", message, module.span(names.aliases[node.name]))
    if _yields(node):
        message = f"`{node.name}` is a generator"
        why = "the model would read the text `<generator object …>`"
        yield fault(
            "generator-function", message, name_span(module, node), why=why, fix="return the whole result"
        )


def _yields(node: FunctionNode) -> bool:
    """Whether the function's own body yields; nested functions and lambdas do not count."""
    stack: list[ast.AST] = list(node.body)
    while stack:
        part = stack.pop()
        if isinstance(part, ast.Yield | ast.YieldFrom):
            return True
        if not isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            stack.extend(ast.iter_child_nodes(part))
    return False
