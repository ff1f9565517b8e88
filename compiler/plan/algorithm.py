"""Decisions on the update rule: presets unfolded, every number said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from toolspec.compiler.plan.draft import Draft
from toolspec.specs.algorithm import Algorithm, Clip, Filter, Kl, LearningRate, Overlong
from toolspec.specs.units import share


class Preset(NamedTuple):
    """What a name stands for. estimator and policy_loss are verl's names."""

    estimator: str
    group: int
    policy_loss: str = "vanilla"
    clip: tuple[float, float] = (0.2, 0.2)
    aggregation: str = "token-mean"
    kl: bool = True
    group_filter: bool = False
    overlong: bool = False


# Sources: DAPO (arXiv 2503.14476) for clip-higher, filter, token-mean, soft overlong and no KL; GSPO (arXiv 2507.18071)
# for the sequence ratio and its clip range; the estimators' names are verl's AdvantageEstimator (core_algos.py).
PRESETS: Mapping[str, Preset] = {
    "ppo": Preset("gae", group=4),
    "grpo": Preset("grpo", group=8),
    "rloo": Preset("rloo", group=8),
    "reinforce++": Preset("reinforce_plus_plus", group=8),
    "remax": Preset("remax", group=1),
    "dapo": Preset("grpo", group=8, clip=(0.2, 0.28), kl=False, group_filter=True, overlong=True),
    "gspo": Preset(
        "grpo", group=8, policy_loss="gspo", clip=(3e-4, 4e-4), aggregation="seq-mean-token-mean", kl=False
    ),
}


def decide_algorithm(draft: Draft) -> None:
    """Adds `algorithm.*` to the draft. Needs `budget.trajectory_tokens`."""
    algorithm = draft.spec.algorithm
    preset = PRESETS[algorithm.name]
    of = f"default for {algorithm.name}"
    draft.take(algorithm, "name", "algorithm")
    draft.add(
        "algorithm.estimator",
        preset.estimator,
        "derived",
        f"{algorithm.name}'s advantage",
        ("algorithm.name",),
    )
    draft.add(
        "algorithm.policy_loss",
        preset.policy_loss,
        "derived",
        f"{algorithm.name}'s loss",
        ("algorithm.name",),
    )
    _decide_batch(draft, algorithm, preset, of)
    decide_learning_rate(draft, algorithm.lr, "algorithm.lr", 1e-6)
    if preset.estimator == "gae":
        decide_learning_rate(draft, algorithm.critic_lr, "algorithm.critic_lr", 1e-5)
    draft.choose(algorithm, "critic_warmup", "algorithm", 0, "default")
    clip = algorithm.clip or Clip()
    draft.choose(clip, "low", "algorithm.clip", preset.clip[0], of)
    draft.choose(clip, "high", "algorithm.clip", preset.clip[1], of)
    draft.choose(clip, "dual", "algorithm.clip", 3.0, "default")
    _decide_filter(draft, algorithm, preset, of)
    _decide_overlong(draft, algorithm, preset, of)
    _decide_kl(draft, algorithm, preset, of)
    draft.take(algorithm, "entropy", "algorithm")
    draft.take(algorithm, "gamma", "algorithm")
    draft.take(algorithm, "lambda_", "algorithm")
    draft.choose(algorithm, "normalize", "algorithm", True, "default")
    draft.choose(algorithm, "loss_aggregation", "algorithm", preset.aggregation, of)


