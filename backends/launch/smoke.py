"""`--smoke`: two steps of the smallest batch that the release takes, in the job itself, before the run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from toolspec.backends.launch.bundle import quoted
from toolspec.backends.verl.compile import Compiled, compile_loaded
from toolspec.compiler.plan.decision import Plan
from toolspec.specs.loading import load
from toolspec.specs.problem import ProblemError

STEPS = 2
# What a trial must not do: save, validate, and tell the run's tracker.
ALWAYS = (
    f"trainer.total_training_steps={STEPS}",
    "trainer.save_freq=-1",
    "trainer.test_freq=-1",
    "trainer.val_before_train=false",
    "trainer.resume_mode=disable",
    "trainer.logger=[console]",
)


def of_spec(compiled: Compiled, sets: Sequence[str]) -> tuple[str, ...]:
    """Overrides that make the run a trial: ALWAYS, and the keys that the smallest batch changes.

    A batch must divide over ranks, mini and micro batches, and more (compiler/plan/relations.py), so sizes are tried
    from the smallest on, by compiling; without one that is smaller, the run's own is kept.
    """
    for size in _sizes(compiled.plan):
        smaller = [*sets, f"algorithm.batch={size}", f"algorithm.mini_batch={size}", f"budget.steps={STEPS}"]
        try:
            loaded = load(compiled.loaded.file, smaller)
            # With the run's own facts: the trial trains on its rows, in the store where they stand converted.
            tried = compile_loaded(
                loaded, compiled.plan.target, compiled.folder, counting=False, known=compiled.facts
            )
        except ProblemError:
            continue
        return (*ALWAYS, *_changes(compiled, tried))
    return ALWAYS


def of_bundle(_: Plan) -> tuple[str, ...]:
    """Of a bundle without its spec the batch stays: what else goes with it is not known here."""
    return ALWAYS


def _sizes(plan: Plan) -> Iterator[int]:
    size, most = 1, int(plan["algorithm.batch"])
    world = int(plan["cluster.world_size"])
    while size < most:
        if size * int(plan["algorithm.group"]) >= world:
            yield size
        size *= 2


def _changes(run: Compiled, trial: Compiled) -> Iterator[str]:
    """verl's keys whose values differ, as overrides; those of ALWAYS are said there."""
    said = {word.partition("=")[0] for word in ALWAYS}
    before, after = run.config.settings, trial.config.settings
    for key, setting in after.items():
        if key in said or (key in before and before[key].value == setting.value):
            continue
        if isinstance(setting.value, bool | int | float):
            yield f"{key}={str(setting.value).lower() if isinstance(setting.value, bool) else setting.value}"
        elif isinstance(setting.value, str):
            yield f"{key}={quoted(setting.value)}"
