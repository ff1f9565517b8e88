"""Interpolations resolve as OmegaConf resolves them, and what cannot be known says why."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import assume, example, given, reject, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from toolspec.backends.verl.interpolation import UnresolvedError
from toolspec.backends.verl.releases import NEWEST, TABLES, Keys, release

pytestmark = pytest.mark.slow


def nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for key, value in flat.items():
        *parents, name = key.split(".")
        at = tree
        for parent in parents:
            at = at.setdefault(parent, {})
        at[name] = value
    return tree


def omegaconf_value(tree: Any, key: str) -> Any:
    """What OmegaConf says, or UnresolvedError as a value where it raises.

    On a cycle it recurses until Python stops it. Whether that is wrapped in an error of its own depends on where in
    the stack it happens, and so on the Python and on the depth of the caller.
    """
    try:
        value = OmegaConf.select(tree, key, default=UnresolvedError)
        return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
    except (OmegaConfBaseException, RecursionError):
        return UnresolvedError


@pytest.mark.parametrize(("version", "engine"), [*((v, "dp") for v in TABLES), (NEWEST, "megatron")])
def test_every_key_resolves_as_omegaconf_resolves_it(version: str, engine: str) -> None:
    keys = release(version).keys(engine)
    for written in (
        {},
        {
            "actor_rollout_ref.rollout.n": 8,
            "data.max_response_length": 4096,
            "trainer.experiment_name": "${trainer.project_name}-${actor_rollout_ref.rollout.n}",
            "actor_rollout_ref.actor.checkpoint": {"save_contents": ["model"]},
            "actor_rollout_ref.rollout.val_kwargs.n": "${..n}",
            "actor_rollout_ref.rollout.mtp.enable": True,
            "reward.reward_kwargs": {"max_resp_len": "${data.max_response_length}"},
        },
    ):
        tree = OmegaConf.merge(OmegaConf.create(nested(keys.defaults)), OmegaConf.create(nested(written)))
        overlay = keys.overlay(written)
        for key in (*keys.defaults, *keys.sections, *written):
            expected = omegaconf_value(tree, key)
            if keys.defaults.get(key) == "???":
                expected = "???"
            assert overlay.resolve(key) == expected, key


DEFAULTS = {
    "a.x": 1,
    "a.y": "${.x}",
    "a.list": [1, "${a.x}"],
    "a.in.z": "${..x}",
    "a.in.name": "x",
    "b.x": None,
    "b.from": "${a.in}",
    "b.either": "${oc.select:a.gone,${oc.select:a.in,null}}",
    "b.select": "${oc.select:a.gone,${a.x}}",
    "c": {},
    "d": "text",
}
KEY = st.sampled_from(
    [
        "a.x",
        "a.y",
        "a.list",
        "a.in.z",
        "a.in",
        "b.x",
        "b.from",
        "b.either.z",
        "b.select",
        "c",
        "d",
        "c.new",
        "a.gone",
    ]
)
# fmt: off
ATOM = st.sampled_from([
    "1", "1.5", "1e-3", "-2", "007", ".5", "1.", "inf", "0x1f", "1_000", "true", "False", "null", "text",
    "a/b c", "token-mean", "'a, b'", '"q"', "[]", "[1, x]", "{}", "{k: 1}", "[a, [b]]", "[1,null]",
])
# fmt: on
TEXT = st.one_of(
    st.sampled_from(
        ["plain", 7, None, True, [1, 2], r"\${a.x}", "$a", "a}b", "${a.list[1]}", "${.x}", "${..x}"]
    ),
    KEY.map(lambda k: f"${{{k}}}"),
    KEY.map(lambda k: f"pre-${{{k}}}/${{d}}"),
    st.tuples(KEY, ATOM).map(lambda t: f"${{oc.select:{t[0]},{t[1]}}}"),
    st.tuples(KEY, KEY).map(lambda t: f"${{oc.select:{t[0]}, ${{{t[1]}}}}}"),
    KEY.map(lambda k: [f"${{{k}}}", "x"]),
    st.just("${a.${a.in.name}}"),
    st.sampled_from(["${b.from.z}", "${b.either.z}"]),
)
LEAF = st.sampled_from(["a.x", "a.y", "a.list", "a.in.z", "b.x", "b.select", "c.new", "d", "e.f"])


@settings(max_examples=250, deadline=None)
@given(written=st.dictionaries(LEAF, TEXT, max_size=4), key=KEY)
@example(written={"a.x": ["${a.in}", "x"], "c.new": ["${d}", "x"]}, key="a.in")
def test_any_tree_resolves_as_omegaconf_resolves_it(written: dict[str, Any], key: str) -> None:
    keys = Keys(DEFAULTS, {}, frozenset(), {})
    try:
        tree = OmegaConf.merge(OmegaConf.create(nested(DEFAULTS)), OmegaConf.create(nested(written)))
    except OmegaConfBaseException:
        reject()  # a list over an interpolation of a mapping: Hydra does not compose it
    expected = omegaconf_value(tree, key)
    assume(not re.search(r"pre-.*[\[{]", str(expected)))  # OmegaConf prints a list raw, toolspec refuses
    try:
        found = keys.overlay(written).resolve(key)
    except UnresolvedError:
        found = UnresolvedError
    # OmegaConf also fails on a fallback that it then does not use
    assume(not (expected is UnresolvedError and found != expected and ", ${" in str(written)))
    assert found == expected and type(found) is type(expected)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("${data.seeed}", "no key data.seeed"),
        ("${trainer.project_name}", "cycle"),
        ("${oc.select:trainer.project_name}", "cycle"),
        ("${oc.env:HOME}", "oc.env"),
        ("${actor_rollout_ref.rollout.name}", "mandatory"),
        ("${oc.select:gone,~/x}", "quoted"),
        ("${unclosed", "closing brace"),
        ("${a" * 3000 + "}" * 3000, "nested too deeply"),
        ("${oc.select:gone," + "[" * 9000 + "]" * 9000 + "}", "nested too deeply"),
        ("${trainer.total_epochs}" * 2000, "characters"),
    ],
)
def test_what_cannot_be_known_says_why(value: str, words: str) -> None:
    with pytest.raises(UnresolvedError, match=words):
        release(NEWEST).resolve("trainer.project_name", {"trainer.project_name": value})


def test_a_value_that_doubles_at_every_step_is_given_up() -> None:
    written: dict[str, Any] = {"x.k0": "lol"}
    written |= {f"x.k{i}": [f"${{x.k{i - 1}}}"] * 2 for i in range(1, 60)}
    with pytest.raises(UnresolvedError, match="steps"):
        release(NEWEST).resolve("x.k59", written)
