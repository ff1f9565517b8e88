"""An agent loop of the user's: what its outputs are given, and which arguments it cannot have."""

from __future__ import annotations

import asyncio
import importlib
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import ValidationError

from toolspec.specs.rollout import Agent

RUNTIME = Path(__file__).parents[2] / "backends" / "verl" / "runtime"
sys.path.append(str(RUNTIME))

ts_own_loop = importlib.import_module("ts_own_loop")

LOOP = """
from types import SimpleNamespace
from .masks import MASKS

def output(mask, **fields):
    return SimpleNamespace(response_mask=mask, extra_fields=fields)

class Loop:
    def __init__(self, **given):
        self.given = given

    async def run(self, sampling_params, what):
        if what == "several":
            return [output(mask) for mask in MASKS]
        return output(MASKS[0], mine=self.given["note"]) if what == "one" else output([1, 1], ts_spans=[[0, 1]])
"""


@pytest.fixture
def loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A class that is imported relatively, in a folder that is no package itself, as ts_user is."""
    package = tmp_path / "ts_user" / "inner"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "masks.py").write_text("MASKS = ([1, 1, 0, 1], [0, 1], [])\n")
    (package / "loop.py").write_text(LOOP)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield ts_own_loop.build("ts_user.inner.loop.Loop", note="x")
    for name in [name for name in sys.modules if name.partition(".")[0] == "ts_user"]:
        del sys.modules[name]


def test_every_output_says_what_the_policy_wrote(loop: Any) -> None:
    def run(what: str) -> Any:
        return asyncio.run(loop.run({}, what=what))

    one: SimpleNamespace = run("one")
    assert one.extra_fields == {"mine": "x", "ts_spans": [[0, 2], [3, 1]]}
    assert [each.extra_fields["ts_spans"] for each in run("several")] == [[[0, 2], [3, 1]], [[1, 1]], []]
    assert run("own").extra_fields == {"ts_spans": [[0, 1]]}  # the loop's own word counts
    assert type(loop).__mro__[1].__name__ == type(loop).__name__ == "Loop"


@pytest.mark.parametrize("name", ["name", "ts_class", "_target_", "trainer_config", "tokenizer"])
def test_an_argument_that_would_never_arrive_is_refused(name: str) -> None:
    """`name: x` renamed the loop, so that no row found it; verl's own `tokenizer` took the place of the user's."""
    with pytest.raises(ValidationError, match="give the argument another name"):
        Agent.model_validate({"class": "loop.py:Loop", "config": {"note": 1, name: "x"}})
