"""Versions and requirements of Python packages, as far as installed packages and releases' metadata need them.

The order and the meaning of the operators are those of the version specifiers standard (PEP 440); `packaging`, which
implements it, is no dependency. tests/unit/test_package_version.py holds the two against each other.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

_VERSION = re.compile(
    r"v?(?:(?P<epoch>\d{1,9})!)?(?P<release>\d{1,18}(?:\.\d{1,18}){0,19})"
    r"(?:[-_.]?(?P<pre>alpha|beta|preview|pre|rc|a|b|c)[-_.]?(?P<pre_number>\d{0,18}))?"
    r"(?:-(?P<post_only>\d{1,18})|[-_.]?(?P<post>post|rev|r)[-_.]?(?P<post_number>\d{0,18}))?"
    r"(?:[-_.]?(?P<dev>dev)[-_.]?(?P<dev_number>\d{0,18}))?"
    r"(?:\+(?P<local>[a-z0-9]+(?:[-_.][a-z0-9]+){0,19}))?",
    re.ASCII | re.IGNORECASE,
)
_CLAUSE = re.compile(r"(===|==|!=|~=|<=|>=|<|>)\s*([^\s,]+)")
_REQUIREMENT = re.compile(
    r"\s*(?P<name>[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?)\s*(?:\[(?P<extras>[^\]]*)\])?\s*"
    r"(?P<clauses>(?:\(?[^;@#]*\)?)?)\s*(?:;\s*(?P<marker>.*))?",
    re.ASCII,
)
_EXTRA = re.compile(r"extra\s*==\s*['\"]([\w.-]+)['\"]")
_PRE = {"alpha": "a", "beta": "b", "c": "rc", "pre": "rc", "preview": "rc"}
_LONGEST = 200


class Version(NamedTuple):
    """One version. `public` orders it without its local part (`+cu130`)."""

    text: str
    epoch: int
    release: tuple[int, ...]
    pre: tuple[str, int] | None
    post: int | None
    dev: int | None
    local: str

    @property
    def public(self) -> tuple[object, ...]:
        """`1.0.dev1 < 1.0a1.dev1 < 1.0a1 < 1.0 < 1.0.post1`, trailing zeros aside."""
        pre: tuple[int, str, int]
        if self.pre is not None:
            pre = (0, *self.pre)
        elif self.post is None and self.dev is not None:
            pre = (-1, "", 0)
        else:
            pre = (1, "", 0)
        post = -1 if self.post is None else self.post
        dev = (1, 0) if self.dev is None else (0, self.dev)
        return (self.epoch, _trimmed(self.release), pre, post, dev)

    @property
    def order(self) -> tuple[object, ...]:
        parts = tuple(
            (1, int(part), "") if part.isdigit() else (0, 0, part)
            for part in re.split(r"[-_.]", self.local)
            if part
        )
        return (*self.public, parts)


def _trimmed(release: tuple[int, ...]) -> tuple[int, ...]:
    end = len(release)
    while end > 1 and release[end - 1] == 0:
        end -= 1
    return release[:end]


@cache
def version(text: str) -> Version | None:
    """The version that a text says, or None for what is none."""
    match = _VERSION.fullmatch(text.strip()) if len(text) <= _LONGEST else None
    if match is None:
        return None
    pre = match["pre"].lower() if match["pre"] else None
    post = match["post_only"] or (match["post_number"] or "0" if match["post"] else None)
    return Version(
        text.strip(),
        int(match["epoch"] or 0),
        tuple(int(part) for part in match["release"].split(".")),
        (_PRE.get(pre, pre), int(match["pre_number"] or 0)) if pre is not None else None,
        int(post) if post is not None else None,
        int(match["dev_number"] or 0) if match["dev"] else None,
        (match["local"] or "").lower(),
    )


def admits(clauses: str, text: str) -> bool | None:
    """Whether `>=5.5.3,<5.11,!=5.6.0` admits a version, pre-releases included; None where either says no version."""
    found = version(text)
    said = _CLAUSE.findall(clauses)
    if found is None or _CLAUSE.sub("", clauses).strip(" ,()"):
        return None
    answers = [_admits(operator, wanted.strip("()"), found) for operator, wanted in said]
    if None in answers:
        return None
    return all(answers)


def _admits(operator: str, text: str, found: Version) -> bool | None:
    if operator == "===":
        return found.text.lower() == text.lower()
    if text.endswith(".*"):
        wanted = version(text[:-2])
        if wanted is None or operator not in ("==", "!="):
            return None
        return _starts(found, wanted.epoch, wanted.release) == (operator == "==")
    wanted = version(text)
    if wanted is None:
        return None
    if operator in ("==", "!="):
        same = found.order == wanted.order if wanted.local else found.public == wanted.public
        return same == (operator == "==")
    if operator == "~=":
        if len(wanted.release) < 2:
            return None
        return found.public >= wanted.public and _starts(found, wanted.epoch, wanted.release[:-1])
    if operator == ">=":
        return found.public >= wanted.public
    if operator == "<=":
        return found.public <= wanted.public
    if operator == "<":
        # Without its own pre-releases, unless it is one; those of `1.0.post2` are `1.0.post2.devN`.
        final = wanted.pre is None and wanted.dev is None
        early = found.pre is not None or found.dev is not None
        own = _same_release(found, wanted) and (
            wanted.post is None or (found.pre is None and found.post == wanted.post)
        )
        return found.public < wanted.public and not (final and early and own)
    own_post = (
        found.post is not None and wanted.post is None and wanted.dev is None and found.pre == wanted.pre
    )
    return found.public > wanted.public and not (own_post and _same_release(found, wanted))


def _same_release(one: Version, other: Version) -> bool:
    return (one.epoch, _trimmed(one.release)) == (other.epoch, _trimmed(other.release))


def _starts(found: Version, epoch: int, release: tuple[int, ...]) -> bool:
    padded = found.release + (0,) * (len(release) - len(found.release))
    return found.epoch == epoch and padded[: len(release)] == release


@dataclass(frozen=True, slots=True)
class Requirement:
    """name: normalised. clauses: `>=1,<2` or "". extra: under which it counts. conditional: another marker decides."""

    name: str
    clauses: str
    extra: str | None
    conditional: bool


def normal(name: str) -> str:
    """The name as registries compare it: `Flash_Attn` is `flash-attn`."""
    return re.sub(r"[-_.]+", "-", name).lower()


@cache
def requirement(line: str) -> Requirement | None:
    """A Requires-Dist line or a line of a requirements file; None for what names no package (options, paths, URLs)."""
    match = _REQUIREMENT.fullmatch(line) if len(line) <= 20 * _LONGEST else None
    if match is None:
        return None
    clauses = match["clauses"].strip().strip("()").replace(" ", "")
    if clauses and not _CLAUSE.match(clauses):
        return None
    marker = (match["marker"] or "").strip()
    extra = _EXTRA.fullmatch(marker)
    return Requirement(
        normal(match["name"]), clauses, extra[1] if extra else None, bool(marker) and not extra
    )
