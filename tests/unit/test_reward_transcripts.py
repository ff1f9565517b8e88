"""Counterexamples in words: in each format of the releases, around them what a chat template writes, scored alike."""

from __future__ import annotations

from typing import Any

import pytest

from reward_frames import TEMPLATES
from tiny_model import CHATML
from toolspec.backends.verl.parsers import parse
from toolspec.backends.verl.parsers.table import FORMATS
from toolspec.backends.verl.reward.frame import Frame, NoFrameError, framed
from toolspec.backends.verl.reward.subject import Report, Subject
from toolspec.backends.verl.reward.transcript import transcripts
from toolspec.compiler.reward.analysis import analyse
from toolspec.compiler.reward.vector import Budget

pytestmark = pytest.mark.slow

TOOL = {
    "type": "function",
    "function": {
        "name": "calculator",
        "description": "Work out an expression.",
        "parameters": {
            "type": "object",
            "properties": {"expression": {"type": "string", "description": "what"}},
            "required": ["expression"],
        },
    },
}
# What is paid here breaks every property that can be broken.
TERMS: list[dict[str, Any]] = [
    {"name": "correct", "weight": 0.1, "match": "qa_f1", "wrong": 0.3},
    {"name": "valid_call", "weight": 0.2, "per": "call"},
    {"name": "bad_call", "weight": 0.1},
    {"name": "repeat_call", "weight": 0.1},
    {"name": "forged_result", "weight": 1.0},
    {"name": "truncated", "weight": 0.5},
]
BUDGET = Budget(3, 2, 512)


def report(form: str, release: str, terms: list[dict[str, Any]]) -> Report:
    spec = {"version": 1, "terms": terms, "tools": [TOOL], "format": form}
    return Report(Subject("t", release, spec, BUDGET), analyse(spec, BUDGET, False), None)


def frame(template: str, end: str = "<|im_end|>") -> Frame:
    return Frame("the model", template, {"eos_token": end}, (TOOL,), end)


@pytest.mark.parametrize(("form", "release"), [(form, each.releases[-1]) for form, each in FORMATS.items()])
def test_every_counterexample_has_its_score(form: str, release: str) -> None:
    asked = report(form, release, TERMS)
    assert asked.analysis is not None
    broken = [each for each in asked.analysis.verdicts if each.outcome == "refuted" and each.shown]
    assert {"forging", "truncation", "best-is-solved", "right-over-partly"} <= {
        one.asked.name for one in broken
    }
    template, end = TEMPLATES.get(form, (CHATML, "<|im_end|>"))
    found = transcripts(asked, frame(template, end))
    assert (found.template, found.frame_missing) == ("the model", "")
    lacking = 0
    for verdict in broken:
        for vector in verdict.shown or ():
            if not isinstance(vector, tuple) or not hasattr(vector, "answer"):
                continue
            one = found.of(verdict, vector)
            if one is None:  # glm's parser reads whatever stands between its marks
                assert form == "glm"
                assert vector.unparsed
                lacking += 1
                continue
            assert one.agrees, (verdict.asked.name, vector, one)
            written = [text for by, text in one.rendered if by == "policy"]
            calls = [call for text in written for call in parse(form, release, text, [TOOL], "").calls]
            assert len(calls) == vector.calls - vector.unparsed
            told = [text for by, text in one.rendered if by == "tool"]
            assert len(told) == vector.turns - 1
            assert all(
                text in shown
                for shown, part in zip(told, one.parts[1::2], strict=True)
                for text in part.texts
            )
            assert one.rendered[-1][1].endswith(end) is not vector.truncated
    assert lacking <= 2


def test_what_stands_between_turns_is_the_templates() -> None:
    found = framed(frame(CHATML), [("7",), ("7", "8")])
    assert found.prompt.endswith("<|im_start|>assistant\n")
    assert "calculator" in found.prompt
    one = "<|im_start|>user\n<tool_response>\n{}\n</tool_response><|im_end|>\n"
    start = "<|im_start|>assistant\n"
    assert found.between == {
        ("7",): "\n" + one.format(7) + start,
        ("7", "8"): "\n" + one.format(7) + one.format(8) + start,
    }
    assert found.closed
    # A template that writes a call otherwise once it has been answered: what stands behind its turn is the same.
    changing = (
        CHATML.replace("<tool_call>\n{", "{% if loop.last %}<think>{% endif %}<tool_call>\n{")
        .replace("for call in", "set last = loop.last %}{%- for call in")
        .replace("if loop.last", "if last")
    )
    assert framed(frame(changing), [("7",)]).between == {("7",): "\n" + one.format(7) + start}


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("{{ raise_exception('no tools') }}", "no tools"),
        ("{% for a in range(10**5) %}{% for b in range(10**5) %}{% endfor %}{% endfor %}", "CPU time"),
        ("{{", "TemplateSyntaxError"),
    ],
)
def test_a_template_that_fails_is_said_and_the_marks_are_shown(template: str, why: str) -> None:
    with pytest.raises(NoFrameError, match=why):
        framed(frame(template), [("7",)])
    found = transcripts(report("hermes", "0.9.1", TERMS), frame(template))
    assert why in found.frame_missing
    assert found.found
    assert all(not one.rendered and one.agrees for one in found.found.values())


def test_calls_that_are_not_executed_are_written_out() -> None:
    terms: list[dict[str, Any]] = [
        {"name": "correct", "weight": 1.0, "match": "number"},
        {"name": "valid_call", "weight": 0.15, "per": "call"},
    ]
    asked = report("hermes", "0.9.1", terms)
    assert asked.analysis is not None
    verdict = next(each for each in asked.analysis.verdicts if each.asked.name == "best-is-solved")
    assert verdict.outcome == "refuted"
    assert verdict.shown is not None
    worse = verdict.shown.worse
    one = transcripts(asked).of(verdict, worse)
    assert one is not None
    assert one.agrees
    assert sum(part.text.count("<tool_call>") for part in one.parts) == worse.valid > BUDGET.calls


def test_arguments_of_the_rows_calls() -> None:
    terms: list[dict[str, Any]] = [
        {"name": "correct", "weight": 1.0, "match": "calls"},
        {"name": "valid_call", "weight": 1.0, "per": "call"},
    ]
    found = transcripts(report("hermes", "0.9.1", terms))
    assert found.found
    assert not found.missing
    assert all(one.agrees for one in found.found.values())
