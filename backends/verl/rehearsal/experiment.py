"""What a spec's rehearsal goes by, as frozen values: the bundle's files, the loop's limits, the rows and the model."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from toolspec.backends.verl.agent_loop import LoopSettings
from toolspec.backends.verl.chat.subject import FORMAT, MODEL, VARIABLES
from toolspec.backends.verl.compile import Compiled, bundle_of
from toolspec.backends.verl.emit.side_files import tool_entries
from toolspec.backends.verl.lint.derived import ROLLOUT
from toolspec.backends.verl.lint.facts.rows import read_rows
from toolspec.backends.verl.lint.facts.template import CUSTOM
from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.backends.verl.lint.spec_run import run_of
from toolspec.backends.verl.lint.view import View
from toolspec.backends.verl.rehearsal.small_model import Sampling, no_model, same_tokens, sampling_of
from toolspec.backends.verl.rehearsal.stand_in_model import NO_LIMIT, write_stand_in
from toolspec.backends.verl.releases import release
from toolspec.backends.verl.rows.at_hand import laid_out
from toolspec.backends.verl.written.files import Files
from toolspec.compiler.chat.folder import ChatFolder, read_chat_folder
from toolspec.compiler.facts.hub_cache import is_hub_name
from toolspec.compiler.facts.model_directory import read_mapping
from toolspec.specs.problem import Problem, ProblemError, Span

POOL = 512
"""Rows from the beginning of the data among which those of a rehearsal are drawn."""
MULTI_TURN = f"{ROLLOUT}.multi_turn"


class Model(NamedTuple):
    """name: on the hub, or of the folder. folder: with a tokenizer. custom: a template in place of the folder's.

    kwargs: for the template.

    why_not: where this is a stand-in for the model, why (a clause) and what to do; "" for the model's own.
    weights: of a small model that writes a policy. another: where its tokens are not the run's, why; the tokens here
    are its then.
    """

    name: str
    folder: ChatFolder
    custom: str | None
    kwargs: Mapping[str, Any]
    model_type: str | None
    why_not: str = ""
    fix: str = ""
    weights: Path | None = None
    another: str = ""


class Experiment(NamedTuple):
    """reward, loop: as ts_reward.json and ts_loop.json have them. tools: entries of tools.yaml.

    context: the longest sequence of the engine, in tokens; max_model_len: the same as the run says it. left_out: parts
    of the reward that go by lengths in tokens, where the model is a stand-in. rows: from the beginning of the data,
    as verl's dataset hands them out.
    environment: variables that the bundle's launcher sets. sampling: of the split.
    """

    name: str
    release: str
    assumed: tuple[str, ...]
    settings: LoopSettings
    engine: str
    context: int
    max_model_len: int | None
    files: Mapping[str, bytes]
    tools: tuple[Mapping[str, Any], ...]
    reward: Mapping[str, Any]
    reward_kwargs: Mapping[str, Any]
    loop: Mapping[str, Any]
    rows: tuple[Mapping[str, Any], ...]
    model: Model
    environment: Mapping[str, str]
    left_out: tuple[str, ...] = ()
    sampling: Sampling = Sampling(1.0, 1.0, -1)


Rows = tuple[Mapping[str, Any], ...]


def experiment_of(
    compiled: Compiled,
    split: str,
    scratch: Path,
    text: bool = False,
    engine: Literal["own", "verl"] = "own",
    weights: Path | None = None,
    loop_name: str = "",
    rows: Rows | None = None,
) -> Experiment:
    """scratch: a folder for the stand-in model's files. text: whether to take it though the model is at hand.

    engine: which is to run it. weights: of a small model that writes as well. loop_name: the agent loop in place of the
    spec's. rows: in place of the data's.
    Raises ProblemError: rows that are not at hand, an agent loop of the user's own and no verl to run it, a folder that
    holds no model.
    """
    plan, view = compiled.plan, View(run_of(compiled), release(compiled.plan.target), Files())
    if plan["agent.class"] != "none" and engine == "own" and not loop_name:
        message = "the agent loop is one of your own, which only verl runs"
        raise _problem("TS048", "not-rehearsed", message, compiled.place("agent.class"), "--engine verl")
    files = dict(bundle_of(compiled).files)
    reward, loop = json.loads(files["ts_reward.json"]), json.loads(files["ts_loop.json"])
    facts = compiled.facts.model
    name = facts.name if facts is not None else str(compiled.loaded.spec.model.path)
    model = model_of(view, name, facts.directory if facts is not None else None, scratch, text)
    if weights is not None:
        model = written_by(model, weights)
    settings = loop_settings(view, plan.target, model.model_type)
    left_out: tuple[str, ...] = ()
    context, max_model_len = NO_LIMIT, view.value(f"{ROLLOUT}.max_model_len")
    if model.why_not:
        reward, left_out = without_lengths(reward)
        loop = {**loop, "tool_response_tokens": None, "turn_tokens": None}
        settings = without_limits(settings)
        files["ts_loop.json"] = json.dumps(loop).encode()
    else:
        context = context_of(view)
    values = {name: str(value) for name, value in plan["env.values"].items()}
    passed = {name: os.environ[name] for name in plan["env.passed_on"] if name in os.environ}
    return Experiment(
        plan.name,
        plan.target,
        tuple(compiled.assumed),
        settings,
        str(view.value(f"{ROLLOUT}.name")),
        context,
        max_model_len if context < NO_LIMIT else None,
        files,
        tuple(tool_entries(plan, compiled.facts)),
        reward,
        plan.decisions["reward.kwargs"].value if "reward.kwargs" in plan.decisions else {},
        loop,
        _rows(compiled, view, split, loop_name or plan.text("agent.loop")) if rows is None else rows,
        model,
        {**values, **passed},
        left_out,
        sampling_of(view, split),
    )


BY_LENGTH = frozenset({"length", "truncated"})
"""Terms whose value goes by numbers of tokens."""


def without_lengths(reward: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The reward without what goes by lengths in tokens, and the names of what is left out."""
    kept = {name: value for name, value in reward.items() if name != "overlong"}
    if "response_length" in kept:
        kept["response_length"] = NO_LIMIT
    out = ["overlong"] if "overlong" in reward else []
    if "terms" in reward:
        out += [one["name"] for one in reward["terms"] if one["name"] in BY_LENGTH]
        kept["terms"] = [one for one in reward["terms"] if one["name"] not in BY_LENGTH]
    return kept, tuple(out)


