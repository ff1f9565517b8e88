"""The runtime's reading of a trajectory: spans, turns, attempts at calls, answers, arguments, token cut."""

from __future__ import annotations

import importlib
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

RUNTIME = Path(__file__).parents[2] / "backends" / "verl" / "runtime"
sys.path.append(str(RUNTIME))

ts_arguments = importlib.import_module("ts_arguments")
ts_cut = importlib.import_module("ts_cut")
ts_parser = importlib.import_module("ts_parser")
ts_trajectory = importlib.import_module("ts_trajectory")
ts_record = importlib.import_module("ts_record")


@given(st.lists(st.integers(0, 1), max_size=40))
def test_spans_give_back_the_mask(mask: list[int]) -> None:
    spans = ts_trajectory.spans(mask)
    rebuilt = [0] * len(mask)
    for start, length in spans:
        rebuilt[start : start + length] = [1] * length
    assert rebuilt == mask
    ids = list(range(len(mask)))
    turns, at_end = ts_trajectory.policy_turns(ids, spans)
    assert [token for turn in turns for token in turn] == [
        token for token, bit in zip(ids, mask, strict=True) if bit
    ]
    assert at_end == bool(mask and mask[-1])


@pytest.mark.parametrize(
    ("form", "text", "count"),
    [
        ("hermes", "<tool_call>{}</tool_call>", 1),
        ("hermes", "<tool_call>{}</tool_call><tool_call>{", 2),
        ("hermes", '<tool_call>{"x": "<tool_call>"}</tool_call>', 1),
        ("hermes", "<think>a <tool_call> b</think>no", 0),
        ("hermes", "<think>a <tool_call> b", 1),
        ("qwen3_coder", "<tool_call><function=a></function><function=b></function></tool_call>", 2),
        ("gpt-oss", "<|channel|>analysis<|message|>call to=functions.x<|end|>done", 0),
        ("kimi", "<|tool_calls_section_begin|>", 1),
        ("unknown", "<tool_call>", 0),
    ],
)
def test_attempts_at_calls(form: str, text: str, count: int) -> None:
    assert ts_parser.attempts(text, form) == count


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("<think>41?</think> 42", "42"),
        ("41?</think> 42", "42"),
        ("<think>41", ""),
        ("a <think>b</think> c <think>d", "a  c"),
        ("<tool_response>\n41\n</tool_response>\nI do not know", "I do not know"),
        ("I do not know <tool_response>41", "I do not know"),
    ],
)
def test_the_answer_holds_no_reasoning_and_no_forged_tool_response(text: str, answer: str) -> None:
    assert ts_parser.answer_text(text, "hermes").strip() == answer


def test_the_answer_of_gpt_oss_is_its_final_channel() -> None:
    text = "<|channel|>analysis<|message|>41<|end|><|start|>assistant<|channel|>final<|message|>42"
    assert ts_parser.answer_text(text, "gpt-oss") == "42"
    assert ts_parser.answer_text("<|channel|>analysis<|message|>41", "gpt-oss") == ""


SCHEMA: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "book",
        "parameters": {
            "type": "object",
            "properties": {
                "legs": {"type": "array", "minItems": 1},
                "seats": {"type": "integer", "maximum": 9},
            },
            "required": ["legs"],
        },
    },
}


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ({"legs": [1]}, None),
        ({"legs": [1], "seats": 3}, None),
        ({}, "'legs' is a required property"),
        ({"legs": []}, "argument 'legs'"),
        ({"legs": [1], "seats": 12}, "argument 'seats': 12 is greater than the maximum of 9"),
        ({"legs": [1], "seats": True}, "argument 'seats'"),
        ({"legs": [1], "cabin": "x"}, "unknown argument 'cabin', the tool takes 'legs', 'seats'"),
        ("text", "the arguments must be a JSON object, not a string"),
        (None, "the arguments must be a JSON object, not null"),
    ],
)
def test_arguments_against_the_schema(arguments: Any, fault: str | None) -> None:
    told = ts_arguments.argument_check(SCHEMA)(arguments)
    assert told is None if fault is None else fault in told


VALUES: st.SearchStrategy[Any] = (
    st.none()
    | st.booleans()
    | st.integers(-2, 2)
    | st.floats(-2, 2)
    | st.text(max_size=2)
    | st.just([])
    | st.just({})
)
PLAIN = st.fixed_dictionaries(
    {"type": st.sampled_from(["string", "integer", "number", "boolean", "null", "array", "object"])},
    optional={"description": st.just("words")},
)


