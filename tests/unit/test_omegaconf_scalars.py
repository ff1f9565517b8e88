"""Plain scalars of a verl YAML file as OmegaConf's own loader reads them."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf._utils import get_yaml_loader

from toolspec.backends.verl.written.omegaconf_scalars import OMEGACONF, read_scalar
from toolspec.specs.yaml_tree import parse

LOADER = get_yaml_loader()
WORDS = [
    *(
        "yes",
        "No",
        "ON",
        "off",
        "y",
        "n",
        "null",
        "~",
        "1e-6",
        "1E5",
        "1.",
        ".5",
        ".5e3",
        "1:30",
        "1:30.5",
        "0x1F",
        "012",
    ),
    *(
        "0o7",
        "+1",
        "-0",
        "1_000",
        ".inf",
        "-.INF",
        ".nan",
        "2020-01-01",
        "1e",
        "08",
        "0b1",
        "1_",
        "_1",
        "1.5e3",
        "1e+3",
    ),
    *(
        ".e5",
        "0:30",
        "1:2:3",
        "+.5",
        "-.5",
        "+.inf",
        "001",
        "0_1",
        "1e1_0",
        "1_0e3",
        "190:20:30.15",
        "00",
        "0.",
        "0_",
    ),
]


def omegaconf(text: str) -> object:
    return yaml.load(f"k: {text}", Loader=LOADER)["k"]


@pytest.mark.parametrize("text", WORDS)
def test_a_scalar_is_what_omegaconf_reads(text: str) -> None:
    assert repr(read_scalar(text)[0]) == repr(omegaconf(text))


@settings(max_examples=1500, deadline=None)
@given(st.text("0123456789.eE+-_:xobnNyYfF~ai", min_size=1, max_size=6))
@pytest.mark.slow
def test_any_scalar_is_what_omegaconf_reads(text: str) -> None:
    try:
        expected = omegaconf(text)
    except (yaml.YAMLError, ValueError):
        return
    if isinstance(expected, (int, float, str, bool, type(None))):
        assert repr(read_scalar(text)[0]) == repr(expected)


@pytest.mark.parametrize(
    ("text", "note"), [("yes", "true"), ("off", "false"), ("012", "octal"), ("1:30", "base 60")]
)
def test_a_trap_of_yaml_1_1_is_told(text: str, note: str) -> None:
    assert note in read_scalar(text)[1]
    assert note in parse(f"a: {text}".encode(), "c.yaml", OMEGACONF).ambiguous["a",]
