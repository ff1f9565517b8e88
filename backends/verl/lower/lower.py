"""Plan → verl configuration of one release: a flat mapping, key → value with its origin."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from toolspec.backends.verl.lower.moves import ABSENT, CLASHES, moved
from toolspec.backends.verl.lower.overrides import override
from toolspec.backends.verl.lower.resolution import check_resolution, resolved
from toolspec.backends.verl.lower.row import Row
from toolspec.backends.verl.lower.setting import Setting, VerlConfig
from toolspec.backends.verl.lower.table import ROLLOUT, TABLE
from toolspec.backends.verl.releases import RELEASES, Release, release
from toolspec.compiler.plan.decision import Decision, Plan
from toolspec.compiler.plan.places import Interpolation
from toolspec.specs.loading import LoadedSpec, spec_path
from toolspec.specs.nearest import nearest
from toolspec.specs.problem import Problem, ProblemError, in_file_order

# Plan paths whose name the bundle itself registers.
NAMED_BY_THE_BUNDLE = frozenset({"reward.manager", "agent.loop"})


def lower(plan: Plan, loaded: LoadedSpec) -> VerlConfig:
    """The configuration of `plan.target` that does what `plan` says, with the spec's overrides laid over it.

    Raises ProblemError for plan values that the release cannot express (naming one that can), for overrides of
    unknown keys, and for interpolations without a value.
    """
    config, problems = lower_with_problems(plan, loaded)
    if any(problem.severity == "error" for problem in problems):
        raise ProblemError(problems)
    return config


def lower_with_problems(plan: Plan, loaded: LoadedSpec) -> tuple[VerlConfig, tuple[Problem, ...]]:
    """As `lower`, with the problems in place of an error; what a problem is about is left out."""
    target = release(plan.target)
    problems = list(_clashes(plan, loaded))
    settings: dict[str, Setting] = {}
    absent = {entry.key: entry for entry in ABSENT[plan.target]}
    for row in TABLE:
        if row.when is not None and not row.when(plan):
            continue
        entry = absent.get(row.key)
        if entry is not None:
            if not entry.harmless(plan):
                problems.append(_absent(row, plan, loaded, entry.instead))
            continue
        key = moved(row.key, plan.target)
        value = plan[row.plan] if row.value is None else row.value(plan[row.plan])
        settings[key] = _setting(target, key, value, row.plan, plan.decisions[row.plan], row.note)
    for key, value, path in _composed(plan):
        settings[key] = _setting(target, key, value, path, plan.decisions[path], "")
    problems += _dollar_braces(settings, plan, loaded)
    problems += override(settings, target, loaded)
    problems += check_resolution(settings, target, loaded)
    problems += _unknown_names(settings, plan, target, loaded)
    warnings = tuple(problem for problem in problems if problem.severity != "error")
    return VerlConfig(target, settings, warnings), in_file_order(_one_a_place(problems))


def _setting(target: Release, key: str, value: Any, plan: str, decision: Decision, note: str) -> Setting:
    return Setting(value, plan, decision, note, written=not _is_default(target, key, value))


def _is_default(target: Release, key: str, value: Any) -> bool:
    """Whether the release has exactly this value; an interpolated default is never taken for equal."""
    if key not in target.defaults:
        return False
    default = target.defaults[key]
    if isinstance(default, bool) != isinstance(value, bool):
        return False
    return bool(default == value)


def _unknown_names(
    settings: Mapping[str, Setting], plan: Plan, target: Release, loaded: LoadedSpec
) -> Iterator[Problem]:
    """Names that the release looks up late and does not have: parsers, estimators, trackers, …"""
    own_code = _own_code(settings, plan)
    looked_up = [
        key for key in settings if target.choices(key) is not None and not _registered(key, settings)
    ]
    for key, value in resolved(looked_up, settings, target).items():
        setting, choices = settings[key], target.choices(key) or ()
        for name in value if isinstance(value, list) else [value]:
            if not isinstance(name, str) or name in choices or setting.plan in NAMED_BY_THE_BUNDLE:
                continue
            able = [version for version in RELEASES if name in (release(version).choices(key) or ())]
            path = setting.decision.sources[0] if setting.decision.sources else setting.plan
            why = (
                f"releases that have it: {', '.join(able)}" if able else f"known there: {', '.join(choices)}"
            )
            close = nearest(name, choices)
            fix = f"target verl=={able[-1]}" if able else f"did you mean {close[0]}?" if close else ""
            message = f"verl {target.version} has no `{name}` for {key}"
            span = setting.decision.span or loaded.span(spec_path(path))
            if own_code and setting.plan == "overrides":
                message += f", unless {own_code} registers it"
                yield Problem("TS801", "release-cannot", message, span, path, why, fix, "warning")
            else:
                yield Problem("TS801", "release-cannot", message, span, path, why, fix)


def _registered(key: str, settings: Mapping[str, Setting]) -> bool:
    """Whether another setting says where the key's name is looked up, in place of the release's registry."""
    if key == "reward.reward_manager.name":
        return bool(settings["reward.reward_manager.source"].value == "importlib")
    loops = settings.get(f"{ROLLOUT}.agent.agent_loop_config_path")
    return key == f"{ROLLOUT}.agent.default_agent_loop" and loops is not None and loops.plan == "overrides"


def _own_code(settings: Mapping[str, Setting], plan: Plan) -> str:
    """The user's code that verl imports before it looks names up, by the place that names it; "" if none."""
    for key, setting in settings.items():
        if key.endswith(".external_lib") and setting.value:
            return f"`{key}`"
    places = {"data.class": "data.class_file", "agent.class": "agent.class", "agent.manager": "agent.manager"}
    return next((f"`{place}`" for place, path in places.items() if plan[path] != "none"), "")


