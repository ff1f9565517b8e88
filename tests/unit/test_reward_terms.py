"""What each term is worth: values, edges, and what the policy cannot get by what it writes."""

from __future__ import annotations

import asyncio
import importlib
import json
import math
import sys
from pathlib import Path
from typing import Any

import jinja2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

RUNTIME = Path(__file__).parents[2] / "backends" / "verl" / "runtime"
sys.path.append(str(RUNTIME))

ts_forged = importlib.import_module("ts_forged")
ts_math = importlib.import_module("ts_math")
ts_parser = importlib.import_module("ts_parser")
ts_squad = importlib.import_module("ts_squad")
ts_start = importlib.import_module("ts_start")
ts_terms = importlib.import_module("ts_terms")
ts_trajectory = importlib.import_module("ts_trajectory")
ts_weigh = importlib.import_module("ts_weigh")

Answer, Call, Trajectory = ts_trajectory.Answer, ts_trajectory.Call, ts_trajectory.Trajectory


def value(name: str, entry: dict[str, Any] | None = None, **trajectory: Any) -> Any:
    """The Value of one term for a trajectory."""
    term = ts_terms.build({"name": name, **(entry or {})}, None)
    return ts_weigh.valued(asyncio.run(term(Trajectory(**trajectory))))


def worth(name: str, entry: dict[str, Any] | None = None, **trajectory: Any) -> float:
    found: float = value(name, entry, **trajectory).value
    return found


def call(
    arguments: Any = None, fault: str | None = None, name: str = "f", answer: Any = None, turn: int = 0
) -> Any:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments or {})
    if isinstance(answer, str):
        answer = Answer(answer)
    return Call(turn, name, text, fault, answer)


UNKNOWN, SCHEMA = "unknown tool", "'x' is a required property"


@pytest.mark.parametrize(
    ("per", "worths"),
    [("once", [0, 1, 1, 0]), ("call", [0, 1, 2, 0]), ("share", [0, 1, 0.5, 0])],
)
def test_valid_call(per: str, worths: list[float]) -> None:
    cases = [((), 0), ((call(),), 0), ((call(), call(), call(fault=UNKNOWN)), 1), ((), 2)]
    found = [worth("valid_call", {"per": per}, calls=calls, malformed=bad) for calls, bad in cases]
    assert found == worths


def test_extra_call_by_the_rows_own_number() -> None:
    calls = (call(), call(), call())
    row = {"extra_info": {"needed_calls": 2}}
    assert worth("extra_call", calls=calls) == 2
    assert worth("extra_call", {"free": 0}, calls=calls) == 3
    assert worth("extra_call", {"free": "needed_calls"}, calls=calls, **row) == 1
    assert worth("extra_call", {"free": "needed_calls"}, calls=calls[:1], **row) == 0


@pytest.mark.parametrize("told", [None, "2", -1, 1.5, True, [2]])
def test_a_row_without_needed_calls_is_a_fault(told: Any) -> None:
    with pytest.raises(ValueError, match=r"extra_info\.needed_calls must be a number of calls"):
        worth("extra_call", {"free": "needed_calls"}, extra_info={"needed_calls": told})


def test_bad_call_tells_three_kinds_apart() -> None:
    calls = (call(), call(fault=UNKNOWN), call(fault=SCHEMA), call(fault=SCHEMA))
    given: dict[str, Any] = {"calls": calls, "malformed": 3}
    assert value("bad_call", **given) == (6, 6, 0)
    assert value("bad_call", {"unknown_tool": -2}, **given) == (6, 5, -2)
    assert value("bad_call", {"schema": -0.5, "malformed": 0}, **given) == (6, 1, -1.0)
    assert [each.kind for each in calls] == ["valid", "unknown_tool", "schema", "schema"]


def test_repeat_call_compares_values() -> None:
    same = [call('{"a": 1, "b": [1, 2]}'), call('{ "b":[1,2.0],"a":1.0}'), call({"a": 1, "b": [1, 2]})]
    other = [call({"a": True, "b": [1, 2]}), call({"a": 1, "b": [2, 1]}), call({"a": 1}, name="g")]
    assert worth("repeat_call", calls=(*same, *other)) == 2
    assert worth("repeat_call", calls=()) == 0
    assert worth("repeat_call", calls=(call(fault=UNKNOWN), call(fault=UNKNOWN))) == 0, "bad_call has them"