def _decide_batch(draft: Draft, algorithm: Algorithm, preset: Preset, of: str) -> None:
    batch = draft.take(algorithm, "batch", "algorithm")
    group = draft.choose(algorithm, "group", "algorithm", preset.group, of)
    if algorithm.mini_batch is not None:
        mini = draft.take(algorithm, "mini_batch", "algorithm")
    elif algorithm.updates is not None:
        mini = draft.add(
            "algorithm.mini_batch",
            max(1, batch // algorithm.updates),
            "derived",
            f"batch {batch} ÷ {algorithm.updates} updates",
            ("algorithm.updates",),
        )
        if batch % algorithm.updates:
            draft.problem(
                "TS101",
                "uneven-batch",
                f"a batch of {batch} does not split into {algorithm.updates} equal updates",
                "algorithm.updates",
                fix=f"batch: {-(-batch // algorithm.updates) * algorithm.updates}",
            )
    else:
        mini = draft.add("algorithm.mini_batch", batch, "default", "default: the batch, one update")
    if mini > batch:
        draft.problem(
            "TS101",
            "uneven-batch",
            f"a mini batch of {mini} prompts is larger than the batch of {batch}",
            "algorithm.mini_batch",
            why="verl pads the batch with empty samples, or stops, by release",
            fix=f"mini_batch: {batch}, or updates: 1",
        )
    elif batch % mini and algorithm.updates is None:
        draft.problem(
            "TS101",
            "uneven-batch",
            f"a batch of {batch} prompts does not split into mini batches of {mini}",
            "algorithm.mini_batch",
            why="the last update would be smaller, or stop the run, by release",
            fix=f"mini_batch: {_divisor_below(batch, mini)}",
        )
    draft.add("algorithm.updates", max(1, batch // mini), "derived", f"batch {batch} ÷ mini batch {mini}")
    draft.take(algorithm, "passes", "algorithm")
    draft.add("algorithm.trajectories", batch * group, "derived", f"batch {batch} × group {group}")


def _divisor_below(number: int, limit: int) -> int:
    return next(d for d in range(min(limit, number), 0, -1) if number % d == 0)


def decide_learning_rate(draft: Draft, given: LearningRate | None, path: str, peak: float) -> None:
    """Adds `<path>.peak|warmup_steps|warmup_share|schedule|decay|clip`. A warm-up is steps or a share, the other 0."""
    rate = given or LearningRate(peak=peak)
    if given is None:
        draft.add(f"{path}.peak", peak, "default", "default")
    else:
        draft.take(rate, "peak", path)
    warmup = rate.warmup
    steps, part = (0, share(warmup)) if isinstance(warmup, str) else (warmup, 0.0)
    draft.take(rate, "warmup", path, steps, to=f"{path}.warmup_steps")
    draft.take(rate, "warmup", path, part, to=f"{path}.warmup_share")
    for name in ("schedule", "decay", "clip"):
        draft.take(rate, name, path)


def _decide_filter(draft: Draft, algorithm: Algorithm, preset: Preset, of: str) -> None:
    given = algorithm.filter
    settings = given if isinstance(given, Filter) else Filter()
    if given is None:
        draft.add("algorithm.filter.enable", preset.group_filter, "default", of)
    else:
        enabled = given is not False
        draft.add("algorithm.filter.enable", enabled, "given", "algorithm.filter", ("algorithm.filter",))
    draft.take(settings, "metric", "algorithm.filter")
    draft.take(settings, "in_flight", "algorithm.filter")


def _decide_overlong(draft: Draft, algorithm: Algorithm, preset: Preset, of: str) -> None:
    given = algorithm.overlong
    length = draft.value("budget.trajectory_tokens")
    if isinstance(given, Overlong):
        draft.take(given, "buffer", "algorithm.overlong")
        draft.take(given, "penalty", "algorithm.overlong")
        if given.buffer >= length:
            draft.problem(
                "TS201",
                "overlong-buffer",
                f"the slope of {given.buffer} tokens is as long as the whole trajectory ({length})",
                "algorithm.overlong",
                why="every trajectory would be punished for its length",
                fix=f"buffer: {max(1, length // 5)}",
            )
        return
    on = preset.overlong if given is None else False
    reason = of if given is None else "algorithm.overlong"
    # DAPO: 4,096 of 20,480 tokens, a fifth.
    draft.add("algorithm.overlong.buffer", max(1, length // 5) if on else 0, "default", reason)
    draft.add("algorithm.overlong.penalty", 1.0 if on else 0.0, "default", reason)


def _decide_kl(draft: Draft, algorithm: Algorithm, preset: Preset, of: str) -> None:
    given = algorithm.kl
    if isinstance(given, Kl):
        draft.take(given, "where", "algorithm.kl")
    elif given == "none":
        draft.add("algorithm.kl.where", "none", "given", "algorithm.kl", ("algorithm.kl",))
    else:
        draft.add("algorithm.kl.where", "loss" if preset.kl else "none", "default", of)
    settings = given if isinstance(given, Kl) else Kl()
    for name in ("type", "coef", "schedule"):
        draft.take(settings, name, "algorithm.kl")
    draft.choose(settings, "target", "algorithm.kl", 0.1, "default")
    draft.choose(settings, "horizon", "algorithm.kl", 10000, "default")
