"""`toolspec budget`: the quick verdict, samples, the trajectory of the data, memory, the page, and what is kept."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from budget_run import ROWS, said, script, settle
from rules import sound
from tiny_model import CONFIG
from toolspec.backends.verl.chat import lengths as counting
from toolspec.backends.verl.chat.length_report import Asked, Report, read_report
from toolspec.backends.verl.chat.prompts import prompts
from toolspec.backends.verl.chat.subject import read_subject
from toolspec.cli.app import run
from toolspec.cli.budget_page import MARK, page, ticks
from toolspec.cli.preview import columns, ends, escaped
from toolspec.cli.progress import Progress

pytestmark = pytest.mark.slow

Run = tuple[pytest.MonkeyPatch, pytest.CaptureFixture[str]]
HOSTILE = "\x1b[31m<script>alert(1)</script> \u202e & \"'"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return settle(tmp_path, monkeypatch)


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return monkeypatch, capsys


def report(*, quick: bool = False, sample: int | None = None, kept: bool = False) -> Report:
    return read_report(read_subject(Path("run.sh"), None), Asked("train", quick, sample), kept)


def chat(*texts: str, **more: Any) -> list[dict[str, Any]]:
    roles = ("user", "assistant", "tool", "user")
    return [{"role": role, "content": text} for role, text in zip(roles, texts, strict=False)]


def test_the_quick_verdict_is_that_of_counting(folder: Path, call: Run) -> None:
    script(folder)
    _, exact = said(*call, "run.sh")
    lengths = exact["prompt_tokens"]
    for limit in (lengths["longest"] + 200, lengths["longest"], lengths["longest"] - 1):
        script(folder, f"data.max_prompt_length={limit}")
        code, whole = said(*call, "run.sh")
        quick_code, quick = said(*call, "run.sh", "--quick")
        assert (quick_code, quick["fits"]) == (code, whole["fits"])
        assert quick["prompt_tokens"]["over"] == whole["prompt_tokens"]["over"]
        assert quick["counted"] + quick["settled_by_bytes"]["rows"] == len(ROWS)
        assert quick["least"]["prompt_tokens"] in (None, whole["least"]["prompt_tokens"])
    assert 0 < quick["counted"] < len(ROWS)
    assert code == 1


def test_a_sample_says_how_sure_it_is(folder: Path, call: Run) -> None:
    script(folder)
    _, whole = said(*call, "run.sh")
    code, some = said(*call, "run.sh", "--sample", "400")
    assert (code, some["rows"], some["counted"]) == (0, len(ROWS), 400)
    assert some == said(*call, "run.sh", "--sample", "400")[1]
    told = some["sample"]
    assert told["rows"] == 400
    assert whole["prompt_tokens"]["p99"] <= told["p99_at_most"] <= whole["prompt_tokens"]["longest"]
    assert 0 < told["most_rows_over"] < len(ROWS) - 400
    assert said(*call, "run.sh", "--sample", "5")[1]["sample"]["p99_at_most"] is None
    assert said(*call, "run.sh", "--sample", "100000")[1]["sample"] is None
    script(folder, f"data.max_prompt_length={whole['prompt_tokens']['p50']}")
    code, some = said(*call, "run.sh", "--sample", "100")
    real = len(said(*call, "run.sh")[1]["prompt_tokens"]["over"])
    assert code == 1
    assert some["sample"]["most_rows_over"] >= real


def test_a_sample_in_words(folder: Path, call: Run) -> None:
    script(folder)
    call[0].setattr("sys.argv", ["toolspec", "budget", "run.sh", "--sample", "100"])
    assert run() == 0
    text = " ".join(call[1].readouterr().out.split())
    assert re.search(
        r"with 95 % confidence at most [\d.]+ % of all rows \(\d+ of 515\) are longer than 1,024 tokens", text
    )
    call[0].setattr("sys.argv", ["toolspec", "budget", "run.sh", "--sample", "100", "--quick"])
    assert run() == 2


def test_rows_that_overflow_are_shown(folder: Path, call: Run) -> None:
    rows = [*ROWS[:3], chat(HOSTILE + "the " * 200 + "end\n"), *ROWS[3:6]]
    script(folder, "data.max_prompt_length=320", rows=rows)
    code, document = said(*call, "run.sh")
    shown = document["prompt_tokens"]["longest_rows"][0]
    assert (code, shown["row"]) == (1, 3)
    assert (shown["file"], shown["unit"], shown["number"]) == ("train.parquet", "row", 4)
    assert shown["head"].startswith(HOSTILE)
    assert shown["tail"].endswith("end\n")
    call[0].setattr("sys.argv", ["toolspec", "budget", "run.sh"])
    call[0].setenv("COLUMNS", "80")
    assert run() == 1
    text = call[1].readouterr().out
    line = next(line for line in text.splitlines() if "train.parquet row 4:" in line)
    assert len(line) <= 80
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert r"\x1b[31m" in line
    assert r"end\n" in line


@pytest.mark.parametrize(
    ("head", "expected"), [("a\tb\x00", r"a\tb\x00"), ("é中🙂", "é中🙂"), ("\ud800\u2028", r"\ud800\u2028")]
)
def test_what_cannot_be_seen_is_escaped(head: str, expected: str) -> None:
    assert escaped(head) == expected


@pytest.mark.parametrize("room", [20, 40, 79])
def test_a_preview_has_room(room: int) -> None:
    for text in ("x" * 500, "中" * 500, "\x1b" * 500, "short", "e\u0301" * 300):
        assert columns(ends(text[:240], text[-240:], len(text), room)) <= room
    assert ends("short", "short", 5, 20) == "short"


def test_a_trajectory_of_characters_by_the_rates_of_the_data(folder: Path) -> None:
    rows = [chat("the " * (10 + n), "I call it", "12 " * 20, "and now?") for n in range(40)]
    script(folder, rows=rows)
    found = report()
    path = found.trajectory
    assert path is not None
    tool = found.lengths.texts.tool
    assert (tool.texts, path.rounds, path.limited) == (40, 3, True)
    characters = 512 + len("...(truncated)...")
    assert found.limits.characters == characters
    assert path.answer.typical == tool.tokens  # answers of the rows are shorter than the cut
    assert path.answer.high == -(-characters * round(tool.each_character_high * 10_000) // 10_000)
    assert (path.answer.ascii, path.answer.any) == (characters, 12 * characters)
    first, other = found.lengths.around
    assert path.worst.answers == 3 * path.answer.high
    assert path.worst.marks == 3 * first
    assert path.hard[0] == 3 * (characters + first)
    assert 0 < other < first
    script(folder, "actor_rollout_ref.rollout.multi_turn.max_parallel_calls=2", rows=rows)
    both = report().trajectory
    assert both is not None
    assert both.worst.answers == 6 * path.answer.high
    assert both.worst.marks == 3 * (first + other)
    assert both.typical == path.typical


def test_rounds_are_bounded_by_either_limit_and_may_have_none(folder: Path, call: Run) -> None:
    script(folder, "actor_rollout_ref.rollout.multi_turn.max_user_turns=2", rows=ROWS[:3])
    assert said(*call, "run.sh")[1]["trajectory_tokens"]["rounds"] == 2
    script(folder, "actor_rollout_ref.rollout.multi_turn.max_assistant_turns=null", rows=ROWS[:3])
    _, document = said(*call, "run.sh")
    assert (document["trajectory_tokens"]["rounds"], document["trajectory_tokens"]["of_rounds"]) == (None, 1)
    assert document["least"]["trajectory_tokens"] is None
    script(folder, "actor_rollout_ref.rollout.multi_turn.max_assistant_turns=1", rows=ROWS[:3])
    _, document = said(*call, "run.sh")
    assert (document["trajectory_tokens"]["rounds"], document["least"]["trajectory_tokens"]) == (0, 64)


def test_the_limit_is_the_one_that_is_read(folder: Path, call: Run) -> None:
    own = "+actor_rollout_ref.rollout.prompt_length=290"
    script(folder, own, "data.filter_overlong_prompts=True", rows=ROWS[:30])
    assert said(*call, "run.sh")[1]["prompt_tokens"]["limit"] == 1024
    script(folder, own, "data.filter_overlong_prompts=False", rows=ROWS[:30])
    code, document = said(*call, "run.sh")
    assert (code, document["prompt_tokens"]["limit"]) == (1, 290)
    call[0].setattr("sys.argv", ["toolspec", "budget", "run.sh"])
    assert run() == 1
    text = " ".join(call[1].readouterr().out.split())
    assert "verl cuts their beginning" in text
    assert "fix: actor_rollout_ref.rollout.prompt_length:" in text


def test_the_least_limits_hold(folder: Path, call: Run) -> None:
    """With the limits that the verdict names every row fits, and the worst trajectory does."""
    script(folder, "data.max_prompt_length=300", "data.max_response_length=100")
    code, document = said(*call, "run.sh")
    least = document["least"]
    assert code == 1
    script(
        folder,
        f"data.max_prompt_length={least['prompt_tokens']}",
        f"data.max_response_length={least['trajectory_tokens']}",
    )
    code, again = said(*call, "run.sh")
    assert (code, again["least"]["now"]) == (0, least["together"])
    assert again["trajectory_tokens"]["worst"]["total"] < again["trajectory_tokens"]["limit"]


def test_memory_by_the_formula_or_a_word_of_why_not(folder: Path, call: Run) -> None:
    script(folder, rows=ROWS[:3])
    _, document = said(*call, "run.sh")
    each = 2 * 2 * (64 // 4) * 2 * 2  # layers, KV heads, head size, keys and values, bytes of bfloat16
    cache = document["kv_cache"]
    assert cache["bytes_a_token"] == each
    assert cache["sequence_bytes"]["now"] == each * (1024 + 2048)
    assert cache["sequences"] == 32  # 32 rows, 8 samples of each, 8 engines
    assert cache["all_bytes"]["least"] == 32 * each * document["least"]["together"]
    script(folder, "+actor_rollout_ref.rollout.engine_kwargs.sglang.kv_cache_dtype=fp8_e5m2", rows=ROWS[:3])
    assert said(*call, "run.sh")[1]["kv_cache"]["bytes_a_token"] == each // 2
    (folder / "model" / "config.json").write_text(json.dumps({**CONFIG, "model_type": "odd_net"}), "utf-8")
    assert "odd_net" in said(*call, "run.sh")[1]["kv_cache"]["needs"]


def counts(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A list that grows whenever rows are really counted."""
    made: list[int] = []
    real = counting._counted

    def counted(*arguments: Any) -> Any:
        made.append(1)
        return real(*arguments)

    monkeypatch.setattr(counting, "_counted", counted)
    return made


