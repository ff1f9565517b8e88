"""Names that a verl release accepts for a key, read from its registries, comparisons and assertions.

Every value carries the place that takes it. A kind of which nothing is found is left out of the table, so
that a registry that a release lacks, or has moved, shows in the diff.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from release_source import Field, Package, chain, source, strings

CORE = "trainer/ppo/core_algos.py"
ACTOR, ROLLOUT = "actor_rollout_ref.actor", "actor_rollout_ref.rollout"
Found = dict[str, str]


class Reader(Protocol):
    def read(self, package: Package) -> Found: ...


@dataclass(frozen=True)
class Registered:
    """The first argument of a decorator or call, in the files of a glob; of two, the later file counts."""

    register: tuple[str, ...]
    files: str

    def read(self, package: Package) -> Found:
        found: Found = {}
        for file in package.files(self.files):
            tree = package.tree(file)
            members = enum_members(tree)
            for node in ast.walk(tree):
                if isinstance(node, ast.Call) and ast.unparse(node.func) in self.register and node.args:
                    names = strings(node.args[0]) or tuple(members.get(ast.unparse(node.args[0]), ()))
                    found |= dict.fromkeys(names, source(file, node))
        return found


@dataclass(frozen=True)
class Compared:
    """What a function (or file) compares a name with by `==` or `in`, unless the branch just raises."""

    name: str
    file: str
    function: str = ""
    suffix: str = ""

    def read(self, package: Package) -> Found:
        if not package.files(self.file):
            return {}
        found: Found = {}
        for scope in self.scopes(package.tree(self.file)):
            for node in ast.walk(scope):
                if isinstance(node, ast.If) and not isinstance(node.body[0], ast.Raise):
                    for value in compared(node.test, self.name):
                        found.setdefault(value, source(self.file, node))
        return found | {f"{value}{self.suffix}": at for value, at in found.items()}

    def scopes(self, tree: ast.Module) -> Iterator[ast.AST]:
        yield from (n for n in ast.walk(tree) if not self.function or getattr(n, "name", "") == self.function)


@dataclass(frozen=True)
class Assigned:
    """The texts of a list, set or mapping (its keys) assigned to a name; of a pair only the first text."""

    name: str
    file: str

    def read(self, package: Package) -> Found:
        found: Found = {}
        for file in package.files(self.file):
            for node in ast.walk(package.tree(file)):
                targets = (
                    node.targets
                    if isinstance(node, ast.Assign)
                    else [node.target]
                    if isinstance(node, ast.AnnAssign)
                    else []
                )
                if any(ast.unparse(t) == self.name for t in targets):
                    for item in items(getattr(node, "value", None)):
                        found |= dict.fromkeys(strings(item)[:1], source(file, item))
        return found


@dataclass(frozen=True)
class Contained:
    """Texts looked for in a list: `"model" in self.checkpoint_save_contents`."""

    name: str
    file: str

    def read(self, package: Package) -> Found:
        found: Found = {}
        for node in ast.walk(package.tree(self.file)):
            match node:
                case ast.Compare(
                    left=ast.Constant(value=str() as value), ops=[ast.In()], comparators=[holder]
                ):
                    if chain(holder)[-1:] == (self.name,):
                        found.setdefault(value, source(self.file, node))
        return found


@dataclass(frozen=True)
class Listed:
    """Files of a folder by their stem: the options of a Hydra group."""

    files: str

    def read(self, package: Package) -> Found:
        return {
            file.rsplit("/", 1)[-1].rsplit(".", 1)[0]: f"verl/{file}" for file in package.files(self.files)
        }


@dataclass(frozen=True)
class Names:
    """The names of one kind. `keys` take one of them (of a list, each item); `also` are further values, where
    an `else` branch serves them."""

    keys: tuple[str, ...]
    readers: tuple[Reader, ...]
    also: tuple[str, ...] = ()


ENUMS: Mapping[str, Names] = {
    "advantage_estimator": Names(("algorithm.adv_estimator",), (Registered(("register_adv_est",), CORE),)),
    "agent_loop": Names(
        (f"{ROLLOUT}.agent.default_agent_loop",), (Registered(("register",), "experimental/agent_loop/*.py"),)
    ),
    "checkpoint_content": Names(
        tuple(f"{s}.checkpoint.{k}_contents" for s in (ACTOR, "critic") for k in ("save", "load")),
        (Contained("checkpoint_save_contents", "utils/checkpoint/checkpoint_manager.py"),),
    ),
    "checkpoint_engine": Names(
        (f"{ROLLOUT}.checkpoint_engine.backend",),
        (Registered(("CheckpointEngineRegistry.register",), "checkpoint_engine/*.py"),),
    ),
    "continuous_token_model": Names(
        (), (Assigned("_MODEL_TYPE_TO_FAMILY", "utils/tokenizer/continuous_token_wiring.py"),)
    ),
    "kl_control": Names(("algorithm.kl_ctrl.type",), (Compared("kl_ctrl.type", CORE, "get_kl_controller"),)),
    "kl_penalty": Names(
        ("algorithm.kl_penalty", f"{ACTOR}.kl_loss_type"),
        (Compared("kl_penalty", CORE, "kl_penalty_forward", suffix="+"),),
    ),
    "loss_aggregation": Names(
        (f"{ACTOR}.loss_agg_mode", "critic.loss_agg_mode"), (Compared("loss_agg_mode", CORE, "agg_loss"),)
    ),
    "model_engine": Names(("model_engine",), (Listed("trainer/config/model_engine/*.yaml"),)),
    "off_policy_strategy": Names(
        ("trainer.v1.sampler.max_off_policy_strategy",),
        (Compared("self.max_off_policy_strategy", "trainer/ppo/v1/replay_buffer.py"),),
    ),
    "policy_loss": Names((f"{ACTOR}.policy_loss.loss_mode",), (Registered(("register_policy_loss",), CORE),)),
    "resume_mode": Names(
        ("trainer.resume_mode",),
        (
            Compared("self.config.trainer.resume_mode", "trainer/ppo/ray_trainer.py"),
            Compared("self.config.trainer.resume_mode", "trainer/ppo/v1/trainer_base.py"),
        ),
    ),
    "reward_manager": Names(
        ("reward.reward_manager.name",),
        (Registered(("register", "register_manager"), "experimental/reward_loop/reward_manager/*.py"),),
    ),
    "rollout_correction_is": Names(
        ("algorithm.rollout_correction.rollout_is",),
        (Assigned("valid_is_levels", "trainer/ppo/rollout_corr_helper.py"),),
    ),
    "rollout_correction_loss": Names(
        ("algorithm.rollout_correction.loss_type",),
        (Compared("loss_type", CORE, "compute_policy_loss_bypass_mode"),),
    ),
    "rollout_correction_rs": Names(
        (), (Assigned("SUPPORTED_ROLLOUT_RS_OPTIONS", "trainer/ppo/rollout_corr_helper.py"),)
    ),
    "rollout_engine": Names(
        (f"{ROLLOUT}.name", "reward.reward_model.rollout.name"),
        (Registered(("RolloutReplicaRegistry.register",), "workers/rollout/replica.py"),),
    ),
    "scored_data_source": Names(
        (), (Compared("data_source", "utils/reward_score/__init__.py", "default_compute_score"),)
    ),
    "strategy": Names((f"{ACTOR}.strategy", "actor_rollout_ref.ref.strategy", "critic.strategy"), ()),
    "tool_parser": Names(
        (f"{ROLLOUT}.multi_turn.format",),
        (Registered(("ToolParser.register",), "experimental/agent_loop/tool_parser.py"),),
    ),
    "trace_backend": Names((f"{ROLLOUT}.trace.backend",), (Compared("backend", "utils/rollout_trace.py"),)),
    "tracking_backend": Names(("trainer.logger",), (Assigned("supported_backend", "utils/tracking.py"),)),
    "trainer_mode": Names(
        ("trainer.v1.trainer_mode",), (Registered(("register_trainer",), "trainer/ppo/v1/*.py"),)
    ),
    "truncation_side": Names(
        (f"{ROLLOUT}.multi_turn.tool_response_truncate_side",),
        (Compared("self.tool_response_truncate_side", "experimental/agent_loop/tool_agent_loop.py"),),
        also=("middle",),
    ),
}

# Asserted fields that have a plain name; others are called Class.field.
ASSERTED = {"FSDPEngineConfig.strategy": "strategy", "FSDPOptimizerConfig.lr_scheduler_type": "lr_scheduler"}


def names(package: Package, classes: Mapping[str, str], listed: set[str]) -> dict[str, Any]:
    """Name of the kind to `{"keys": [...], "values": {name: source}}`; `classes` is section to dataclass."""
    found: dict[str, Any] = {}
    for kind, spec in ENUMS.items():
        values = {
            value: at for reader in reversed(spec.readers) for value, at in reader.read(package).items()
        }
        if values and spec.also:
            values |= dict.fromkeys(spec.also, next(iter(values.values())))
        found[kind] = {"keys": [k for k in spec.keys if k in listed], "values": values}
    for section, cls in classes.items():
        for name, field in package.fields(cls).items():
            if field.choices and f"{section}.{name}" in listed:
                title = f"{owner(package, cls, field)}.{name}"
                entry = found.setdefault(ASSERTED.get(title, title), {"keys": [], "values": {}})
                entry["keys"].append(f"{section}.{name}")
                entry["values"] |= dict.fromkeys(field.choices, field.choices_source)
    return {k: {"keys": sorted(v["keys"]), "values": v["values"]} for k, v in found.items() if v["values"]}


def owner(package: Package, cls: str, field: Field) -> str:
    """The class whose `__post_init__` asserts a field's choices."""
    for ancestor in reversed(package.ancestry(cls)):
        own = package.fields(ancestor.name).get(field.name)
        if own and own.choices_source == field.choices_source:
            return ancestor.name
    return cls


