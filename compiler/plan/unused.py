"""Fields of a spec that nothing reads for this spec: said, and without effect.

A warning where the run is the one that was asked for all the same; an error where it would be another one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from toolspec.compiler.plan.draft import Draft
from toolspec.compiler.plan.places import is_local_model
from toolspec.specs.loading import spec_path
from toolspec.specs.problem import Severity

Reading = Callable[[Draft], bool]


class Unused(NamedTuple):
    """Fields that have no effect under a condition.

    paths: dotted, separated by blanks. when: whether nothing reads them, once all decisions are taken. unless: plan
    values, or words of the spec, with which what happens is what the field says. why: what is missing.
    """

    paths: str
    when: Reading
    why: str
    fix: str
    unless: tuple[Any, ...] = ()
    severity: Severity = "warning"


def _no_tools(draft: Draft) -> bool:
    return not draft.value("tools.names")


def _single_turn(draft: Draft) -> bool:
    return bool(draft.value("agent.loop") == "single_turn_agent")


def _no_reference(draft: Draft) -> bool:
    """No KL term, or LoRA: the reference is then the policy without its adapters (ref_in_actor of ray_trainer.py)."""
    return bool(draft.value("algorithm.kl.where") == "none" or draft.value("model.lora.rank") > 0)


def _is(path: str, value: Any) -> Reading:
    return lambda draft: bool(draft.value(path) == value)


def _estimator_not(*names: str) -> Reading:
    """Whether the advantage is none of these, and no override makes it another."""
    return lambda draft: (
        draft.value("algorithm.estimator") not in names
        and "algorithm.adv_estimator" not in draft.spec.overrides
    )


def _no_validation(draft: Draft) -> bool:
    return bool(draft.value("evaluation.every") == "never" and not draft.value("evaluation.before_train"))


def _own_dataset(draft: Draft) -> bool:
    return draft.spec.data.class_ is not None


def _own_columns(draft: Draft) -> bool:
    """Whether each file says its columns itself, which replace data.columns; `{}` says that they are verl's."""
    data = draft.spec.data
    return all(
        source.columns is not None for source in (*data.train, *(source for _, source in data.val_sources))
    )


def _cut_turn(draft: Draft) -> bool:
    """A turn shorter than the trajectory, where verl's own single-turn loop knows the trajectory alone."""
    return _single_turn(draft) and draft.value("budget.turn_tokens") < draft.value("budget.trajectory_tokens")


def _local_model(draft: Draft) -> bool:
    return is_local_model(draft.spec.model.path, draft.loaded.base(("model", "path")))


_OWN_ROWS = "the dataset class makes the rows, and compile converts none"
_GREEDY = "at temperature 0 the most likely token is taken"

