"""A tracker that needs a login which the script does not bring.

`wandb` is among the default loggers. verl starts the trackers after everything is loaded. Without a key, and without
a terminal to ask for one, wandb.init raises.

Why: the run stops after minutes of loading. A login of the user on the machine (`~/.netrc`) would do as well.
Source: utils/tracking.py Tracking.__init__ of each release (0.9.1: :63-140), called in fit (trainer_base.py:423)
Bad:
    --- run.sh
    python3 -m verl.trainer.main_ppo data.train_batch_size=32
Good:
    trainer.logger=[console,tensorboard]
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS718", "tracker-without-login", "warning")

KEY = "trainer.logger"
# Logger → (what in a script shows that it was thought of, variables to name).
NEEDS = {
    "wandb": (
        re.compile(
            r"WANDB_(?!ENTITY|PROJECT|DIR)\w+|wandb (login|offline|disabled|off)|netrc", re.IGNORECASE
        ),
        "WANDB_API_KEY",
    ),
    "vemlp_wandb": (re.compile(r"VOLC_ACCESS_KEY_ID"), "VOLC_ACCESS_KEY_ID"),
}
_ELSEWHERE = re.compile(r"--runtime-env\b|--env-file\b|\bdotenv\b")


def check(view: View) -> Iterator[Found]:
    loggers = view.value(KEY)
    wanted = [
        name
        for name in (loggers if isinstance(loggers, list) else [loggers])
        if isinstance(name, str) and name in NEEDS
    ]
    if not wanted:
        return
    launch = view.run.launch
    if launch is None:
        raise NotKnownError("the script that starts the run, for the environment of the tracker")
    lines = [line for line in launch.script.lines if not line.lstrip().startswith("#")]
    if any("sourced" in one for one in launch.script.assumed) or any(
        _ELSEWHERE.search(line) for line in lines
    ):
        raise NotKnownError("the files from which the script takes its environment")
    for name in wanted:
        pattern, variable = NEEDS[name]
        if any(pattern.search(line) for line in lines):
            continue
        default = "" if view.said(KEY) is not None else ", the default"
        offline = "export WANDB_MODE=offline, " if name == "wandb" else ""
        yield Found(
            f"{name} is among the loggers{default}, and the script sets no {variable}",
            (KEY, f"launch:{variable}"),
            fix=f"{offline}export {variable}, or {KEY}=[console,tensorboard]",
            why="without a login it raises after everything has loaded",
            span=view.span(KEY),
        )
