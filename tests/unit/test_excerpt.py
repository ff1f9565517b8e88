"""Problems shown to people and to programs."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from toolspec.specs.excerpt import render, summary, to_json
from toolspec.specs.problem import Problem, ProblemError, Span, in_file_order
from toolspec.specs.source import show_lines
from toolspec.specs.yaml_tree import parse

LINES = ("budget:", "  turns: 5", "  prompt_tokens: 256", "", "reward: {bad_call: -1.0}")
BUDGET = Problem(
    "TS203",
    "prompt-budget-too-small",
    "412 of 7,473 rows need more; the longest needs 611",
    Span("exp.yaml", 3, 18, 3),
    path="budget.prompt_tokens",
    why="verl 0.9.1 cuts longer prompts from the left: the tools would go first",
    fix="prompt_tokens: 640",
)
REWARD = Problem(
    "TS412",
    "solved-run-beaten",
    "a solved trajectory with one bad call (1 + 0.2 - 1 = 0.2) is worth no more than an unsolved one",
    Span("exp.yaml", 5, 10, 15),
    severity="warning",
)


def test_the_form() -> None:
    assert render([REWARD, BUDGET], {"exp.yaml": LINES}) == (
        """\
exp.yaml:3:18: error[TS203] prompt-budget-too-small
   2 |   turns: 5
   3 |   prompt_tokens: 256
     |                  ^^^ 412 of 7,473 rows need more; the longest needs 611
  fix: prompt_tokens: 640
  why: verl 0.9.1 cuts longer prompts from the left: the tools would go first

exp.yaml:5:10: warning[TS412] solved-run-beaten
   5 | reward: {bad_call: -1.0}
     |          ^^^^^^^^^^^^^^^
  a solved trajectory with one bad call (1 + 0.2 - 1 = 0.2) is worth no more than an unsolved one

1 error, 1 warning
"""
    )


def test_no_place_no_source_and_narrow() -> None:
    nowhere = Problem("TS020", "unreadable-file", "there is no such file", None, severity="note")
    beyond = Problem("TS001", "syntax", "x", Span("exp.yaml", 99, 1))
    other = Problem("TS001", "syntax", "y", Span("other.yaml", 1, 1))
    assert render([other, beyond, nowhere, BUDGET], {"exp.yaml": LINES}, width=40) == (
        """\
note[TS020] unreadable-file
  there is no such file

other.yaml:1:1: error[TS001] syntax
  y

exp.yaml:3:18: error[TS203] prompt-budget-too-small
   2 |   turns: 5
   3 |   prompt_tokens: 256
     |                  ^^^
  412 of 7,473 rows need more; the
  longest needs 611
  fix: prompt_tokens: 640
  why: verl 0.9.1 cuts longer prompts
       from the left: the tools would go
       first

exp.yaml:99:1: error[TS001] syntax
  x

3 errors, 1 note
"""
    )
    assert render([], {}) == summary([]) == ""


def test_tabs_wide_characters_and_what_a_terminal_would_obey() -> None:
    problem = Problem("TS001", "syntax", "here\nand \x1b[2Jthere", Span("a\x1b.yaml", 2, 7, 2))
    shown = render([problem], {"a\x1b.yaml": ("x:\t1", "日\tk: 本é\u202e")})
    assert shown == (
        """\