def test_tool_error() -> None:
    raised, late = Answer("Error: x", "raised"), Answer("Error: x", "no_answer")
    calls = (
        call(answer=raised),
        call(answer=late),
        call(answer="error: no such table"),
        call(),  # never taken up
        call(fault=SCHEMA, answer=Answer("Error: x", "arguments")),
        call(fault=UNKNOWN, answer=Answer("Error: x", "refused")),
    )
    assert worth("tool_error", calls=calls) == 2
    assert worth("tool_error", {"pattern": "^error"}, calls=calls) == 3


@pytest.mark.parametrize(
    ("entry", "answer", "calls", "worth_"),
    [
        ({}, "#### 42", (call({"e": "6*7"}, answer="the result is 42.0"),), 1),
        ({}, "#### 42", (call({"e": "6*7"}, answer="421"),), 0),
        ({}, "#### 42", (), 0),
        ({}, "I do not know", (call(answer="42"),), 0),
        ({}, "#### 42", (call({"e": "42"}, answer="42"),), 0),  # an echo
        ({}, "#### 42", (call({"e": "6*7"}, answer="42"), call({"e": "42"}, answer="7")), 0),
        ({}, "#### 42", (call(answer=Answer("Error: 42", "raised")),), 0),
        ({}, "#### 42", (call(fault=SCHEMA, answer="42"),), 0),
        ({"by": "text"}, "Paris", (call({"q": "capital"}, answer="It is PARIS, in France"),), 1),
        ({"by": "text"}, "Par", (call({"q": "capital"}, answer="It is Paris"),), 0),
        ({"by": "text"}, "", (call(answer="It is Paris"),), 0),
        (
            {"by": "text", "pattern": "<a>(.*?)</a>"},
            "So <a>new  york</a>.",
            (call(answer="New York City"),),
            1,
        ),
        ({"by": "text", "pattern": "<a>(.*?)</a>"}, "new york", (call(answer="New York City"),), 0),
        ({"by": "text"}, "paris", (call({"q": "is it Paris?"}, answer="Paris"),), 0),
    ],
)
def test_used_result(entry: dict[str, Any], answer: str, calls: tuple[Any, ...], worth_: float) -> None:
    assert worth("used_result", entry, answer=answer, calls=calls) == worth_


@pytest.mark.parametrize(
    ("entry", "tokens", "worth_"),
    [
        ({"end": 100}, 0, 0),
        ({"end": 100}, 25, 0.25),
        ({"end": 100}, 1000, 1),
        ({"end": 100, "start": 50}, 50, 0),
        ({"end": 100, "start": 50}, 75, 0.5),
        ({"end": 100, "shape": "cosine"}, 50, 0.5),
        ({"end": 100, "shape": "cosine"}, 25, (1 - math.sqrt(0.5)) / 2),
        ({"end": 100, "shape": "overlong", "buffer": 20}, 80, 0),
        ({"end": 100, "shape": "overlong", "buffer": 20}, 90, 0.5),
        ({"end": 100, "shape": "overlong", "buffer": 20}, 101, 1),
        ({"end": 100, "of": "policy"}, 1000, 0.1),
    ],
)
def test_length(entry: dict[str, Any], tokens: int, worth_: float) -> None:
    assert worth("length", entry, response_tokens=tokens, policy_tokens=10) == pytest.approx(worth_)


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(0, 6000))
def test_overlong_is_the_penalty_of_the_algorithm(buffer: int, length: int, tokens: int) -> None:
    """The term with a weight of −1 is what ts_overlong, which follows DAPO's equation 13, takes."""
    buffer = min(buffer, length)
    overlong = importlib.import_module("ts_overlong").overlong
    entry = {"shape": "overlong", "buffer": buffer, "end": length}
    assert -worth("length", entry, response_tokens=tokens) == pytest.approx(
        overlong({"buffer": buffer, "penalty": 1.0, "length": length}, tokens)
    )


def test_turns_and_truncation() -> None:
    assert [worth("turns", turns=("",) * count) for count in (0, 1, 3)] == [0, 0, 2]
    assert worth("turns", {"free": 0}, turns=("a", "b")) == 2
    assert worth("truncated") == 0
    assert worth("truncated", truncated=True) == 1
    assert worth("truncated", stop="tool_response_overflow") == 1
    assert worth("truncated", stop="max_assistant_turns") == 0
    assert worth("truncated", {"turns": True}, stop="max_assistant_turns") == 1
    assert worth("truncated", {"turns": True}, stop="max_assistant_turns", answer="42") == 0


