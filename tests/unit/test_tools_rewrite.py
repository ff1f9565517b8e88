"""A tools file whose schemas are rewritten: what stays of its text, and what it says then."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from rules import sound
from schema_strategies import tools
from toolspec.backends.verl.chat.schema_change import schema_change
from toolspec.backends.verl.chat.seen_schema import as_seen
from toolspec.backends.verl.chat.surviving_schema import surviving
from toolspec.backends.verl.lint.beside_edits import laid
from toolspec.backends.verl.lint.facts.tools import ToolsFile, entries
from toolspec.backends.verl.written.omegaconf_scalars import OMEGACONF
from toolspec.cli.lint import answered
from toolspec.cli.lint_options import parse as options
from toolspec.specs.problem import ProblemError
from toolspec.specs.yaml_tree import parse

pytestmark = pytest.mark.slow

BEFORE = """\
# our tools
tools:
  - class_name: tools.Calculator  # the class
    config: {type: native}
    tool_schema:
      type: "function"
      function:
        name: "book"
        description: >
          Book a trip
          somewhere.

        # the parameters
        parameters:
          type: object
          additionalProperties: false   # strict
          properties:
            days: {type: integer, description: 'how many', minimum: 1, default: 3}  # days
            names:
              type: array
              items:
                type: string
              # at least one
              minItems: 1
            place:
              type: "object"
              description: "Where"  # told
              properties: {city: {type: string}}
            either:
              anyOf:
                - type: string
                - type: "null"
          required: ["days"]
      # the end
"""
AFTER = """\
# our tools
tools:
  - class_name: tools.Calculator  # the class
    config: {type: native}
    tool_schema:
      type: "function"
      function:
        name: "book"
        description: "Book a trip somewhere. No other arguments are taken."

        # the parameters
        parameters:
          type: object
          properties:
            days: {type: integer, description: 'how many: an integer of at least 1, 3 by default.'}  # days
            names:
              type: array
              description: "A list of strings, at least 1 of them."
              # at least one
            place:
              type: "object"
              description: "Where: an object with `city` (string)."  # told
            either:
              type: string
              description: "A string or null."
          required: ["days"]
      # the end
"""


def rewritten(text: str, release: str = "0.9.1") -> str:
    """All schemas of the file rewritten. Raises ProblemError where that cannot be done."""
    tree = parse(text.encode(), "tools.yaml", OMEGACONF)
    file = ToolsFile("tools.yaml", tree, tuple(entries(tree.value["tools"])))
    changes = [change for tool in file.tools for change in schema_change(file, tool, release).changes]
    made, expected = laid(text.encode(), "tools.yaml", changes)
    return made.edited(expected).decode()


def test_only_what_is_rewritten_changes() -> None:
    assert rewritten(BEFORE) == AFTER
    assert rewritten(AFTER) == AFTER


def test_line_breaks_stay() -> None:
    assert rewritten(BEFORE.replace("\n", "\r\n")) == AFTER.replace("\n", "\r\n")


def test_json_stays_json() -> None:
    value = yaml.safe_load(BEFORE)
    again = json.loads(rewritten(json.dumps(value)))
    assert again == yaml.safe_load(AFTER)


@pytest.mark.parametrize(
    "text",
    [
        BEFORE.replace('type: "object"', '<<: {minProperties: 1, type: "object"}'),
        BEFORE.replace("{type: integer,", "{  # a comment in braces\n              type: integer,"),
    ],
)
def test_what_cannot_be_edited_is_refused(text: str) -> None:
    with pytest.raises(ProblemError, match="cannot be edited safely"):
        rewritten(text)


@given(
    st.lists(tools(), min_size=1, max_size=3),
    st.sampled_from((None, False, True)),
    st.sampled_from(("0.7.1", "0.9.1")),
)
def test_any_file_says_the_rewritten_schemas_then(
    listed: list[dict[str, Any]], flow: bool | None, release: str
) -> None:
    value = {"tools": [{"class_name": "a.B", "tool_schema": schema} for schema in listed]}
    text = yaml.safe_dump(value, sort_keys=False, default_flow_style=flow, allow_unicode=True, width=10**6)
    found = yaml.safe_load(rewritten(text, release))
    assert [one["class_name"] for one in found["tools"]] == ["a.B"] * len(listed)
    for one, schema in zip(found["tools"], listed, strict=True):
        assert one["tool_schema"] == surviving(schema, release)
        assert as_seen(one["tool_schema"], release).lost == ()


def test_fix_writes_the_tools_file_only_when_asked_for_what_may_change_the_meaning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    sound.write_base(tmp_path)
    lossy = sound.TOOLS.replace("The expression.}", "The expression., minLength: 2}  # text")
    Path("tools.yaml").write_text(lossy, "utf-8")
    Path("run.sh").write_text(f"python -m verl.trainer.main_ppo {shlex.join(sound.ARGUMENTS)}\n", "utf-8")

    def lint(*words: str) -> tuple[int, str]:
        asked = options(["run.sh", *words])
        assert asked is not None
        return answered(asked)

    (finding,) = json.loads(lint("--format", "json")[1])["findings"]
    assert finding["code"] == "TS304"
    assert finding["fix"]["safe"] is False
    assert {edit["file"] for edit in finding["fix"]["edits"]} == {"tools.yaml"}
    assert finding["fix"]["text"] == 'description: "The expression. A string of at least 2 characters."'
    lint("--fix")
    assert Path("tools.yaml").read_text("utf-8") == lossy
    lint("--fix", "--unsafe-fixes")
    said = '{type: string, description: "The expression. A string of at least 2 characters."}  # text'
    assert said in Path("tools.yaml").read_text("utf-8")
    assert json.loads(lint("--format", "json")[1])["findings"] == []
