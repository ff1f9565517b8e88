"""Generations are to be logged, and no logger takes them.

`trainer.log_val_generations` goes to trackers with tables. `console` and `file` are none.

Why: nothing is logged. `trainer.validation_data_dir` writes them to files.
Source: utils/tracking.py ValidationGenerationsLogger.log of each release
Bad:
    trainer.log_val_generations=10 trainer.logger=[console]
Good:
    trainer.log_val_generations=10 trainer.logger=[console,tensorboard]
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS722", "generations-nowhere", "warning")

KEY, LOGGER = "trainer.log_val_generations", "trainer.logger"
WITHOUT_TABLES = frozenset({"console", "file", "rl_insight"})


def check(view: View) -> Iterator[Found]:
    amount = view.integer(KEY, null=0)
    if amount <= 0:
        return
    given = view.value(LOGGER)
    loggers = {str(name) for name in (given if isinstance(given, list) else [given])}
    if loggers and loggers <= WITHOUT_TABLES:
        names = ", ".join(sorted(loggers))
        yield Found(
            f"{KEY} is {amount}, and none of the loggers ({names}) takes samples",
            (KEY, LOGGER),
            fix="trainer.validation_data_dir=DIR, or tensorboard among the loggers",
            why="nothing is logged",
        )
