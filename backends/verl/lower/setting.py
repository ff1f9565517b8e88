"""verl's configuration as a value: a flat mapping, key → value with its origin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from toolspec.backends.verl.releases import Release
from toolspec.compiler.plan.decision import Decision
from toolspec.specs.problem import Problem


class Setting(NamedTuple):
    """A value of verl's configuration. plan: the plan path it comes from, or `overrides`. note: verl's side of it."""

    value: Any
    plan: str
    decision: Decision
    note: str = ""
    written: bool = True


@dataclass(frozen=True)
class VerlConfig:
    """Key → setting for every key that the plan decides or an override says. notes: warnings of overrides.

    `written` are the settings that differ from the release's default.
    """

    release: Release
    settings: Mapping[str, Setting]
    notes: tuple[Problem, ...] = ()

    @cached_property
    def written(self) -> Mapping[str, Setting]:
        return {key: setting for key, setting in self.settings.items() if setting.written}

    @cached_property
    def values(self) -> Mapping[str, Any]:
        return {key: setting.value for key, setting in self.written.items()}
