"""One lab for all tests and all workers of a run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from real.environment import Unavailable
from real.skips import not_here
from real.slurm.client import Lab
from real.slurm.lab import Kind, start
from real.slurm.packages import why_not_here
from real.slurm.site import Site
from real.slurm.together import Together
from real.slurm.training import JobEnvironment, job_environment


@pytest.fixture(scope="session")
def daemons_here() -> None:
    """Skips with the reason where no lab can be had."""
    reason = why_not_here()
    if reason:
        not_here(reason)


@pytest.fixture(scope="session")
def run_key() -> str:
    """Names this test run, the same for all its workers."""
    return f"tests {os.environ.get('PYTEST_XDIST_TESTRUNUID') or os.getpid()}"


@pytest.fixture(scope="session")
def lab(daemons_here: None, run_key: str) -> Iterator[Lab]:
    """The cluster. Take nodes with `lab.lease(n)`, and `lab.alone()` for what hits everybody."""
    started = start(run_key)
    yield started
    started.close()


@pytest.fixture(scope="session")
def lab_without_accounting(daemons_here: None, run_key: str) -> Iterator[Lab]:
    """A second, small cluster without slurmdbd."""
    started = start(run_key, Kind(nodes=2, accounting=False))
    yield started
    started.close()


@pytest.fixture(scope="session")
def jobs() -> JobEnvironment:
    """The environment of jobs that train with the stand-in."""
    try:
        return job_environment()
    except Unavailable as reason:
        not_here(f"no environment for lab jobs: {reason}")


@pytest.fixture(scope="module")
def together(
    request: pytest.FixtureRequest, lab: Lab, jobs: JobEnvironment, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Together]:
    """The module's faults that were chosen, begun together."""
    chosen = [
        item.function.scenario
        for item in request.session.items
        if isinstance(item, pytest.Function)
        and item.module is request.module
        and hasattr(item.function, "scenario")
    ]
    tmp_path_factory.getbasetemp()  # made, and emptied, on its first use: not by two threads at once
    begun = Together(chosen, lambda name: Site(Lab(lab.folder), jobs, tmp_path_factory.mktemp(name[5:25])))
    yield begun
    begun.close()


@pytest.fixture
def site(lab: Lab, jobs: JobEnvironment, tmp_path: Path) -> Iterator[Site]:
    """A corner of the lab for a fault that goes by itself."""
    own = Site(Lab(lab.folder), jobs, tmp_path)
    yield own
    own.close()


@pytest.fixture
def site_without_accounting(
    lab_without_accounting: Lab, jobs: JobEnvironment, tmp_path: Path
) -> Iterator[Site]:
    """The same on the cluster without slurmdbd."""
    own = Site(Lab(lab_without_accounting.folder), jobs, tmp_path)
    yield own
    own.close()
