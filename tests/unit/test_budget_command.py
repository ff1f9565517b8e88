"""`toolspec budget`: lengths of prompts against the limits, for a spec and for a script, over the rows themselves."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from budget_run import QUESTIONS, ROWS, said, script, settle
from conftest import EXAMPLES
from tiny_model import CHATML, tokenizer_json
from toolspec.cli.app import run
from toolspec.compiler.chat.counting import NOT_MESSAGES, AtMost, Counters, counted
from toolspec.compiler.chat.distribution import Distribution, distribution, rounded_up
from toolspec.compiler.chat.encoder import Encoder
from toolspec.compiler.chat.environment import render
from toolspec.compiler.chat.folder import read_chat_folder
from toolspec.compiler.chat.process import ChatError, Failure

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return settle(tmp_path, monkeypatch)


def test_every_row_is_counted_in_order(folder: Path) -> None:
    model = read_chat_folder(folder / "model")
    encoder = Encoder(json.dumps(tokenizer_json()))
    texts = [render(CHATML, row, None, True, {}) for row in ROWS]
    expected = [len(encoder.ids(text)) for text in texts]
    for processes in (1, 2, 5):
        assert list(counted("counts", model, CHATML, ROWS, [], {}, processes)) == expected
    bounds = list(counted("bytes", model, CHATML, ROWS, [], {}))
    assert bounds == [AtMost(len(text)) for text in texts]


def test_a_row_that_the_template_refuses_is_told_by_its_number(folder: Path) -> None:
    model = read_chat_folder(folder / "model")
    template = "{{ raise_exception('no') if messages | length > 1 else messages[0].content }}"
    found = list(counted("counts", model, template, [ROWS[0], ROWS[0] * 2, ROWS[1]], [], {}))
    assert [isinstance(one, Failure) for one in found] == [False, True, False]
    assert distribution(found).refused == ((1, "TemplateError: no"),)


def test_what_bytes_do_not_settle_is_counted(folder: Path) -> None:
    model = read_chat_folder(folder / "model")
    exact = list(counted("counts", model, CHATML, ROWS, [], {}))
    bytes_ = [one.tokens for one in counted("bytes", model, CHATML, ROWS, [], {}) if isinstance(one, AtMost)]
    limit = sorted(bytes_)[-len(ROWS) // 8]
    for processes in (1, 3):
        with Counters[int](model, CHATML, [], {}, processes) as counters:
            found = list(counters.lengths(enumerate(ROWS), limit))
        assert [tag for tag, *_ in found] == list(range(len(ROWS)))
        for (*_, length), most, number in zip(found, bytes_, exact, strict=True):
            # One among rows of which most are long is counted with them.
            assert length == number or (most <= limit and length == AtMost(most))
        assert {type(length) for *_, length in found} == {int, AtMost}


def test_rows_that_are_no_messages_are_refused_in_their_place(folder: Path) -> None:
    model = read_chat_folder(folder / "model")
    bad: list[Any] = ["text", None, [{"role": "user", "content": {1, 2}}], ["text"], {}]
    mixed = [one for pair in zip(bad, ROWS, strict=False) for one in pair]
    found = list(counted("counts", model, CHATML, mixed, [], {}))
    exact = list(counted("counts", model, CHATML, ROWS[: len(bad)], [], {}))
    assert found[1::2] == exact
    assert [one == NOT_MESSAGES for one in found[::2]] == [True, True, False, True, True]
    assert isinstance(found[4], Failure)


def test_a_script_whose_prompts_fit(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script(folder)
    code, document = said(monkeypatch, capsys, "run.sh")
    prompts = document["prompt_tokens"]
    assert (code, document["rows"], prompts["over"]) == (0, len(ROWS), [])
    assert sum(one["rows"] for one in prompts["bins"]) == len(ROWS)
    assert prompts["p50"] <= prompts["p90"] <= prompts["p99"] <= prompts["longest"]


def test_a_limit_below_the_longest_is_an_error_with_the_number_that_fits(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script(folder)
    _, document = said(monkeypatch, capsys, "run.sh")
    longest = document["prompt_tokens"]["longest"]
    script(folder, f"data.max_prompt_length={longest - 1}")
    code, document = said(monkeypatch, capsys, "run.sh")
    assert code == 1
    over = document["prompt_tokens"]["over"]
    assert {one["tokens"] for one in over} == {longest}
    assert {len(QUESTIONS[one["row"]]) for one in over} == {max(map(len, QUESTIONS))}
    script(folder, f"data.max_prompt_length={longest}")
    assert said(monkeypatch, capsys, "run.sh")[0] == 0
    monkeypatch.setattr("sys.argv", ["toolspec", "budget", "run.sh"])
    script(folder, f"data.max_prompt_length={longest - 1}")
    assert run() == 1
    assert f"fix: data.max_prompt_length: {rounded_up(longest)}" in capsys.readouterr().out


def test_a_spec_is_counted_over_its_own_rows(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(EXAMPLES / "calculator", folder, dirs_exist_ok=True)
    text = (folder / "exp.yaml").read_text("utf-8")
    model = next(line for line in text.splitlines() if line.startswith("model:"))
    (folder / "exp.yaml").write_text(
        text.replace(model, "model: {path: ./model, tool_format: hermes}"), "utf-8"
    )
    rows = [{"question": f"What is {n} + {n}?", "answer": str(2 * n)} for n in range(1, 100)]
    for split in ("train", "val"):
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    _, document = said(monkeypatch, capsys, "exp.yaml")
    assert document["rows"] == 99
    limits = document["trajectory_tokens"]
    assert (limits["rounds"], limits["tool_response"]) == (3, 64)
    assert 0 < limits["around_a_tool_response"] < 200


def test_what_is_not_at_hand_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script(folder, "data.train_files=nowhere.parquet")
    code, document = said(monkeypatch, capsys, "run.sh")
    assert (code, [one["code"] for one in document["findings"]]) == (1, ["TS047"])
    script(folder)
    (folder / "model" / "tokenizer.json").unlink()
    code, document = said(monkeypatch, capsys, "run.sh")
    assert (code, [one["code"] for one in document["findings"]]) == (1, ["TS044"])


def test_half_of_a_surrogate_pair_is_a_fault_of_its_row(folder: Path) -> None:
    model = read_chat_folder(folder / "model")
    half = [{"role": "user", "content": "a\ud800"}]
    for limit in (None, 1 << 20):
        with Counters[int](model, CHATML, [], {}) as counters:
            found = list(counters.lengths(enumerate([ROWS[0], half, ROWS[1]]), limit))
        refused = [isinstance(length, Failure) and "U+D800" in length.message for *_, length in found]
        assert refused == [False, True, False]


def test_a_template_is_tried_before_a_tokenizer_is_read(folder: Path) -> None:
    (folder / "model" / "tokenizer.json").write_text("no JSON", "utf-8")
    model = read_chat_folder(folder / "model")
    with pytest.raises(ChatError, match="memory"):
        list(counted("counts", model, "{{ 'x' * 10**11 }}", ROWS, [], {}))
    with pytest.raises(ChatError, match="ValueError"):
        list(counted("counts", model, "{{ raise_exception('no') }}", ROWS, [], {}))


def test_tools_that_are_in_no_prompt_are_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script(folder)
    tools = yaml.safe_load((folder / "tools.yaml").read_text("utf-8"))
    own = {"class_name": "mine.Own", "config": {"type": "native"}}
    (folder / "tools.yaml").write_text(yaml.safe_dump({"tools": [*tools["tools"], own]}), "utf-8")
    code, document = said(monkeypatch, capsys, "run.sh")
    assert code == 0
    assert [one for one in document["assumed"] if "mine.Own" in one and "no prompt has" in one]
    broken = tools["tools"][0]["tool_schema"]["function"]["parameters"]["properties"]
    broken["x"] = {"anyOf": [{"type": "string"}, {"type": "null"}]}
    (folder / "tools.yaml").write_text(yaml.safe_dump(tools), "utf-8")
    code, document = said(monkeypatch, capsys, "run.sh")
    assert (code, [one["code"] for one in document["findings"]]) == (1, ["TS316"])


def test_rows_of_images_are_not_counted_as_text(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script(folder, "data.train_files=train.jsonl")
    row = {"prompt": ROWS[0], "images": ["a.png"]}
    (folder / "train.jsonl").write_text(json.dumps(row) + "\n", "utf-8")
    code, document = said(monkeypatch, capsys, "run.sh")
    assert (code, [one["code"] for one in document["findings"]]) == (1, ["TS047"])
    assert "images" in document["findings"][0]["message"]


def test_a_distribution() -> None:
    found = distribution([5, 1, Failure("TemplateError", "no"), 3, 9])
    assert found == Distribution((5, 1, 3, 9), (0, 1, 3, 4), ((2, "TemplateError: no"),))
    assert [found.quantile(share) for share in (0.25, 0.5, 0.75, 1.0)] == [1, 3, 5, 9]
    assert found.over(3) == ((4, 9), (0, 5))
    assert found.bins(3) == ((1, 3, 2), (4, 6, 1), (7, 9, 1))
    assert found.bins(3, limit=4) == ((1, 1, 1), (2, 4, 1), (5, 7, 1), (8, 10, 1))
    assert found.bins(3, limit=9) == found.bins(3, limit=0) == found.bins(3)
    assert distribution([]).bins(4) == ()
    assert [rounded_up(number) for number in (1, 64, 65)] == [64, 64, 128]
