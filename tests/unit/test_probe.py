"""What cheating pays: scripts that the loop accepts, rewards that misbehave, and what is made of what is paid."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from rehearsal_spec import write_spec
from toolspec.__main__ import main
from toolspec.backends.verl.compile import compile_spec
from toolspec.backends.verl.parsers import FORMATS
from toolspec.backends.verl.probe.prober import LIMITS, PLAYED, Probe, probed
from toolspec.backends.verl.probe.run_experiment import without_tools
from toolspec.backends.verl.probe.table import table_of
from toolspec.backends.verl.rehearsal.cheats import CHEATS
from toolspec.backends.verl.rehearsal.experiment import experiment_of
from toolspec.backends.verl.rehearsal.rehearse import Asked

PLAIN = "{correct: {weight: 1, match: number}}"
ROWS = 2


def played(spec: Path, *, rows: int = ROWS, policies: tuple[str, ...] = PLAYED, text: bool = False) -> Probe:
    place = spec.parent / "work"
    (place / "bundle").mkdir(parents=True, exist_ok=True)
    experiment = experiment_of(compile_spec(spec, writing=False), "train", place / "stand-in", text)
    asked = Asked(rows, policies, 0, sys.executable, LIMITS)
    return probed(without_tools(experiment), asked, place / "bundle")


FORMATS_BY_RELEASE = [
    (form, release)
    for form in FORMATS
    for release in ("0.7.1", "0.8.0", "0.9.1")
    if release in FORMATS[form].releases
]


@pytest.mark.parametrize(("form", "release"), FORMATS_BY_RELEASE)
def test_every_policy_makes_a_trajectory_in_every_format(form: str, release: str, tmp_path: Path) -> None:
    spec = write_spec(tmp_path, release=release, reward=PLAIN)
    spec.write_text(spec.read_text("utf-8").replace("tool_format: hermes", f"tool_format: {form}"), "utf-8")
    probe = played(spec, rows=1)
    lost = {one.policy: one.lost.reason for one in probe.episodes if one.lost is not None}
    assert lost.keys() <= {"duplicate-keys"}, lost  # only where arguments are no JSON
    for one in probe.episodes:
        assert len(one.mask) == len(one.response_ids)
        assert one.scored is None or (one.scored.fault is None and one.stop)
    table = table_of(probe)
    assert not table.paying
    assert table.honest == 1
