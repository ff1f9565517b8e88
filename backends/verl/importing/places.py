"""Paths of a run's files: as the run says them, as a spec says them, and whether two name one place."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.backends.verl.written.value import Unknown
from toolspec.compiler.plan.places import is_local_model

# Keys whose value names a place. A relative one starts where the run starts, and in a bundle in its folder.
PLACES = frozenset(
    {
        "data.train_files",
        "data.val_files",
        "actor_rollout_ref.model.path",
        "critic.model.path",
        "trainer.default_local_dir",
        "trainer.resume_from_path",
    }
)
# Files that overrides name where a bundle does not carry them.
FILES = frozenset(
    {
        "reward.custom_reward_function.path",
        "reward.reward_manager.module.path",
        "actor_rollout_ref.rollout.multi_turn.tool_config_path",
        "actor_rollout_ref.rollout.multi_turn.function_tool_path",
        "actor_rollout_ref.rollout.agent.agent_loop_config_path",
        "data.custom_cls.path",
    }
)
MODELS = frozenset({"actor_rollout_ref.model.path", "critic.model.path"})

_FROM_ENVIRONMENT = re.compile(r"\$\{oc\.env:\s*([A-Za-z_]\w*)\s*\}")
_VARIABLE = re.compile(r"\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))")
_HERE = re.compile(r"\$(?:\{PWD\}|PWD\b|\(pwd\)|\{oc\.env:PWD\})(?:/|$)")


class Places:
    """folder: where the run's relative paths start. home: the folder of the spec to be written."""

    def __init__(self, folder: Path, home: Path) -> None:
        self.folder, self.home = folder.absolute(), home.absolute()

    def real(self, text: str) -> Path:
        """Where a relative path of the run leads: beside its file, else in the working directory if it is there."""
        beside, here = self.folder / text, Path(text).absolute()
        return here if here.exists() and not beside.exists() else beside

    def in_spec(self, value: Any, *, model: bool = False) -> str:
        """A path of the run as the spec says it. Raises NotKnownError for what no spec can say."""
        text = plain(value)
        if text is None:
            raise NotKnownError("a path that a spec can say")
        if "$" in text or "://" in text or text.startswith(("/", "~")):
            return text
        if model and not is_local_model(text, self.folder) and not self.real(text).is_dir():
            return text
        relative = Path(os.path.relpath(self.real(text), self.home)).as_posix()
        return f"./{relative}" if model and not relative.startswith(".") else relative

    def absolute(self, value: Any, *, model: bool = False) -> Any:
        """A relative path of the run as one that leads to the same place from anywhere; other values as they are."""
        text = plain(value)
        if text is None or "://" in text or "$" in text or text.startswith(("/", "~")):
            return value
        if model and not is_local_model(text, self.folder) and not self.real(text).is_dir():
            return value
        return os.path.normpath(self.real(text))

    def same(self, a: Any, b: Any, bundle: Path, *, model: bool = False) -> bool:
        """Whether the run's value `a` and the bundle's `b` name the same places."""
        if isinstance(a, list) or isinstance(b, list):
            one, other = _listed(a), _listed(b)
            pairs = zip(one, other, strict=False)
            return len(one) == len(other) and all(self.same(x, y, bundle, model=model) for x, y in pairs)
        first, second = plain(a), plain(b)
        if first is None or second is None:
            return False
        return self._whole(first, None, model) == self._whole(second, bundle, model)

    def _whole(self, text: str, bundle: Path | None, model: bool) -> str:
        if "$" in text or "://" in text or text.startswith(("/", "~")):
            return os.path.normpath(_VARIABLE.sub(lambda m: f"${m[1] or m[2]}", text))
        folder = self.folder if bundle is None else bundle
        if model and not is_local_model(text, folder) and not (bundle is None and self.real(text).is_dir()):
            return text
        return os.path.normpath(self.real(text) if bundle is None else bundle.absolute() / text)


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def plain(value: Any) -> str | None:
    """The path with variables as `$X` and the home as `~`; None for one that needs more than that to be known."""
    text = value.text if isinstance(value, Unknown) else value
    if not isinstance(text, str) or not text:
        return None
    text = str(text)
    if isinstance(value, Unknown) and (":" in _VARIABLE.sub("", text) and "://" not in text):
        return None
    if _HERE.match(text):
        text = _HERE.sub("", text, count=1) or "."
    text = _FROM_ENVIRONMENT.sub(r"${\1}", text)
    rest = _VARIABLE.sub("", text)
    if any(character in rest for character in "$`*?[\0\n") or (
        not isinstance(value, Unknown) and "${" in rest
    ):
        return None
    return re.sub(r"^\$(?:\{HOME\}|HOME\b)(?=/|$)", "~", text)


def several(values: Any) -> Iterable[Any]:
    """The files of `data.train_files`: one, or a list."""
    return _listed(values)
