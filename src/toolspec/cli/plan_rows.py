"""The rows of `toolspec plan`: under which heading a decision stands, its label, whether it comes first."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from toolspec.backends.verl.lower.setting import VerlConfig
from toolspec.compiler.plan.decision import Decision, Plan
from toolspec.compiler.plan.places import RUN_FOLDER
from toolspec.specs.secret import HIDDEN, without_secrets

HEADINGS: tuple[str, ...] = (
    "model",
    "data",
    "tools",
    "reward",
    "batch",
    "algorithm",
    "rollout",
    "train",
    "limits",
    "evaluation",
    "checkpoint",
    "tracking",
    "cluster",
    "overrides",
)
# First part of a plan path → heading, where the two differ.
_SECTIONS: Mapping[str, str] = MappingProxyType({"agent": "tools", "budget": "limits", "env": "cluster"})
_BATCH = frozenset(
    {
        "algorithm.batch",
        "algorithm.group",
        "algorithm.mini_batch",
        "algorithm.passes",
        "algorithm.trajectories",
        "algorithm.updates",
        "train.dynamic",
        "train.micro_batch",
        "train.token_budget",
    }
)
LABELS: Mapping[str, str] = MappingProxyType(
    {
        "agent.class": "loop class",
        "agent.config": "loop config",
        "agent.loop": "loop",
        "agent.manager": "loop manager",
        "algorithm.batch": "prompts a step",
        "algorithm.critic_lr.peak": "critic's learning rate",
        "algorithm.critic_warmup": "critic alone, steps",
        "algorithm.group": "trajectories a prompt",
        "algorithm.kl.coef": "KL weight",
        "algorithm.kl.type": "KL estimator",
        "algorithm.kl.where": "KL penalty in",
        "algorithm.lr.clip": "gradient norm",
        "algorithm.lr.decay": "weight decay",
        "algorithm.lr.peak": "learning rate",
        "algorithm.lr.schedule": "lr schedule",
        "algorithm.lr.warmup_share": "lr warm-up, share",
        "algorithm.lr.warmup_steps": "lr warm-up, steps",
        "algorithm.mini_batch": "prompts an update",
        "algorithm.passes": "passes over a step",
        "algorithm.trajectories": "trajectories a step",
        "algorithm.updates": "updates a step",
        "budget.calls": "calls executed",
        "budget.prompt_tokens": "prompt, tokens",
        "budget.rounds": "tool rounds",
        "budget.sequence_tokens": "sequence, tokens",
        "budget.tool_response_tokens": "tool response, tokens",
        "budget.trajectory_tokens": "trajectory, tokens",
        "budget.turn_tokens": "one turn, tokens",
        "cluster.gpu": "GPU type",
        "cluster.gpus": "GPUs a node",
        "cluster.time_seconds": "time limit",
        "cluster.world_size": "GPUs in all",
        "data.filter_overlong": "drop long prompts",
        "env.passed_on": "env passed on",
        "env.values": "env",
        "model.max_model_len": "longest sequence",
        "model.path": "name",
        "model.path_on_node": "path on the node",
        "model.remove_padding": "packed batches",
        "rollout.gpu_memory": "share of GPU memory",
        "rollout.parallel_calls": "calls run a turn",
        "rollout.tensor_parallel": "GPUs an engine",
        "train.dynamic": "batches by tokens",
        "train.micro_batch": "trajectories a GPU",
        "train.token_budget": "token budget a GPU",
    }
)
# Derived values that say again what another row says, or name a place inside the bundle.
_INNER = re.compile(
    r"data\.shuffle|evaluation\.(sampled|repeats)|reward\.(manager|terms)|tools\.[^.]+\.kind"
    r"|tracking\.(rollouts|validation)_dir|model\.chat_template_text|checkpoint\.(dir|resume)_on_node"
)
# Defaults that decide what a run is: shown although nobody said them.
_ALWAYS = frozenset(
    {
        "algorithm.critic_lr.peak",
        "algorithm.lr.peak",
        "budget.epochs",
        "budget.prompt_tokens",
        "budget.tool_response_tokens",
        "budget.trajectory_tokens",
        "budget.turns",
        "checkpoint.every",
        "cluster.gpus",
        "cluster.nodes",
        "evaluation.every",
        "rollout.engine",
        "rollout.temperature",
        "tracking.to",
        "train.strategy",
        "train.trainer",
    }
)


@dataclass(frozen=True)
class PlanRow:
    """One decision. first: it is shown without `--all`."""

    heading: str
    label: str
    value: str
    decision: Decision
    first: bool


def plan_rows(plan: Plan, config: VerlConfig) -> Iterator[PlanRow]:
    """Every decision of `plan` and every override, in the order of HEADINGS."""
    rows = [_row(path, decision) for path, decision in plan.decisions.items()]
    for key, setting in config.settings.items():
        if setting.plan == "overrides":
            value = shown(key, without_secrets(setting.value, key))
            # The reason quotes the value that the override took the place of.
            told = setting.decision._replace(reason="overrides") if HIDDEN in value else setting.decision
            rows.append(PlanRow("overrides", key, value, told, first=True))
    return iter(sorted(rows, key=lambda row: HEADINGS.index(row.heading)))


def _row(path: str, decision: Decision) -> PlanRow:
    section, _, rest = path.partition(".")
    heading = "batch" if path in _BATCH else _SECTIONS.get(section, section)
    label = LABELS.get(path) or re.sub(r"[._]", " ", rest)
    if section == "tools" and rest != "names":
        name, _, field = rest.rpartition(".")
        label = f"{name} {field.removesuffix('_seconds').replace('_', ' ')}"
    value = shown(path, without_secrets(decision.value, path))
    return PlanRow(heading, label, value, decision, _is_first(path, decision))


def _is_first(path: str, decision: Decision) -> bool:
    if _INNER.fullmatch(path) or (path == "model.path_on_node" and decision.kind == "given"):
        return False
    if "_lr.warmup_" in path or ".lr.warmup_" in path:
        return bool(decision.value)
    if decision.kind == "default" and path not in _ALWAYS:
        # A value that the algorithm's name brings; what it leaves off is not worth a line.
        return decision.reason.startswith("default for ") and bool(decision.value)
    return True


def shown(path: str, value: Any) -> str:
    """A value in the words of the language, on one line."""
    if path.endswith("_seconds"):
        return _duration(value) if value else "none"
    if path == "model.chat_template_text" and value != "own":
        return f"{len(value)} characters"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return re.sub(r"e([-+])0*", r"e\1", f"{value:g}").replace("e+", "e")
    if isinstance(value, dict):
        return ", ".join(f"{key}: {shown('', item)}" for key, item in value.items()) or "none"
    if isinstance(value, (tuple, list)):
        return ", ".join(shown("", item) for item in value) or "none"
    text = str(value).replace("${oc.env:HOME}", "~").replace(RUN_FOLDER, "<run>")
    # A control character of a name or a value would be obeyed by the terminal.
    return "".join(c if c.isprintable() else "�" for c in re.sub(r"\s+", " ", text))


def _duration(seconds: int) -> str:
    parts = (
        (seconds // 86400, "d"),
        (seconds % 86400 // 3600, "h"),
        (seconds % 3600 // 60, "m"),
        (seconds % 60, "s"),
    )
    return " ".join(f"{amount}{unit}" for amount, unit in parts if amount)
