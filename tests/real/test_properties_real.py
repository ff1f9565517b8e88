"""Any spec that compiles is composed, strictly merged, validated and built into dataclasses by the real releases."""

from __future__ import annotations

import contextlib
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from real.environment import RELEASES
from real.harness import Prover, Reports
from spec_spelling import rendered, shuffled
from spec_strategies import specs, without, write_files
from toolspec.backends.verl.compile import bundle_of, compile_spec
from toolspec.backends.verl.emit.bundle import Bundle
from toolspec.backends.verl.emit.write import write_bundle
from toolspec.specs.problem import ProblemError

pytestmark = pytest.mark.real

BUNDLES = int(os.environ.get("TOOLSPEC_BUNDLES", "20"))  # a second each, for each release
EVERY = 4  # the first specs that hypothesis makes are small and alike: of those that compile, each fourth is proven
STAGES = ("launch", "compose", "strict", "validate", "classes", "enums")


def write_bundles(folder: Path, release: str) -> list[Path]:
    """BUNDLES bundles of generated specs, the same ones on every run."""
    write_files(folder)
    found: list[Bundle] = []

    @settings(
        max_examples=5 * EVERY * BUNDLES,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    @given(specs(), st.integers(0, 2**32).map(random.Random))
    def collect(spec: dict[str, Any], dice: random.Random) -> None:
        if len(found) == EVERY * BUNDLES:
            return
        # Overrides may say anything; names of variables may be the shell's own.
        # `agent.manager` becomes a key that the releases read and their generated defaults lack.
        plain = {key: value for key, value in spec.items() if key not in ("overrides", "env")}
        plain = {**plain, "agent": without(plain.get("agent", {}), "manager")}
        file = folder / "exp.yaml"
        file.write_text(rendered(shuffled(plain, dice), dice), "utf-8")
        with contextlib.suppress(ProblemError):
            found.append(bundle_of(compile_spec(file, target=release, out=folder / "build" / "exp")))

    collect()
    assert len(found) == EVERY * BUNDLES
    chosen = list(enumerate(found))[EVERY - 1 :: EVERY]
    return [write_bundle(bundle, folder / "build" / f"{number:03d}").folder for number, bundle in chosen]


@pytest.fixture(scope="module")
def generated(
    prover: Prover, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], tuple[list[Path], Reports]]:
    """generated(release): the bundles, and the report of each by its folder's name."""
    known: dict[str, tuple[list[Path], Reports]] = {}

    def of(release: str) -> tuple[list[Path], Reports]:
        if release not in known:
            bundles = write_bundles(tmp_path_factory.mktemp(f"specs-{release}"), release)
            known[release] = bundles, prover(release, bundles, until=STAGES[-1])
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
        outcome = reports[bundle.name]["stages"].get(
            stage, {"status": "none", "message": reports[bundle.name]}
        )
        if outcome["status"] != "ok":
            failed[str(bundle)] = outcome
    assert not failed