def test_unchanged_data_are_counted_once(folder: Path, call: Run) -> None:
    made = counts(call[0])
    script(folder)
    first = said(*call, "run.sh")
    assert said(*call, "run.sh") == first
    script(folder, "data.max_response_length=999")  # no part of a count
    said(*call, "run.sh")
    assert len(made) == 1
    said(*call, "run.sh", "--no-cache")
    assert len(made) == 2


def test_what_changes_while_it_is_counted_is_not_kept(folder: Path, call: Run) -> None:
    made: list[int] = []
    real = counting._counted

    def counted(*arguments: Any) -> Any:
        made.append(1)
        found = real(*arguments)
        if len(made) == 1:
            pq.write_table(pa.table({"prompt": ROWS[:9]}), folder / "train.parquet")
        return found

    call[0].setattr(counting, "_counted", counted)
    script(folder, rows=ROWS[:3])
    assert [said(*call, "run.sh")[1]["rows"] for _ in range(3)] == [3, 9, 9]
    script(folder, rows=ROWS[:3])
    said(*call, "run.sh")
    assert len(made) == 3


@pytest.mark.parametrize("what", ["rows", "template", "tokenizer", "tools", "variables"])
def test_what_decides_a_count_is_asked_for(folder: Path, call: Run, what: str) -> None:
    made = counts(call[0])
    script(folder, rows=ROWS[:3])
    said(*call, "run.sh")
    if what == "rows":
        script(folder, rows=ROWS[:4])
    elif what == "tools":
        (folder / "tools.yaml").write_text(sound.TOOLS.replace("arithmetic", "simple"), "utf-8")
    elif what == "variables":
        script(folder, "+data.apply_chat_template_kwargs.enable_thinking=False", rows=ROWS[:3])
    else:
        file = folder / "model" / {"template": "chat_template.jinja", "tokenizer": "tokenizer.json"}[what]
        file.write_text(file.read_text("utf-8") + " ", "utf-8")
    said(*call, "run.sh")
    assert len(made) == 2


