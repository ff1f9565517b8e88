"""The metrics of runs: a real one (tests/data/run-calculator), and made ones with restarts and half-written files."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from run_folder import BEGAN, RunMaker, console, rayed, record
from toolspec.backends.launch.report import records as module
from toolspec.backends.launch.report.course import joined
from toolspec.backends.launch.report.log_lines import parted
from toolspec.backends.launch.report.records import Sums, read_records
from toolspec.backends.verl.logged import SEVEN, Logged, console_line
from toolspec.cli.metrics import metrics
from toolspec.specs.problem import ProblemError

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "tests" / "data" / "run-calculator"
Golden = Callable[[str, str], None]


def answered(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(metrics, list(arguments), standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    assert result.return_value == code
    return result.output


def document(*arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(answered(*arguments, "--format", "json"))
    return found


def test_the_real_run_has_what_verl_logged_and_the_reward_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each number from its own file, read here by other means."""
    logged = {line["step"]: line["data"] for line in map(json.loads, (SAMPLE / "metrics.jsonl").open())}
    lines = [json.loads(line) for file in (SAMPLE / "trajectories").iterdir() for line in file.open()]
    found = document(str(SAMPLE), "--all")
    assert [row["step"] for row in found["steps"]] == [1, 2, 3, 4]
    for row in found["steps"]:
        mine = [line for line in lines if line["split"] == "train" and line["step"] == row["step"]]
        calls = sum(len(line["calls"]) for line in mine)
        assert row["records"] == len(mine) == 128
        assert row["task_success_rate"] == pytest.approx(sum(x["metrics"]["correct"] for x in mine) / 128)
        assert row["avg_tool_calls"] == pytest.approx(calls / 128)
        opened = calls + sum(line["malformed"] for line in mine)
        assert row["tool_parse_success_rate"] == pytest.approx(calls / opened)
        for metric in SEVEN[3:]:
            assert metric.key is not None
            assert row[metric.name] == logged[row["step"]][metric.key]
        assert row["logged"] == pytest.approx(logged[row["step"]])
    assert {row["step"]: row["score"] for row in found["validation"]} == pytest.approx({0: 1.2, 4: 1.2})


def test_the_log_alone_has_the_same_as_the_file_logger(tmp_path: Path) -> None:
    (tmp_path / "log.txt").symlink_to(SAMPLE / "log.txt")
    (tmp_path / "trajectories").symlink_to(SAMPLE / "trajectories")
    both, alone = document(str(SAMPLE), "--all"), document(str(tmp_path), "--all")
    assert alone["steps"] == both["steps"]
    (tmp_path / "log.txt").unlink()
    (tmp_path / "metrics.jsonl").symlink_to(SAMPLE / "metrics.jsonl")
    assert document(str(tmp_path), "--all")["steps"] == both["steps"]


