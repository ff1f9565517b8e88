"""What a probe goes by: of a spec its rehearsal with tools that only answer, of a run of verl the same of its files.

Tools are not run: the question is what the reward pays. Every call that is taken up is answered with the row's
accepted answer, so that an honest policy can use a result.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from toolspec.backends.verl.chat.subject import MODEL, tools_of, without_schema
from toolspec.backends.verl.compile import Compiled
from toolspec.backends.verl.emit.modules import runtime_files
from toolspec.backends.verl.lint.derived import FUNCTION, ROLLOUT, TOOL_LOOP
from toolspec.backends.verl.lint.facts.builtin_rewards import knows
from toolspec.backends.verl.lint.facts.code import SLOTS, filled
from toolspec.backends.verl.lint.facts.reward import manager, reads_rows
from toolspec.backends.verl.lint.facts.rows import read_rows
from toolspec.backends.verl.lint.facts.template import TOKENIZER
from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.backends.verl.lint.view import View
from toolspec.backends.verl.probe.made_up_rows import made_up_rows
from toolspec.backends.verl.rehearsal.experiment import (
    POOL,
    Experiment,
    context_of,
    experiment_of,
    handed_out,
    loop_settings,
    model_of,
    without_limits,
)
from toolspec.backends.verl.rehearsal.stand_in_model import NO_LIMIT
from toolspec.backends.verl.renames import LEGACY, LEGACY_READ, legacy_of
from toolspec.backends.verl.reward.subject import subject_of
from toolspec.specs.dotted import nested
from toolspec.specs.problem import Problem, ProblemError, Span

BUILTIN = "verl"
"""As inside/worker.py: verl's own scorer by data_source."""
LOOPS = (TOOL_LOOP, "single_turn_agent")


def spec_experiment(compiled: Compiled, split: str, scratch: Path, text: bool = False) -> Experiment:
    """Of a spec. Rows are made up where the data is not at hand, and turns are verl's where the loop is the user's.

    Raises ProblemError as experiment_of does.
    """
    plan = compiled.plan
    own = plan["agent.class"] != "none"
    loop = TOOL_LOOP if own else ""
    said = [f"turns as in {TOOL_LOOP}, in place of {plan['agent.class']}"] if own else []
    try:
        found = experiment_of(compiled, split, scratch, text, loop_name=loop)
    except ProblemError as error:
        if error.problems[0].name != "rows-not-at-hand":
            raise
        said.append(f"made-up rows, since those of data.{split} are not at hand")
        reward, schemas = subject_of(compiled).settings, [one.schema for one in compiled.facts.tools.values()]
        rows = made_up_rows(reward, schemas, loop or plan.text("agent.loop"))
        found = experiment_of(compiled, split, scratch, text, loop_name=loop, rows=rows)
    if own:
        found = found._replace(rows=tuple({**row, "agent_name": loop} for row in found.rows))
    return without_tools(found)._replace(assumed=(*found.assumed, *said))


def without_tools(experiment: Experiment) -> Experiment:
    """The same with tools that are schemas alone, and none of the user's tools loaded."""
    schemas = [one["config"]["schema"] for one in experiment.tools]
    return experiment._replace(tools=tuple(_answering(schema) for schema in schemas))


def _answering(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"class_name": "ts_tools.SchemaTool", "config": {"type": "native", "schema": schema}}


def run_experiment(
    view: View, assumed: tuple[str, ...], split: str, scratch: Path, text: bool = False
) -> Experiment:
    """Of a config or a script. scratch: a folder for the stand-in model's files. text: as experiment_of.

    Raises ProblemError: a reward that no function of the run's or of verl's decides, rows or files not at hand.
    """
    try:
        return _experiment(view, assumed, split, scratch, text)
    except NotKnownError as error:
        span = view.run.span
        raise _problem("TS049", "not-probed", f"a probe needs {error}", span, "") from None


