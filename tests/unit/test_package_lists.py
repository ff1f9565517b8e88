"""Versions and specifiers of package lists, as `packaging` compares them."""

from __future__ import annotations

import random

import pytest

from toolspec.backends.verl.lint.facts.environment import (
    admits,
    extras_with,
    parse_requirements,
    parse_version,
    requirements,
)
from toolspec.backends.verl.releases import RELEASES, release

VERSIONS = (
    "0.5.5",
    "0.5.5.post1",
    "0.5.12",
    "0.5.12rc1",
    "1.0",
    "1.0.0",
    "2.11.0+cu130",
    "5.6.0",
    "5.9",
    "5.10.dev1",
    "6",
)


def test_specifiers_admit_what_packaging_admits() -> None:
    specifiers = pytest.importorskip("packaging.specifiers")
    dice = random.Random(3)
    operators = ("==", "!=", "<=", ">=", "<", ">", "~=")
    for _ in range(2000):
        parts = []
        for _ in range(dice.randint(1, 3)):
            operator, version = dice.choice(operators), dice.choice(VERSIONS).partition("+")[0]
            if operator == "~=" and (not version.replace(".", "").isdigit() or version == "6"):
                continue
            if operator in ("==", "!=") and dice.random() < 0.3:
                version = version.partition("rc")[0].partition(".post")[0].partition(".dev")[0] + ".*"
            parts.append(operator + version)
        text, version = ",".join(parts), dice.choice(VERSIONS)
        if any(p[0] in "<>" and p[1] != "=" for p in parts) and any(
            c in version + text for c in ("post", "rc", "dev")
        ):
            continue  # PEP 440's exclusive comparison leaves out pre and post releases of the same version
        assert admits(text, version) == specifiers.SpecifierSet(text).contains(version, prereleases=True), (
            text,
            version,
        )


def test_what_is_no_version_is_not_judged() -> None:
    assert parse_version("main") is None
    assert admits(">=1", "main") is None


def test_lines_of_a_list() -> None:
    text = "verl[sglang]==0.9.1  # the trainer\n-r other.txt\n# torch==1\nflash_attn @ https://x/y.whl\n"
    text += "ray>=2.41,<3 ; python_version > '3.9'\n"
    found = {package.name: package for package in parse_requirements(text, "requirements.txt")}
    assert sorted(found) == ["flash-attn", "ray", "verl"]
    assert found["verl"].version == "0.9.1"
    assert found["verl"].extras == {"sglang"}
    assert found["ray"].clauses == ((">=", "2.41"), ("<", "3"))
    assert found["ray"].version == ""
    assert found["verl"].span.line == 1


@pytest.mark.parametrize("version", RELEASES)
def test_every_requirement_of_a_release_is_read(version: str) -> None:
    lines = release(version).requires
    assert len(requirements(lines)) == len(lines)


def test_extras_that_bring_a_package() -> None:
    required = requirements(release("0.9.1").requires)
    assert {"sglang", "vllm", "verl-core", "fsdp", "megatron"} <= extras_with(required, "TransferQueue")
    assert extras_with(requirements(release("0.8.0").requires), "TransferQueue") == frozenset()
