"""Relations between decisions that verl checks late, or not at all, and that are certain to fail."""

from __future__ import annotations

from toolspec.compiler.plan.draft import Draft


def check_relations(draft: Draft) -> None:
    """Adds problems to a draft whose decisions are all taken."""
    _check_ranks(draft)
    _check_calls(draft)
    _check_filter(draft)
    _check_length(draft)


def _check_ranks(draft: Draft) -> None:
    """How trajectories split over the data-parallel ranks.

    Sources: fixed batches: validate_config (utils/config.py) wants batch × group to divide over the GPUs, and the
    engine (workers/engine/utils.py:125 of 0.9.1) the samples of a rank over the micro batch. With batches by tokens too
    the engine asserts (0.8.0, 0.9.1: engine_workers.py:267) or floors silently (0.7.1, fsdp_workers.py:249) a mini
    batch that does not divide over the ranks; what the V1 trainer pads is the batch, and not the mini batch.
    """
    world, group = draft.value("cluster.world_size"), draft.value("algorithm.group")
    mini, trajectories = draft.value("algorithm.mini_batch"), draft.value("algorithm.trajectories")
    ranks = max(1, world // draft.value("train.sequence_parallel"))
    fixed = not draft.value("train.dynamic")
    if (mini * group) % ranks:
        draft.problem(
            "TS102",
            "uneven-ranks",
            f"a mini batch of {mini} prompts × group {group} = {mini * group} trajectories does not "
            f"split over {ranks} ranks",
            "algorithm.mini_batch" if draft.spec.algorithm.mini_batch is not None else "algorithm.batch",
            why="the update stops, or drops the rest without a word, by release",
            fix=f"a multiple of {_step(group, ranks)} prompts",
        )
        return
    if not fixed:
        return
    if trajectories % world:
        draft.problem(
            "TS102",
            "uneven-ranks",
            f"{trajectories} trajectories a step do not split over {world} GPUs",
            "algorithm.batch",
            why="validate_config stops the run",
            fix=f"batch: a multiple of {_step(group, world)}",
        )
        return
    micro, samples = draft.value("train.micro_batch"), mini * group // ranks
    for what, count in (("of an update", samples), ("of a step", trajectories // ranks)):
        if count % micro:
            draft.problem(
                "TS103",
                "uneven-micro-batch",
                f"{count} trajectories a rank {what} do not split into micro batches of {micro}",
                "train.micro_batch",
                why="the engine asserts it at the first update",
                fix=(
                    f"micro_batch: {max(d for d in range(1, micro + 1) if samples % d == 0)}, or a "
                    f"token_budget"
                ),
            )
            return


def _step(group: int, ranks: int) -> int:
    """Smallest number of prompts whose trajectories split over the ranks."""
    return next(n for n in range(1, ranks + 1) if n * group % ranks == 0)


def _check_calls(draft: Draft) -> None:
    calls, turns = draft.value("budget.calls"), draft.value("budget.turns")
    most = (turns - 1) * draft.value("rollout.parallel_calls")
    if calls > most and draft.spec.tools:
        draft.problem(
            "TS206",
            "calls-never-reached",
            f"{calls} calls are allowed, and {turns} turns with "
            f"{draft.value('rollout.parallel_calls')} call each execute {most}",
            "budget.calls",
            fix=f"turns: {-(-calls // draft.value('rollout.parallel_calls')) + 1}, or calls: {most}",
        )


def _check_filter(draft: Draft) -> None:
    """`metric: correct` is read of the reward's metrics, and a group without it raises.

    Source: _dapo_filtered_keys of trainer/ppo/v1/replay_buffer.py of 0.9.1, the one release that filters.
    """
    if not draft.value("algorithm.filter.enable") or draft.value("algorithm.filter.metric") != "correct":
        return
    path = "algorithm.filter.metric"
    why = "verl looks for the metric in every group and stops where it is missing"
    if draft.spec.reward.python is not None:
        draft.problem(
            "TS107",
            "filter-metric",
            "the group filter needs a metric `correct`, which your reward must return",
            path,
            why,
            "return {'score': …, 'correct': …} every time, or metric: reward",
            severity="warning",
        )
    elif "correct" not in draft.value("reward.terms"):
        terms = ", ".join(draft.value("reward.terms"))
        draft.problem(
            "TS107",
            "filter-metric",
            f"the group filter needs the term `correct`, and the reward has {terms}",
            path,
            why,
            "metric: reward, or a term `correct`",
        )


def _check_length(draft: Draft) -> None:
    """The term `length` counts from a start to an end, and either may be that of the budget."""
    length = draft.spec.reward.length
    if length is None:
        return
    end = draft.value("reward.length.end")
    given = "budget.trajectory_tokens" if length.end is None else "its `end`"
    if length.buffer is not None and length.buffer > end:
        draft.problem(
            "TS418",
            "length-without-way",
            f"the buffer is {length.buffer} tokens, and the value is 1 at {end} ({given})",
            "reward.length.buffer",
            why="a response of no tokens would be paid for its length",
            fix=f"buffer: {end} or less",
        )
    elif (length.start or 0) >= end:
        draft.problem(
            "TS418",
            "length-without-way",
            f"start is {length.start} tokens, and the value is 1 at {end} ({given})",
            "reward.length.start",
            why="no response lies between the two",
            fix=f"start: less than {end}",
        )
    elif length.buffer is not None and length.weight < 0 and draft.value("algorithm.overlong.buffer"):
        penalty, start = draft.value("algorithm.overlong.penalty"), end - length.buffer
        draft.problem(
            "TS419",
            "length-paid-twice",
            f"a response that fills the budget pays twice: {length.weight:g} by `length` from {start} tokens on, and "
            f"{-abs(penalty):g} by `algorithm.overlong`",
            "reward.length",
            why="both are DAPO's soft overlong punishment",
            fix="algorithm: {overlong: false}, or drop the term",
            severity="warning",
        )
