"""One side of a comparison: a spec compiled for a release, or a bundle on disk, by what it makes verl do."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from toolspec.backends.verl.beside import beside, own_modules
from toolspec.backends.verl.compile import Compiled, bundle_of
from toolspec.backends.verl.emit.bundle import MANIFEST
from toolspec.backends.verl.emit.config_yaml import escape, origin
from toolspec.backends.verl.interpolation import ABSENT as NO_KEY
from toolspec.backends.verl.interpolation import UnresolvedError
from toolspec.backends.verl.lower.moves import ABSENT
from toolspec.backends.verl.lower.row import Row
from toolspec.backends.verl.lower.table import (
    ACTOR,
    REF,
    ROLLOUT,
    TABLE,
    critic,
    dynamic,
    filtering,
    loop_runs_tools,
    reference,
)
from toolspec.backends.verl.overlay import Overlay
from toolspec.backends.verl.releases import Release, leaves, release
from toolspec.backends.verl.renames import below, common_name, name_in
from toolspec.compiler.plan.decision import Decision, Plan
from toolspec.compiler.plan.places import Interpolation
from toolspec.specs.named_file import UnreadableError, read, real
from toolspec.specs.problem import Problem, ProblemError
from toolspec.specs.settings import SET
from toolspec.specs.yaml_tree import parse

MAX_BUNDLE_BYTES = 64 << 20
CONFIG, PLAN_FILE = "config.yaml", "plan.json"


class Marker:
    """A value that is none: `not used`, `no such key`. Shown by its words."""

    def __init__(self, words: str) -> None:
        self.words = words

    def __str__(self) -> str:
        return self.words


NOT_USED = Marker("not used")
MISSING = Marker("–")
# Key → the key whose value stands for a null there (workers/config/model.py, HFModelConfig.__post_init__).
NULL_MEANS: Mapping[str, str] = {
    f"{section}.tokenizer_path": f"{section}.path" for section in ("actor_rollout_ref.model", "critic.model")
}


@dataclass(frozen=True)
class Side:
    """keys: verl key in the newest names → (value as config.yaml has it, where it comes from), if decided.

    overridden: those of them that the spec's overrides say. files: path in the bundle → content. folder:
    that relative paths in the configuration start from.
    """

    label: str
    release: Release
    plan: Plan
    keys: Mapping[str, tuple[Any, str]]
    overridden: frozenset[str]
    files: Mapping[str, bytes]
    folder: Path

    @cached_property
    def _overlay(self) -> Overlay:
        return self.release.overlay({self.name(key): value for key, (value, _) in self.keys.items()})

    def name(self, key: str) -> str:
        """The key's name in this side's release."""
        return name_in(key, self.release.version)

    def value(self, key: str) -> Any:
        """What `key` (in the newest names) comes to, written or default, resolved where it can be.

        NOT_USED where the plan switches off what reads it; MISSING where the release has no such key. A
        key that the release lacks without harm has the value that its plan stands for.
        """
        if self.unused(key):
            return NOT_USED
        name = self.name(key)
        if key not in self.keys and not self.release.dp.listed(name):
            return self._implied(key)
        try:
            value = self._overlay.resolve(name)
        except UnresolvedError:
            value = self._overlay.raw(name)
        if value is None and key in NULL_MEANS:
            return self.value(NULL_MEANS[key])
        return MISSING if value is NO_KEY else value

    def raw_default(self, key: str) -> Any:
        return self.release.defaults.get(self.name(key), MISSING)

    def from_where(self, key: str) -> str:
        if key in self.keys:
            return self.keys[key][1]
        row = self._implying_row(key)
        if row is not None:
            return f"{row.plan}: {self.plan.decisions[row.plan].reason}"
        return f"default of verl {self.release.version}"

    def unused(self, key: str) -> bool:
        return any(below(key, section) for section in self.unused_sections)

    @cached_property
    def unused_sections(self) -> tuple[str, ...]:
        return tuple(
            section
            for section, unused in UNUSED
            if unused(self.plan) and not any(below(key, section) for key in self.overridden)
        )

    def _implied(self, key: str) -> Any:
        row = self._implying_row(key)
        if row is None:
            return MISSING
        return self.plan[row.plan] if row.value is None else row.value(self.plan[row.plan])

    def _implying_row(self, key: str) -> Row | None:
        """The row whose plan value the release, lacking the key, keeps all the same (lower/moves.py)."""
        if not any(entry.key == key for entry in ABSENT[self.release.version]):
            return None
        return next(
            (row for row in TABLE if row.key == key and (row.when is None or row.when(self.plan))), None
        )

    def place(self, value: Any) -> Any:
        """The value with relative paths made absolute, so that bundles in two folders compare by meaning."""
        if isinstance(value, str) and value.startswith(("../", "./")):
            return os.path.normpath(self.folder.absolute() / value)
        if isinstance(value, (list, tuple)):
            return [self.place(item) for item in value]
        return value

    @cached_property
    def beside(self) -> Mapping[str, Any]:
        """What the bundle says beside config.yaml (beside.py)."""
        return beside(self.files)

    @cached_property
    def modules(self) -> Mapping[str, str]:
        """Digest of each of toolspec's own modules in the bundle."""
        return own_modules(self.files)


