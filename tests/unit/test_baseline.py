"""Findings that are recorded are left out until they are gone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from toolspec.cli.lint import lint
from toolspec.cli.lint_options import parse

SCRIPT = """\
python3 -m verl.trainer.main_ppo \\
    algorithm.adv_estimator=grpo \\
    actor_rollout_ref.rollout.n=1 \\
    data.train_batch_sise=64
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "run.sh").write_text(SCRIPT, "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def linted(capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, list[str]]:
    """The exit code, and the codes of what is told of severity error or of the baseline."""
    asked = parse(["run.sh", "--format", "json", "--select", "TS110", "--select", "TS802", *more])
    assert asked is not None
    code = lint(asked)
    found = json.loads(capsys.readouterr().out)["findings"]
    return code, sorted(one["code"] for one in found)


def test_what_is_recorded_is_left_out_and_what_is_new_is_told(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert linted(capsys) == (1, ["TS110", "TS802"])
    assert linted(capsys, "--baseline", "known.json", "--update-baseline") == (0, [])
    text = (folder / "known.json").read_text("utf-8")
    assert str(folder) not in text
    assert linted(capsys, "--baseline", "known.json") == (0, [])
    moved = "# a comment, so that all lines move\n" + SCRIPT.replace(
        "train_batch_sise=64", "train_batch_sise=32"
    )
    (folder / "run.sh").write_text(moved.replace("\n    data", " trainer.nodes=2 \\\n    data"), "utf-8")
    code, codes = linted(capsys, "--baseline", "known.json")
    assert (code, codes) == (1, ["TS802"])


def test_an_entry_that_is_gone_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    linted(capsys, "--baseline", "known.json", "--update-baseline")
    (folder / "run.sh").write_text(SCRIPT.replace("rollout.n=1", "rollout.n=8"), "utf-8")
    assert linted(capsys, "--baseline", "known.json") == (0, ["TS039"])
    assert linted(capsys, "--baseline", "known.json", "--update-baseline") == (0, [])
    assert "TS110" not in (folder / "known.json").read_text("utf-8")


@pytest.mark.parametrize("content", [None, "{", '{"version": 9}', "[]", '{"version": 1, "findings": [{}]}'])
def test_a_file_that_is_no_baseline_is_refused(
    content: str | None, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        (folder / "known.json").write_text(content, "utf-8")
    assert linted(capsys, "--baseline", "known.json") == (2, ["TS039"])


def test_options_that_do_not_go_together(capsys: pytest.CaptureFixture[str]) -> None:
    assert linted(capsys, "--update-baseline") == (2, ["TS029"])
    assert linted(capsys, "--ignore", "TS99X") == (2, ["TS029"])
