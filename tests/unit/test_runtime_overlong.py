"""The soft length penalty: its corners, and that it never pays."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.append(str(Path(__file__).parents[2] / "backends" / "verl" / "runtime"))
from ts_overlong import overlong


@pytest.mark.parametrize(
    ("tokens", "expected"), [(0, 0.0), (400, 0.0), (425, -0.5), (450, -1.0), (500, -2.0), (600, -2.0)]
)
def test_slope(tokens: int, expected: float) -> None:
    assert overlong({"buffer": 100, "penalty": 2.0, "length": 500}, tokens) == expected


@given(st.integers(1, 10_000), st.floats(0.01, 10), st.integers(0, 30_000))
def test_never_pays_and_never_grows(buffer: int, penalty: float, tokens: int) -> None:
    settings = {"buffer": buffer, "penalty": penalty, "length": 2 * buffer}
    assert -penalty <= overlong(settings, tokens + 1) <= overlong(settings, tokens) <= 0
