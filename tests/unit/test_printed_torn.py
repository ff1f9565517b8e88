"""A printed configuration whose lines Ray has read in two."""

from __future__ import annotations

from pprint import pformat

from hypothesis import given
from hypothesis import strategies as st

from toolspec.backends.verl.printed import Collector, printed_config

CONFIG = {
    "actor_rollout_ref": {"actor": {"strategy": "fsdp", "clip_ratio": 0.2, "loss": [1, None, "a 'b'"]}},
    "data": {"train_files": ["a.parquet"], "seed": None},
    "trainer": {"resume_mode": "auto", "save_freq": 2, "test_freq": 20, "total_epochs": 1},
}
LINES = pformat(CONFIG).splitlines()


@given(st.sets(st.integers(1, len(LINES) - 1)))
def test_an_indent_that_was_told_as_a_line_is_put_back(torn: set[int]) -> None:
    collector = Collector()
    for number, line in enumerate(LINES):
        indent = len(line) - len(line.lstrip(" ")) if number in torn else 0
        if number in torn:
            collector.take(line[:indent])
        collector.take(line[indent:])
    assert printed_config(collector.text) == printed_config(pformat(CONFIG))
    assert (printed_config(collector.text) or {})["trainer.save_freq"] == 2