def test_a_run_is_shown(goldens: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for form in ("table", "csv"):
        shown = answered(str(SAMPLE), "--format", form)
        assert form == "csv" or max(map(len, shown.splitlines())) <= 80
        goldens.check(f"{form}.txt", shown)


def step(number: int, score: float = 1.2) -> str:
    return console(
        number, {"training/global_step": number, "critic/score/mean": score, "timing_s/gen": float(number)}
    )


def restarted(tmp_path: Path, *, events: bool) -> Path:
    """Steps 1 to 4, then again from 3 on with other scores; step 5 is under way, and a line is half-written."""
    run = tmp_path / "calculator-00aa11"
    run.mkdir()
    made = RunMaker(run)
    made.log("0001.0.log", *map(step, (1, 2, 3, 4)))
    made.log("0001.1.log", console(2, {"val-aux/x/score/mean@1": 0.5}), step(3, 0.0), step(4, 0.0), pid=99)
    if events:
        made.event("began", nodes=["n1"], resumed_from=None)
        made.event("began", restart=1, at=100, nodes=["n1"], resumed_from=2)
    first, second = int(BEGAN * 1000) + 9_000, int(BEGAN * 1000) + 109_000
    made.records(f"n1-5-{first}-0000.jsonl", [record(x) for x in (1, 2, 3, 4)])
    made.records(f"n1-7-{first}-0000.jsonl", [record(x) for x in (1, 2, 3, 4, 4)])
    later = [{**record(x, score=0.0), "time": BEGAN + 110} for x in (3, 3, 4, 4, 5)]
    made.records(f"n1-6-{second}-0000.jsonl", later)
    with (run / "trajectories" / f"n1-6-{second}-0000.jsonl").open("a") as half:
        half.write(json.dumps(record(5))[:200])
    with (run / "logs" / "0001.1.log").open("a") as half:
        half.write(rayed(step(5)).rstrip("\n")[:60])
    return run


@pytest.mark.parametrize("events", [True, False])
def test_steps_seen_twice_count_as_the_later_attempt_had_them(tmp_path: Path, events: bool) -> None:
    found = document(str(restarted(tmp_path, events=events)), "--all")
    rows = {row["step"]: row for row in found["steps"]}
    assert {n: row["records"] for n, row in rows.items()} == {1: 2, 2: 2, 3: 2, 4: 2, 5: 1}
    assert {n: row["task_success_rate"] for n, row in rows.items()} == {
        1: 1.0,
        2: 1.0,
        3: 0.0,
        4: 0.0,
        5: 0.0,
    }
    assert {n: row["done"] for n, row in rows.items()} == {1: True, 2: True, 3: True, 4: True, 5: False}
    assert rows[4]["logged"]["critic/score/mean"] == 0.0
    assert rows[2]["logged"]["val-aux/x/score/mean@1"] == 0.5
    assert rows[2]["timing/gen"] == 2.0, "a line of validation alone takes nothing away"
    assert rows[5]["timing/gen"] is None
    notes = " ".join(note["message"] for note in found["notes"])
    assert "3 to 4 trained again" in notes and "5 (1 records)" in notes


def test_without_a_console_the_file_of_the_later_attempt_counts(tmp_path: Path) -> None:
    (tmp_path / "metrics").mkdir()
    for name, first, score in (("0001.0", 1, 1.0), ("0001.1", 3, 0.0)):
        data = {"timing_s/step": 9.0, "critic/score/mean": score}
        rows = [
            {"step": number, "data": {**data, "training/global_step": number}} for number in range(first, 5)
        ]
        (tmp_path / "metrics" / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = document(str(tmp_path), "--all")
    scores = {row["step"]: row["logged"]["critic/score/mean"] for row in found["steps"]}
    assert scores == {1: 1.0, 2: 1.0, 3: 0.0, 4: 0.0}
    assert "3 to 4 trained again" in " ".join(note["message"] for note in found["notes"])


def test_a_moved_and_renamed_run_is_found_by_its_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    restarted(tmp_path, events=True).rename(tmp_path / "kept")
    monkeypatch.setenv("TOOLSPEC_RUNS", str(tmp_path))
    assert (
        document("calculator-00aa11")
        == document("kept")
        == document("calcul")
        == document(str(tmp_path / "kept"))
    )
    for name, why in (
        ("calculater", "there is no run `calculater` among the 1 in"),
        ("~nobody-here/x", "is no run"),
        ("a\0b", "there is no run"),
        ("x/a\0b", "is no run"),
    ):
        with pytest.raises(ProblemError, match=why):
            answered(name)


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(ProblemError, match="is no run's folder"):
        answered(str(tmp_path))
    (tmp_path / "log.txt").write_text("[validate_config] fine\n")
    with pytest.raises(ProblemError, match=r"no metrics yet: no step in log\.txt") as error:
        answered(str(tmp_path))
    assert error.value.problems[0].code == "TS953"
    (tmp_path / "log.txt").write_text(rayed(step(1)))
    notes = {note["metric"]: note["message"] for note in document(str(tmp_path))["notes"]}
    assert notes["task_success_rate"] == "there are no records in trajectories/"
    assert "critic_warmup" in notes["actor/ppo_kl"]


def test_a_policy_loss_without_the_metric_is_named(tmp_path: Path) -> None:
    run = tmp_path / "calculator-00aa11"
    run.mkdir()
    made = RunMaker(run)
    loss = "actor_rollout_ref.actor.policy_loss.loss_mode"
    made.log("0001.0.log", made.config([f"{loss}=kl_cov"]), step(1))
    notes = {note["metric"]: note["message"] for note in document(str(run))["notes"]}
    assert notes["actor/pg_clipfrac"] == "the policy loss kl_cov of verl 0.9.1 does not log it"
    assert "critic_warmup" in notes["actor/ppo_kl"]


def test_steps_are_chosen() -> None:
    def steps(*options: str) -> list[int]:
        return [row["step"] for row in document(str(SAMPLE), *options)["steps"]]

    assert [steps("--steps", "2-3"), steps("--steps", "3-"), steps("--steps", "-2")] == [
        [2, 3],
        [3, 4],
        [1, 2],
    ]
    assert [steps("--steps", "2"), steps("--last", "1")] == [[2], [4]]
    every = list(csv.DictReader(io.StringIO(answered(str(SAMPLE), "--format", "csv", "--all"))))
    assert float(every[2]["critic/score/mean"]) == pytest.approx(0.7976562)
    assert set(every[0]) >= {metric.name for metric in SEVEN}


names = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=20)
values = st.one_of(st.floats(), st.integers(-(2**40), 2**40))


@given(
    st.integers(0, 10**6),
    st.dictionaries(names.filter(lambda n: " - " not in n), values, min_size=1, max_size=8),
)
def test_a_line_of_the_console_is_read_back(number: int, told: dict[str, float]) -> None:
    """Written as verl's concat_dict_to_str does it: `step:N`, then ` - key:value` of each number."""
    found = console_line(console(number, told))
    assert found is not None
    assert found.step == number
    assert {key: repr(value) for key, value in found.metrics.items()} == {
        key: repr(float(value)) for key, value in told.items()
    }


def test_numbers_of_numpy_and_prefixes_of_ray() -> None:
    text = (
        "\x1b[36m(TaskRunner pid=12, ip=node-3)\x1b[0m step:3 - val/a - b/x@1:np.float64(0.5) - n:np.int64(4)"
    )
    line = parted(text)
    assert (line.actor, line.process) == ("TaskRunner", "TaskRunner 12 node-3")
    assert console_line(line.text) == Logged(3, {"val/a - b/x@1": 0.5, "n": 4.0})


attempts = st.lists(st.tuples(st.integers(0, 12), st.integers(1, 6)), min_size=1, max_size=4)


@given(attempts)
def test_an_attempt_counts_from_where_it_took_up(spans: list[tuple[int, int]]) -> None:
    """Against the plain words: of each step the last attempt that trained it, and nothing behind a later start."""
    lines = [
        [Logged(n, {"t": float(at)}) for n in range(first, first + length)]
        for at, (first, length) in enumerate(spans)
    ]
    steps, repeated = joined(lines)
    expected = {}
    for at, (first, length) in enumerate(spans):
        later = [start for start, _ in spans[at + 1 :]]
        for n in range(first, first + length):
            if all(n < start for start in later):
                expected[n] = float(at)
    assert {n: m["t"] for n, m in steps.items()} == expected
    assert set(repeated) >= {
        n for n in steps if sum(first <= n < first + length for first, length in spans) > 1
    }


texts = st.text(st.characters(codec="utf-8"), max_size=30) | st.sampled_from(
    [
        ', "score": 9, "paid": {"x": 1}, "metrics": {"task_success": 1}}',
        '"malformed": 7, "forged": 0',
        "\\",
        '\\"',
    ]
)
given_records = st.builds(
    lambda step, split, malformed, score, calls, **said: {
        **record(step, split=split, malformed=malformed, score=score, calls=calls),
        **said,
    },
    step=st.integers(0, 5) | st.none(),
    split=st.sampled_from(["train", "val", "test", "other", None]),
    malformed=st.integers(0, 3),
    score=st.sampled_from([0.0, -1.5, 1.2]),
    calls=st.sampled_from([0.0, 1.0, 3.0]),
    answer=texts,
    fault=st.none() | texts,
    uid=st.none() | texts,
)


@given(st.lists(given_records, max_size=6))
def test_the_quick_way_through_records_says_what_json_says(found: list[dict[str, Any]]) -> None:
    for each in found:
        line = json.dumps(each, ensure_ascii=False).encode() + b"\n"
        quick, slow = module._quick(line, {}), module._slow(line)
        assert slow is not None
        if quick is not None:
            assert (float(quick[0]), *quick[1:]) == (slow[0], *slow[1:])
        plain = (
            isinstance(each["step"], int)
            and each["split"] != "other"
            and "\\" not in json.dumps(each["uid"], ensure_ascii=False)
        )
        assert (quick is not None) == plain, "the bundle's own records take the quick way"


def test_sums_of_processes_are_added(tmp_path: Path) -> None:
    folder = tmp_path / "trajectories"
    folder.mkdir()

    def write(name: str, found: Iterable[dict[str, Any]]) -> None:
        (folder / name).write_text("".join(json.dumps(each) + "\n" for each in found))

    write(
        "a-1-1000-0000.jsonl",
        [record(1), record(1, score=0.0, calls=0.0, malformed=2), record(0, split="val")],
    )
    write("a-1-1000-0001.jsonl", [record(2)])
    write("b-2-1001-0000.jsonl", [record(1, calls=3.0)])
    (folder / "c-3-1002-0000.jsonl").write_text('{"no": "step"}\n[1]\nno JSON\n{"cut')
    found = read_records(tmp_path)
    one = found.train[1]
    assert (one.records, one.success_rate, one.calls, one.parse_rate) == (3, 2 / 3, 4 / 3, 4 / 6)
    assert one.mean_score is not None and math.isclose(one.mean_score, 0.8)
    assert (set(found.train), set(found.val), found.stepless, found.broken) == ({1, 2}, {0}, 1, 2)
    assert Sums().parse_rate is None
