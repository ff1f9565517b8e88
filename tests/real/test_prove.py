"""Real verl accepts every example on every release, stage by stage, and refuses what is broken."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from real.broken import BREAKAGES, broken_copy
from real.compiled import EXAMPLES
from real.harness import Prover, Reports
from real.skips import not_here

pytestmark = pytest.mark.real

STAGES = (
    "launch", "compose", "strict", "files", "validate", "classes", "enums", "dataset", "tools", "parser",
    "loop", "drive", "reward",
)  # fmt: skip
BROKEN_EXAMPLE = "calculator"


def test_the_examples_are_found() -> None:
    assert {"seed-ppo", "seed-grpo", "calculator", "search-multinode", "lora-small"} <= set(EXAMPLES)


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("example", EXAMPLES)
def test_stage(example: str, release: str, stage: str, reports: Callable[[str], Reports]) -> None:
    report = reports(release)[example]
    assert tuple(report["stages"]) == STAGES, report["stages"]
    outcome = report["stages"][stage]
    if outcome["status"] == "skip":
        not_here(f"{stage} of {example}: {outcome['message']}")
    assert outcome["status"] == "ok", outcome["message"]


@pytest.fixture(scope="module")
def broken_reports(
    prover: Prover, bundle: Callable[[str, str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Reports]:
    """Reports of the broken copies of one example, by the breakage's name."""
    known: dict[str, Reports] = {}

    def reports_of(release: str) -> Reports:
        if release not in known:
            folder = tmp_path_factory.mktemp(f"broken-{release}")
            good = bundle(BROKEN_EXAMPLE, release)
            broken = [broken_copy(good, each, folder) for each in BREAKAGES]
            known[release] = prover(release, broken, to_failure=True)
        return known[release]

    return reports_of


@pytest.mark.parametrize("breakage", BREAKAGES, ids=lambda breakage: breakage.name)
def test_a_broken_bundle_is_refused(
    breakage: Any, release: str, broken_reports: Callable[[str], Reports], reports: Callable[[str], Reports]
) -> None:
    """It fails at the stage that is meant, and at none before; unbroken, that stage is ok."""
    stages = broken_reports(release)[breakage.name]["stages"]
    assert [stage for stage in stages if stages[stage]["status"] == "FAIL"] == [breakage.stage], stages
    assert reports(release)[BROKEN_EXAMPLE]["stages"][breakage.stage]["status"] == "ok"


def test_every_stage_can_fail() -> None:
    assert {breakage.stage for breakage in BREAKAGES} == set(STAGES)
