"""wandb is a logger, and the script gives it no key and no offline mode.

The default is `[console, wandb]`. wandb.init runs when the training starts, after all models are loaded.

Why: in a job without a terminal it raises, unless a login lies in ~/.netrc of that machine.
Source: utils/tracking.py (0.9.1: :77-88); trainer/ppo/v1/trainer_base.py:423
Bad:
    trainer.logger=[console,wandb]
    --- run.sh
    python3 -m verl.trainer.main_ppo $ARGUMENTS
Good:
    trainer.logger=[console,wandb]
    --- run.sh
    export WANDB_MODE=offline
    python3 -m verl.trainer.main_ppo $ARGUMENTS
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.backends.verl.written.shell.text import Script, known, shown

RULE = Rule("TS705", "wandb-without-key", "warning")

KEY = "trainer.logger"
VARIABLES = ("WANDB_API_KEY", "WANDB_MODE", "WANDB_DISABLED", "WANDB_BASE_URL", "WANDB_IDENTITY_TOKEN_FILE")


def check(view: View) -> Iterator[Found]:
    launch = view.run.launch
    loggers = view.value(KEY)
    names = loggers if isinstance(loggers, list) else [loggers]
    if launch is None or not {"wandb", "tracking"} & {str(name) for name in names}:
        return
    if any(name in launch.command.env for name in VARIABLES) or _may_log_in(launch.script):
        return
    yield Found(
        f"{view.shown(KEY)}, and the script sets neither WANDB_API_KEY nor WANDB_MODE",
        (KEY, "launch:WANDB_API_KEY", "launch:WANDB_MODE", "env:WANDB_API_KEY"),
        fix="export WANDB_MODE=offline, or a logger of your own: trainer.logger=[console]",
        why="wandb.init runs after all models are loaded, and raises where no login is",
    )


def _may_log_in(script: Script) -> bool:
    """Whether something in the script may bring a key: a file that is sourced, `wandb login`, a named variable."""
    for command in script.commands:
        words = [known(word.text) for word in command.words]
        if words[:1] in (["source"], ["."]) and not any(str(word).endswith("activate") for word in words):
            return True
        if "wandb" in words and ({"login", "offline", "disabled"} & {str(word) for word in words}):
            return True
        if any("WANDB_" in shown(word.text) for word in command.words):
            return True
    return False