a�.yaml:2:7: error[TS001] syntax
   1 | x:  1
   2 | 日  k: 本é�
     |          ^^ here and �[2Jthere

1 error
"""
    )


def test_a_long_line_is_cut_around_the_caret() -> None:
    line = "stop: [" + "word, " * 200_000 + "HERE, " + "word, " * 200_000 + "]"
    column = line.index("HERE") + 1
    problem = Problem("TS001", "syntax", "odd", Span("e", 1, column, 4))
    _, source, under, *_ = render([problem], {"e": (line,)}, width=60).splitlines()
    assert source == "   1 | …ord, word, word, HERE, word, word, word, word, word…"
    assert under == "     | " + " " * len("…ord, word, word, ") + "^^^^ odd"


def columns(text: str) -> int:
    return sum(
        1 + (unicodedata.east_asian_width(c) in "WF")
        for c in text
        if unicodedata.category(c) not in ("Mn", "Me")
    )


@settings(max_examples=300, deadline=None)
@given(
    st.text("ab :日ｗé\t", max_size=60),
    st.integers(0, 3),
    st.text("ab :日ｗé\u0301\t", max_size=60),
    st.integers(1, 40),
    st.integers(40, 90),
)
@example("\t" * 30, 2, "日" * 60, 40, 40)
@example("日" * 60, 1, "", 1, 41)
def test_the_caret_stands_under_its_character(
    left: str, repeat: int, right: str, length: int, width: int
) -> None:
    line = left * repeat + "X" + right + "."
    problem = Problem("TS001", "syntax", "m", Span("e", 1, len(left * repeat) + 1, length))
    source, under = render([problem], {"e": (line,)}, width=width).splitlines()[1:3]
    before, mark, _ = source.partition("X")
    assert mark, source
    assert under.index("^") == columns(before)
    assert columns(source) <= width
    assert under.index("^") + under.count("^") <= columns(source)


def test_colour_adds_nothing_but_colour() -> None:
    plain = render([BUDGET, REWARD], {"exp.yaml": LINES})
    coloured = render([BUDGET, REWARD], {"exp.yaml": LINES}, color=True)
    assert "\x1b" not in plain
    assert coloured.count("\x1b[1;31m") == 3  # the severity, the underline, the message beside it
    stripped = coloured
    for code in ("1;31", "1;33", "1;36", "1", "34", "32", "2", "0"):
        stripped = stripped.replace(f"\x1b[{code}m", "")
    assert stripped == plain


def test_json_is_the_findings_contract() -> None:
    nowhere = Problem("TS020", "unreadable-file", "there is no such file")
    found = to_json([REWARD, BUDGET, nowhere])
    assert json.loads(json.dumps(found)) == found
    assert [f["code"] for f in found] == ["TS020", "TS203", "TS412"]
    assert found[1] == {
        "code": "TS203",
        "name": "prompt-budget-too-small",
        "severity": "error",
        "message": "412 of 7,473 rows need more; the longest needs 611",
        "file": "exp.yaml",
        "line": 3,
        "column": 18,
        "keys": [],
        "spec_path": "budget.prompt_tokens",
        "fix": {"safe": False, "edits": [], "text": "prompt_tokens: 640"},
    }
    assert (found[0]["file"], found[0]["line"], found[0]["fix"], found[0]["spec_path"]) == (
        None,
        None,
        None,
        None,
    )


def test_order_is_stable_within_a_place() -> None:
    twins = [Problem("TS001", "syntax", m, Span("e", 1, 1)) for m in ("first", "second")]
    assert in_file_order(twins) == tuple(twins)
    assert in_file_order(reversed(twins)) == tuple(twins[::-1])


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=80) | st.text(max_size=60).map(str.encode), st.integers(40, 120))
def test_whatever_parse_finds_can_be_shown(data: bytes, width: int) -> None:
    try:
        parse(data, "e")
    except ProblemError as error:
        shown = render(error.problems, {"e": show_lines(data)}, width=width)
        assert shown.endswith(f"{summary(error.problems)}\n")
        assert all(c.isprintable() or c in "\n" or unicodedata.category(c) == "Zs" for c in shown)
        assert not any(len(line) > width for line in shown.splitlines() if "[TS" not in line)


@pytest.mark.parametrize("severities", [["error"], ["warning", "error", "error"], ["note", "note"]])
def test_summary(severities: list[str]) -> None:
    words = {
        "error": "1 error",
        "warning,error,error": "2 errors, 1 warning",
        "note,note": "2 notes",
    }
    problems = [Problem("TS001", "syntax", "m", severity=s) for s in severities]  # type: ignore[arg-type]
    assert summary(problems) == words[",".join(severities)]
