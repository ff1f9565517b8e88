"""Whether every trajectory was recorded, paid as verl trained it, and scored without a fault."""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.launch.report.checks.shown import count, some
from toolspec.backends.launch.report.evidence import Evidence
from toolspec.backends.launch.report.finding import Finding, State, unknown
from toolspec.backends.launch.report.folder import whole_of
from toolspec.backends.verl.logged import SCORE

# verl keeps scores as float32, and means of them: 24 bits, and some more lost in the sum.
TOLERANCE = 2e-6
NO_RECORDS = "the bundle's reward writes them to $TOOLSPEC_RUN_DIR/trajectories/"


def _apart(seen: Evidence) -> str:
    """Why the records of a step are not those trained on; "" where they are."""
    if seen.setting("algorithm.filter_groups.enable") is True:
        return "groups are filtered (algorithm.filter_groups), and the records have those left out too"
    if seen.setting("algorithm.adv_estimator") == "remax":
        return "remax scores a greedy answer to each prompt beside those it trains on"
    mode = seen.setting("trainer.v1.trainer_mode")
    if seen.setting("trainer.use_v1") is True and mode not in (None, "sync"):
        return f"trainer.v1.trainer_mode is {mode}: a step trains on trajectories that were begun before it"
    if seen.records.total.unsplit:
        return "rows do not say whether they are of training or validation (extra_info.split)"
    return ""


def records(seen: Evidence) -> Iterator[Finding]:
    """Records of a step against prompts × trajectories of each, for the steps that verl has done."""
    found = seen.records
    if not found.files:
        yield unknown("records", "there are no records of trajectories", NO_RECORDS)
        return
    if found.broken or found.stepless:
        said = [f"{count(found.broken, 'line')} cannot be read"] if found.broken else []
        said += [f"{count(found.stepless, 'record')} name no step"] if found.stepless else []
        yield Finding("records", "warning", " and ".join(said), ran_from="trajectories/")
    if found.lost:
        message = f"{count(found.lost, 'record')} are of steps that were trained again after a restart, and not counted"
        yield Finding("records", "note", message, ran_from="trajectories/")
    batch = whole_of(seen.setting("data.train_batch_size"))
    group = whole_of(seen.setting("actor_rollout_ref.rollout.n"))
    if batch is None or group is None:
        fix = "the bundle's config.yaml or the log's configuration says data.train_batch_size and rollout.n"
        yield unknown("records", "how many trajectories a step has is not known", fix)
        return
    expected = batch * group
    done = seen.course.trained
    if not done:
        yield unknown(
            "records",
            f"{count(found.total.records, 'record')}, and no step of training in the logs",
            NO_RECORDS,
        )
        return
    asked = f"{batch} prompts × {group}"
    apart = _apart(seen)
    fewer = [step for step in done if step not in found.train or found.train[step].records < expected]
    more = [step for step in done if step in found.train and found.train[step].records > expected]
    groups: tuple[tuple[list[int], str, State], ...] = ((fewer, "fewer", "warning"), (more, "more", "note"))
    for steps, what, state in groups:
        if steps and not (apart and what == "more"):
            step = steps[0]
            number = found.train[step].records if step in found.train else 0
            message = f"{count(len(steps), 'step', 'have')} {what} records than trajectories: {some(steps)}"
            fix = (
                "a full disk, a worker that was killed, or a trajectory that V1 dropped"
                if what == "fewer"
                else ""
            )
            ran = f"{number:,} at step {step}"
            where = "data.train_batch_size, rollout.n"
            told = f"{expected:,} a step ({asked})"
            yield Finding("records", state, message, told, where, ran, "trajectories/", fix)
    if apart:
        yield Finding("records", "note", f"records are not held against steps one by one: {apart}")
    elif not fewer and not more:
        yield Finding(
            "records", "ok", f"{expected * len(done):,} of {count(len(done), 'step')}, {asked} each"
        )


def scores(seen: Evidence) -> Iterator[Finding]:
    """The mean of each step's records against the score that verl logged."""
    both = [
        (step, metrics[SCORE], mean)
        for step, metrics in seen.course.steps.items()
        if SCORE in metrics
        and step in seen.records.train
        and (mean := seen.records.train[step].mean_score) is not None
    ]
    if not both:
        fix = f"records in trajectories/ and `{SCORE}` in the log are needed, of the same step"
        yield unknown("scores", "no step has both records and a logged score", fix)
        return
    if apart := _apart(seen):
        yield unknown("scores", f"the logged scores are not those of the records: {apart}", "")
        return
    wrong = [(step, logged, mean) for step, logged, mean in both if not _close(logged, mean)]
    for step, logged, mean in wrong[:1]:
        message = f"{count(len(wrong), 'step')} of {len(both)}: the mean score of the records is not what verl logged"
        message += f" ({some(each[0] for each in wrong)})"
        fix = "another reward was trained on than the bundle's, or records are missing or of another run"
        yield Finding(
            "scores",
            "error",
            message,
            f"{mean:.6g} at step {step}",
            "trajectories/",
            f"{logged:.6g}",
            SCORE,
            fix,
        )
    if not wrong:
        yield Finding("scores", "ok", f"the records' mean is what verl logged, at {count(len(both), 'step')}")


def _close(logged: float, mean: float) -> bool:
    return abs(logged - mean) <= TOLERANCE * max(1.0, abs(logged), abs(mean))


def faults(seen: Evidence) -> Iterator[Finding]:
    """The share of scores that were faults, against what the reward allows."""
    if seen.faults is None:
        yield unknown(
            "faults", "how many scores were faults is not known", "the bundle's reward counts them in faults/"
        )
        return
    scored, wrong, first = seen.faults
    share = wrong / scored if scored else 0.0
    limit = seen.fault_limit
    if not wrong:
        yield Finding("faults", "ok", f"none of {scored:,} scores")
        return
    message = f"{wrong:,} of {scored:,} scores were faults ({share:.1%})"
    message += f"; the first: {first[:300]}" if first else ""
    asked = f"at most {limit:.0%}" if limit is not None else ""
    yield Finding(
        "faults",
        "error" if limit is not None and share > limit else "warning",
        message,
        asked,
        "bundle/ts_reward.json" if asked else "",
        f"{share:.1%}",
        "faults/",
        "the reward raised: its records have `fault`; toolspec rehearse runs it here",
    )