# Section of verl's configuration → the plans under which nothing reads it.
UNUSED: tuple[tuple[str, Any], ...] = (
    ("critic", lambda plan: not critic(plan)),
    (REF, lambda plan: not reference(plan)),
    ("algorithm.kl_penalty", lambda plan: plan["algorithm.kl.where"] != "reward"),
    ("algorithm.kl_ctrl", lambda plan: plan["algorithm.kl.where"] != "reward"),
    (f"{ACTOR}.kl_loss_type", lambda plan: plan["algorithm.kl.where"] != "loss"),
    (f"{ACTOR}.kl_loss_coef", lambda plan: plan["algorithm.kl.where"] != "loss"),
    ("algorithm.filter_groups.metric", lambda plan: not filtering(plan)),
    ("algorithm.filter_groups.max_inflight_gen_batches", lambda plan: not filtering(plan)),
    ("algorithm.filter_groups.max_num_gen_batches", lambda plan: not filtering(plan)),
    (f"{ACTOR}.ppo_max_token_len_per_gpu", lambda plan: not dynamic(plan)),
    ("critic.ppo_max_token_len_per_gpu", lambda plan: not dynamic(plan)),
    (f"{ACTOR}.ppo_micro_batch_size_per_gpu", dynamic),
    (f"{REF}.log_prob_micro_batch_size_per_gpu", dynamic),
    (f"{ROLLOUT}.log_prob_micro_batch_size_per_gpu", dynamic),
    ("critic.ppo_micro_batch_size_per_gpu", dynamic),
    (f"{ROLLOUT}.multi_turn", lambda plan: not loop_runs_tools(plan)),
)


def side_of_spec(compiled: Compiled, label: str) -> Side:
    """The side that a compiled spec is."""
    config = compiled.config
    version = config.release.version
    keys = {
        common_name(key, version): (
            _as_written(setting.value),
            origin(setting, compiled.loaded.names).replace(f"{SET}:1", SET),
        )
        for key, setting in config.settings.items()
    }
    overridden = frozenset(
        common_name(k, version) for k, s in config.settings.items() if s.plan == "overrides"
    )
    files = bundle_of(compiled).files
    return Side(label, config.release, compiled.plan, keys, overridden, files, compiled.folder)


def _as_written(value: Any) -> Any:
    """As config.yaml has it: a user's own `${` is escaped there."""
    if isinstance(value, str):
        return str(value) if isinstance(value, Interpolation) else escape(value)
    if isinstance(value, Mapping):
        return {name: _as_written(below) for name, below in value.items()}
    if isinstance(value, (list, tuple)):
        return [_as_written(item) for item in value]
    return value


def side_of_bundle(folder: Path, label: str) -> Side:
    """The side that a bundle on disk is. Raises ProblemError where the folder holds none, or a broken one."""
    manifest = _document(folder, MANIFEST)
    document = _document(folder, PLAN_FILE)
    try:
        target = release(str(manifest["verl"]))
        version = target.version
        decisions = {
            path: Decision(entry["value"], entry["kind"], entry["reason"])
            for path, entry in document["plan"].items()
        }
        plan = Plan(str(manifest["name"]), version, decisions)
        told = document["config"]
        files = _bundle_files(folder, manifest["files"])
        written = _config(files[CONFIG], folder / CONFIG)
        keys = {
            common_name(key, version): (value, _told(told.get(key), plan)) for key, value in written.items()
        }
        for key, entry in told.items():
            keys.setdefault(
                common_name(key, version), (target.defaults.get(key, entry["value"]), _told(entry, plan))
            )
        overridden = frozenset(common_name(k, version) for k, e in told.items() if e["from"] == "overrides")
    except (KeyError, TypeError, AttributeError) as error:
        raise _broken(folder, f"its manifest or plan lacks {error}") from None
    return Side(label, target, plan, keys, overridden, files, folder)


def is_bundle(path: Path) -> bool:
    return (path / MANIFEST).is_file()


def _bundle_files(folder: Path, named: Mapping[str, str]) -> dict[str, bytes]:
    """The files that the manifest names, as they are now. One outside the folder is refused unread."""
    root, total = real(folder), 0
    files: dict[str, bytes] = {}
    for path in named:
        file = real(folder / path)
        if not file.is_relative_to(root):
            raise _broken(folder, f"its manifest names {path}, outside of it")
        try:
            files[path] = read(file, MAX_BUNDLE_BYTES - total)
        except UnreadableError as error:
            if error.too_large:
                raise _broken(folder, f"it holds more than {MAX_BUNDLE_BYTES >> 20} MiB") from None
            why = "is missing" if error.missing else f"cannot be read: {error}"
            raise _broken(folder, f"{path} {why}") from None
        total += len(files[path])
    return files


def _config(body: bytes, file: Path) -> dict[str, Any]:
    tree = parse(body, str(file)).value
    return dict(leaves({name: below for name, below in tree.items() if name not in ("hydra", "defaults")}))


def _told(entry: Any, plan: Plan) -> str:
    """What plan.json says of a key, in the words of config.yaml's comments."""
    if entry is None:
        return "written by hand"
    path = str(entry["from"])
    decision = plan.decisions.get(path)
    why = f": {decision.reason}" if decision is not None and decision.kind != "given" else ""
    line = f", {entry['file']}:{entry['line']}" if "line" in entry else ""
    return f"{path}{why}{line}"


def _document(folder: Path, name: str) -> Any:
    try:
        document = json.loads(read(folder / name, MAX_BUNDLE_BYTES))
    except (UnreadableError, ValueError, RecursionError):
        raise _broken(folder, f"it has no readable {name}") from None
    if not isinstance(document, dict):
        raise _broken(folder, f"{name} is no mapping")
    return document


def _broken(folder: Path, what: str) -> ProblemError:
    message = f"{folder} is no whole bundle: {what}"
    return ProblemError(
        (Problem("TS031", "no-bundle", message, None, fix="name a spec, or compile it again"),)
    )
