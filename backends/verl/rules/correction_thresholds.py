"""Thresholds of rollout correction that verl cannot read.

`rollout_rs` names its tests, separated by commas, and each takes a threshold: one for all, or as many as there are
tests. Tests on k1 take `lower_upper` or one number, of which the lower bound is the reciprocal; all others one number.
`rollout_is` takes a positive number, from 0.8.0 on also `lower_upper`.

Why: verl stops after the first rollout, with the models loaded and a batch generated.
Source: trainer/ppo/rollout_corr_helper.py: _parse_rollout_rs_thresholds (0.7.1: :93, 0.8.0, 0.9.1: :132),
compute_rollout_rejection_mask (0.7.1: :195, 0.9.1: :236), _parse_rollout_is_threshold (0.8.0, 0.9.1: :93), 0.7.1: :527
Bad:
    actor_rollout_ref.rollout.calculate_log_probs=True algorithm.rollout_correction.rollout_rs=token_k1
Good:
    actor_rollout_ref.rollout.calculate_log_probs=True algorithm.rollout_correction.rollout_rs=token_k1
    algorithm.rollout_correction.rollout_rs_threshold="0.5_2.0"
Bad:
    actor_rollout_ref.rollout.calculate_log_probs=True algorithm.rollout_correction.rollout_rs=seq_mean_k3
    algorithm.rollout_correction.rollout_rs_threshold="0.5_2.0"
Bad:
    actor_rollout_ref.rollout.calculate_log_probs=True algorithm.rollout_correction.rollout_rs=geometric
    algorithm.rollout_correction.rollout_rs_threshold=2.0
Bad:
    actor_rollout_ref.rollout.calculate_log_probs=True algorithm.rollout_correction.rollout_is=token
    algorithm.rollout_correction.rollout_is_threshold=0
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from toolspec.backends.verl.lint.derived import ROLLOUT
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS131", "correction-thresholds", "error")

CORRECTION = "algorithm.rollout_correction"
TESTS, THRESHOLD = f"{CORRECTION}.rollout_rs", f"{CORRECTION}.rollout_rs_threshold"
WEIGHTS, LIMIT = f"{CORRECTION}.rollout_is", f"{CORRECTION}.rollout_is_threshold"
STOPS = "verl raises a ValueError after the first rollout"


def check(view: View) -> Iterator[Found]:
    if view.value(f"{CORRECTION}.bypass_mode") or not view.value(f"{ROLLOUT}.calculate_log_probs"):
        return  # correction-unread and log-probs-missing: the thresholds are not looked at
    if view.text(TESTS):
        yield from _tests(view)
    if view.value(WEIGHTS):
        wrong = _limit(view.value(LIMIT), ranges=view.at_least("0.8.0"))
        if wrong:
            yield Found(f"{view.shown(LIMIT)}: {wrong}", (LIMIT, WEIGHTS), fix=f"{LIMIT}=2.0", why=STOPS)


def _tests(view: View) -> Iterator[Found]:
    known = view.release.enums["rollout_correction_rs"]
    tests = list(dict.fromkeys(part.strip() for part in view.text(TESTS).split(",") if part.strip()))
    unknown = [test for test in tests if test not in known]
    if unknown:
        yield Found(
            f"verl {view.version} has no test `{unknown[0]}` for {TESTS}",
            (TESTS,),
            fix=f"one of {', '.join(known)}",
            why=STOPS,
        )
        return
    value = view.value(THRESHOLD)
    good = ",".join("0.5_2.0" if test.endswith("k1") else "0.01" for test in tests)
    if value is None:
        yield Found(
            f"{view.shown(TESTS)}, and {view.shown(THRESHOLD)}",
            (THRESHOLD, TESTS),
            fix=f'{THRESHOLD}="{good}"',
            why=STOPS,
        )
        return
    given = [part.strip() for part in str(value).split(",") if part.strip()]
    if len(given) not in (1, len(tests)):
        yield Found(
            f"{len(given)} thresholds for {len(tests)} tests ({', '.join(tests)})",
            (THRESHOLD, TESTS),
            fix="one for all, or one for each",
            why=STOPS,
        )
        return
    for test, one in zip(tests, given * len(tests) if len(given) == 1 else given, strict=False):
        wrong = _threshold(test, one)
        if wrong:
            yield Found(
                f"{view.shown(THRESHOLD)}: {test} takes {wrong}",
                (THRESHOLD, TESTS),
                fix=f'{THRESHOLD}="{good}"',
                why=STOPS,
            )
            return


def _threshold(test: str, text: str) -> str:
    """What the test takes, where it does not take this; "" where it does."""
    if not test.endswith("k1"):
        number = None if "_" in text else _number(text)
        return "" if number is not None and number > 0 else "one number above 0"
    below, _, above = text.rpartition("_")
    upper = _number(above)
    lower = _number(below) if below else (1 / upper if upper else None)
    if lower is None or upper is None or lower <= 0 or upper <= 0:
        return "`lower_upper`, both above 0"
    return "" if lower <= upper else f"a lower bound below the upper one, and {lower:g} is above {upper:g}"


def _limit(value: Any, *, ranges: bool) -> str:
    """Why the limit of importance weights is none."""
    if isinstance(value, str) and ranges:
        below, _, above = value.strip().rpartition("_")
        upper, lower = _number(above), _number(below) if below else None
        if upper is None or (below and lower is None):
            return "it is neither a number nor `lower_upper`"
        value = upper if lower is None or lower > 0 else lower
        if lower is not None and lower > upper:
            return "the lower bound is above the upper one"
    if isinstance(value, int | float) and value <= 0:
        return "it must be above 0"
    return ""


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
