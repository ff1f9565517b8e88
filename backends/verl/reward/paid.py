"""What the bundle's own reward pays for episodes: ts_scorer.py in a process of its own, with limits.

The patterns of a spec are programs of whoever wrote it, so a search by one of them ends with the process. Functions of
the user's are not run: a reward that needs one has no pay here.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from toolspec.backends.verl.emit.modules import RUNTIME
from toolspec.compiler.reward.episode import Episode

SECONDS = 10
_START = """\
import importlib, json, sys
sys.path[:] = json.loads(sys.argv[1])
importlib.import_module("toolspec.backends.verl.reward." + sys.argv[2]).main()
"""


class Part(NamedTuple):
    """What one wrote in turn. texts: of a tool's part one for each call that it answers."""

    by: Literal["policy", "tool"]
    text: str
    texts: tuple[str, ...] = ()


class Pay(NamedTuple):
    """score and values by term, as the runtime gives them; parts: what was scored; truth: the row's accepted answer.

    tokens: of the response as it was scored.
    """

    score: float
    values: Mapping[str, float]
    parts: tuple[Part, ...]
    truth: Any
    tokens: int


class Wanted(NamedTuple):
    """An episode, and what decides how it is scored. values: by term, for which the answer is chosen.

    need: calls that the row needs. step: of the training.
    """

    episode: Episode
    values: Mapping[str, float]
    need: int = 1
    step: int = 1


class NoPayError(Exception):
    """Why there is no score, as a clause."""


def runs_code(settings: Mapping[str, Any]) -> bool:
    """Whether the reward needs a function of the user's or of verl's, or a package that may not be here."""
    return "terms" not in settings or any(
        each.get("own") or each.get("match") in ("verl", "python", "math") for each in settings["terms"]
    )


def paid(settings: Mapping[str, Any], release: str, wanted: Sequence[Wanted]) -> list[Pay | str]:
    """For each episode its pay, or why it has none, as a clause.

    Raises NoPayError where the process does not answer within its limits, or the reward runs code of the user's.
    """
    if runs_code(settings):
        raise NoPayError("the reward runs code, which is not run here")
    episodes = [
        {
            "vector": each.episode.vector._asdict(),
            "turns": [turn._asdict() for turn in each.episode.turns],
            "wanted": each.values,
            "need": each.need,
            "step": each.step,
        }
        for each in wanted
    ]
    found = asked_of("paid_worker", {"settings": settings, "release": release, "episodes": episodes})
    return [each["missing"] if "missing" in each else _pay(each) for each in found]


def _pay(found: Mapping[str, Any]) -> Pay:
    parts = tuple(Part(each["by"], each["text"], tuple(each["texts"])) for each in found["parts"])
    return Pay(**{**found, "parts": parts})


def asked_of(worker: str, request: Mapping[str, Any]) -> Any:
    """What a module of this folder answers in a process with limits. Raises NoPayError where it does not."""
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-c", _START, json.dumps(sys.path), worker],
            input=json.dumps({**request, "runtime": str(RUNTIME)}),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NoPayError(f"the reward takes more than {SECONDS} s over a few lines") from None
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise NoPayError(lines[-1][:200] if lines else f"its process ended with {done.returncode}")
    return json.loads(done.stdout)
