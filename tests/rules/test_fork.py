"""A run that may be for another verl: unknown keys stay errors, and the others are less than certain."""

from __future__ import annotations

from pathlib import Path

import pytest

from rules import sound
from toolspec.backends.verl.lint.lint import Linted, lint_arguments, lint_file
from toolspec.backends.verl.releases import NEWEST
from toolspec.backends.verl.written.files import Files

ASKED = f"verl=={NEWEST}"
OWN = ["env.env_name=alfworld", "env.max_steps=50", "algorithm.gigpo.mode=mean_norm"]
"""Keys that no release has."""
WRONG = "algorithm.adv_estimator=gigpo"


@pytest.mark.parametrize(
    ("keys", "severity"),
    [
        (OWN, "warning"),
        (OWN[:2], "error"),  # may be slips
        (["trainer.test_frek=1", "trainer.save_frek=1", "trainer.nnode=1"], "error"),  # each is like one
        (["ray_init.num_cpus=8", "actor_rollout_ref.actor.fsdp_config.grad_offload=True"], "error"),  # of old
        (["+data.a_b=1", "+data.c_d=2", "+data.e_f=3"], "error"),  # verl takes them
    ],
)
def test_keys_of_no_release_make_other_errors_warnings(keys: list[str], severity: str) -> None:
    found = lint_arguments([*sound.ARGUMENTS, WRONG, *keys], ASKED, Files())
    assert _severity(found, "TS811") == {severity}
    assert any("may be for a fork" in text for text in found.assumed) is (severity == "warning")
    if severity == "warning":
        assert _severity(found, "TS802") == {"error"}


def test_what_hydra_cannot_read_is_an_error_in_any_verl() -> None:
    found = lint_arguments([*sound.ARGUMENTS, *OWN, "trainer.logger=[console"], ASKED, Files())
    assert _severity(found, "TS901") == {"error"}


def test_a_config_with_sections_of_its_own_is_for_another_main(tmp_path: Path) -> None:
    text = (
        "defaults: [ppo_trainer, _self_]\nalgorithm: {adv_estimator: poise}\n"
        "actor_rollout_ref: {model: {path: model}}\n"
    )
    assert _severity(lint_file(_written(tmp_path, "a.yaml", text), ASKED, Files()), "TS811") == {"error"}
    text += "poise: {layer: 19, ridge_alpha: 100.0, pool_tokens: 10}\n"
    assert _severity(lint_file(_written(tmp_path, "b.yaml", text), ASKED, Files()), "TS811") == {"warning"}


@pytest.mark.parametrize(
    ("version", "target", "severity", "told"),
    [
        ("0.4.0.dev", None, "warning", "verl is likely taken from"),
        ("0.4.0.dev", ASKED, "error", "which was asked for"),
        (NEWEST, None, "error", f"target verl=={NEWEST}, the version of"),
        ("0.8.0", None, "error", "target verl==0.8.0, the version of"),
    ],
)
def test_a_checkout_above_the_script(
    version: str, target: str | None, severity: str, told: str, tmp_path: Path
) -> None:
    (tmp_path / "verl" / "version").mkdir(parents=True)
    (tmp_path / "verl" / "version" / "version").write_text(f"{version}\n", "utf-8")
    (tmp_path / "examples" / "mine").mkdir(parents=True)
    text = f"python3 -m verl.trainer.main_ppo data.train_files=a.parquet {WRONG}\n"
    found = lint_file(_written(tmp_path / "examples" / "mine", "run.sh", text), target, Files())
    assert _severity(found, "TS811") == {severity}
    assert any(told in text for text in found.assumed)


def _written(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text, "utf-8")
    return folder / name


def _severity(found: Linted, code: str) -> set[str]:
    return {one.severity for one in found.findings if one.code == code}