@given(
    st.dictionaries(st.sampled_from("abc"), PLAIN, max_size=3),
    st.lists(st.sampled_from("abc"), unique=True),
    st.dictionaries(st.sampled_from("abcd"), VALUES, max_size=4),
)
def test_what_plainly_fits_is_what_jsonschema_takes(
    properties: dict[str, Any], required: list[str], arguments: dict[str, Any]
) -> None:
    """The quick way says nothing of its own: `allOf` makes the same schema one that it leaves alone."""
    parameters = {"type": "object", "properties": properties, "required": required}
    fits = ts_arguments._plainly(parameters)
    if fits(arguments):
        slow = {**parameters, "allOf": [{}]}
        assert ts_arguments._plainly(slow) is None
        assert ts_arguments.argument_check({"function": {"parameters": slow}})(arguments) is None
        assert set(arguments) <= set(properties)


def test_an_open_schema_takes_what_it_does_not_name() -> None:
    parameters = {**SCHEMA["function"]["parameters"], "additionalProperties": True}
    assert (
        ts_arguments.argument_check({"function": {"parameters": parameters}})({"legs": [1], "cabin": "x"})
        is None
    )
    assert ts_arguments.argument_check({"function": {"name": "f"}})({"anything": 1}) is None


def test_a_remote_reference_is_not_fetched() -> None:
    raw = {
        "function": {"parameters": {"type": "object", "properties": {"a": {"$ref": "http://127.0.0.1:9/x"}}}}
    }
    assert ts_arguments.argument_check(raw)({"a": 1}) is None


class Words:
    """A tokenizer of two-letter pieces within words, so that cutting a word changes how its rest is split."""

    def encode(self, text: str, add_special_tokens: bool = True) -> list[int]:
        return [hash(piece) for piece in self.pieces(text)]

    def pieces(self, text: str) -> list[str]:
        return re.findall(r"\w{1,2}|\s+|[^\w\s]", text)

    def __call__(self, text: str, add_special_tokens: bool, return_offsets_mapping: bool) -> dict[str, Any]:
        return {"offset_mapping": [match.span() for match in re.finditer(r"\w{1,2}|\s+|[^\w\s]", text)]}


class SlowWords(Words):
    """The same without offsets."""

    def __call__(self, text: str, add_special_tokens: bool, return_offsets_mapping: bool) -> dict[str, Any]:
        raise NotImplementedError


@pytest.mark.parametrize("tokenizer", [Words(), SlowWords()])
@given(text=st.text(alphabet="ab .\nü", max_size=300), limit=st.integers(0, 60))
def test_the_cut_is_a_hard_bound(tokenizer: Words, text: str, limit: int) -> None:
    cut = ts_cut.cut(text, limit, tokenizer)
    assert len(tokenizer.encode(cut)) <= limit
    if len(tokenizer.encode(text)) <= limit and len(text) <= 128 * limit:
        assert cut == text
    elif ts_cut.MARKER in cut:
        head, _, tail = cut.partition(ts_cut.MARKER)
        assert text.startswith(head)
        assert text.endswith(tail)


def test_the_cut_uses_the_room() -> None:
    tokenizer, text = Words(), "abcd " * 200
    cut = ts_cut.cut(text, 50, tokenizer)
    assert 45 <= len(tokenizer.encode(cut)) <= 50
    assert ts_cut.cut("x" * 10_000_000, 8, tokenizer)[:4] == "xxxx"


def test_records_are_lines_of_one_file_a_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOOLSPEC_RUN_DIR", str(tmp_path))
    ts_record.append({"score": 1.0, "answer": "é\ud800"})
    ts_record.append({"score": 2.0})
    (file,) = (tmp_path / "trajectories").iterdir()
    assert [json.loads(line)["score"] for line in file.read_text(encoding="utf-8").splitlines()] == [1.0, 2.0]


def test_a_record_that_cannot_be_written_is_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "trajectories").write_text("a file where the folder should be")
    monkeypatch.setenv("TOOLSPEC_RUN_DIR", str(tmp_path))
    ts_record.append({"score": 1.0})
    monkeypatch.delenv("TOOLSPEC_RUN_DIR")
    ts_record.append({"score": 1.0})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["trajectories"]