def test_a_broken_entry_is_counted_again(folder: Path, call: Run) -> None:
    made = counts(call[0])
    script(folder, rows=ROWS[:3])
    first = said(*call, "run.sh")
    (entry,) = (folder / "cache" / "toolspec" / "counts").iterdir()
    entry.write_bytes(entry.read_bytes()[:-9])
    assert said(*call, "run.sh") == first
    assert len(made) == 2


def refused(rows: Sequence[Any], folder: Path, call: Run, *more: str) -> list[str]:
    script(folder, *more, rows=rows)
    code, document = said(*call, "run.sh")
    assert code == 1
    return [one["code"] for one in document["findings"]]


def test_wrong_rows_are_told(folder: Path, call: Run) -> None:
    assert refused(ROWS[:2], folder, call, "data.prompt_key=promt") == ["TS611"]
    assert refused(ROWS[:2], folder, call, "data.train_files=tools.yaml") == ["TS047"]
    (folder / "empty.jsonl").write_text("", "utf-8")
    assert refused(ROWS[:2], folder, call, "data.train_files=empty.jsonl") == ["TS614"]
    (folder / "bad.jsonl").write_text(json.dumps({"prompt": ROWS[0]}) + "\n{", "utf-8")
    assert refused(ROWS[:2], folder, call, "data.train_files=bad.jsonl") == ["TS613"]
    (folder / "none.parquet").write_text("", "utf-8")
    assert refused(ROWS[:2], folder, call, "data.train_files=none.parquet") == ["TS605"]
    script(folder, rows=ROWS[:2])
    pq.write_table(pa.table({"prompt": ["text", None]}), folder / "train.parquet")
    code, document = said(*call, "run.sh")
    assert (code, document["fits"], document["counted"]) == (1, False, 0)
    assert [one["row"] for one in document["prompt_tokens"]["refused"]] == [0, 1]


