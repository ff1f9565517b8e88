"""Decisions on data, tools, reward and the agent loop, and on where their files are."""

from __future__ import annotations

import os
from pathlib import Path

from toolspec.compiler.facts.gather import Facts
from toolspec.compiler.plan.draft import Draft
from toolspec.compiler.plan.places import in_run_folder, is_local_model, on_node
from toolspec.specs.data import OrderBy
from toolspec.specs.named_file import real

TIMEOUT_SECONDS = 60
USER_FOLDER = "ts_user"
USER_LOOP = "ts_user_agent"
MANAGER = "ToolspecRewardManager"


def decide_places(draft: Draft, facts: Facts, bundle: Path) -> None:
    """Adds the paths that verl is given: of the model, the chat template, checkpoints and dumps."""
    model = draft.spec.model
    base = draft.loaded.base(("model", "path"))
    if is_local_model(model.path, base):
        place = on_node(model.path, base, bundle)
        why = "model.path" if place == model.path else "model.path, from the bundle's folder"
    elif model.revision not in (None, "main"):
        place, why = in_run_folder("model"), "launch.sh links the revision's snapshot there"
    else:
        place, why = model.path, "model.path"
    draft.add(
        "model.path_on_node", place, "given" if place == model.path else "derived", why, ("model.path",)
    )
    text = facts.chat_template if facts.chat_template is not None else "own"
    draft.add("model.chat_template_text", text, "derived", "model.chat_template", ("model.chat_template",))
    checkpoint = draft.spec.checkpoint
    if checkpoint.dir is None:
        draft.add(
            "checkpoint.dir_on_node", in_run_folder("checkpoints"), "default", "default: the run folder"
        )
    else:
        folder = on_node(checkpoint.dir, draft.loaded.base(("checkpoint", "dir")), bundle)
        draft.add("checkpoint.dir_on_node", folder, "given", "checkpoint.dir", ("checkpoint.dir",))
    if checkpoint.resume in ("auto", "never"):
        draft.add("checkpoint.resume_on_node", "none", "derived", f"checkpoint.resume: {checkpoint.resume}")
    else:
        place = on_node(checkpoint.resume, draft.loaded.base(("checkpoint", "resume")), bundle)
        draft.add("checkpoint.resume_on_node", place, "given", "checkpoint.resume", ("checkpoint.resume",))
    for name in ("rollouts", "validation"):
        why = "the run folder, with tracking.rollouts"
        draft.add(f"tracking.{name}_dir", in_run_folder(name), "derived", why)


def decide_data(draft: Draft, facts: Facts, bundle: Path) -> None:
    """Adds `data.*`. Rows that are not in verl's layout stand converted in ../data/<hash> beside the bundle."""
    data = draft.spec.data
    if facts.data.reasons:
        folder = "data" if facts.data.packed else f"../data/{facts.data.hash}"
        why = "; ".join(facts.data.reasons)
        draft.add("data.layout", "converted", "derived", why, ("data",))
        draft.add("data.train", (f"{folder}/train.parquet",), "derived", f"converted: {why}", ("data.train",))
        if data.val_sources:
            draft.add("data.val", (f"{folder}/val.parquet",), "derived", f"converted: {why}", ("data.val",))
    else:
        draft.add("data.layout", "verl", "derived", "used as it is: no column mapping")
        train = tuple(
            place
            for number, source in enumerate(facts.data.train)
            for place in _as_it_is(draft, source.pattern, source.files, f"data.train.{number}", bundle)
        )
        draft.add("data.train", train, "given", "data.train", ("data.train",))
        if data.val_sources:
            val = tuple(
                place
                for number, source in enumerate(facts.data.val)
                for place in _as_it_is(draft, source.pattern, source.files, f"data.val.{number}", bundle)
            )
            draft.add("data.val", val, "given", "data.val", ("data.val",))
    if not data.val_sources:
        why = "verl must load some validation file; evaluation is off"
        draft.add("data.val", draft.value("data.train"), "derived", why)
    why = "a longer prompt would lose its tool schemas, cut from the left"
    draft.add("data.filter_overlong", True, "derived", why)
    if isinstance(data.order, OrderBy):
        draft.add("data.order", f"by {data.order.by}", "given", "data.order", ("data.order",))
    else:
        draft.take(data, "order", "data")
    draft.add(
        "data.shuffle",
        data.order == "shuffle",
        "derived",
        f"order: {draft.value('data.order')}",
        ("data.order",),
    )
    draft.take(data, "seed", "data")
    if data.class_ is None:
        draft.add("data.class_file", "none", "default", "default: verl's RLHFDataset")
        draft.add("data.class_name", "none", "default", "default: verl's RLHFDataset")
    else:
        code = facts.code["data.class"]
        draft.add("data.class_file", _shipped(code.module), "given", "data.class", ("data.class",))
        draft.add("data.class_name", code.name, "given", "data.class", ("data.class",))


