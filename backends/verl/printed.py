"""The configuration that verl prints when it starts, read back from the lines of its log.

`pprint(OmegaConf.to_container(config, resolve=True))`, in the process that trains: 0.7.1 trainer/main_ppo.py:287, 0.8.0
:241, 0.9.1 :144 (V1) and main_ppo_v0.py:165 (V0). Keys are sorted and lines cut at 80 columns; a long text stands as
several in parentheses. What it has been through before it is printed is in `settled`.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from toolspec.backends.verl.releases import leaves

MOST_LINES = 20_000
MOST_CHARACTERS = 2 << 20
DEEPEST = 60
# What a printed literal is made of. A line that is nothing else belongs to it: Ray reads a process's output as it
# comes, and pprint writes a key, a colon and a value one by one, so that each may stand on a line of its own. What
# another thread writes between has words.
_TOKEN = re.compile(
    r"[br]?'(?:[^'\\]|\\.)*'|[br]?\"(?:[^\"\\]|\\.)*\"|\d[\d.]*(?:e[+-]?\d+)?"
    r"|\b(?:None|True|False|inf|nan)\b|[\[\]{}():,\s-]"
)
_TEXTS = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")
SECTIONS = ("actor_rollout_ref", "data", "trainer")


class Collector:
    """Takes the lines of one process in their order. text: the first whole configuration among them, "" until then."""

    def __init__(self) -> None:
        self.text = ""
        self._lines: list[str] = []
        self._open = 0
        self._characters = 0

    def take(self, line: str) -> None:
        if self.text:
            return
        if line.startswith(("{'", '{"')) or line.rstrip() == "{":
            if not self._open:
                self._lines, self._characters = [], 0
        elif not self._lines:
            return
        if not line.strip() or _TOKEN.sub("", line):
            return
        self._lines.append(line)
        self._characters += len(line)
        plain = _TEXTS.sub("", line)
        self._open += sum(map(plain.count, "{[(")) - sum(map(plain.count, "}])"))
        if self._open <= 0 or len(self._lines) > MOST_LINES or self._characters > MOST_CHARACTERS:
            text = "\n".join(self._lines)
            if self._open == 0 and all(re.search(rf"'{section}'\s*:", text) for section in SECTIONS):
                self.text = text
            self._lines, self._open = [], 0


def printed_config(text: str) -> Mapping[str, Any] | None:
    """Leaf keys, dotted, of the printed text; None where it is no mapping of plain data. Nothing is evaluated."""
    try:
        value = _plain(ast.parse(text.strip(), mode="eval").body, 0)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return dict(leaves(value)) if isinstance(value, dict) else None


_NAMES = {"inf": math.inf, "nan": math.nan}


def _plain(node: ast.AST, depth: int) -> Any:
    """Raises ValueError for anything but plain data."""
    if depth > DEEPEST:
        raise ValueError("nested too deeply")
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Dict):
        keys = [_plain(key, depth + 1) if key is not None else _refused() for key in node.keys]
        return {str(k): _plain(v, depth + 1) for k, v in zip(keys, node.values, strict=True)}
    if isinstance(node, (ast.List, ast.Tuple)):
        return [_plain(item, depth + 1) for item in node.elts]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = _plain(node.operand, depth + 1)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return -value
    if isinstance(node, ast.Name) and node.id in _NAMES:
        return _NAMES[node.id]
    return _refused()


def _refused() -> Any:
    raise ValueError("no plain data")


# Keys of before and where migrate_legacy_reward_impl puts a value that is not null; then the sections of before are
# deleted (experimental/reward_loop/reward_loop.py of 0.7.1 and 0.8.0, called by main_ppo.py before it is printed).
_LEGACY: tuple[tuple[str, str], ...] = (
    ("reward_model.num_workers", "reward.num_workers"),
    ("reward_model.reward_manager", "reward.reward_manager.name"),
    ("reward_model.reward_loop_source", "reward.reward_manager.source"),
    ("reward_model.reward_loop_module_path", "reward.reward_manager.module.path"),
    ("reward_model.reward_loop_class_name", "reward.reward_manager.module.name"),
    ("reward_model.model.path", "reward.reward_model.model_path"),
    *(
        (f"reward_model.{name}", f"reward.reward_model.{name}")
        for name in ("enable", "enable_resource_pool", "n_gpus_per_node", "nnodes")
    ),
)
_LEGACY_SECTIONS: tuple[tuple[str, str], ...] = (
    ("custom_reward_function", "reward.custom_reward_function"),
    ("sandbox_fusion", "reward.sandbox_fusion"),
    ("reward_model.rollout", "reward.reward_model.rollout"),
    ("reward_model.reward_kwargs", "reward.reward_kwargs"),
)
_DELETED = ("reward_model", "custom_reward_function", "sandbox_fusion")
MIGRATES = frozenset({"0.7.1", "0.8.0"})
# Release → key → value that verl sets itself before it prints: 0.9.1 trainer/main_ppo.py:143, V1 alone.
_SET: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {"0.9.1": MappingProxyType({"transfer_queue.enable": True})}
)
# Set to the device that is found: utils/device.py, auto_set_device, of each release.
BY_MACHINE = frozenset({"trainer.device"})


def settled(asked: Mapping[str, Any], version: str) -> dict[str, Any]:
    """Leaf keys as composed → as the release prints them, after what its main_ppo does to them."""
    found = dict(asked)
    if version in MIGRATES:
        for before, after in _LEGACY:
            if found.get(before) is not None:
                found[after] = found[before]
        for before, after in _LEGACY_SECTIONS:
            below = {key: value for key, value in found.items() if key.startswith(f"{before}.")}
            if any(value is not None for value in below.values()):
                found |= {
                    after + key[len(before) :]: value
                    for key, value in below.items()
                    if value is not None or before in _DELETED
                }
        found = {key: value for key, value in found.items() if key.partition(".")[0] not in _DELETED}
    if found.get("trainer.use_v1") is True:
        found |= _SET.get(version, {})
    return found


def flat(values: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Leaf keys of values that may be mappings themselves, as `printed_config` has them."""
    return {leaf: below for key, value in values for leaf, below in leaves({key: value})}
