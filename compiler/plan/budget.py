"""Decisions on limits, evaluation, checkpoints and tracking."""

from __future__ import annotations

from toolspec.compiler.plan.draft import Draft
from toolspec.compiler.plan.prompt_tokens import Prompts, decide_prompt_tokens
from toolspec.specs.cluster import Slurm
from toolspec.specs.section import Section


def decide_budget(draft: Draft, prompts: Prompts | None) -> None:
    """Adds `budget.*`. `budget.turns` is verl's max_assistant_turns; 0 stands for no limit of its own.

    prompts: lengths of the prompts, where they are counted.
    """
    budget = draft.spec.budget
    tools = bool(draft.spec.tools)
    if budget.rounds is not None:
        turns = budget.rounds + 1
        draft.add(
            "budget.turns",
            turns,
            "derived",
            f"{budget.rounds} tool rounds and the answer",
            ("budget.rounds",),
        )
    else:
        turns = draft.choose(
            budget,
            "turns",
            "budget",
            5 if tools else 1,
            "default with tools" if tools else "default without tools",
        )
    draft.add(
        "budget.rounds",
        turns - 1,
        "derived",
        f"{turns} turns less the last, whose call verl does not execute",
    )
    if tools and turns == 1:
        where = "budget.rounds" if budget.rounds is not None else "budget.turns"
        draft.problem(
            "TS202",
            "no-tool-round",
            "with 1 turn no tool ever runs",
            where,
            why=(
                "verl checks the limit before it parses a turn's call, so the last turn's call is never "
                "executed"
            ),
            fix="turns: 2, or drop the tools",
        )
    draft.choose(budget, "user_turns", "budget", 0, "default: no limit of its own")
    draft.choose(budget, "calls", "budget", 0, "default: no limit beside turns and parallel calls")
    prompt = decide_prompt_tokens(draft, prompts)
    trajectory = draft.take(budget, "trajectory_tokens", "budget")
    draft.choose(budget, "turn_tokens", "budget", trajectory, "derived: what is left of the trajectory")
    draft.take(budget, "tool_response_tokens", "budget")
    draft.add(
        "budget.sequence_tokens", prompt + trajectory, "derived", f"prompt {prompt} + trajectory {trajectory}"
    )
    draft.take(budget, "epochs", "budget")
    draft.choose(budget, "steps", "budget", 0, "default: all epochs")
    draft.choose(budget, "gpu_hours", "budget", 0.0, "default: no bound")


def decide_evaluation(draft: Draft) -> None:
    """Adds `evaluation.*`. `samples` is verl's one number for all sets; `repeats` says how often a set's rows stand."""
    evaluation = draft.spec.evaluation
    if not draft.spec.data.val_sources:
        why = "no validation data"
        draft.add("evaluation.every", "never", "derived", why)
        draft.add("evaluation.before_train", False, "derived", why)
        for name in ("every", "before_train"):
            if name in evaluation.model_fields_set and getattr(evaluation, name) not in ("never", False):
                draft.problem(
                    "TS701",
                    "evaluation-without-data",
                    f"`evaluation.{name}` is asked for, and there is nothing to evaluate on",
                    f"evaluation.{name}",
                    fix="add `data.val`, or `evaluation: {every: never, before_train: false}`",
                )
    else:
        draft.take(evaluation, "every", "evaluation")
        draft.take(evaluation, "before_train", "evaluation")
    samples = evaluation.samples
    if isinstance(samples, dict):
        names = [name for name, _ in draft.spec.data.val_sources]
        _check_set_names(draft, samples, names)
        common, repeats = evaluation.samples_of(names)
        why = f"the greatest common divisor of {', '.join(f'{k} {v * common}' for k, v in repeats.items())}"
        draft.add("evaluation.samples", common, "derived", why, ("evaluation.samples",))
        draft.add(
            "evaluation.repeats", repeats, "derived", "rows of a set stand as often as it needs more samples"
        )
    else:
        draft.take(evaluation, "samples", "evaluation")
        draft.add("evaluation.repeats", {}, "default", "default")
    temperature = draft.take(evaluation, "temperature", "evaluation")
    if draft.value("evaluation.samples") > 1 and temperature == 0:
        draft.problem(
            "TS702",
            "equal-samples",
            f"{draft.value('evaluation.samples')} samples at temperature 0 are the same trajectory each time",
            "evaluation.samples",
            fix="evaluation.temperature: 1.0, or samples: 1",
        )
    draft.take(evaluation, "top_p", "evaluation")
    draft.take(evaluation, "top_k", "evaluation")
    draft.add("evaluation.sampled", temperature > 0, "derived", f"temperature {temperature:g}")


NOTICE_SECONDS = 180
"""Before the time limit: what a checkpoint that has begun may still take, and the end of all processes."""


