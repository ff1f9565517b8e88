"""The configuration that a bundle and the overrides of a start compose to, to be held against the printed one.

config.yaml over the release's defaults, then the overrides as Hydra takes them, interpolations as OmegaConf resolves
them, and what verl's main_ppo does before it prints (printed.settled). A value that only the running job knows
(`${oc.env:…}`) is compared by what stands around it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from toolspec.backends.verl.interpolation import ABSENT, UnresolvedError, pieces
from toolspec.backends.verl.printed import BY_MACHINE, flat, settled
from toolspec.backends.verl.releases import Release, leaves
from toolspec.backends.verl.written.override import OverrideError, Sweep, parse_override
from toolspec.specs.problem import Problem, ProblemError
from toolspec.specs.yaml_tree import parse

MOST_OVERRIDES = 10_000
_FOLLOWS = re.compile(r"\$\{(?:oc\.select:)?([A-Za-z_][\w.]*)(?:,[^{}]*)?\}")
# What ts_job.py adds at the start of verl: where it resumes, and that Ray runs already.
BY_JOB = frozenset(
    {
        "ray_kwargs.ray_init.num_cpus",
        "trainer.resume_mode",
        "trainer.resume_from_path",
        "trainer.esi_redundant_time",
    }
)


class AtRunTime(NamedTuple):
    """A text with parts that only the job knows, as written."""

    raw: str

    def fits(self, value: Any) -> bool:
        if not isinstance(value, str):
            return False
        try:
            parts = pieces(self.raw)
        except UnresolvedError:
            return True
        pattern = "".join(".*" if inside else re.escape(text) for inside, text in parts)
        return re.fullmatch(pattern, value, re.DOTALL) is not None

    def __str__(self) -> str:
        return self.raw


class Asked(NamedTuple):
    """values: leaf key → value or AtRunTime, as verl prints it. said: key → where it comes from, of those that are not
    the release's default. follows: key → the key that its default names. unread: (override, why) that could not be
    taken. deleted: keys that `~` took away.
    """

    values: Mapping[str, Any]
    said: Mapping[str, str]
    follows: Mapping[str, str]
    unread: tuple[tuple[str, str], ...]
    deleted: frozenset[str]


class Difference(NamedTuple):
    """asked, ran: values, ABSENT where there is no such key."""

    key: str
    asked: Any
    asked_from: str
    ran: Any


def asked_config(
    config: bytes, file: str, release: Release, overrides: Iterable[tuple[str, str]] = ()
) -> Asked:
    """config: of config.yaml. overrides: (text, where it comes from). Raises ProblemError for YAML that is none."""
    tree = parse(config, file).value
    if not isinstance(tree, Mapping):
        raise ProblemError((Problem("TS012", "not-a-mapping", f"{file} is no mapping"),))
    own = {name: below for name, below in tree.items() if name not in ("hydra", "defaults")}
    written = {str(key): value for key, value in leaves(own)}
    said = dict.fromkeys(written, "config.yaml")
    unread: list[tuple[str, str]] = []
    deleted: set[str] = set()
    for number, (text, origin) in enumerate(overrides):
        if number >= MOST_OVERRIDES:
            unread.append((text, f"more than {MOST_OVERRIDES:,} overrides"))
            break
        try:
            override = parse_override(text)
        except OverrideError as error:
            unread.append((text, str(error)))
            continue
        if override.package is not None or "/" in override.key or isinstance(override.value, Sweep):
            unread.append((text, "it chooses a config group, or is a sweep"))
            continue
        if override.op == "~":
            deleted.add(override.key)
            continue
        for key, given in leaves({override.key: override.value}):
            for below in [k for k in written if k.startswith(f"{key}.") or key.startswith(f"{k}.")]:
                if given != {}:
                    del written[below]
            written[key] = given
            said[key] = origin
    overlay = release.overlay(written)

    def value(key: str) -> Any:
        try:
            return overlay.resolve(key)
        except UnresolvedError:
            return AtRunTime(str(overlay.raw(key)))

    composed = flat((key, value(key)) for key in {*release.defaults, *written})
    follows = {
        key: match[1]
        for key, default in release.defaults.items()
        if key not in said and isinstance(default, str) and (match := _FOLLOWS.fullmatch(default))
    }
    return Asked(settled(composed, release.version), said, follows, tuple(unread), frozenset(deleted))


def differences(asked: Asked, printed: Mapping[str, Any]) -> list[Difference]:
    """Every leaf key in which the printed configuration is not what was asked, sorted; of keys that follow another by
    their default, the other alone.
    """
    found: dict[str, Difference] = {}
    for key in sorted({*asked.values, *printed}):
        if key in BY_MACHINE or _below(key, asked.deleted):
            continue
        wanted, ran = asked.values.get(key, ABSENT), printed.get(key, ABSENT)
        if not _same(wanted, ran) and not _stands_for(key, wanted, printed):
            found[key] = Difference(key, wanted, _origin(key, asked.said), ran)
    return [each for key, each in found.items() if not _followed(each, found.get(asked.follows.get(key, "")))]


def _followed(each: Difference, other: Difference | None) -> bool:
    return other is not None and _same(each.asked, other.asked) and _same(each.ran, other.ran)


def _origin(key: str, said: Mapping[str, str]) -> str:
    while key:
        if key in said:
            return said[key]
        key = key.rpartition(".")[0]
    return "default"


def _below(key: str, sections: Iterable[str]) -> bool:
    return any(key == section or key.startswith(f"{section}.") for section in sections)


def _same(wanted: Any, ran: Any) -> bool:
    if isinstance(wanted, AtRunTime):
        return wanted.fits(ran)
    if isinstance(wanted, (list, tuple)) and isinstance(ran, (list, tuple)):
        return len(wanted) == len(ran) and all(map(_same, wanted, ran))
    if isinstance(wanted, float) and math.isnan(wanted):
        return isinstance(ran, float) and math.isnan(ran)
    return isinstance(wanted, bool) == isinstance(ran, bool) and bool(wanted == ran)


def _stands_for(key: str, wanted: Any, printed: Mapping[str, Any]) -> bool:
    """An empty mapping, or a whole section that only the job can resolve, whose leaves are printed one by one."""
    return (wanted == {} or isinstance(wanted, AtRunTime)) and any(k.startswith(f"{key}.") for k in printed)
