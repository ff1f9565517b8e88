"""A config of the user's that Hydra may choose: what it sets is not known, and its keys are no unknown keys."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolspec.backends.verl.lint.lint import Linted, lint_arguments, lint_file
from toolspec.backends.verl.releases import NEWEST
from toolspec.backends.verl.written.files import Files

CHOICE = ["+env=alfworld", "env.max_steps=3"]


@pytest.mark.parametrize(
    ("before", "told"),
    [
        (["hydra.searchpath=[file:///srv/configs]"], False),
        (["--config-dir=/srv/configs"], False),
        (["hydra.searchpath=[pkg://verl.trainer.config]"], True),
        ([], True),
    ],
)
def test_a_choice_from_another_search_path_is_no_key(before: list[str], told: bool) -> None:
    found = lint_arguments([*before, *CHOICE], f"verl=={NEWEST}", Files())
    assert ("TS802" in _codes(found)) is told
    assert any("may choose a config" in one.needs for one in found.skipped) is not told


def test_a_folder_beside_the_named_config_is_a_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("own.yaml").write_text("defaults: [ppo_trainer, _self_]\n", "utf-8")
    arguments = ["--config-path=.", "--config-name=own", *CHOICE]
    assert "TS802" in _codes(lint_arguments(arguments, f"verl=={NEWEST}", Files()))
    Path("env").mkdir()
    Path("env/alfworld.yaml").write_text("max_steps: 5\n", "utf-8")
    assert "TS802" not in _codes(lint_arguments(arguments, f"verl=={NEWEST}", Files()))


def test_an_option_of_the_defaults_list_may_set_any_key(tmp_path: Path) -> None:
    (tmp_path / "env").mkdir()
    (tmp_path / "env" / "alfworld.yaml").write_text("# @package _global_\ntrainer: {nnodes: 2}\n", "utf-8")
    config = tmp_path / "own.yaml"
    config.write_text("defaults: [ppo_trainer, env: alfworld, _self_]\ntrainer: {save_freq: 5}\n", "utf-8")
    found = lint_file(config, f"verl=={NEWEST}", Files())
    assert any("`env: alfworld` of the defaults list is not read" in one.needs for one in found.skipped)


def _codes(found: Linted) -> set[str]:
    return {one.code for one in found.findings}
