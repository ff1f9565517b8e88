"""A printed configuration that Ray has read in pieces."""

from __future__ import annotations

import pprint
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from toolspec.backends.verl.printed import Collector, printed_config

CONFIG = {
    "actor_rollout_ref": {
        "actor": {"strategy": "fsdp", "clip_ratio": 0.2, "loss": [1, None, "a 'b'"], "eps": 1e-06}
    },
    "data": {"train_files": ["a.parquet"], "seed": None, "system": "A long text, with: {braces}, " * 5},
    "trainer": {
        "resume_mode": "auto",
        "save_freq": -1,
        "test_freq": 20,
        "total_epochs": 1,
        "x": float("inf"),
    },
}


class Written:
    """A stream that keeps every write of pprint's apart, as an unbuffered process hands them to Ray."""

    def __init__(self) -> None:
        self.pieces: list[str] = []

    def write(self, text: str) -> None:
        self.pieces.append(text)


def pieces() -> list[str]:
    stream = Written()
    pprint.pprint(CONFIG, stream=stream)  # type: ignore[arg-type]
    return stream.pieces


PIECES = pieces()


def read(lines: Sequence[str]) -> object:
    collector = Collector()
    for line in lines:
        collector.take(line)
    return printed_config(collector.text)


@given(st.sets(st.integers(1, len(PIECES) - 1)), st.sets(st.integers(1, 40)))
def test_it_is_put_together_again(torn: set[int], between: set[int]) -> None:
    """torn: writes after which Ray told a line. between: lines before which another thread told its own."""
    text = "".join(f"\0{piece}" if number in torn else piece for number, piece in enumerate(PIECES))
    lines = [line for part in text.split("\0") for line in part.split("\n")]
    for number in sorted(between, reverse=True):
        lines[number:number] = ["/lib/x.py:41: UserWarning: engine not available: ModuleNotFoundError('x')"]
    assert read(lines) == printed_config(pprint.pformat(CONFIG))


def test_another_mapping_before_it_is_none() -> None:
    other = pprint.pformat({"env_vars": {"A": "1"}, "data": {}}).splitlines()
    assert read([*other, *pprint.pformat(CONFIG).splitlines()]) == printed_config(pprint.pformat(CONFIG))
    assert read(other) is None
