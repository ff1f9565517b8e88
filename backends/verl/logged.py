"""What verl logs of a step: the console's line, the `file` logger's, and the names of metrics by release.

Console: `step:4 - actor/ppo_kl:0.0 - val-aux/x/score/mean@1:np.float64(1.2)`, by LocalLogger of each release
(utils/logger/aggregate_logger.py:26 concat_dict_to_str, pprint.pformat of each number), in the process that trains:
TaskRunner (0.7.1, 0.8.0, V0 of 0.9.1) or TaskRunnerV1 (0.9.1 main_ppo.py:103). File: `{"step": 4, "data": {…}}`
(utils/tracking.py FileLogger). A line at the step a run resumed from, or at 0, holds validation alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

TRAINS = "TaskRunner"
"""What the names of the actors that train begin with: no other process's lines are taken for the trainer's."""
_STEP = re.compile(r"step:(\d{1,9})(?: - |$)")
_NUMBER = re.compile(
    r"(?:np\.\w{1,20}\()?([+-]?(?:\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+|inf|nan|True|False))\)?"
)
_TRUTH = {"True": 1.0, "False": 0.0}
LONGEST_NAME = 500  # characters of a metric's name


class Metric(NamedTuple):
    """One of the seven: how it is called here, the key in verl's log, why a step may lack it.

    key: None where verl logs it on no release, and the reward's records have it.
    """

    name: str
    key: str | None
    absent: str


_RECORDS = "verl logs it on no release in training: from the records of the reward in trajectories/"
_NO_UPDATE = "steps before trainer.critic_warmup update no actor"

# Checked in the source of 0.7.1, 0.8.0 and 0.9.1, V0 and V1: the keys are the same in all. Policy losses
# (trainer/ppo/core_algos.py) return `actor/ppo_kl` and `actor/pg_clipfrac`, but for those in WITHOUT. Times are
# `timing_s/NAME` (trainer/ppo/metric_utils.py, compute_timing_metrics), of marked_timer("gen") and ("update_actor") in
# ray_trainer.py (V0), main_ppo_sync.py (0.8.0) and v1/trainer_base.py (0.9.1 V1, where `gen` is the time that the
# trainer waits for samples).
SEVEN: tuple[Metric, ...] = (
    Metric("task_success_rate", None, _RECORDS),
    Metric("tool_parse_success_rate", None, _RECORDS),
    Metric("avg_tool_calls", None, _RECORDS),
    Metric("actor/ppo_kl", "actor/ppo_kl", _NO_UPDATE),
    Metric("actor/pg_clipfrac", "actor/pg_clipfrac", _NO_UPDATE),
    Metric("timing/gen", "timing_s/gen", "verl logs it at every step of training"),
    Metric("timing/update_actor", "timing_s/update_actor", _NO_UPDATE),
)
# Metric → the policy losses (actor.policy_loss.loss_mode) that do not log it, by release: core_algos.py of each, the
# functions under @register_policy_loss. bypass_mode logs it with the loss that it wraps, and pg_clipfrac only there.
_WITHOUT = {
    "actor/ppo_kl": frozenset({"gpg"}),
    "actor/pg_clipfrac": frozenset({"gpg", "kl_cov", "bypass_mode"}),
}
WITHOUT: Mapping[str, Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "0.7.1": _WITHOUT,
        "0.8.0": _WITHOUT,
        "0.9.0": _WITHOUT | {"actor/pg_clipfrac": _WITHOUT["actor/pg_clipfrac"] | {"dro"}},
        "0.9.1": _WITHOUT | {"actor/pg_clipfrac": _WITHOUT["actor/pg_clipfrac"] | {"dro"}},
    }
)
LOSS_MODE = "actor_rollout_ref.actor.policy_loss.loss_mode"
SCORE = "critic/score/mean"  # of the trajectories trained on: metric_utils.py, compute_data_metrics, of each release
EXACT_ZERO = "where a batch is one update the policy has not moved when they are measured: 0, or close to it"


class Logged(NamedTuple):
    """One line of metrics. training: whether the step updated something; else it is validation alone."""

    step: int
    metrics: Mapping[str, float]

    @property
    def training(self) -> bool:
        return any(not key.startswith("val-") for key in self.metrics)


def console_line(text: str) -> Logged | None:
    """A line of the console logger, None for any other. NaN and infinities are kept."""
    match = _STEP.match(text)
    if match is None:
        return None
    metrics: dict[str, float] = {}
    pending = ""
    for part in text[match.end() :].split(" - "):
        whole = f"{pending} - {part}" if pending else part  # a data source's name may hold the separator
        name, colon, value = whole.rpartition(":")
        number = _NUMBER.fullmatch(value)
        if colon and number is not None and name:
            if len(name) <= LONGEST_NAME:
                metrics[name] = _TRUTH[number[1]] if number[1] in _TRUTH else float(number[1])
            pending = ""
        else:
            pending = whole if len(whole) <= LONGEST_NAME else ""
    return Logged(int(match[1]), metrics)


def file_line(line: bytes) -> Logged | None:
    """A line of the `file` logger, None for any other; orjson writes NaN as null, which is left out."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    step, data = found.get("step"), found.get("data")
    if (
        not isinstance(step, int)
        or isinstance(step, bool)
        or not 0 <= step < 10**9
        or not isinstance(data, dict)
    ):
        return None
    return Logged(step, {key: float(v) for key, v in data.items() if _plain(v) and len(key) <= LONGEST_NAME})


def _plain(value: Any) -> bool:
    return isinstance(value, float) or (isinstance(value, int) and abs(value) < 1 << 63)
