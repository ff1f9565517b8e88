"""Run by the Python of real verl: its own console and `file` loggers write what stdin says, `[[step, metrics], …]`."""

from __future__ import annotations

import json
import sys

import numpy as np  # type: ignore[import-not-found, unused-ignore]
from verl.utils.logger.aggregate_logger import LocalLogger
from verl.utils.tracking import FileLogger

console = LocalLogger(print_to_console=True)
file = FileLogger("project", "experiment")
for step, metrics in json.load(sys.stdin):
    given = {key: np.float64(value) if key.startswith("val-") else value for key, value in metrics.items()}
    console.log(given, step=step)
    file.log(given, step=step)
console.flush()
file.finish()
