"""What Hydra refuses of a command line, by Hydra itself: random overrides of the keys of each release."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import ConfigCompositionException
from omegaconf import OmegaConf

from toolspec.backends.verl.lint.composition import refused
from toolspec.backends.verl.releases import RELEASES, release
from toolspec.backends.verl.written.files import Files
from toolspec.backends.verl.written.runs import read_argument_list

VALUES = ("1", "null", "true", "abc", "{a: 1}", "{}", "[1]", "[]", "1.5")


def nested(version: str) -> Any:
    """The release's defaults as the config that Hydra has before it applies overrides."""
    config: dict[str, Any] = {}
    for key, value in release(version).dp.defaults.items():
        *above, last = key.split(".")
        node = config
        for name in above:
            node = node.setdefault(name, {})
        node[last] = value
    made = OmegaConf.create(config)
    OmegaConf.set_struct(made, True)
    return made


def arguments(version: str, dice: random.Random) -> list[str]:
    keys = release(version).dp
    listed = [*keys.defaults, *keys.sections, *keys.unlisted, *keys.open_mappings]
    found = []
    for _ in range(dice.randint(1, 5)):
        key = dice.choice(listed)
        if "=" in key or any(not part.replace("_", "a").isalnum() for part in key.split(".")):
            continue
        change = dice.random()
        if change < 0.2:
            key += ".added"
        elif change < 0.4:
            key = key[:-1] + "x"
        op = dice.choice(("", "", "", "+", "++", "~"))
        found.append(f"~{key}" if op == "~" else f"{op}{key}={dice.choice(VALUES)}")
    return found


def hydra_stops_at(version: str, given: list[str]) -> int | None:
    """The number of the first override that Hydra refuses."""
    config = nested(version)
    for number, override in enumerate(OverridesParser.create().parse_overrides(given)):
        try:
            ConfigLoaderImpl._apply_overrides_to_config([override], config)
        except ConfigCompositionException:
            return number
        except Exception:  # an interpolation that the half-made config cannot resolve
            return -1
    return None


@pytest.mark.parametrize("version", RELEASES)
def test_refused_overrides_are_those_of_hydra(version: str) -> None:
    dice = random.Random(7)
    tried = 0
    for _ in range(60):
        given = arguments(version, dice)
        stops = hydra_stops_at(version, given) if given else -1
        if stops == -1:
            continue
        tried += 1
        run = read_argument_list(given, Files(), Path()).runs[0]
        if run.groups or run.problems:
            continue
        found = next(refused((), run.said, release(version).dp), None)
        at = None if found is None else found.said.key_span.line - 1
        assert at == stops, given
    assert tried > 30


def test_two_dashes_before_the_overrides_are_taken_away_as_argparse_does() -> None:
    run = read_argument_list(
        ["--config-name=ppo_trainer", "--", "data.train_batch_size=8"], Files(), Path()
    ).runs[0]
    assert run.problems == ()
    assert [said.key for said in run.said] == ["data.train_batch_size"]
