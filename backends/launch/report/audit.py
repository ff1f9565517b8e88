"""What was asked of a run against what ran: every check over what was gathered, and nothing of the run executed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from toolspec.backends.launch.report.checks.bundle import bundle, spec
from toolspec.backends.launch.report.checks.config import config
from toolspec.backends.launch.report.checks.machines import forced, gpus, nodes, packages
from toolspec.backends.launch.report.checks.rewards import faults, records, scores
from toolspec.backends.launch.report.checks.steps import checkpoints, restarts, steps
from toolspec.backends.launch.report.evidence import Evidence, gather
from toolspec.backends.launch.report.finding import Finding, unknown

Check = Callable[[Evidence], Iterator[Finding]]


def unread(seen: Evidence) -> Iterator[Finding]:
    """Files of the run that cannot be read."""
    for file, why in seen.unread:
        yield unknown("files", f"{file} cannot be read: {why}", "what it says is left out above")


CHECKS: tuple[Check, ...] = (
    spec,
    bundle,
    config,
    packages,
    gpus,
    nodes,
    forced,
    steps,
    restarts,
    checkpoints,
    records,
    scores,
    faults,
    unread,
)


def audit(path: Path, bundle_folder: Path | None = None) -> tuple[Evidence, tuple[Finding, ...]]:
    """The evidence and all findings, in the order of the table. Raises ProblemError where the folder is no run's."""
    seen = gather(path, bundle_folder)
    return seen, tuple(finding for check in CHECKS for finding in check(seen))


def summary(findings: tuple[Finding, ...]) -> dict[str, int]:
    """How many of each state."""
    return {
        state: sum(1 for each in findings if each.state == state)
        for state in ("error", "warning", "note", "unknown", "ok")
    }
