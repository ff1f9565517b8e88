"""Any spec that compiles is composed, strictly merged, validated and built into dataclasses by the real releases."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from real.environment import RELEASES
from real.harness import Prover, Reports
from spec_strategies import rendered, shuffled, specs, write_files
from toolspec.backends.verl.compile import bundle_of, compile_spec
from toolspec.backends.verl.emit.write import write_bundle
from toolspec.specs.problem import ProblemError

pytestmark = pytest.mark.real

BUNDLES = 60
STAGES = ("launch", "compose", "strict", "validate", "classes", "enums")


def write_bundles(folder: Path, release: str) -> list[Path]:
    """BUNDLES bundles of generated specs, the same ones on every run."""
    write_files(folder)
    found: list[Path] = []

    @settings(
        max_examples=20 * BUNDLES,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    @given(specs(), st.integers(0, 2**32).map(random.Random))
    def collect(spec: dict[str, Any], dice: random.Random) -> None:
        if len(found) == BUNDLES:
            return
        # Overrides may say anything; names of variables may be the shell's own.
        plain = {key: value for key, value in spec.items() if key not in ("overrides", "env")}
        file = folder / f"spec{len(found)}.yaml"
        file.write_text(rendered(shuffled(plain, dice), dice), "utf-8")
        out = folder / "build" / f"{len(found):03d}"
        try:
            bundle = bundle_of(compile_spec(file, target=release, out=out))
        except ProblemError:
            return
        found.append(write_bundle(bundle, out).folder)

    collect()
    assert len(found) == BUNDLES
    return found


@pytest.fixture(scope="module")
def generated(
    prover: Prover, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], tuple[list[Path], Reports]]:
    """generated(release): the bundles, and the report of each by its folder's name."""
    known: dict[str, tuple[list[Path], Reports]] = {}

    def of(release: str) -> tuple[list[Path], Reports]:
        if release not in known:
            bundles = write_bundles(tmp_path_factory.mktemp(f"specs-{release}"), release)
            known[release] = bundles, prover(release, bundles)
        return known[release]

    return of


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("release", RELEASES)
def test_generated_specs_pass(
    release: str, stage: str, generated: Callable[[str], tuple[list[Path], Reports]]
) -> None:
    bundles, reports = generated(release)
    failed = {}
    for bundle in bundles:
        outcome = reports[bundle.name]["stages"].get(stage, {"status": "none", "message": reports[bundle.name]})
        if outcome["status"] != "ok":
            failed[str(bundle)] = outcome
    assert not failed
