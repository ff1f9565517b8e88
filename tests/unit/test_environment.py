"""The packages of an environment against a release: every table entry bites, and what was run passes."""

from __future__ import annotations

import re

import pytest

from toolspec.backends.verl.constraints import pins, text
from toolspec.backends.verl.environment import (
    PAIRS,
    SELDOM,
    TOLERATED,
    UNDECLARED,
    Uses,
    problems,
)
from toolspec.backends.verl.package_version import admits, requirement, version
from toolspec.backends.verl.releases import RELEASES, release

SDPA = Uses(engine="sglang", attention="sdpa", packed=False, critic_flash=False, trackers=frozenset())


def judged(packages: dict[str, str], name: str, uses: Uses | None = None) -> dict[str, str]:
    return {p.package: p.severity for p in problems(packages, name, uses)}


@pytest.mark.parametrize("name", RELEASES)
def test_the_constraints_of_a_release_are_what_it_wants(name: str) -> None:
    assert problems(pins(name), name, SDPA) == ()


@pytest.mark.parametrize("name", RELEASES)
def test_every_line_of_a_constraints_file_is_exact_and_named_once(name: str) -> None:
    lines = [line.partition("#")[0].strip() for line in text(name).splitlines()]
    named = [line for line in lines if line]
    assert len(named) > 150
    assert len(pins(name)) == len(named)
    for line in named:
        found = re.fullmatch(r"[a-z0-9][a-z0-9.-]*==(\S+)", line)
        assert found is not None, line
        assert version(found[1]) is not None, line
    assert pins(name)["verl"] == name


@pytest.mark.parametrize("name", RELEASES)
def test_each_package_that_a_release_needs_is_missed(name: str) -> None:
    there = pins(name)
    lines = [requirement(line) for line in release(name).requires]
    wanted = {n.name for n in lines if n is not None and n.extra is None}
    wanted |= {need.package for need in UNDECLARED} | {"verl", "sglang"}
    wanted |= {"transferqueue"} if name == "0.9.1" else set()
    v1 = Uses(engine="sglang", trainer="v1", attention="sdpa", critic_flash=False)
    for package in wanted:
        found = judged({k: v for k, v in there.items() if k != package}, name, v1)
        assert found == {package: "warning" if package in SELDOM else "error"}
    assert judged({}, name).keys() >= wanted - set(SELDOM)


def test_a_list_that_is_not_complete_misses_nothing() -> None:
    assert problems({}, "0.9.1", SDPA, complete=False) == ()
    found = problems({"transformers": "5.6.0", "Ray": "2.40"}, "0.9.1", SDPA, complete=False)
    assert [(p.package, p.found, p.wanted, p.severity) for p in found] == [
        ("ray", "2.40", "ray>=2.41.0", "error"),
        ("transformers", "5.6.0", "transformers!=5.6.0,<5.11,>=5.5.3", "error"),
    ]


