"""`toolspec reward`: what it prints, its JSON, its page, its exit codes, and what lint says of the same."""

from __future__ import annotations

import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from toolspec.backends.verl.lint.lint import lint_file
from toolspec.backends.verl.written.files import Files
from toolspec.cli.app import run
from toolspec.compiler.reward.matcher import MATCHERS
from toolspec.compiler.reward.properties import PROPERTIES

pytestmark = pytest.mark.slow

TOOLS = '''\
def calculator(expression: str) -> str:
    """Work out an expression.

    Args:
        expression: what to work out.
    """
    return expression
'''
SPEC = """\
toolspec: 1
name: seed
target: verl==0.9.1
model: Qwen/Qwen2.5-3B-Instruct
data: {{train: train.parquet}}
tools: {{calculator: tools.py:calculator}}
reward: {reward}
algorithm: {algorithm}
budget: {{turns: 5, prompt_tokens: 512, trajectory_tokens: 512}}
cluster: {{gpus: 1}}
"""
SEED = "tool_calling"
PAID_BY_CALL = "{correct: {weight: 1.0, match: number}, valid_call: {weight: 0.2, per: call}}"
CAPPED = (
    "{correct: {weight: 1.0, match: number}, valid_call: 0.2, extra_call: -0.1, "
    "bad_call: {weight: -1.0, cap: -0.7}}"
)


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Writes a spec with a reward, and makes its folder the working one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tools.py").write_text(TOOLS, "utf-8")

    def write(reward: str, algorithm: str = "{name: grpo, batch: 32, group: 8}", more: str = "") -> Path:
        file = tmp_path / "exp.yaml"
        file.write_text(SPEC.format(reward=reward, algorithm=algorithm) + more, "utf-8")
        return Path("exp.yaml")

    return write


def call(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str
) -> tuple[int, str]:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys, "argv", ["toolspec", "reward", "exp.yaml", *arguments])
    code = run()
    out, err = capsys.readouterr()
    return code, out + err


def test_reward_text(spec: Any, goldens: Any, monkeypatch: Any, capsys: Any) -> None:
    for name, reward, code in (("seed", SEED, 0), ("paid_by_call", PAID_BY_CALL, 1), ("capped", CAPPED, 0)):
        spec(reward)
        found, text = call(monkeypatch, capsys)
        assert found == code
        assert max(map(len, text.splitlines())) <= 80
        goldens.check(f"{name}.txt", text)


def properties(text: str) -> dict[str, Any]:
    return {each["name"]: each for each in json.loads(text)["properties"]}


def test_the_seed_is_a_warning_that_a_cap_mends(spec: Any, monkeypatch: Any, capsys: Any) -> None:
    spec(SEED)
    code, text = call(monkeypatch, capsys, "--format", "json")
    found = properties(text)
    assert code == 0
    assert [name for name, each in found.items() if each["verdict"] == "refuted"] == [
        "solved-first",
        "answer-outweighs",
        "call-not-needed",
    ]
    example = found["answer-outweighs"]["counterexample"]
    assert (example["better"]["words"], example["worse"]["words"]) == (
        "right answer, 1 valid call, 1 bad call",
        "wrong answer, 1 valid call",
    )
    # 1 + 0.2 − 1 ties with 0.2.
    assert example["better"]["score"] == example["worse"]["score"] == "0.2"
    assert found["answer-outweighs"]["repairs"][0]["value"] == "-0.9"
    _, text = call(monkeypatch, capsys, "--format", "json", "--set", "reward.bad_call.cap=-0.9")
    assert properties(text)["answer-outweighs"]["verdict"] == "proved"
    # The fix of each property does what it says, and the value at the end of its interval does not.
    repair = found["solved-first"]["repairs"][0]
    assert (repair["change"], repair["where"]["high"], repair["where"]["high_open"]) == ("cap", "0.8", True)
    for value, verdict in ((repair["value"], "proved"), ("-0.8", "refuted"), ("-0.7999999", "proved")):
        _, text = call(monkeypatch, capsys, "--format", "json", "--set", f"reward.bad_call.cap={value}")
        assert properties(text)["solved-first"]["verdict"] == verdict


def test_each_transcript_has_the_claimed_score_of_the_runtime(
    spec: Any, monkeypatch: Any, capsys: Any
) -> None:
    for reward in (SEED, PAID_BY_CALL):
        spec(reward)
        _, text = call(monkeypatch, capsys, "--format", "json")
        assert json.loads(text)["transcripts_missing"] is None
        examples = [each["counterexample"] for each in properties(text).values() if each["counterexample"]]
        assert examples
        for side in (side for each in examples for side in each.values()):
            assert abs(side["transcript"]["runtime_score"] - float(side["score"])) < 1e-9


def test_padding_that_pays_is_an_error_here_and_in_lint(spec: Any, monkeypatch: Any, capsys: Any) -> None:
    file = spec(PAID_BY_CALL)
    code, text = call(monkeypatch, capsys, "--format", "json")
    assert code == 1
    assert properties(text)["best-is-honest"]["counterexample"]["worse"]["counts"]["valid"] == 2
    (found,) = [each for each in lint_file(file, None, Files()).findings if each.code == "TS430"]
    assert found.severity == "error"
    # Six calls, whether they are executed or not, are paid as much as the answer with one.
    assert "6 valid calls" in found.message
    assert "TS430" not in {each.code for each in lint_file(spec(SEED), None, Files()).findings}
    assert "TS431" in {each.code for each in lint_file(spec(SEED), None, Files()).findings}
    assert not {"TS430", "TS431"} & {each.code for each in lint_file(spec(CAPPED), None, Files()).findings}