def _decide_slurm(draft: Draft, slurm: Slurm) -> None:
    """Adds `cluster.slurm.*`, where the section is given; the time limit is `cluster.time_seconds`."""
    parts: tuple[tuple[Section | None, str], ...] = (
        (slurm, "cluster.slurm"),
        (slurm.container, "cluster.slurm.container"),
    )
    for section, path in parts:
        for name in () if section is None else type(section).model_fields:
            if section is None or name in ("time", "container", "notice"):
                continue
            if getattr(section, name) is None:
                draft.choose(section, name, path, "none", "default: Slurm's own")
            else:
                draft.take(section, name, path)
    limit = draft.value("cluster.time_seconds")
    notice = min(NOTICE_SECONDS, limit // 10) if limit else NOTICE_SECONDS
    why = f"default: {NOTICE_SECONDS} s, at most a tenth of the time limit"
    draft.choose(slurm, "notice", "cluster.slurm", notice, why)


def _as_written(draft: Draft, name: str, value: str | float | bool) -> str:
    """A value of `env` as text. A number keeps the digits of the file: `1.10` is not `1.1` to whoever reads it."""
    span = draft.loaded.raw.spans.get(("env", name))
    if isinstance(value, str) or span is None:
        return str(value)
    lines = draft.loaded.sources.get(span.file, ())
    text = lines[span.line - 1] if span.line <= len(lines) else ""
    return text[span.column - 1 : span.column - 1 + span.length] or str(value)


def _check_set_names(draft: Draft, samples: dict[str, int], names: list[str]) -> None:
    for name in samples:
        if name not in names:
            known = ", ".join(filter(None, names))
            draft.problem(
                "TS703",
                "unknown-set",
                f"`{name}` is no validation set (named sets: {known or 'none'})",
                f"evaluation.samples.{name}",
                fix=f"one of {known}" if known else f"name it: data.val: {{{name}: PATH}}",
            )


def decide_checkpoint(draft: Draft) -> None:
    """Adds `checkpoint.*`. `dir` is `run` for the run folder's own."""
    checkpoint = draft.spec.checkpoint
    draft.choose(checkpoint, "dir", "checkpoint", "run", "default: checkpoints/ in the run folder")
    draft.take(checkpoint, "every", "checkpoint")
    draft.take(checkpoint, "keep", "checkpoint")
    draft.take(checkpoint, "resume", "checkpoint")
    resume = checkpoint.resume
    if resume not in ("auto", "never") and "global_step_" not in resume:
        draft.problem(
            "TS704",
            "resume-path",
            f'"{resume}" names no checkpoint',
            "checkpoint.resume",
            why="verl takes the step from the folder's name and asserts that it contains global_step_",
            fix="resume: auto, never, or …/global_step_100",
        )
    draft.take(checkpoint, "contents", "checkpoint")


def decide_tracking(draft: Draft) -> None:
    """Adds `tracking.*`."""
    tracking = draft.spec.tracking
    draft.take(tracking, "to", "tracking")
    draft.take(tracking, "project", "tracking")
    draft.choose(tracking, "experiment", "tracking", draft.spec.name, "default: the spec's name")
    for name in ("samples", "rollouts", "trace"):
        draft.take(tracking, name, "tracking")


def decide_cluster(draft: Draft) -> None:
    """Adds `cluster.*` and checks `budget.gpu_hours` = nodes × GPUs × time limit."""
    cluster = draft.spec.cluster
    nodes = draft.take(cluster, "nodes", "cluster")
    gpus = draft.take(cluster, "gpus", "cluster")
    draft.choose(cluster, "gpu", "cluster", "unknown", "default: not said")
    draft.add("cluster.world_size", nodes * gpus, "derived", f"{nodes} nodes × {gpus} GPUs")
    slurm = cluster.slurm
    hours = draft.value("budget.gpu_hours")
    if slurm is not None and slurm.time is not None:
        used = nodes * gpus * slurm.time / 3600
        draft.add("cluster.time_seconds", slurm.time, "given", "cluster.slurm.time", ("cluster.slurm.time",))
        if hours and used > hours:
            draft.problem(
                "TS501",
                "over-gpu-hours",
                f"{nodes} nodes × {gpus} GPUs × {slurm.time / 3600:g} h = {used:g} GPU-hours, over "
                f"the budget of {hours:g}",
                "budget.gpu_hours",
                fix=(
                    f"cluster.slurm.time: {max(1, int(hours * 60 / (nodes * gpus)))}m, or gpu_hours: {used:g}"
                ),
            )
    elif hours:
        limit = int(hours * 3600 / (nodes * gpus))
        draft.add(
            "cluster.time_seconds",
            limit,
            "derived",
            f"{hours:g} GPU-hours ÷ {nodes * gpus} GPUs",
            ("budget.gpu_hours",),
        )
    else:
        draft.add("cluster.time_seconds", 0, "default", "default: the partition's limit")
    if slurm is not None:
        _decide_slurm(draft, slurm)
    names = tuple(name for name, value in draft.spec.env.items() if value is None)
    values = {
        name: _as_written(draft, name, value) for name, value in draft.spec.env.items() if value is not None
    }
    draft.add(
        "env.values",
        values,
        "given" if values else "default",
        "env" if values else "default",
        ("env",) if values else (),
    )
    draft.add(
        "env.passed_on",
        names,
        "given" if names else "default",
        "env" if names else "default",
        ("env",) if names else (),
    )