def without_limits(settings: LoopSettings) -> LoopSettings:
    """Of a stand-in for the model, whose tokens are nobody's."""
    return settings._replace(
        prompt_length=NO_LIMIT, response_length=NO_LIMIT, max_tool_response_length=NO_LIMIT
    )


def model_of(view: View, name: str, directory: Path | None, scratch: Path, text: bool) -> Model:
    """directory: the model's, None where it is not at hand. scratch, text: as experiment_of."""
    folder = read_chat_folder(directory) if directory is not None else None
    custom = view.text(CUSTOM) or None
    kwargs = view.value(VARIABLES)
    kwargs = kwargs if isinstance(kwargs, dict) else {}
    missing = [
        what
        for what, there in (
            ("tokenizer.json", folder is not None and folder.tokenizer is not None),
            ("chat template", custom or (folder is not None and folder.templates)),
        )
        if not there
    ]
    if text or missing or folder is None:
        why = "as asked" if text else f"no {' and no '.join(missing)} of {name} is at hand"
        fetch = (
            f"toolspec fetch {name}" if is_hub_name(name) else "give a model's folder with a tokenizer.json"
        )
        stand_in = read_chat_folder(write_stand_in(scratch))
        return Model(name, stand_in, None, {}, "qwen2", why, "" if text else fetch)
    found = (read_mapping(directory or folder.path, "config.json") or {}).get("model_type")
    shown = name if is_hub_name(name) else Path(name).name
    return Model(shown, folder, custom, kwargs, found if isinstance(found, str) else None)


