"""The published set-ups, compiled, are taken by the real releases."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from real.harness import Prover, Reports
from toolspec.backends.verl.compile import compile_spec, write
from toolspec.specs.problem import ProblemError

pytestmark = pytest.mark.real

FOLDER = Path(__file__).resolve().parents[1] / "published"
NAMES = tuple(sorted(path.stem for path in FOLDER.glob("[0-9]*.yaml")))
# Not the stages that need the set-ups' data, or that run the loops and tools that only stand in for theirs.
STAGES = ("launch", "compose", "strict", "files", "validate", "classes", "enums")
ONLY_NEWEST = {"12-dapo-32b"}


@pytest.fixture(scope="module")
def published(prover: Prover, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Reports]:
    """published(release): the report of each set-up that the release can run, by its name."""

    def of(release: str) -> Reports:
        folder = tmp_path_factory.mktemp(f"published-{release}") / "build"
        bundles = []
        for name in NAMES:
            try:
                compiled = compile_spec(FOLDER / f"{name}.yaml", target=release, out=folder / name)
            except ProblemError:
                assert name in ONLY_NEWEST
                continue
            bundles.append(write(compiled).written.folder)
        return prover(release, bundles, until=STAGES[-1])

    return cache(of)


@pytest.mark.parametrize("name", NAMES)
def test_set_up_is_taken(name: str, release: str, published: Callable[[str], Reports]) -> None:
    reports = published(release)
    if name not in reports:
        assert name in ONLY_NEWEST
        assert release != "0.9.1"
        return
    stages = reports[name]["stages"]
    failed = {stage: stages.get(stage) for stage in STAGES if stages.get(stage, {}).get("status") != "ok"}
    assert not failed