UNUSED: tuple[Unused, ...] = (
    Unused(
        "budget.turns budget.rounds budget.user_turns",
        lambda draft: _no_tools(draft) and draft.spec.agent.class_ is None,
        "without tools a trajectory is one answer",
        "drop it, or give `tools`",
        unless=(1,),
    ),
    Unused(
        "budget.calls budget.tool_response_tokens rollout.parallel_calls",
        lambda draft: _no_tools(draft) and draft.spec.agent.class_ is None,
        "there are no tools to call",
        "drop it, or give `tools`",
    ),
    Unused(
        "budget.turn_tokens",
        _cut_turn,
        "the loop of a single turn knows the length of the trajectory alone (single_turn_agent_loop.py)",
        "say it as trajectory_tokens",
        severity="error",
    ),
    Unused(
        "reward.valid_call reward.extra_call reward.repeat_call reward.tool_error reward.used_result",
        lambda draft: _no_tools(draft) and draft.spec.agent.class_ is None,
        "without tools no call is valid, and the term is always 0",
        "drop it, or give `tools`",
    ),
    # ts_read.py: what tools wrote is known from the spans and answers that the bundle's own loop leaves.
    Unused(
        "reward.forged_result reward.tool_error reward.used_result",
        lambda draft: draft.spec.agent.class_ is not None,
        "a loop of your own leaves no word of what tools wrote, unless it keeps ts_loop.py's extra fields; the "
        "term is 0 without it",
        "drop it, or let the loop set ts_spans and ts_answers",
    ),
    Unused(
        "train.offload.ref",
        _no_reference,
        "there is no reference model of its own (algorithm.kl: none, or LoRA)",
        "drop it",
        unless=("none", "auto"),
    ),
    Unused(
        "train.offload.critic",
        _estimator_not("gae"),
        "the algorithm has no critic",
        "drop it",
        unless=("none", "auto"),
    ),
    # core_algos.py of the three releases: only compute_gae_advantage_return takes lam, and only it and
    # compute_reinforce_plus_plus_outcome_advantage read gamma; compute_policy_loss_gspo reads no clip_ratio_c.
    Unused(
        "algorithm.lambda",
        _estimator_not("gae"),
        "only ppo's advantage has a trace decay",
        "drop it",
        unless=(1.0,),
    ),
    Unused(
        "algorithm.gamma",
        _estimator_not("gae", "reinforce_plus_plus"),
        "only the advantages of ppo and reinforce++ discount",
        "drop it, or `name: ppo`",
        unless=(1.0,),
        severity="error",
    ),
    Unused(
        "algorithm.clip.dual", _is("algorithm.policy_loss", "gspo"), "gspo's loss has no dual clip", "drop it"
    ),
    Unused(
        "evaluation.samples evaluation.temperature tracking.samples",
        _no_validation,
        "nothing is validated",
        "drop it, or give `data.val` and `evaluation.every`",
    ),
    Unused(
        "evaluation.top_p evaluation.top_k",
        lambda draft: _no_validation(draft) or draft.value("evaluation.temperature") == 0,
        _GREEDY,
        "drop it, or give `evaluation.temperature`",
        unless=(1.0, -1),
    ),
    Unused(
        "checkpoint.keep checkpoint.contents",
        _is("checkpoint.every", "never"),
        "no checkpoint is written (checkpoint.every: never)",
        "drop it",
        unless=("all",),
    ),
    Unused("data.columns", _own_columns, "every file has columns of its own", "drop it"),
    Unused("data.seed", _is("data.shuffle", False), "the rows are not shuffled", "drop it"),
    Unused(
        "data.columns data.system data.order.by data.train.<n>.columns data.train.<n>.source data.val.<n>.columns "
        "data.val.<n>.source",
        _own_dataset,
        _OWN_ROWS,
        "drop it, and do it in the class",
        severity="error",
    ),
    Unused(
        "tools.<n>.per_row",
        lambda draft: _own_dataset(draft) and any(tool.per_row for tool in draft.spec.tools.values()),
        _OWN_ROWS,
        "drop it, and write extra_info.tools_kwargs in the class",
        severity="error",
    ),
    Unused(
        "evaluation.samples",
        lambda draft: _own_dataset(draft) and isinstance(draft.spec.evaluation.samples, dict),
        _OWN_ROWS,
        "one number for all sets",
        severity="error",
    ),
    Unused(
        "model.revision",
        _local_model,
        "model.path is a folder, which has no revisions",
        "drop it",
        unless=("main",),
        severity="error",
    ),
    Unused(
        "sweep",
        lambda draft: draft.spec.sweep is not None,
        "one bundle is made, of the values outside `sweep`",
        "`toolspec sweep` for its points",
    ),
)


def check_unused(draft: Draft) -> None:
    """Adds a problem for every field of UNUSED that the spec gives and nothing reads. Needs every decision."""
    for entry in UNUSED:
        if entry.when(draft):
            for path in _given(draft, entry):
                told = _dotted(path)
                draft.problem(
                    "TS105" if entry.severity == "warning" else "TS106",
                    "no-effect" if entry.severity == "warning" else "not-done",
                    f"`{told}` has no effect: {entry.why}",
                    told,
                    fix=entry.fix,
                    severity=entry.severity,
                )


def _given(draft: Draft, entry: Unused) -> Iterator[tuple[str | int, ...]]:
    """The paths of an entry that the spec writes, with a value that asks for something."""
    for pattern in entry.paths.split():
        wanted = spec_path(pattern)
        for path in draft.loaded.raw.spans:
            if len(path) == len(wanted) and all(
                want in ("<n>", part) for want, part in zip(wanted, path, strict=True)
            ):
                value = _at(draft.loaded.raw.value, path)
                if value not in (None, {}, []) and value not in entry.unless:
                    yield path


def _at(value: Any, path: tuple[str | int, ...]) -> Any:
    for part in path:
        value = value[part]
    return value


def _dotted(path: tuple[str | int, ...]) -> str:
    return ".".join(str(part) for part in path)
