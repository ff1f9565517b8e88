"""What Hydra refuses of a command line, by Hydra itself: random overrides of the keys of each release."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import ConfigCompositionException
from omegaconf import OmegaConf

from toolspec.backends.verl.lint.composition import refused
from toolspec.backends.verl.releases import RELEASES, release
from toolspec.backends.verl.written.files import Files
from toolspec.backends.verl.written.runs import read_argument_list

pytestmark = pytest.mark.slow

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


def test_overrides_are_parted_as_argparse_parts_them(capsys: pytest.CaptureFixture[str]) -> None:
    dice = random.Random(5)
    pieces = (
        "+a=1",
        "+b=2",
        "--multirun",
        "--config-name=x",
        "-cn y",
        "--",
        "--config-dir /z",
        "--config",
        "--multi",
        "--x=1",
        "-q",
    )
    refusals = 0
    for _ in range(400):
        words = " ".join(dice.choice(pieces) for _ in range(dice.randint(1, 6))).split()
        run = read_argument_list(words, Files(), Path()).runs[0]
        try:
            parsed = get_args_parser().parse_args(words).overrides
        except SystemExit:
            parsed = None
        apart = [problem for problem in run.problems if problem.code in ("TS913", "TS914")]
        assert bool(apart) == (parsed is None), words
        refusals += parsed is None
        if parsed is not None:
            assert len(run.said) + len(run.problems) == len(parsed), words
    assert refusals > 50
    capsys.readouterr()
