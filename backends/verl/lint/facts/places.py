"""Whether a file that a run names is certainly missing, or may be on the machine that will run it.

A script is often read away from the files that it needs. A relative path is known to be missing only where another
relative path of the same run leads to something: then this is the folder that the run starts in.
"""

from __future__ import annotations

from pathlib import PurePath

from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.backends.verl.lint.view import View
from toolspec.backends.verl.written.shell.text import shown

# Keys whose value is a path of a file or folder of the run's own.
PATHS = (
    "data.train_files",
    "data.val_files",
    "data.custom_cls.path",
    "reward.custom_reward_function.path",
    "reward.reward_manager.module.path",
    "actor_rollout_ref.rollout.multi_turn.tool_config_path",
    "actor_rollout_ref.rollout.multi_turn.function_tool_path",
    "actor_rollout_ref.rollout.agent.agent_loop_config_path",
    "actor_rollout_ref.model.path",
)
MOVING = frozenset({"cd", "pushd"})
# Commands that only say or set something, and make no file.
HARMLESS = frozenset(
    {
        "export",
        "set",
        "echo",
        "ulimit",
        "unset",
        "source",
        ".",
        "module",
        "conda",
        "sleep",
        "printf",
        "wait",
        "ray",
        "true",
    }
)


def is_missing(view: View, key: str, text: str) -> bool:
    """Whether the file of `key` is certainly not there. Raises NotKnownError where that cannot be told."""
    needs = NotKnownError(f"the file of {key} ({text})")
    if "://" in text or "$" in text or text.startswith(("/", "~")) or not anchored(view, key):
        raise needs
    launch = view.run.launch
    if launch is None:
        return True
    start = launch.command.start
    before = [command for command in launch.script.commands if command.start < start]
    if any(command.name in MOVING for command in launch.script.commands):
        raise needs
    name, folder = PurePath(text).stem, PurePath(text).parent.name
    for command in before:
        if command.name in HARMLESS:
            continue
        words = " ".join(shown(word.text) for word in command.words)
        if name in words or (folder and folder in words) or "data" in words:
            raise needs  # it may be made there
    return True


def anchored(view: View, but: str) -> bool:
    """Whether another relative path of the run leads to something from here."""
    for key in PATHS:
        said = view.said(key)
        if key == but or said is None:
            continue
        for text in said.value if isinstance(said.value, list) else [said.value]:
            if not isinstance(text, str) or not text or text.startswith(("/", "~")):
                continue
            if view.path(text.removeprefix("file://")) is not None:
                return True
    return False