def test_rows_are_read_as_they_are_needed(folder: Path) -> None:
    """A broken row at the end is met when it is its turn: nothing holds all rows."""
    (folder / "lines.jsonl").write_text(
        "\n".join([*(json.dumps({"prompt": row}) for row in ROWS), "{"]), "utf-8"
    )
    script(folder, "data.train_files=lines.jsonl")
    subject = read_subject(Path("run.sh"), None)
    rows = prompts(subject, "train")
    assert [messages for _, messages in zip(range(len(ROWS)), rows, strict=False)] == ROWS
    with pytest.raises(Exception, match="not JSON"):
        next(rows)


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self.outside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.outside += [f"{name}={value}" for name, value in attrs if name in ("src", "href", "onload")]


def test_the_page_stands_alone_and_escapes_the_rows(folder: Path) -> None:
    rows = [*ROWS[:40], chat(HOSTILE + "the " * 300)]
    script(folder, "data.max_prompt_length=320", rows=rows)
    found = report()
    text = page(found)
    tags = Tags()
    tags.feed(text)
    assert "script" not in tags.names
    assert tags.outside == []
    assert not re.search(r"https?:|url\(|@import", text)
    assert "&lt;script&gt;alert(1)" in text
    assert "\x1b" not in text
    bars = re.findall(r'<rect class="(bar|over)".*?<title>([\d,]+) to ([\d,]+) tokens: (\d+) rows', text)
    assert sum(int(number) for *_, number in bars) == len(rows)
    over = sum(int(number) for kind, *_, number in bars if kind == "over")
    assert over == len(found.over)
    assert 1 < over < len(rows)
    assert "limit 320" in text
    widths = [float(width) for width in re.findall(r"width:([\d.]+)%", text)]
    assert sum(widths) == pytest.approx(200, abs=0.1)
    script(folder, rows=ROWS[:1])
    for one in (report(), report(quick=True), report(sample=1)):
        assert "every prompt fits in 1,024" in page(one) or "every prompt fits in" in page(one)


@pytest.mark.parametrize(
    ("least", "most"), [(0, 1), (0, 7), (568, 631), (0, 100_000), (12_345, 98_765), (5, 5)]
)
def test_ticks_are_few_and_round(least: int, most: int) -> None:
    found = ticks(least, most)
    assert 1 <= len(found) <= 9
    assert all(least <= tick <= most for tick in found)
    assert len({b - a for a, b in pairwise(found)}) <= 1


def test_a_file_of_another_kind_is_left_alone(folder: Path, call: Run) -> None:
    script(folder, rows=ROWS[:3])
    call[0].setattr("sys.argv", ["toolspec", "budget", "run.sh", "--html", "page.html"])
    assert run() == 0
    first = (folder / "page.html").read_text("utf-8")
    assert first.startswith(MARK)
    assert run() == 0
    assert (folder / "page.html").read_text("utf-8") == first
    (folder / "page.html").write_text("<p>mine", "utf-8")
    call[1].readouterr()
    assert run() == 2
    assert "no page of this command's" in " ".join(call[1].readouterr().err.split())
    assert (folder / "page.html").read_text("utf-8") == "<p>mine"
    for name in ("nowhere/page.html", "model"):
        call[0].setattr("sys.argv", ["toolspec", "budget", "run.sh", "--html", name])
        assert run() == 2


def test_a_bar_is_shown_to_a_person_who_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal:
        def __init__(self, person: bool) -> None:
            self.person, self.text = person, ""

        def isatty(self) -> bool:
            return self.person

        def write(self, text: str) -> int:
            self.text += text
            return len(text)

        def flush(self) -> None:
            return None

    def shown(person: bool, seconds: float, **environment: str) -> str:
        terminal = Terminal(person)
        monkeypatch.setattr("sys.stderr", terminal)
        for name in ("CI", "TERM"):
            monkeypatch.delenv(name, raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        clock = iter([0.0, *[seconds] * 9])
        with monkeypatch.context() as patched:
            patched.setattr(time, "monotonic", lambda: next(clock))
            with Progress("prompts") as progress:
                progress(50, 100)
        return terminal.text

    assert "50/100" in shown(True, 2.0)
    assert (
        shown(True, 0.5)
        == shown(False, 2.0)
        == shown(True, 2.0, CI="true")
        == shown(True, 2.0, TERM="dumb")
        == ""
    )