def _dollar_braces(settings: Mapping[str, Setting], plan: Plan, loaded: LoadedSpec) -> Iterator[Problem]:
    """Texts with `${`: main_ppo resolves the config, which undoes one escape, and every later access interpolates.

    Sources: OmegaConf.resolve in main_ppo.py:288 of 0.7.1, :242 of 0.8.0, :145 of 0.9.1.
    """
    found = [(s.plan, s.decision.sources) for s in settings.values() if _has_dollar_brace(s.value)]
    if _has_dollar_brace(plan["agent.config"]):
        found.append(("agent.config", ("agent.config",)))
    for path, sources in found:
        place = sources[0] if sources else path
        template = path == "model.chat_template_text"
        fix = "in a template write {{ '$' }}{" if template else "write the text without `${`"
        why = "verl resolves it as an interpolation, and no escape survives its two readings"
        message = f"`{place}` has the text `${{`"
        yield Problem("TS808", "dollar-brace", message, loaded.span(spec_path(place)), place, why, fix)


def _has_dollar_brace(value: Any) -> bool:
    if isinstance(value, Interpolation):
        return False
    if isinstance(value, dict):
        return any(_has_dollar_brace(part) for pair in value.items() for part in pair)
    if isinstance(value, (list, tuple)):
        return any(_has_dollar_brace(item) for item in value)
    return isinstance(value, str) and "${" in value


def _composed(plan: Plan) -> Iterator[tuple[str, Any, str]]:
    engine = plan["rollout.engine"]
    for name, value in plan["rollout.engine_options"].items():
        yield f"{ROLLOUT}.engine_kwargs.{engine}.{name}", value, "rollout.engine_options"
    if plan["reward.python_file"] != "none":
        for name, value in plan["reward.kwargs"].items():
            yield f"reward.custom_reward_function.reward_kwargs.{name}", value, "reward.kwargs"


def _clashes(plan: Plan, loaded: LoadedSpec) -> Iterator[Problem]:
    for clash in CLASHES:
        if plan.target in clash.releases and clash.when(plan):
            span = loaded.span(tuple(clash.path.split(".")))
            yield Problem(
                "TS801",
                "release-cannot",
                clash.message.format(release=plan.target),
                span,
                clash.path,
                clash.why,
                clash.fix.format(release=plan.target),
            )


def _absent(row: Row, plan: Plan, loaded: LoadedSpec, instead: str) -> Problem:
    decision = plan.decisions[row.plan]
    able = [version for version in RELEASES if row.key not in {entry.key for entry in ABSENT[version]}]
    path = decision.sources[0] if decision.sources else row.plan
    return Problem(
        "TS801",
        "release-cannot",
        f"verl {plan.target} has no {row.key}, which `{row.plan}: {decision.value}` ({decision.reason}) needs",
        decision.span or loaded.span(tuple(path.split("."))),
        path,
        f"releases that have it: {', '.join(able)}",
        instead,
    )


def _one_a_place(problems: list[Problem]) -> list[Problem]:
    """Several keys of one feature are one problem to the reader."""
    seen: dict[tuple[str, str], Problem] = {}
    for problem in problems:
        seen.setdefault((problem.code, problem.path if problem.code != "TS801" else problem.fix), problem)
    return list(seen.values())
