"""An old name that 0.9.1 does not read: an error only where the run is certainly another than was asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolspec.backends.verl.lint.lint import lint_arguments, lint_file
from toolspec.backends.verl.written.files import Files


@pytest.mark.parametrize(
    ("arguments", "severity"),
    [
        ("reward_model.reward_manager=naive", {"note"}),
        ("reward_model.reward_manager=dapo", {"error"}),
        ("reward_model.num_workers=3", {"warning"}),
        ("reward_model.enable=False reward_model.nnodes=1 reward_model.model.path=judge", {"note"}),
        ("reward_model.model.path=judge", {"note"}),
        ("reward_model.enable=True reward_model.model.path=judge", {"error"}),
        ("reward_model={enable:false,reward_manager:naive}", {"note"}),
        ("reward_model={enable:false,reward_manager:dapo}", {"error"}),
        ("custom_reward_function.name=compute_score", {"note"}),
    ],
)
def test_an_old_name_that_asks_for_what_the_run_does_is_a_note(arguments: str, severity: set[str]) -> None:
    found = lint_arguments(arguments.split(), "verl==0.9.1", Files()).findings
    assert {one.severity for one in found if one.code == "TS805"} == severity


@pytest.mark.parametrize(
    ("argument", "severity"),
    [("reward_model.reward_manager=$M", "warning"), ("custom_reward_function.path=$M", "error")],
)
def test_a_value_that_is_not_known_may_be_verls_own(argument: str, severity: str, tmp_path: Path) -> None:
    script = tmp_path / "run.sh"
    script.write_text(f"python3 -m verl.trainer.main_ppo {argument} data.train_files=a.parquet\n", "utf-8")
    found = lint_file(script, "verl==0.9.1", Files()).findings
    assert [one.severity for one in found if one.code == "TS805"] == [severity]
