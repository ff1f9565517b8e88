"""The files beside config.yaml: tools, agent loops, the reward's and the loop's settings, the launcher."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any

from toolspec.backends.verl.emit.config_yaml import flow, quoted, scalar
from toolspec.backends.verl.emit.trackers import tracker_lines
from toolspec.backends.verl.lower.setting import VerlConfig
from toolspec.compiler.facts.gather import Facts
from toolspec.compiler.plan.decision import Plan
from toolspec.compiler.plan.parts import USER_FOLDER, USER_LOOP

LOOP_CLASS = "ts_loop.SpanToolAgentLoop"
OWN_LOOP, OWN_CLASS = "ts_own_loop.build", "ts_class"


def json_text(value: Any) -> str:
    """Readable, in the order given, ending in a newline."""
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def tools_yaml(plan: Plan, facts: Facts) -> str:
    """verl's tool config: one entry a tool, its schema as plain data so that verl's lossy model never sees it.

    The order of the schema's keys is the order in the prompt.
    """
    lines = [
        "# The tools of the run, for ts_tools.py. The model sees each schema exactly as it stands here.",
        "tools:",
    ]
    for entry in tool_entries(plan, facts):
        lines += [f"  - class_name: {entry['class_name']}", "    config:"]
        lines += [f"      {key}: {_flow(value)}" for key, value in entry["config"].items()]
    return "\n".join(lines) + "\n"


def tool_entries(plan: Plan, facts: Facts) -> list[dict[str, Any]]:
    """What tools.yaml says, as data: `class_name` and `config` of each tool."""
    entries = []
    for name in plan["tools.names"]:
        path = f"tools.{name}"
        code = plan.text(f"{path}.code")
        config: dict[str, Any] = {"type": "native", "timeout_s": plan[f"{path}.timeout_seconds"]}
        if plan[f"{path}.concurrency"]:
            config["concurrency"] = plan[f"{path}.concurrency"]
        if plan[f"{path}.kind"] == "function":
            file, _, function = code.rpartition(":")
            config |= {"file": file.removeprefix(f"{USER_FOLDER}/"), "function": function}
            if plan[f"{path}.config"]:
                config["kwargs"] = plan[f"{path}.config"]
            class_name = "ts_tools.FunctionTool"
        else:
            config |= {"class": code.removeprefix(f"{USER_FOLDER}/"), "config": plan[f"{path}.config"]}
            class_name = "ts_tools.ClassTool"
        config["schema"] = facts.tools[name].schema
        entries.append({"class_name": class_name, "config": config})
    return entries


def _flow(value: Any) -> str:
    """One line of YAML. verl reads tools.yaml through OmegaConf, so `${` is escaped in texts and in keys."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{quoted(str(k))}: {_flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_flow(item) for item in value) + "]"
    return scalar(value)


def agent_loops_yaml(plan: Plan) -> str:
    """The loops by name. The entry `tool_agent` replaces verl's own, also where the data's agent_name says it."""
    lines = [
        "# Agent loops by the name that config.yaml and the data's agent_name column use.",
        "- name: tool_agent",
        f"  _target_: {LOOP_CLASS}",
    ]
    if plan["agent.class"] != "none":
        lines += [f"- name: {USER_LOOP}", f"  _target_: {OWN_LOOP}", f"  {OWN_CLASS}: {plan['agent.class']}"]
        lines += [f"  {scalar(key)}: {flow(value)}" for key, value in plan["agent.config"].items()]
    return "\n".join(lines) + "\n"


def reward_json(plan: Plan, facts: Facts) -> str:
    """What ts_reward.py pays for: terms with their settings, or the user's own function."""
    overlong = {
        "buffer": plan["algorithm.overlong.buffer"],
        "penalty": plan["algorithm.overlong.penalty"],
        "length": plan["budget.trajectory_tokens"],
    }
    shared: dict[str, Any] = {
        "version": 1,
        "on_error": plan["reward.on_error"],
        "fault_limit": plan["reward.fault_limit"],
    }
    if overlong["buffer"]:
        shared["overlong"] = overlong
    if plan["reward.clip"]:
        shared["clip"] = list(plan["reward.clip"])
    if plan["agent.class"] != "none":
        shared["spans"] = False
    if plan["agent.loop"] != "tool_agent":  # verl's other loops do not say whether they were cut
        shared["response_length"] = plan["budget.trajectory_tokens"]
    if plan["reward.python_file"] != "none":
        file = plan.text("reward.python_file").removeprefix(f"{USER_FOLDER}/")
        return json_text({**shared, "python": {"file": file, "function": plan["reward.python_name"]}})
    terms = [_term(plan, path) for path in plan["reward.terms"]]
    schemas = [facts.tools[name].schema for name in plan["tools.names"]]
    return json_text({**shared, "terms": terms, "format": plan["model.tool_format"], "tools": schemas})


def _term(plan: Plan, path: str) -> dict[str, Any]:
    """An entry of ts_reward.json's `terms`; `path` is the term's below `reward`."""
    prefix = f"reward.{path}."
    settings = {each.removeprefix(prefix): plan[each] for each in plan if each.startswith(prefix)}
    if isinstance(settings.get("python"), dict):
        code = settings["python"]
        settings["python"] = {**code, "file": code["file"].removeprefix(f"{USER_FOLDER}/")}
    if "timeout" in settings:
        settings["timeout_s"] = settings.pop("timeout")
    own = path.startswith("own.")
    return {"name": path.removeprefix("own."), **({"own": True} if own else {}), **settings}