# release, changed packages, what is used → package: severity
CASES: tuple[tuple[str, dict[str, str], Uses, dict[str, str]], ...] = (
    ("0.9.1", {"verl": "0.8.0"}, SDPA, {"verl": "error"}),
    ("0.9.1", {"transformers": "5.6.0"}, SDPA, {"transformers": "error"}),
    ("0.9.1", {"transformers": "5.10.4"}, SDPA, {"transformers": "warning"}),
    ("0.9.1", {"kernels": "0.17.0"}, SDPA, {"kernels": "error"}),
    (
        "0.9.1",
        {"kernels": "0.17.0", "transformers": "5.10.4"},
        Uses(engine="vllm", attention="sdpa"),
        {"vllm": "error"},
    ),
    ("0.9.1", {"tokenizers": "0.23.2"}, SDPA, {"tokenizers": "error"}),
    ("0.9.1", {"numpy": "1.26.4"}, SDPA, {"numpy": "error"}),
    ("0.9.1", {"torch": "2.11.0+cu130"}, SDPA, {}),
    ("0.9.1", {"torch": "2.13.0"}, SDPA, {"torch": "warning"}),
    ("0.9.1", {"tensordict": "0.8.3"}, SDPA, {"tensordict": "error"}),
    ("0.9.1", {"tensordict": "0.9.0"}, SDPA, {"tensordict": "error"}),
    ("0.7.1", {"tensordict": "0.8.3"}, SDPA, {"tensordict": "warning"}),
    ("0.8.0", {"tensordict": "0.8.3"}, SDPA, {"tensordict": "error"}),
    (
        "0.9.1",
        {"transferqueue": "0.1.9"},
        Uses(engine="sglang", trainer="v1", attention="sdpa"),
        {"transferqueue": "error"},
    ),
    ("0.9.1", {"transferqueue": "0.1.9"}, Uses(engine="sglang", trainer="v0", attention="sdpa"), {}),
    ("0.8.0", {"transferqueue": "0.1.9"}, SDPA, {}),
    ("0.7.1", {"numpy": "2.4.6"}, SDPA, {"numpy": "warning"}),
    ("0.9.1", {"vllm": "0.12.0"}, Uses(engine="vllm", attention="sdpa"), {"vllm": "error"}),
    ("0.9.1", {"vllm": "0.18.0"}, Uses(engine="vllm", attention="sdpa"), {"vllm": "warning"}),
    ("0.9.1", {"vllm": "0.24.0"}, Uses(engine="vllm", attention="sdpa"), {}),
    ("0.8.0", {"vllm": "0.6.3"}, Uses(engine="vllm", attention="sdpa"), {"vllm": "error"}),
    ("0.9.1", {"sglang": "0.5.10"}, SDPA, {"sglang": "warning"}),
    ("0.8.0", {}, Uses(engine="sglang", attention="sdpa", packed=True), {"flash-attn": "error"}),
    ("0.9.1", {}, Uses(engine="sglang", attention="sdpa", packed=True), {}),
    ("0.9.1", {}, Uses(engine="sglang", attention="flash_attention_2"), {"flash-attn": "warning"}),
    ("0.8.0", {}, Uses(engine="sglang", attention="flash_attention_2"), {"flash-attn": "error"}),
    ("0.8.0", {}, Uses(engine="sglang", attention="sdpa", critic_flash=True), {"flash-attn": "error"}),
    ("0.8.0", {"flash-attn": "2.8.3"}, Uses(engine="sglang", attention="flash_attention_2", packed=True), {}),
    ("0.9.1", {"unheard-of": "no version"}, SDPA, {}),
)


@pytest.mark.parametrize(("name", "changed", "uses", "expected"), CASES)
def test_each_table_bites(name: str, changed: dict[str, str], uses: Uses, expected: dict[str, str]) -> None:
    without = {"vllm"} if "vllm" in changed else set()
    there = {k: v for k, v in pins(name).items() if k not in without} | changed
    if "vllm" in changed:
        there |= {"torch": "2.11.0", "transformers": "5.9.0"} if name == "0.9.1" else {}
    assert judged(there, name, uses) == expected


def test_what_a_problem_says_can_be_done() -> None:
    (found,) = problems(pins("0.9.1") | {"kernels": "0.17.0"}, "0.9.1", SDPA)
    assert found.message == "kernels 0.17.0; wanted kernels<0.17"
    assert found.fix == "pip install 'kernels<0.17'"
    assert "5.9.0" in found.why


def test_the_tables_name_packages_that_the_releases_have() -> None:
    required = {
        (name, need.name)
        for name in RELEASES
        for line in release(name).requires
        if (need := requirement(line))
    }
    assert set(SELDOM) <= {package for _, package in required}
    assert set(TOLERATED) <= required
    for package, versions, other, clauses, *_ in PAIRS:
        assert admits(versions, "1") is not None
        assert admits(clauses, "1") is not None
        assert package != other