def written_by(model: Model, weights: Path) -> Model:
    """The run's model with the weights of a small one; the small one itself where its tokens are others."""
    problem = no_model(weights)
    if problem:
        raise _problem(
            "TS041",
            "model-files",
            f"--model: {problem}",
            None,
            "--model FOLDER, as save_pretrained writes it",
        )
    folder = read_chat_folder(weights)
    if folder.tokenizer is None and not model.why_not:
        return model._replace(weights=weights)
    if folder.tokenizer is None or not (folder.templates or model.custom):
        message = f"--model: {weights} has no {'chat template' if folder.tokenizer else 'tokenizer.json'}"
        raise _problem("TS044", "no-chat-template", message, None)
    if not model.why_not and same_tokens(folder, model.folder):
        return model._replace(weights=weights)
    found = (read_mapping(weights, "config.json") or {}).get("model_type")
    whose = (
        f"the tokenizer of {weights.name} is not that of {model.name}" if not model.why_not else model.why_not
    )
    return Model(weights.name, folder, model.custom, model.kwargs, str(found), weights=weights, another=whose)


def loop_settings(view: View, target: str, model_type: str | None) -> LoopSettings:
    def limit(name: str) -> int | None:
        found = view.value(f"{MULTI_TURN}.{name}")
        return int(found) if found is not None else None

    return LoopSettings(
        target,
        view.integer("data.max_prompt_length"),
        view.integer("data.max_response_length"),
        view.text(FORMAT) or "hermes",
        limit("max_assistant_turns"),
        limit("max_user_turns"),
        view.integer(f"{MULTI_TURN}.max_parallel_calls"),
        view.integer(f"{MULTI_TURN}.max_tool_response_length"),
        view.text(f"{MULTI_TURN}.tool_response_truncate_side"),
        model_type,
    )


def context_of(view: View) -> int:
    """The engine's: as the run says, else the model's positions."""
    try:
        found = view.value(f"{ROLLOUT}.max_model_len")
        if found is None:
            found = view.facts.model(MODEL).max_position_embeddings
    except NotKnownError:
        found = None
    return int(found) if found is not None else NO_LIMIT


def _rows(compiled: Compiled, view: View, split: str, loop: str) -> Rows:
    """The first rows as verl's dataset hands them out (rl_dataset.py `__getitem__` of each release)."""
    span = compiled.place(f"data.{split}")
    try:
        if compiled.facts.data.reasons and getattr(compiled.facts.data, split):
            found = laid_out(compiled, split, POOL)
        else:
            found = read_rows(view, f"data.{split}_files").sample[:POOL]
        column = view.text("data.prompt_key") or "prompt"
    except NotKnownError as error:
        raise _problem("TS047", "rows-not-at-hand", f"this needs {error}", span) from None
    if not found:
        raise _problem("TS047", "rows-not-at-hand", f"there are no rows in data.{split}", span)
    return tuple(handed_out(row, column, loop) for row in found)


def handed_out(row: Mapping[str, Any], column: str, loop: str) -> Mapping[str, Any]:
    """loop: the agent loop of rows that name none."""
    info = row.get("extra_info")
    info = info if isinstance(info, dict) else {}
    return {
        **{name: value for name, value in row.items() if name != column},
        "raw_prompt": row.get(column),
        "agent_name": row.get("agent_name") or loop,
        "extra_info": info,
        "index": info.get("index", 0),
        "tools_kwargs": info.get("tools_kwargs") or {},
        "interaction_kwargs": info.get("interaction_kwargs") or {},
    }


def _problem(code: str, name: str, message: str, span: Span | None, fix: str = "") -> ProblemError:
    return ProblemError((Problem(code, name, message, span, fix=fix),))