def _as_it_is(
    draft: Draft, pattern: str, files: tuple[Path, ...], path: str, bundle: Path
) -> tuple[str, ...]:
    base = draft.loaded.base(tuple(int(p) if p.isdigit() else p for p in path.split(".")))
    if any(c in pattern for c in "*?[") and files:
        return tuple(on_node(_as_globbed(pattern, file, base), base, bundle) for file in files)
    return (on_node(pattern, base, bundle),)


def _as_globbed(pattern: str, file: Path, base: Path) -> str:
    """A file that a glob found, written as the glob is: absolute, from the home, or relative."""
    if pattern.startswith("/"):
        return str(file)
    if pattern.startswith("~/") and file.is_relative_to(Path.home()):
        return f"~/{file.relative_to(Path.home())}"
    return os.path.relpath(file, real(base))


def _shipped(module: str) -> str:
    return f"{USER_FOLDER}/{module.replace('.', '/')}.py"


def decide_tools(draft: Draft, facts: Facts) -> None:
    """Adds `tools.*`: names in order, and of each tool its kind, code, limits and the row's state."""
    spec_tools = draft.spec.tools
    names = tuple(spec_tools)
    draft.add(
        "tools.names",
        names,
        "given" if names else "default",
        "tools" if names else "default: none",
        ("tools",) if names else (),
    )
    for name, tool in spec_tools.items():
        path = f"tools.{name}"
        code = facts.tools[name].code
        kind = "function" if tool.python is not None else "class"
        field = "python" if tool.python is not None else "class"
        draft.add(f"{path}.kind", kind, "given", f"{path}.{field}", (f"{path}.{field}",))
        place = f"{code.module}.{code.name}" if code.file is None else f"{_shipped(code.module)}:{code.name}"
        draft.add(f"{path}.code", place, "given", f"{path}.{field}", (f"{path}.{field}",))
        draft.choose(tool, "timeout", path, TIMEOUT_SECONDS, "default: 60 s", to=f"{path}.timeout_seconds")
        draft.choose(tool, "concurrency", path, 0, "default: no limit")
        draft.take(tool, "config", path)
        draft.take(tool, "per_row", path)


def decide_reward(draft: Draft, facts: Facts) -> None:
    """Adds `reward.*`: one path for each setting of each term, or the user's own function."""
    reward = draft.spec.reward
    draft.add("reward.manager", MANAGER, "derived", "sees which tokens the policy wrote, and never raises")
    if reward.python is not None:
        code = facts.code["reward.python"]
        draft.add("reward.python_file", _shipped(code.module), "given", "reward.python", ("reward.python",))
        draft.add("reward.python_name", code.name, "given", "reward.python", ("reward.python",))
    else:
        draft.add("reward.python_file", "none", "default", "default: terms")
        draft.add("reward.python_name", "none", "default", "default: terms")
    draft.take(reward, "kwargs", "reward")
    draft.choose(reward, "clip", "reward", (), "default: no bounds")
    draft.take(reward, "on_error", "reward")
    draft.take(reward, "fault_limit", "reward")
    draft.add("reward.terms", tuple(name for name, _ in reward.terms), "derived", "reward", ("reward",))
    for name, term in reward.terms:
        for field, info in type(term).model_fields.items():
            value = getattr(term, field)
            if value is None:
                continue
            source = f"reward.{name}.{info.alias or field}"
            if field == "python":
                value = {"file": _shipped(facts.code[source].module), "function": facts.code[source].name}
            if field in term.model_fields_set:
                draft.add(source, value, "given", source, (source,))
            else:
                draft.add(source, value, "default", "default")
    if reward.length is not None and reward.length.end is None:
        tokens = draft.value("budget.trajectory_tokens")
        why = "the whole budget of the trajectory"
        draft.add("reward.length.end", tokens, "derived", why, ("budget.trajectory_tokens",))


def decide_agent(draft: Draft, facts: Facts) -> None:
    """Adds `agent.*`. `agent.loop` is the name under which verl finds the loop."""
    agent = draft.spec.agent
    tools = bool(draft.spec.tools)
    if agent.class_ is not None:
        code = facts.code["agent.class"]
        draft.add(
            "agent.loop",
            USER_LOOP,
            "derived",
            "agent.class, by its name in agent_loops.yaml",
            ("agent.class",),
        )
        draft.add("agent.class", f"{code.module}.{code.name}", "given", "agent.class", ("agent.class",))
    elif agent.name is not None:
        loop = "single_turn_agent" if agent.name == "single_turn" else "tool_agent"
        draft.add("agent.loop", loop, "given", "agent", ("agent",))
        draft.add("agent.class", "none", "default", "default: verl's own loops")
    else:
        loop = "tool_agent" if tools else "single_turn_agent"
        draft.add("agent.loop", loop, "derived", "there are tools" if tools else "there are no tools")
        draft.add("agent.class", "none", "default", "default: verl's own loops")
    draft.take(agent, "config", "agent")
    if agent.manager is None:
        draft.add("agent.manager", "none", "default", "default: verl's AgentLoopManager")
    else:
        code = facts.code["agent.manager"]
        draft.add("agent.manager", f"{code.module}.{code.name}", "given", "agent.manager", ("agent.manager",))