def enum_members(tree: ast.Module) -> dict[str, tuple[str, ...]]:
    """`Class.MEMBER` to its text, for the Enum classes of a file."""
    return {
        f"{cls.name}.{ast.unparse(stmt.targets[0])}": strings(stmt.value)
        for cls in tree.body
        if isinstance(cls, ast.ClassDef) and any("Enum" in ast.unparse(base) for base in cls.bases)
        for stmt in cls.body
        if isinstance(stmt, ast.Assign)
    }


def compared(test: ast.expr, name: str) -> tuple[str, ...]:
    """The texts that a condition compares `name` with; `text*` where only the beginning counts."""
    match test:
        case ast.Compare(left=left, ops=[ast.Eq() | ast.In()], comparators=[values]) if (
            ast.unparse(left) == name
        ):
            return strings(values)
        case ast.Call(func=ast.Attribute(value=left, attr="startswith"), args=[values]) if (
            ast.unparse(left) == name
        ):
            return tuple(f"{value}*" for value in strings(values))
        case ast.BoolOp(values=parts):
            return tuple(value for part in parts for value in compared(part, name))
    return ()


def items(value: ast.expr | None) -> list[ast.expr]:
    """The items of a list or set, or the keys of a mapping; of a pair the first."""
    found = value.keys if isinstance(value, ast.Dict) else getattr(value, "elts", [])
    return [item.elts[0] if isinstance(item, ast.Tuple) else item for item in found if item is not None]