def test_a_term_of_the_users_leaves_everything_open(spec: Any, monkeypatch: Any, capsys: Any) -> None:
    Path("mine.py").write_text("def judge(trajectory):\n    return 0.0\n", "utf-8")
    spec("{correct: {weight: 1.0, match: number}, own: {taste: {weight: 0.5, python: mine.py:judge}}}")
    code, text = call(monkeypatch, capsys, "--format", "json")
    assert code == 0
    found = properties(text)
    assert found.pop("matcher")["verdict"] == "proved"
    assert found.pop("right-over-partly")["verdict"] == "no-case"
    assert {each["verdict"] for each in found.values()} == {"unknown"}
    assert "--probe" in found["padding"]["why"]
    assert "taste" in properties(text)["padding"]["why"]


def test_a_reward_that_is_one_function_is_not_analysed(spec: Any, monkeypatch: Any, capsys: Any) -> None:
    Path("mine.py").write_text(
        "def score(data_source, solution_str, ground_truth, extra_info=None):\n    return 1.0\n"
    )
    spec("{python: mine.py:score}")
    code, text = call(monkeypatch, capsys, "--format", "json")
    assert (code, json.loads(text)["analysed"]) == (0, False)
    code, text = call(monkeypatch, capsys)
    assert "nothing is proved" in text


def test_the_page_of_formulas_has_the_table() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reward.md").read_text("utf-8")
    for each in (*PROPERTIES, *MATCHERS):
        assert f"| `{each.name}` | {each.claim} | {each.formula} | {each.severity} |" in page


def test_a_sweep_says_which_points_break(spec: Any, monkeypatch: Any, capsys: Any) -> None:
    spec(
        CAPPED,
        more="sweep: {reward.valid_call.weight: [0.1, 0.4], reward.correct.weight: [1.0, -1.0], data.seed: [1, 2]}\n",
    )
    code, text = call(monkeypatch, capsys, "--sweep")
    assert code == 1
    assert [line.split()[0] for line in text.splitlines() if "reward.valid_call.weight=" in line] == [
        "holds",
        "BROKEN",
        "broken",
        "BROKEN",
    ]
    code, text = call(monkeypatch, capsys, "--sweep", "--format", "json")
    assert [point["fine"] for point in json.loads(text)["points"]] == [True, False, True, False]
    spec(CAPPED)
    code, text = call(monkeypatch, capsys, "--sweep")
    assert code == 1
    assert "no `sweep`" in text


class Tags(HTMLParser):
    """Opened and closed tags, and polygons."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.polygons = 0

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.polygons += tag == "polygon"
        if tag not in ("meta", "rect", "polygon", "line", "circle", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.open and self.open[-1] == tag:
            self.open.pop()
        else:
            assert tag in ("rect", "polygon", "line", "circle"), (tag, self.open)


def test_the_page_stands_alone(spec: Any, monkeypatch: Any, capsys: Any) -> None:
    spec(SEED)
    code, text = call(monkeypatch, capsys, "--html", "page.html")
    assert code == 0
    assert "page  page.html" in text
    page = Path("page.html").read_text("utf-8")
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    assert tags.polygons > 6
    assert not re.search(r"<script|https?://(?!www\.w3)", page)
    call(monkeypatch, capsys, "--html", "page.html")  # its own page is written over
    Path("mine.html").write_text("mine", "utf-8")
    code, text = call(monkeypatch, capsys, "--html", "mine.html")
    assert code == 2
    assert Path("mine.html").read_text("utf-8") == "mine"


def test_groups_without_a_difference_are_told(spec: Any, monkeypatch: Any, capsys: Any) -> None:
    spec(SEED)
    _, text = call(monkeypatch, capsys, "--format", "json")
    signal = json.loads(text)["signal"]
    half = next(each for each in signal["silent_groups"] if each["solved"] == 0.5)
    assert half["share"] == pytest.approx(2 * 0.5**8)
    # torch.std of (0.2, 0 × 7) is 0.2 / √8: the advantage is that of a lone right answer.
    assert signal["advantage_beside_the_answer"] == pytest.approx(0.175 / (0.2 / 8**0.5))
    assert signal["advantage_beside_the_answer"] == signal["advantage_lone_right"]
    spec(SEED, "{name: grpo, batch: 32, group: 8, normalize: false}")
    _, text = call(monkeypatch, capsys, "--format", "json")
    assert json.loads(text)["signal"]["advantage_beside_the_answer"] == pytest.approx(0.175)


def test_rows_at_hand_say_how_many_calls_are_needed(spec: Any, monkeypatch: Any, capsys: Any) -> None:
    reward = (
        "{correct: {weight: 1.0, match: number}, valid_call: 0.2, "
        "extra_call: {weight: -0.1, free: needed_calls}, bad_call: {weight: -1.0, cap: -0.7}}"
    )
    rows = "{path: rows.jsonl, columns: {prompt: q, answer: a, needed_calls: n}}"
    for needed, code in (((1, 2), 0), ((0, 2), 1)):
        lines = [json.dumps({"q": "what", "a": str(7 * n), "n": n}) for n in needed]
        Path("rows.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
        file = spec(reward)
        file.write_text(file.read_text("utf-8").replace("train.parquet", rows), "utf-8")
        found, text = call(monkeypatch, capsys, "--format", "json")
        assert found == code, text
        told = json.loads(text)
        assert [each["case"] for each in told["cases"]] == [
            f"rows that need {n or 'no'} call{'s' * (n != 1)}" for n in needed
        ]
        broken = properties(text)["best-is-honest"]
        assert broken["verdict"] == ("refuted" if code else "proved")
        if code:
            # The runtime is given the row's number too.
            worse = broken["counterexample"]["worse"]
            assert worse["transcript"]["runtime_score"] == pytest.approx(float(worse["score"])) == 1.1
