"""Metrics under verl's names, in the form in which its console logger prints them.

Names and forms are those of tests/data/run-calculator/log.txt (0.9.1, V1); the older trainer has the timings of
`marked_timer` in trainer/ppo/ray_trainer.py of each release and no `training/off_policy`.
"""

from __future__ import annotations

import numbers
import pprint
from typing import Any

TIMINGS = ("gen", "old_log_prob", "ref", "adv", "update_actor", "update_weights")
SHARES = {
    "gen": 0.3,
    "old_log_prob": 0.1,
    "ref": 0.1,
    "adv": 0.01,
    "update_actor": 0.4,
    "update_weights": 0.09,
}
NUMPY = {  # as numpy 2 shows its own numbers
    "num_turns/min": "np.int32",
    "num_turns/max": "np.int32",
    "num_turns/mean": "np.float64",
    "training/num_turns/mean": "np.float64",
    "training/num_turns/max": "np.int64",
    "training/num_turns/min": "np.int64",
    "training/off_policy/trajectory_staleness/mean": "np.float64",
}


def training(step: int, seconds: float, tokens: int, critic: bool, v1: bool) -> dict[str, float]:
    """Metrics of a step: they move with it, and the reward rises."""
    rise = 1 - 0.9**step
    values: dict[str, float] = {
        "global_seqlen/mean": float(tokens),
        "actor/entropy": 0.05 / (1 + step),
        "actor/pg_clipfrac": 0.002 * rise,
        "actor/ppo_kl": 0.0004 * rise,
        "actor/pg_clipfrac_lower": 0.0,
        "actor/pg_loss": -0.01 * rise,
        "actor/kl_loss": 0.001 * rise,
        "actor/grad_norm": 0.33,
        "actor/lr": 1e-06,
        "actor/perf/max_memory_allocated_gb": 28.05,
        "training/global_step": step,
        "training/epoch": 0,
        "critic/score/mean": 1.2 * rise,
        "critic/score/max": 1.2,
        "critic/score/min": -2.0,
        "critic/rewards/mean": 1.2 * rise,
        "critic/advantages/mean": 1.098e-07,
        "critic/returns/mean": 0.75 * rise,
        "response_length/mean": 63.0 + step,
        "response_length/clip_ratio": 0.0078125,
        "prompt_length/mean": 203.1,
        "num_turns/min": 2,
        "num_turns/max": 6,
        "num_turns/mean": 4.0625,
    }
    if critic:
        values |= {"critic/vf_loss": 0.59 / step, "critic/vf_clipfrac": 0.0, "critic/grad_norm": 8.1}
    if not v1:
        values |= {"timing_s/start_profile": 2e-05, "timing_s/reward": 0.0003}
    values |= {f"timing_s/{name}": seconds * SHARES[name] for name in TIMINGS}
    if not v1:
        values["timing_s/stop_profile"] = 2e-05
    values["timing_s/step"] = seconds
    values |= {
        "timing_per_token_ms/gen": seconds * SHARES["gen"] * 1000 / tokens,
        "perf/total_num_tokens": tokens,
        "perf/time_per_step": seconds,
        "perf/throughput": tokens / seconds if seconds else 0.0,
    }
    if v1:
        values |= {
            "training/num_turns/mean": 4.0625,
            "training/num_turns/max": 6,
            "training/num_turns/min": 2,
            "training/off_policy/trajectory_staleness/mean": 0.0,
        }
    return values


def validation(step: int) -> dict[str, float]:
    """Metrics of a validation."""
    rise = 1 - 0.9 ** (step + 1)
    return {
        "val-aux/val/reward/mean@1": 1.2 * rise,
        "val-core/val/acc/mean@1": rise,
        "val-aux/num_turns/mean": 4.0,
    }


def line(values: dict[str, Any], step: int) -> str:
    """The line of the console logger (utils/logger/aggregate_logger.py)."""
    shown = [f"step:{step}"]
    for key, value in values.items():
        if isinstance(value, numbers.Number):
            text = pprint.pformat(value)
            kind = NUMPY.get(key) or ("np.float64" if key.startswith("val-") else "")
            shown.append(f"{key}:{kind}({text})" if kind else f"{key}:{text}")
    return " - ".join(shown)
