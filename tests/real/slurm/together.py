"""Faults side by side: those of a module that a test run has chosen begin together, and each test looks at its own.

Most of a fault is waiting: for Slurm to queue a job again, for a node to be missed. What they share is the lab: nodes
by leases, and few real Rays at once, since each takes a core for ten seconds.
"""

from __future__ import annotations

import contextlib
import fcntl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from real.slurm.client import Lab
from real.slurm.site import Site

MOST_AT_ONCE = 10
MOST_RAYS = 3  # on the whole lab, whichever test process has them


class Scenario(NamedTuple):
    """What a fault's test does. rays: real ones that it needs at a time."""

    do: Callable[[Site], None]
    rays: int


def fault(rays: int = 0) -> Callable[[Callable[[Site], None]], Callable[[Any], None]]:
    """Marks a test as a fault that goes together with the module's others."""

    def marked(do: Callable[[Site], None]) -> Callable[[Any], None]:
        def look(together: Together) -> None:
            together.outcome(do.__name__)

        look.__name__, look.__doc__, look.__module__ = do.__name__, do.__doc__, do.__module__
        look.scenario = Scenario(do, rays)  # type: ignore[attr-defined]
        return look

    return marked


class Together:
    """The scenarios of one module, begun in their order."""

    def __init__(self, scenarios: Sequence[Scenario], site: Callable[[str], Site]) -> None:
        self._site = site
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(MOST_AT_ONCE)
        self._begun: dict[str, Future[None]] = {
            each.do.__name__: self._pool.submit(self._play, each) for each in scenarios
        }

    def outcome(self, name: str) -> None:
        """Waits for its end. Raises what it raised."""
        self._begun[name].result()

    def close(self) -> None:
        """No more are begun."""
        self._stop.set()
        self._pool.shutdown(cancel_futures=True)

    def _play(self, scenario: Scenario) -> None:
        if self._stop.is_set():
            return
        site = self._site(scenario.do.__name__)
        began = time.monotonic()
        try:
            with _slots(site.lab, scenario.rays):
                scenario.do(site)
        finally:
            site.close()
            print(f"{scenario.do.__name__}: {time.monotonic() - began:.0f} s")


@contextlib.contextmanager
def _slots(lab: Lab, count: int) -> Iterator[None]:
    """`count` of the lab's places for a real Ray."""
    places = lab.folder / "leases"
    with contextlib.ExitStack() as held:
        with (places / "choosing-rays").open("w") as choosing:
            if count:
                fcntl.flock(choosing, fcntl.LOCK_EX)
            for _ in range(count):
                while not _one(places, held):
                    time.sleep(0.5)
        yield


def _one(places: Path, held: contextlib.ExitStack) -> bool:
    for number in range(MOST_RAYS):
        file = (places / f"ray-{number}").open("w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            continue
        held.enter_context(file)
        return True
    return False
