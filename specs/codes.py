"""Every code that compile and lint tell, with its name: a code never means two things."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

CODES: Mapping[str, str] = MappingProxyType({})
