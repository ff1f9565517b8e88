"""What cannot be run on a machine is skipped with a printed reason, and fails where it must be run."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest

REQUIRED = os.environ.get("TOOLSPEC_REAL") == "require"  # CI sets it


def not_here(reason: str) -> NoReturn:
    """Skip the test with a reason; fail it under TOOLSPEC_REAL=require."""
    if REQUIRED:
        pytest.fail(f"TOOLSPEC_REAL=require, but {reason}", pytrace=False)
    pytest.skip(reason)
