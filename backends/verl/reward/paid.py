"""What the bundle's own reward pays for episodes: ts_scorer.py in a process of its own, with limits.

The patterns of a spec are programs of whoever wrote it, so a search by one of them ends with the process. Functions of
the user's are not run: a reward that needs one has no pay here.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from toolspec.backends.verl.emit.modules import RUNTIME
from toolspec.compiler.reward.episode import Episode

SECONDS = 10
_START = """\
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from toolspec.backends.verl.reward.paid_worker import main
main()
"""


class Pay(NamedTuple):
    """score and values by term, as the runtime gives them; answer: the final answer that was chosen; result: what it
    is taken from; truth: the row's.

    tokens: of the response as it was scored.
    """

    score: float
    values: Mapping[str, float]
    answer: str
    result: str
    truth: Any
    tokens: int


class NoPayError(Exception):
    """Why there is no score, as a clause."""


def runs_code(settings: Mapping[str, Any]) -> bool:
    """Whether the reward needs a function of the user's or of verl's."""
    return "terms" not in settings or any(
        each.get("own") or each.get("match") in ("verl", "python", "math", "calls")
        for each in settings["terms"]
    )


def paid(
    settings: Mapping[str, Any],
    release: str,
    episodes: Sequence[Episode],
    wanted: Sequence[Mapping[str, float]],
) -> list[Pay | None]:
    """wanted: for each episode the values by term that its answer is chosen for. None where no answer has them.

    Raises NoPayError where the process does not answer within its limits, or the reward runs code of the user's.
    """
    if runs_code(settings):
        raise NoPayError("the reward runs code, which is not run here")
    request = {
        "settings": settings,
        "release": release,
        "runtime": str(RUNTIME),
        "episodes": [
            {
                "vector": each.vector._asdict(),
                "parts": [part._asdict() for part in each.parts],
                "wanted": want,
            }
            for each, want in zip(episodes, wanted, strict=True)
        ],
    }
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-c", _START, json.dumps(sys.path)],
            input=json.dumps(request),
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
    return [None if each is None else Pay(**each) for each in json.loads(done.stdout)]
