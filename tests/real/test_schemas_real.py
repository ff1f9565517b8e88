"""What is left of a tool's schema is what the release's own model leaves of it, in its order; or both refuse it.

Of a schema that was rewritten for the release it leaves everything.
"""

from __future__ import annotations

import copy
import json
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, seed, settings

from real.conversations import BOOK, CALC, SEARCH
from real.environment import Environment
from schema_strategies import tools
from toolspec.backends.verl.chat.seen_schema import as_seen
from toolspec.backends.verl.chat.surviving_schema import surviving

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


def judged(environment: Environment, release: str, schemas: list[dict[str, Any]]) -> list[str | None]:
    """What the release hands to the template of each, as JSON text; None where it refuses."""
    done = subprocess.run(
        [environment.python, JUDGE, environment.wheel(release)],
        input=json.dumps(schemas),
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: list[str | None] = json.loads(done.stdout)
    return found


def test_schemas_are_kept_as_by_the_release(environment: Environment, release: str) -> None:
    dice = random.Random(11)
    schemas = [CALC, SEARCH, BOOK, *(mutated(dice) for _ in range(4000))]
    real = judged(environment, release, schemas)
    mine = [
        None if (seen := as_seen(one, release)).schema is None else json.dumps(seen.schema) for one in schemas
    ]
    differing = [
        (schema, ours, its) for schema, ours, its in zip(schemas, mine, real, strict=True) if ours != its
    ]
    assert not differing, (len(differing), differing[:2])
    assert 500 < sum(one is None for one in real) < 3500


def test_rewritten_schemas_are_kept_whole_by_the_release(environment: Environment, release: str) -> None:
    dice = random.Random(12)
    written = [CALC, SEARCH, BOOK, *(mutated(dice) for _ in range(2000)), *drawn(2000)]
    rewritten = [one for schema in written if (one := surviving(schema, release)) is not None]
    assert len(rewritten) > 3500
    real = judged(environment, release, rewritten)
    differing = [
        (schema, its)
        for schema, its in zip(rewritten, real, strict=True)
        if its is None or json.loads(its) != schema
    ]
    assert not differing, (len(differing), differing[:2])


def drawn(number: int) -> list[dict[str, Any]]:
    """Schemas of the unit tests' strategy, the same each time."""
    found: list[dict[str, Any]] = []

    @seed(3)
    @settings(max_examples=number, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(tools())
    def keep(tool: dict[str, Any]) -> None:
        found.append(tool)

    keep()
    return found