def _experiment(view: View, assumed: tuple[str, ...], split: str, scratch: Path, text: bool) -> Experiment:
    said = list(assumed)
    schemas = [one.seen.schema for one in tools_of(view) if one.seen.schema is not None]
    try:
        rows = _rows(view, split, said)
        reward, kwargs = _reward(view, rows, said)
    except NotKnownError:
        reward, kwargs = _reward(view, (), said)
        if reward["python"] == BUILTIN:
            raise
        said.append(f"made-up rows, since those of data.{split}_files are not at hand")
        rows = made_up_rows(reward, schemas, TOOL_LOOP if schemas else LOOPS[1])
    try:
        known = view.facts.model(TOKENIZER if view.text(TOKENIZER) else MODEL)
        name, directory = known.name, known.directory
    except NotKnownError:
        name, directory = view.text(MODEL), None
    model = model_of(view, name, directory, scratch, text)
    settings = loop_settings(view, view.version, model.model_type)
    context = NO_LIMIT if model.why_not else context_of(view)
    said += [f"no call of {each}" for each in without_schema(view)]
    max_model_len = view.value(f"{ROLLOUT}.max_model_len")
    return Experiment(
        Path(view.run.file).name,
        view.version,
        tuple(said),
        without_limits(settings) if model.why_not else settings,
        str(view.value(f"{ROLLOUT}.name")),
        context,
        max_model_len if context < NO_LIMIT else None,
        {**runtime_files(), "ts_loop.json": json.dumps({"version": 1}).encode()},
        tuple(_answering(schema) for schema in schemas),
        reward,
        kwargs,
        {},
        rows,
        model,
        {"PYTHONPATH": os.pathsep.join(filter(None, [str(_folder(view)), os.environ.get("PYTHONPATH")]))},
    )


def _folder(view: View) -> Path:
    """Where `python -m verl…` is started, which Python looks into for modules."""
    return (Path.cwd() / view.run.folder).resolve()


def _rows(view: View, split: str, said: list[str]) -> tuple[Mapping[str, Any], ...]:
    found = read_rows(view, f"data.{split}_files").sample[:POOL]
    if not found:
        raise NotKnownError(f"rows in data.{split}_files, which has none")
    column = view.text("data.prompt_key") or "prompt"
    loop = view.text(f"{ROLLOUT}.agent.default_agent_loop") or LOOPS[1]
    rows = [handed_out(row, column, loop) for row in found]
    strange = {str(row["agent_name"]) for row in rows} - {*LOOPS}
    if strange:
        said.append(f"turns as in {TOOL_LOOP}, in place of {', '.join(sorted(strange))}")
        rows = [{**row, "agent_name": TOOL_LOOP} if row["agent_name"] in strange else row for row in rows]
    return tuple(rows)


def _reward(
    view: View, rows: tuple[Mapping[str, Any], ...], said: list[str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """As ts_reward.json has one function, and its keyword arguments."""
    key = f"{FUNCTION}.path"
    if not manager(view):
        message = "the reward manager is none of verl's that call a function, and is not run here"
        span = view.span("reward.reward_manager.name", "reward.reward_manager.source")
        raise _problem(
            "TS049", "not-probed", message, span, "for a bundle, give the spec that it was made of"
        )
    if not reads_rows(view):
        message = "a reward model scores, and there is none here"
        raise _problem("TS049", "not-probed", message, view.span("reward.reward_model.enable"), "")
    if manager(view) != "naive":
        said.append(f"scores of the function alone, without what the manager {manager(view)} makes of them")
    one = filled(view, SLOTS[0])
    if one is None:
        if view.value(key):
            raise NotKnownError(f"the module {view.value(key)}")
        unread = next((said for said in view.final.values() if _once_was(said.key, key)), None)
        if unread is not None and view.version not in LEGACY_READ:
            message = f"verl {view.version} reads no `{unread.key}`, and would use a scorer of its own"
            fix = f"{key}={unread.text or unread.value}, or --target verl=={LEGACY_READ[-1]}"
            raise _problem("TS049", "not-probed", message, unread.key_span, fix)
        sources = sorted({str(row.get("data_source")) for row in rows})
        strange = [source for source in sources if not knows(source)]
        if strange:
            message = f"no reward function is set, and verl has none for data_source {strange[0]}"
            raise _problem("TS049", "not-probed", message, view.span(key), f"{key}=FILE.py")
        return {"version": 1, "python": BUILTIN}, {}
    if one.file is None:
        raise NotKnownError(f"the file of {key} ({one.text})")
    prefix = f"{view.name(FUNCTION)}.reward_kwargs."
    given = {name.removeprefix(prefix): view.resolved(name) for name in view.final if name.startswith(prefix)}
    file = str((Path.cwd() / one.file).resolve())
    return {
        "version": 1,
        "python": {"file": file, "function": view.text(f"{FUNCTION}.name") or "compute_score"},
    }, nested(given.items())


def _once_was(old: str, key: str) -> bool:
    """Whether a key is an old name of `key`."""
    moved = legacy_of(old)
    return moved is not None and LEGACY[moved] + old[len(moved) :] == key


def _problem(code: str, name: str, message: str, span: Span | None, fix: str) -> ProblemError:
    return ProblemError((Problem(code, name, message, span, fix=fix),))