def requirements_txt(plan: Plan) -> str:
    """Packages that the job's environment must have beside verl's own, a line each with its reason; "" for none."""
    if "reward.correct.match" in plan and plan["reward.correct.match"] == "math":
        return "# Beside verl's own packages.\nmath-verify>=0.6  # reward.correct.match: math (ts_math.py)\n"
    return ""


def loop_json(plan: Plan) -> str:
    """The limits that ts_loop.py keeps and verl has no key for. null is no limit of its own."""
    turn = plan["budget.turn_tokens"]
    return json_text(
        {
            "version": 1,
            "tool_response_tokens": plan["budget.tool_response_tokens"],
            "turn_tokens": turn if turn < plan["budget.trajectory_tokens"] else None,
            "calls": plan["budget.calls"] or None,
        }
    )


def launch_sh(plan: Plan, config: VerlConfig, digest: str) -> str:
    """The launcher: environment, secrets checked, then verl's main_ppo from the bundle's folder.

    digest: of the other files; the default run folder carries it, so that a changed spec never resumes an older run.
    """
    nodes = plan["cluster.nodes"]
    lines = [
        "#!/usr/bin/env bash",
        f"# Runs {plan.name} on verl {plan.target}. Started by hand: bash launch.sh [key=value …]",
        "# Further arguments are verl's own overrides. The run folder is $TOOLSPEC_RUN_DIR.",
        "set -euo pipefail",
        'bundle=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)',
        "# A relative run folder is the caller's: it is made absolute before the bundle's folder is entered.",
        'runs="${TOOLSPEC_RUNS:-$bundle/../../runs}"',
        f'export TOOLSPEC_RUN_DIR="${{TOOLSPEC_RUN_DIR:-$runs/{plan.name}-{digest[:8]}}}"',
        'mkdir -p "$TOOLSPEC_RUN_DIR"',
        'TOOLSPEC_RUN_DIR=$(cd "$TOOLSPEC_RUN_DIR" && pwd)',
        'cd "$bundle"',
        *_environment(plan),
        "",
        "# The bundle's modules first; ts_start.py is imported by every process that imports verl.",
        'export PYTHONPATH="$bundle${PYTHONPATH:+:$PYTHONPATH}"',
        "export VERL_USE_EXTERNAL_MODULES=ts_start",
        "# Nothing is written into the bundle, not even compiled modules.",
        "export PYTHONDONTWRITEBYTECODE=1",
        *tracker_lines(plan),
    ]
    if plan["model.attention"] != "flash_attention_2":
        lines += [
            f"export TOOLSPEC_ATTENTION={plan['model.attention']}  # the critic's, which verl hard-codes"
        ]
    if (
        plan["model.revision"] != "main"
        and config.settings["actor_rollout_ref.model.path"].value != plan["model.path"]
    ):
        lines += ["", *_snapshot(plan)]
    lines += [
        "",
        "# `bash launch.sh ray start …` starts a node of a Ray cluster in this folder and with this environment, which",
        "# its workers inherit.",
        'if [ "${1:-}" = ray ]; then exec "$@"; fi',
    ]
    if nodes > 1:
        lines += [
            "# In a job of Slurm ts_job.py brings it up (batch.sh).",
            'if [ -z "${TOOLSPEC_RAY_TOKEN:-}" ]; then',
            f'  : "${{RAY_ADDRESS:?{nodes} nodes need a Ray cluster: bash launch.sh ray start --head on one of them, '
            'bash launch.sh ray start --address=HOST:6379 on the others, and here export RAY_ADDRESS=HOST:6379}"',
            "fi",
        ]
    lines += [
        "",
        "# ts_job.py ends the run where too many scores are faults (reward.fault_limit); as a submission (batch.sh,",
        "# toolspec submit) it also resumes, and says how the run ended.",
        'exec python3 "$bundle/ts_job.py" python3 -m verl.trainer.main_ppo '
        '--config-path "$bundle" --config-name config "$@"',
    ]
    return "\n".join(lines) + "\n"


def _environment(plan: Plan) -> list[str]:
    """The spec's environment, before the bundle's own variables so that those are added to it."""
    lines = [f"export {name}={shlex.quote(str(value))}" for name, value in plan["env.values"].items()]
    for name in plan["env.passed_on"]:
        lines.append(f': "${{{name}:?set {name}, which the spec passes on}}"; export {name}')
    return lines


def _snapshot(plan: Plan) -> list[str]:
    call = (
        "import sys, huggingface_hub as hub; print(hub.snapshot_download(sys.argv[1], revision=sys.argv[2]))"
    )
    return [
        "# verl takes no revision: the snapshot is fetched here, and config.yaml names the link to it.",
        f'snapshot=$(python3 -c "{call}" {shlex.quote(plan["model.path"])} {shlex.quote(plan["model.revision"])})',
        'ln -sfn "$snapshot" "$TOOLSPEC_RUN_DIR/model"',
    ]
