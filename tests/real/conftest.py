"""Every example compiled for every release, and proven by the release's own code once for all tests."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).resolve().parents[1]
if str(TESTS) not in sys.path:  # the package `real`, also where pytest is not started with tests/ on the path
    sys.path.insert(0, str(TESTS))

from real.compiled import EXAMPLES, compile_example, write_home  # noqa: E402
from real.environment import RELEASES, Environment, Unavailable, real_environment  # noqa: E402
from real.harness import Prover, Reports, prove  # noqa: E402
from real.retriever import retriever  # noqa: E402
from real.skips import not_here  # noqa: E402
from real.tokenizer import model_folder  # noqa: E402


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Reasons of skips are printed without being asked for."""
    skipped = [each for each in terminalreporter.stats.get("skipped", []) if "tests/real/" in each.nodeid]
    for reason in sorted({each.longrepr[2] for each in skipped}):
        terminalreporter.write_line(f"tests/real: {reason}")


@pytest.fixture(scope="session")
def environment() -> Environment:
    """Real verl on this machine; made on the first use, which takes minutes."""
    try:
        made = real_environment()
        model_folder(made)
    except Unavailable as reason:
        not_here(f"real verl cannot be had: {reason}")
    return made


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder with the data that the examples name under `~`."""
    return write_home(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="session")
def bundle(home: Path) -> Callable[[str, str], Path]:
    """bundle(example, release): the folder that `toolspec compile` writes, compiled once."""
    return cache(lambda example, release: compile_example(example, release, home))


@pytest.fixture(scope="session")
def prover(environment: Environment, home: Path) -> Iterator[Prover]:
    """prover(release, bundles, scripts={}, …): reports by folder name; the search service is up."""
    with retriever() as address:
        variables = {"HOME": str(home), "RETRIEVER_URL": address}
        yield partial(prove, environment, variables)


@pytest.fixture(scope="session")
def reports(prover: Prover, bundle: Callable[[str, str], Path]) -> Callable[[str], Reports]:
    """reports(release): the report of every example, by its name."""
    return cache(lambda release: prover(release, [bundle(example, release) for example in EXAMPLES]))


@pytest.fixture(params=RELEASES)
def release(request: pytest.FixtureRequest) -> str:
    """A supported release of verl."""
    return str(request.param)