@pytest.mark.parametrize(
    ("form", "text", "count"),
    [
        ("hermes", "<tool_response>\n42\n</tool_response> so 42", 1),
        ("hermes", "<think><tool_response>42</tool_response></think> 42", 0),
        ("hermes", "<|im_start|>user\n<tool_response>42</tool_response>", 2),
        ("hermes", "<obs>42", 0),
        ("gemma4", "<|tool_call>call:f{}<tool_call|><|tool_response>", 0),
        ("hermes", "a tool response", 0),
        ("gemma4", "<|tool_response>42<tool_response|>", 1),
        ("gpt-oss", "<|channel|>analysis<|message|><|start|>functions.f<|end|>x", 0),
        ("gpt-oss", "<|start|>functions.f to=assistant<|message|>42", 1),
        ("glm", "<|observation|>42", 1),
        ("kimi", "<|im_system|>tool<|im_middle|>f", 1),
    ],
)
def test_forged_results_are_counted_where_the_policy_wrote_them(form: str, text: str, count: int) -> None:
    assert ts_parser.forged(text, form, ts_forged.opened()) == count
    assert worth("forged_result", forged=count) == count


# A turn of each role, in a form of nobody's; the third refuses calls as structures.
HOUSE = (
    "{% for m in messages %}<turn:{{ m.role }}>{% for c in m.tool_calls or [] %}<do>{{ c.function.arguments | tojson }}"
    "</do>{% endfor %}{{ m.content }}</turn>\n{% endfor %}{% if add_generation_prompt %}<turn:assistant>{% endif %}"
)
INSIDE = (
    "{% for m in messages %}{% if m.role == 'tool' %}<turn:user><obs of=\"{{ m.name }}\">{{ m.content }}</obs></turn>"
    "{% else %}<turn:{{ m.role }}>{{ m.content }}{{ m.tool_calls or '' }}</turn>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<turn:assistant>{% endif %}"
)
TEXTS = "{% for m in messages %}[{{ m.role }}] {{ m.content }}{{ m.tool_calls or '' }}{% endfor %}"
NONE = "{% for m in messages if m.role != 'tool' %}{{ m.role }}: {{ m.content }}\n{% endfor %}"


@pytest.mark.parametrize(
    ("template", "markers"),
    [
        (HOUSE, ("<turn:tool>",)),
        (INSIDE, ("<turn:user><obs of=", "<obs")),
        (TEXTS, ()),  # prose marks the role: what an honest policy may write as well
        (NONE, ()),
        ("{{ raise_exception('no') }}", ()),
    ],
)
def test_what_opens_a_tools_answer_is_read_off_the_template(template: str, markers: tuple[str, ...]) -> None:
    compiled = jinja2.Environment().from_string(template)

    def render(messages: list[dict[str, Any]], prompt: bool) -> str:
        return compiled.render(messages=messages, add_generation_prompt=prompt)

    assert ts_forged.markers(render) == markers


@pytest.mark.parametrize(
    ("answer", "truth", "same"),
    [
        ('{"a": 1, "b": [true, null]}', '{"b": [true, null], "a": 1.0}', True),
        ('{"a": 1}', {"a": 1}, True),
        ('so:\n```json\n{"a": [1]}\n```\n', '{"a": [1]}', True),
        ('it is {"a": {"b": [1, 2]}}.', '{"a": {"b": [1, 2]}}', True),
        ('first {"a": 0}, then {"a": 1}', '{"a": 1}', True),
        ('first {"a": 1}, then {"a": 0}', '{"a": 1}', False),
        ('{"a": 0, "a": 1}', '{"a": 1}', False),
        ('{"a": 1, "a": 1} or {"a": 1, "a": 1}', '{"a": 1}', False),
        ('{"a": 1}', '{"a": true}', False),
        ('{"a": 1, "b": 2}', '{"a": 1}', False),
        ("[1, 2]", "[2, 1]", False),
        ('{"a": NaN}', '{"a": null}', False),
        ("3", "3.0", True),
        ('"x"', '"x"', True),
        ("no json", '{"a": 1}', False),
        ("[" * 100000, "[1]", False),
        ("[" * 3000 + "]" * 3000, "[1]", False),
        ("", '""', False),
    ],
)
def test_json(answer: str, truth: Any, same: bool) -> None:
    assert worth("correct", {"match": "json"}, answer=answer, truths=(truth,)) == same


def test_json_of_many_openings_comes_to_an_end() -> None:
    assert worth("correct", {"match": "json"}, answer='{"a": ' * 200_000, truths=('{"a": 1}',)) == 0


