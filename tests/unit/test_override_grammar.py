"""Overrides of the command line as Hydra's own parser reads them."""

from __future__ import annotations

from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given, settings
from hypothesis import strategies as st

from toolspec.backends.verl.written.override import OverrideError, Sweep, parse_override

pytestmark = pytest.mark.slow

HYDRA = OverridesParser.create()
KEYS = [
    "a",
    "a.b",
    "a.b.0",
    "a/b",
    "a@b",
    "a/b@c.d",
    "$x.y",
    "1",
    "1.2",
    "a-b.c_d",
    "",
    "a b",
    "a.",
    ".a",
    "a..b",
]
PARTS = [
    *("a", "b.c", "1", "0", "1e-6", ".5", "1.", "-3", "true", "False", "null", "NULL", '"x y"', "'z'", "é"),
    *(
        "[",
        "]",
        "{",
        "}",
        ":",
        ",",
        "=",
        " ",
        "\t",
        "\\",
        "\\,",
        "\\\\",
        "$",
        "${a.b}",
        "${oc.env:X,1}",
        "/",
        "~",
        "+",
    ),
    *(
        "@",
        "(",
        ")",
        "choice(",
        "str(",
        "int(",
        "bool(",
        "x-y",
        '"',
        "'",
        '\\"',
        "#",
        "1_000",
        "007",
        "inf",
        "nan",
        "e5",
    ),
]


def hydra(text: str) -> Any:
    """(operation, key, package, value), or None where Hydra refuses the text."""
    try:
        found = HYDRA.parse_override(text)
    except Exception:
        return None
    operation = {"CHANGE": "", "ADD": "+", "FORCE_ADD": "++", "DEL": "~"}[found.type.name]
    return operation, found.key_or_group, found.package, plain(found._value)


def plain(value: Any) -> Any:
    kind = type(value).__name__
    if kind == "QuotedString":
        return value.text
    if kind in ("ChoiceSweep", "RangeSweep", "IntervalSweep", "Glob"):
        return "a sweep"
    if isinstance(value, list):
        return [plain(item) for item in value]
    return {plain(k): plain(v) for k, v in value.items()} if isinstance(value, dict) else value


def ours(text: str) -> Any:
    try:
        found = parse_override(text)
    except OverrideError as error:
        assert 0 <= error.offset <= len(text)
        return None
    return found.op, found.key, found.package, "a sweep" if isinstance(found.value, Sweep) else found.value


@settings(max_examples=1500, deadline=None)
@given(
    st.sampled_from(["", "+", "++", "~"]),
    st.sampled_from(KEYS),
    st.sampled_from(["=", "=", "= ", ""]),
    st.lists(st.sampled_from(PARTS), max_size=6),
)
def test_every_override_is_read_as_hydra_reads_it(
    operation: str, key: str, sign: str, parts: list[str]
) -> None:
    text = operation + key + sign + "".join(parts)
    assert repr(ours(text)) == repr(hydra(text))


@pytest.mark.parametrize(
    "text",
    [
        "data.train_files=~/data/train.parquet",
        "data.train_files=['~/a b.parquet', \"c\"]",
        "trainer.logger=[console,wandb]",
        "+a.b={x: 1, y: [2, {z: null}]}",
        "~trainer.x",
        "model_engine=megatron",
        "actor@actor_rollout_ref.actor=megatron_actor",
        "a.b=",
        "a.b=1,2",
        "a.b=http://x:80/y?z=1",
        "a.b=$HOME/x",
        "-a.b=1",
        "a.b='it''s'",
    ],
)
def test_overrides_that_users_write(text: str) -> None:
    assert repr(ours(text)) == repr(hydra(text))


def test_unknown_characters_are_taken_as_plain_text() -> None:
    mark = "\ue000"
    assert parse_override(f"a.b={mark}", mark).value == mark
    assert parse_override(f"a.b=[{mark}, 'x']", mark).value == [mark, "x"]
    assert parse_override(f"a.b=/data/{mark}/x", mark).value == f"/data/{mark}/x"
