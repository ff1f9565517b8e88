"""Model engines whose composed config no wheel prints: their keys are not known, and nothing is said of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from rules.test_rules import base, laid_over, told
from toolspec.backends.verl.lint.page import Example

__all__ = ["base"]

MINDSPEED = "model_engine=mindspeed actor_rollout_ref.actor.mindspeed.tensor_model_parallel_size=4"


def test_an_engine_without_a_table_is_not_known(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = laid_over(Example(MINDSPEED, {}, "0.8.0"), base, tmp_path, monkeypatch)
    assert not [p for p in result.findings if p.severity == "error"], told(result)
    skipped = {one.rule.code: one.needs for one in result.skipped}
    assert "model_engine=mindspeed" in skipped["TS802"]


def test_an_engine_that_the_release_lacks_is_an_error(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = laid_over(Example(MINDSPEED, {}, "0.9.1"), base, tmp_path, monkeypatch)
    assert {"TS802", "TS821"} <= {p.code for p in result.findings}