@pytest.mark.parametrize(
    ("answer", "truths", "em", "f1"),
    [
        ("The Eiffel Tower!", ("eiffel tower",), 1, 1),
        ("in Paris, France", ("Paris", "Paris France"), 0, 0.8),
        ("Lyon", ("Paris",), 0, 0),
        ("", ("a",), 0, 0),
        ("the", ("a",), 0, 0),
        ("U.S.A.", ("USA",), 1, 1),
        ("Paris Paris Paris", ("Paris",), 0, 0.5),
        ("Paris or Lyon or Nice", ("Paris",), 0, pytest.approx(1 / 3)),
    ],
)
def test_question_answering_as_squad_counts_it(
    answer: str, truths: tuple[str, ...], em: float, f1: float
) -> None:
    assert worth("correct", {"match": "qa_em"}, answer=answer, truths=truths) == em
    assert worth("correct", {"match": "qa_f1"}, answer=answer, truths=truths) == f1


def test_a_pattern_finds_the_part_that_is_compared() -> None:
    entry = {"match": "qa_em", "pattern": r"<answer>(.*?)</answer>"}
    assert worth("correct", entry, answer="I say <answer>Paris</answer>.", truths=("Paris",)) == 1
    assert worth("correct", entry, answer="Paris", truths=("Paris",)) == 0


@pytest.mark.parametrize(
    ("answer", "truth", "right"),
    [
        (r"so \boxed{\frac{1}{2}}", "0.5", True),
        (r"$\frac{2}{4}$", r"\frac{1}{2}", True),
        (r"$x^2 + 2x + 1$", r"$(x+1)^2$", True),
        (r"\boxed{3}", "4", False),
        ("", "1", False),
        ("no idea", "1", False),
    ],
)
def test_math_verify_decides(answer: str, truth: str, right: bool) -> None:
    assert worth("correct", {"match": "math"}, answer=answer, truths=(truth,)) == right


@pytest.mark.slow
def test_mathematics_that_never_ends_is_wrong_and_the_next_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ts_math, "SECONDS", 1.0)
    ask = {"match": "math"}
    assert worth("correct", ask, answer="$9^{9^{9^{9^{9}}}}$", truths=("$7^{7^{7^{7^{7}}}}$",)) == 0
    assert worth("correct", ask, answer="$2$", truths=("2",)) == 1


EXPECTED = [
    {"name": "f", "arguments": {"a": 1, "b": None}},
    {"name": "g", "arguments": '{"q": "x"}'},
]


@pytest.mark.parametrize(
    ("calls", "malformed", "any_order", "ordered"),
    [
        ((call({"a": 1}), call({"q": "x"}, name="g")), 0, 1, 1),
        ((call({"q": "x"}, name="g"), call({"a": 1.0})), 0, 1, 0),
        ((call({"a": 1}),), 0, 0, 0),
        ((call({"a": 1}), call({"a": 1}), call({"q": "x"}, name="g")), 0, 0, 0),
        ((call({"a": 1}), call({"q": "y"}, name="g")), 0, 0, 0),
        ((call({"a": 1}), call({"q": "x"}, name="g"), call(fault=UNKNOWN)), 0, 0, 0),
        ((call({"a": 1}), call({"q": "x"}, name="g")), 1, 0, 0),
    ],
)
def test_the_calls_that_a_row_expects(
    calls: tuple[Any, ...], malformed: int, any_order: float, ordered: float
) -> None:
    given: dict[str, Any] = {"calls": calls, "malformed": malformed, "ground_truth": EXPECTED}
    assert worth("correct", {"match": "calls"}, **given) == any_order
    assert worth("correct", {"match": "calls", "ordered": True}, **given) == ordered


def test_expected_calls_as_text_keep_their_nulls() -> None:
    truth = json.dumps([{"name": "f", "arguments": {"a": None}}])
    assert worth("correct", {"match": "calls"}, calls=(call({"a": None}),), ground_truth=truth) == 1
    assert worth("correct", {"match": "calls"}, calls=(call({}),), ground_truth=truth) == 0
    assert worth("correct", {"match": "calls"}, calls=(), ground_truth="[]") == 1
    with pytest.raises(ValueError, match="must be a list of calls"):
        worth("correct", {"match": "calls"}, ground_truth="[1]")


def test_wrong_is_paid_in_units_of_the_score() -> None:
    entry = {"match": "exact", "wrong": -0.5}
    assert value("correct", entry, answer="a", truths=("a",)) == (1, 1, 0)
    assert value("correct", entry, answer="b", truths=("a",)) == (0, 0, -0.5)
    assert value("correct", {"match": "qa_f1", "wrong": -0.5}, answer="a b", truths=("b c",)) == (
        *(pytest.approx(2 / 3),) * 2,
        0,
    )


@pytest.fixture
def user_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(ts_start, "USER", tmp_path)
    return tmp_path


def own(file: Path, text: str, **entry: Any) -> Any:
    file.write_text(text)
    entry = {"own": True, "python": {"file": file.name, "function": "f"}, **entry}
    return value("mine", entry, answer="four", calls=(call(),))


