"""`required` names a parameter that is not among the properties.

verl compares nothing, and shows the model a schema that requires what it does not describe.

Why: calls carry an argument that the tool does not know.
Source: tools/schemas.py of each release
Bad:
    --- tools.yaml
    tools:
      - class_name: tools.Calculator
        config: {type: native}
        tool_schema:
          type: function
          function:
            name: calculator
            description: Evaluate an arithmetic expression.
            parameters:
              type: object
              properties: {expression: {type: string, description: The expression.}}
              required: [expr]
Good:
    --- tools.yaml
    tools:
      - class_name: tools.Calculator
        config: {type: native}
        tool_schema:
          type: function
          function:
            name: calculator
            description: Evaluate an arithmetic expression.
            parameters:
              type: object
              properties: {expression: {type: string, description: The expression.}}
              required: [expression]
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.facts.tools import TOOLS_FILE
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.specs.nearest import nearest

RULE = Rule("TS084", "required-unknown", "error")


def check(view: View) -> Iterator[Found]:
    file = view.facts.tools_file()
    for tool in file.tools if file else ():
        parameters = tool.function.get("parameters")
        if not isinstance(parameters, dict) or not isinstance(parameters.get("required"), list):
            continue
        properties = parameters.get("properties")
        known = [str(name) for name in properties] if isinstance(properties, dict) else []
        for number, name in enumerate(parameters["required"]):
            if not isinstance(name, str) or name in known:
                continue
            close = nearest(name, known)
            assert file is not None
            yield Found(
                f"{tool.key[5:]}: `required` names `{name}`; the properties are {', '.join(known) or 'none'}",
                (f"{tool.key}.parameters.required", TOOLS_FILE),
                fix=f"required: [{close[0]}]" if close else f"describe `{name}` or take it out",
                why="the model is told to give an argument that nothing describes",
                span=file.schema_span(tool, "parameters", "required", number),
            )
