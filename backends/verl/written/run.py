"""One run of verl as its files say it: the keys in the order of their effect, and what surrounds the command."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from toolspec.backends.verl.written.bases import PRIMARY
from toolspec.backends.verl.written.shell.text import Command, Script
from toolspec.backends.verl.written.value import Said
from toolspec.specs.problem import Problem, Span

MAIN = "verl.trainer.main_ppo"
ARGUMENTS = "--"
"""The name under which arguments of the command line are shown, one a line."""
LEFT = "model and data are not in the file: the command that starts it may set further keys"
"""Why a config alone may be no whole run (`Run.open`); what it says is known all the same."""


def split_hydra(said: Iterable[Said]) -> tuple[list[Said], dict[str, Said]]:
    """verl's keys, and Hydra's own (`hydra.searchpath`)."""
    own = {one.key: one for one in said if one.key == "hydra" or one.key.startswith("hydra.")}
    return [one for one in said if one.key not in own], own


class Launch(NamedTuple):
    """The command that starts verl, in its script. lost: arguments behind it that bash drops."""

    script: Script
    command: Command
    lost: tuple[Said, ...] = ()
    lost_why: str = ""


class Run(NamedTuple):
    """said: every key that was written, later ones win. groups: config group → option (`model_engine: megatron`).

    file: what was linted. span: the command or the top of the file, for findings about what is not there.
    folder: where relative paths start. base: the config that the keys are laid over, `ppo_trainer` or another of
    verl's; "" where there is none. open: why keys may be set that are not here, "" where none can be.
    spec: for a spec, its plan and facts. rows: the rows that it compiles to.
    written: what a file says before its defaults list is applied.
    base_after_self: verl's config comes after `_self_` in the defaults list. names_base: the defaults list names one.
    multirun: Hydra's --multirun is given, so that a value may be several.
    before: the runs that the same script starts before this one. options: Hydra's own, by their long names.
    dotted: what a YAML file says under names with a dot in them, which is not where verl looks. unread: entries of a
    defaults list that are not at hand.
    """

    file: str
    said: tuple[Said, ...]
    span: Span
    folder: Path
    groups: Mapping[str, Said] = MappingProxyType({})
    base: str = PRIMARY
    open: str = ""
    assumed: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    launch: Launch | None = None
    hydra: Mapping[str, Said] = MappingProxyType({})
    spec: Any = None
    rows: Any = None
    written: tuple[Said, ...] = ()
    base_after_self: bool = False
    names_base: bool = True
    multirun: bool = False
    before: tuple[Run, ...] = ()
    options: Mapping[str, tuple[Any, Span]] = MappingProxyType({})
    dotted: tuple[Said, ...] = ()
    unread: tuple[Said, ...] = ()
