"""What is left of a tool's schema is what the release's own model leaves of it, in its order; or both refuse it."""

from __future__ import annotations

import copy
import json
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest

from real.conversations import BOOK, CALC, SEARCH
from real.environment import Environment
from toolspec.backends.verl.chat.seen_schema import as_seen

pytestmark = pytest.mark.real

JUDGE = Path(__file__).with_name("schema_judge.py")
ODD: tuple[Any, ...] = (
    None,
    "object",
    ["string", "null"],
    3,
    True,
    [],
    {},
    [1, "a"],
    {"type": "string"},
    1.5,
    "true",
)
KEYS = (
    "type",
    "description",
    "enum",
    "required",
    "strict",
    "properties",
    "parameters",
    "name",
    "default",
    "x",
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path] * isinstance(value, dict) + [
        one for key, item in below for one in places(item, (*path, key))
    ]


def mutated(dice: random.Random) -> dict[str, Any]:
    """A schema with one to three of its keys dropped, added or changed."""
    schema: dict[str, Any] = copy.deepcopy(dice.choice((CALC, SEARCH, BOOK)))
    for _ in range(dice.randint(0, 3)):
        at: Any = schema
        for key in dice.choice(places(schema)):
            at = at[key]
        key = dice.choice((*KEYS, *at))
        if dice.random() < 0.4:
            at.pop(key, None)
        else:
            at[key] = copy.deepcopy(dice.choice(ODD))
    return schema


def test_schemas_are_kept_as_by_the_release(environment: Environment, release: str) -> None:
    dice = random.Random(11)
    schemas = [CALC, SEARCH, BOOK, *(mutated(dice) for _ in range(4000))]
    done = subprocess.run(
        [environment.python, JUDGE, environment.wheel(release)],
        input=json.dumps(schemas),
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    real = json.loads(done.stdout)
    mine = [
        None if (seen := as_seen(one, release)).schema is None else json.dumps(seen.schema) for one in schemas
    ]
    differing = [
        (schema, ours, its) for schema, ours, its in zip(schemas, mine, real, strict=True) if ours != its
    ]
    assert not differing, (len(differing), differing[:2])
    assert 500 < sum(one is None for one in real) < 3500
