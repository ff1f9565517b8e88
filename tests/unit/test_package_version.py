"""Versions and requirements against `packaging`, which implements the standard."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from toolspec.backends.verl.package_version import admits, normal, requirement, version
from toolspec.backends.verl.releases import TABLES, release

NUMBERS = st.integers(0, 12)
TEXTS = st.builds(
    lambda numbers, pre, post, dev, local: ".".join(map(str, numbers)) + pre + post + dev + local,
    st.lists(NUMBERS, min_size=1, max_size=4),
    st.sampled_from(["", "a1", "b2", "rc1", ".rc0"]),
    st.sampled_from(["", ".post1", "-2"]),
    st.sampled_from(["", ".dev3"]),
    st.sampled_from(["", "+cu130", "+cpu", "+local.2"]),
)
PUBLIC = TEXTS.map(lambda text: text.partition("+")[0])


@settings(max_examples=300, deadline=None)
@given(TEXTS, TEXTS)
def test_the_order_is_that_of_packaging(a: str, b: str) -> None:
    one, other = version(a), version(b)
    assert one is not None
    assert other is not None
    assert (one.order < other.order) == (Version(a) < Version(b))
    assert (one.order == other.order) == (Version(a) == Version(b))


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(["==", "!=", "<", ">", "<=", ">="]), PUBLIC, TEXTS)
@example("<", "0-2", "0-2.dev3")
@example("<", "0-2", "0rc1")
def test_the_operators_are_those_of_packaging(operator: str, wanted: str, found: str) -> None:
    expected = SpecifierSet(operator + wanted).contains(found, prereleases=True)
    assert admits(operator + wanted, found) == expected


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(["==", "!=", "~="]), st.lists(NUMBERS, min_size=2, max_size=3), TEXTS)
def test_families_are_those_of_packaging(operator: str, numbers: list[int], found: str) -> None:
    clause = operator + ".".join(map(str, numbers)) + ("" if operator == "~=" else ".*")
    assert admits(clause, found) == SpecifierSet(clause).contains(found, prereleases=True)


@pytest.mark.parametrize(
    ("clauses", "found", "answer"),
    [
        ("", "1.0", True),
        (">=5.5.3,<5.11,!=5.6.0", "5.9.0", True),
        (">=5.5.3,<5.11,!=5.6.0", "5.6.0", False),
        ("==2.11.0", "2.11.0+cu130", True),
        ("!=0.9.0,<=0.10.0,>=0.8.0", "0.10.0", True),
        ("<5.11", "5.11.0rc1", False),
        (">=1", "no version", None),
        (">=nothing", "1", None),
        ("1.0", "1.0", None),
        (">=1" + "0" * 500, "1", None),
    ],
)
def test_several_clauses_and_what_is_none(clauses: str, found: str, answer: bool | None) -> None:
    assert admits(clauses, found) is answer


def test_every_line_of_the_tables_is_understood() -> None:
    for name in TABLES:
        for line in release(name).requires:
            said = requirement(line)
            assert said is not None, line
            assert not said.conditional
            assert ("extra" in line) == (said.extra is not None)


@pytest.mark.parametrize(
    "line", ["-r other.txt", "./wheel.whl", "git+https://example.org/x", "a @ https://x", "", "#"]
)
def test_what_names_no_package(line: str) -> None:
    assert requirement(line) is None


def test_names() -> None:
    assert normal("Flash__Attn.x") == "flash-attn-x"
    said = requirement("ray[default]>=2.41.0")
    assert said is not None
    assert (said.name, said.clauses, said.extra) == ("ray", ">=2.41.0", None)
