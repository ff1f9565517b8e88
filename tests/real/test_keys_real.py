"""Unknown keys as each release itself judges them: a strict merge with its defaults, and its dataclasses."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from real.environment import RELEASES, Environment
from real.tokenizer import model_folder
from toolspec.backends.verl.lint.lint import lint_file
from toolspec.backends.verl.releases import release
from toolspec.backends.verl.rules.registry import rules
from toolspec.backends.verl.written.files import Files
from toolspec.specs.problem import Problem

pytestmark = pytest.mark.real

JUDGE = Path(__file__).with_name("key_judge.py")
CHANGES = 30
TYPED = 80
OTHER: tuple[Any, ...] = ("lots", ["lots"], {"lots": 1}, 7, True)
ROLES = ("actor_rollout_ref.actor.", "actor_rollout_ref.rollout.", "actor_rollout_ref.ref.", "critic.")
# What the config needs so that every role is there.
BASE = {
    "defaults": ["ppo_trainer", "_self_"],
    "actor_rollout_ref": {"actor": {"use_kl_loss": True}},
    "critic": {"enable": True},
}
VALUES: dict[str, Any] = {
    "int": 1,
    "float": 1.0,
    "bool": True,
    "str": "token-mean",
    "list": ["model"],
    "dict": {},
}


def changes(version: str) -> list[tuple[str, Any]]:
    """Keys of the release misspelt, unknown ones in each of its sections, and those that it takes unlisted."""
    keys = release(version).dp
    dice = random.Random(version)
    listed = [key for key in keys.defaults if "_target_" not in key]
    misspelt = [(f"{key}x", 1) for key in dice.sample(listed, CHANGES)]
    inside = [(f"{section}.surely_unknown", 1) for section in sorted(keys.sections)]
    known = [
        (key, VALUES.get(kind.rstrip("?").split("|")[0]))
        for key, kind in keys.unlisted.items()
        if key.startswith(ROLES)
    ]
    opened = [(f"{key}.anything", 1) for key in sorted(keys.open_mappings)]
    # 0.7.1 builds no dataclass of the reference with its default workers; the judge does.
    return [change for change in (*misspelt, *inside, *known, *opened) if not skipped(version, change[0])]


def skipped(version: str, key: str) -> bool:
    return version == "0.7.1" and key.startswith("actor_rollout_ref.ref.")


def other_values(version: str) -> list[tuple[str, Any]]:
    """Values of another type for keys that a dataclass holds; what is in lists and mappings is not judged."""
    dice = random.Random(version)
    keys = [key for key in release(version).dp.defaults if key.startswith(ROLES) and "_target_" not in key]
    given = [(key, dice.choice(OTHER)) for key in dice.sample(keys, TYPED) if not skipped(version, key)]
    types = release(version).dp.types
    return [(key, value) for key, value in given if type(value).__name__ not in types.get(key, "")]


def small_model(environment: Environment, folder: Path) -> Path:
    """A model with a tokenizer of one word: the critic's dataclass loads it each time, which takes seconds else."""
    words = {"type": "WordLevel", "vocab": {"<unk>": 0}, "unk_token": "<unk>"}
    (folder / "tokenizer.json").write_text(json.dumps({"version": "1.0", "model": words, "added_tokens": []}))
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "<unk>", "pad_token": "<unk>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    shutil.copy(model_folder(environment) / "config.json", folder)
    return folder


def judged(
    environment: Environment, version: str, given: list[tuple[str, Any]], folder: Path
) -> list[dict[str, Any]]:
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run(
        [environment.python, JUDGE, small_model(environment, folder)],
        input=json.dumps(given),
        text=True,
        capture_output=True,
        check=False,
        env={**inherited, "PYTHONPATH": str(environment.wheel(version))},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    answers: list[dict[str, Any]] = json.loads(done.stdout)
    return answers


def linted(version: str, key: str, value: Any, folder: Path, *codes: str) -> list[Problem]:
    """What a rule finds about a key."""
    config: dict[str, Any] = json.loads(json.dumps(BASE))
    node = config
    *above, last = key.split(".")
    for name in above:
        node = node.setdefault(name, {})
    node[last] = value
    file = folder / "config.yaml"
    file.write_text(yaml.safe_dump(config), "utf-8")
    chosen = [entry for entry in rules() if entry.rule.code in codes]
    found = lint_file(file, f"verl=={version}", Files(), chosen).findings
    return [finding for finding in found if finding.code in codes]


@pytest.mark.parametrize("version", RELEASES)
def test_unknown_keys_are_those_of_the_release(
    version: str, environment: Environment, tmp_path: Path
) -> None:
    given = changes(version)
    wrong = []
    for (key, value), answer in zip(given, judged(environment, version, given, tmp_path), strict=True):
        found = [finding.why for finding in linted(version, key, value, tmp_path, "TS802")]
        knows = release(version).knows(key)
        stops = any("dataclass" in why for why in found)
        if (
            answer["built"] is not None
            and not key.endswith("loss_agg_mode")
            and bool(answer["built"]) != stops
        ):
            wrong.append((key, found, answer))
        # What a strict merge takes is never found; what it refuses is, unless verl reads it all the same.
        if bool(found) != (not answer["strict"] and not knows):
            wrong.append((key, found, answer))
    assert not wrong, wrong[:10]


@pytest.mark.parametrize("version", RELEASES)
def test_wrong_types_are_those_of_the_annotations(
    version: str, environment: Environment, tmp_path: Path
) -> None:
    given = other_values(version)
    wrong = []
    for (key, value), answer in zip(given, judged(environment, version, given, tmp_path), strict=True):
        # A mapping under a plain key is found by the names in it.
        found = [p.message for p in linted(version, key, value, tmp_path, "TS806", "TS802")]
        if answer["typed"] is not None and bool(found) == answer["typed"]:
            wrong.append((key, value, found, answer))
    assert not wrong, wrong