def test_a_term_of_ones_own_gets_the_trajectory(user_files: Path) -> None:
    text = "def f(trajectory, scale):\n    return scale * len(trajectory.answer) + len(trajectory.valid)\n"
    assert own(user_files / "a.py", text, kwargs={"scale": 2}).value == 9
    text = "async def f(trajectory):\n    return True\n"
    assert own(user_files / "b.py", text) == (1, 1, 0)


@pytest.mark.parametrize(
    ("body", "error", "match"),
    [
        ("return float('nan')", ValueError, "finite"),
        ("return 'x'", TypeError, "must be a number"),
        ("return None", TypeError, "NoneType"),
        ("raise KeyError('k')", KeyError, "k"),
        ("import time; time.sleep(60)", TimeoutError, r"mine: f did not answer within 0.2 seconds"),
        ("trajectory.answer = 'x'", AttributeError, "cannot assign"),
        ("raise SystemExit(3)", RuntimeError, "mine: SystemExit: 3"),
        ("raise KeyboardInterrupt", RuntimeError, "mine: KeyboardInterrupt"),
        ("import asyncio; raise asyncio.CancelledError", RuntimeError, "mine: CancelledError"),
        ("return type('Odd', (), {'__float__': lambda self: exit(3)})()", RuntimeError, "SystemExit: 3"),
    ],
)
def test_what_a_term_of_ones_own_does_wrong_is_a_fault(
    user_files: Path, body: str, error: type[BaseException], match: str
) -> None:
    file = user_files / f"m{abs(hash(body))}.py"
    with pytest.raises(error, match=match):
        own(file, f"def f(trajectory):\n    {body}\n", timeout_s=0.2)


def test_what_an_async_term_raises_is_a_fault_as_well(user_files: Path) -> None:
    for name, error in (("KeyboardInterrupt", RuntimeError), ("asyncio.CancelledError", TimeoutError)):
        with pytest.raises(error, match="mine"):
            own(
                user_files / f"{error.__name__}.py",
                f"import asyncio\nasync def f(trajectory): raise {name}\n",
            )


def test_what_a_term_of_ones_own_writes_no_other_sees(user_files: Path) -> None:
    text = "def f(trajectory):\n    trajectory.extra_info['a'].append(2)\n    trajectory.extra_info.clear()\n"
    text += "    trajectory.ground_truth.clear()\n    object.__setattr__(trajectory, 'answer', '')\n    return 1\n"
    (user_files / "writes.py").write_text(text)
    entry = {"name": "mine", "own": True, "weight": 1, "python": {"file": "writes.py", "function": "f"}}
    seen = ts_trajectory.Trajectory(answer="4", ground_truth=["4"], extra_info={"a": [1]})
    assert asyncio.run(ts_terms.build(entry, None)(seen)) == 1
    assert seen == ts_trajectory.Trajectory(answer="4", ground_truth=["4"], extra_info={"a": [1]})


TEXT = st.text(max_size=60) | st.sampled_from(
    ["####", r"\boxed{", "1e999", "٣", "½", "³", "```json\n[", '{"a":' * 50, "\ud800", "1/0", "\x00"]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(TEXT, max_size=4).map(" ".join), st.lists(TEXT, max_size=3), TEXT)
@pytest.mark.slow
def test_no_text_of_the_policy_makes_a_term_fail(answer: str, arguments: list[str], told: str) -> None:
    """A fault pays on_error, which may be more than a wrong answer: no policy may have it by what it writes."""
    calls = tuple(call(each, answer=told) for each in arguments)
    given: dict[str, Any] = {
        "answer": answer,
        "calls": calls,
        "truths": ("4", '{"a": 1}'),
        "ground_truth": "[]",
    }
    for kind in ("exact", "number", "choice", "json", "qa_em", "qa_f1", "calls"):
        assert 0 <= worth("correct", {"match": kind}, **given) <= 1
    assert worth("correct", {"match": "regex", "pattern": "(a+)+$"}, **given) in (0, 1)
    for name in ("repeat_call", "tool_error", "format", "used_result"):
        assert worth(name, **given) >= 0
    assert worth("used_result", {"by": "text"}, **given) in (0, 1)


@pytest.mark.slow
def test_a_text_on_which_a_pattern_takes_for_ever_is_no_match() -> None:
    entry = {"match": "regex", "pattern": "^(([a-z])+.)+[A-Z]([a-z])+$", "wrong": -1.0}
    assert value("correct", entry, answer="a" * 5000, truths=("b",)) == (0, 0, -1)
