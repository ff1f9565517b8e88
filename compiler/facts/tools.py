"""The schema of each tool, read from Python source or a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from toolspec.compiler.facts.code_check import check_class
from toolspec.compiler.facts.python_schema import function_schema
from toolspec.compiler.facts.python_source import at_the_name, read_source
from toolspec.compiler.facts.tool_schema import check_schema, load_schema_file
from toolspec.compiler.facts.user_code import CodeRef, code_ref
from toolspec.specs.loading import LoadedSpec
from toolspec.specs.named_file import located, named
from toolspec.specs.problem import Problem, ProblemError, Span
from toolspec.specs.tools import Tool


class ToolFacts(NamedTuple):
    """One tool: where its code is, and its OpenAI schema `{type: function, function: {…}}` under the spec's name."""

    code: CodeRef
    schema: Mapping[str, Any]
    problems: tuple[Problem, ...] = ()


def tool_facts(loaded: LoadedSpec, name: str) -> ToolFacts:
    """Facts of the tool `name` of the spec. Raises ProblemError where its code or schema cannot be read."""
    tool = loaded.spec.tools[name]
    field = "python" if tool.python is not None else "class"
    path = ("tools", name, field)
    reference = tool.python or tool.class_ or ""
    try:
        code = code_ref(reference, loaded.base(path), ".".join(path), loaded.span(path))
    except ProblemError as error:
        raise ProblemError((*error.problems, *_schema_problems(loaded, name, tool))) from None
    hidden = frozenset(tool.config) | frozenset(tool.per_row) if tool.python is not None else frozenset()
    missing = check_class(code, ".".join(path), loaded.span(path)) if field == "class" else ()
    if tool.schema_ is not None:
        schema, problems = _given_schema(loaded, name, tool)
    else:
        if code.file is None:
            raise ProblemError(
                (
                    Problem(
                        "TS303",
                        "no-schema",
                        f"the schema of {reference} cannot be read: the module is not beside the spec",
                        loaded.span(path),
                        ".".join(path),
                        fix="give it: schema: FILE.json",
                    ),
                )
            )
        try:
            facts = function_schema(read_source(code.file), str(code.file), code.name, hidden=hidden)
        except ProblemError as error:
            raise at_the_name(error, loaded.span(path), ".".join(path)) from None
        schema, problems = facts.schema, facts.problems
    own = _named(schema, name)
    checked = tuple(_placed(p, loaded.span(path), ".".join(path)) for p in check_schema(own, f"tool {name}"))
    return ToolFacts(code, own, (*missing, *problems, *checked))


def _schema_problems(loaded: LoadedSpec, name: str, tool: Tool) -> tuple[Problem, ...]:
    """What is wrong with the schema file of a tool whose code cannot be read either."""
    try:
        return () if tool.schema_ is None else _given_schema(loaded, name, tool)[1]
    except ProblemError as error:
        return error.problems


def _named(schema: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The schema under the tool's name in the spec: what the model calls is what the spec says."""
    return {**schema, "function": {**schema["function"], "name": name}}


def _placed(problem: Problem, span: Span | None, path: str) -> Problem:
    return problem if problem.span is not None else problem._replace(span=span, path=problem.path or path)


def _given_schema(loaded: LoadedSpec, name: str, tool: Tool) -> tuple[Mapping[str, Any], tuple[Problem, ...]]:
    path = ("tools", name, "schema")
    span = loaded.span(path)
    if isinstance(tool.schema_, dict):
        return _wrapped(tool.schema_, span, ".".join(path)), ()
    written = str(tool.schema_)
    file = named(lambda: located(written, loaded.base(path)), written, span, ".".join(path))
    try:
        found = load_schema_file(file, written, span)
    except ProblemError as error:
        raise ProblemError(tuple(_placed(p, span, ".".join(path)) for p in error.problems)) from None
    if len(found) == 1:
        return found[0], ()
    same = [schema for schema in found if schema["function"]["name"] == name]
    if len(same) == 1:
        return same[0], ()
    names = ", ".join(schema["function"]["name"] for schema in found)
    message = f"{file.name} holds {len(found)} schemas ({names}) and none of them is `{name}`"
    raise ProblemError((Problem("TS303", "no-schema", message, span, ".".join(path)),))


def _wrapped(schema: dict[str, Any], span: Span | None, path: str) -> dict[str, Any]:
    """A bare function schema in its OpenAI envelope."""
    if "function" in schema and isinstance(schema["function"], dict):
        return {"type": "function", **schema}
    if "parameters" in schema or "description" in schema:
        return {"type": "function", "function": {"name": "", **schema}}
    message = "a schema is {type: function, function: {name, description, parameters}} or its inner mapping"
    raise ProblemError((Problem("TS303", "no-schema", message, span, path),))
