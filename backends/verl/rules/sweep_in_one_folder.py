"""A loop starts several runs over one checkpoint folder.

The folder is `checkpoints/<project>/<experiment>` where nobody sets it, and `resume_mode` is auto: the second run
resumes the first.

Why: runs 2 and on load the last checkpoint of run 1, find their steps done and stop at once.
Source: trainer/ppo/v1/trainer_base.py:850-890 (0.9.1), trainer/ppo/ray_trainer.py _load_checkpoint of each release
Bad:
    --- run.sh
    for lr in 1e-6 3e-6; do
    python3 -m verl.trainer.main_ppo $ARGUMENTS actor_rollout_ref.actor.optim.lr=$lr
    done
Good:
    --- run.sh
    for lr in 1e-6 3e-6; do
    python3 -m verl.trainer.main_ppo $ARGUMENTS actor_rollout_ref.actor.optim.lr=$lr trainer.experiment_name=lr-$lr
    done
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.backends.verl.written.shell.text import Command, known, shown

RULE = Rule("TS709", "sweep-in-one-folder", "error")

NAMES = ("trainer.default_local_dir", "trainer.project_name", "trainer.experiment_name")
MODE = "trainer.resume_mode"


def check(view: View) -> Iterator[Found]:
    launch = view.run.launch
    if launch is None or not launch.command.loop:
        return
    mine = _arguments(launch.command)
    others = [
        _arguments(one)
        for one in launch.script.commands
        if one.span == launch.command.span and one.loop and one is not launch.command
    ]
    if mine is None or not others or None in others:
        return
    same = [
        other for other in others if other is not None and other != mine and _folder(other) == _folder(mine)
    ]
    if not same or view.text(MODE) != "auto" or view.integer("trainer.save_freq") <= 0:
        return
    differ = sorted(key for key in {*mine, *same[0]} if mine.get(key) != same[0].get(key))
    yield Found(
        f"{launch.command.loop} starts {len(same) + 1} runs that differ in {', '.join(differ[:3])} "
        "and save into one folder",
        ("trainer.experiment_name", "trainer.default_local_dir", MODE),
        fix="put the loop's variable into trainer.experiment_name",
        why=f"with {MODE}=auto each run resumes the one before, finds its steps done and stops",
    )


def _arguments(command: Command) -> Mapping[str, str] | None:
    """The arguments `key=value`, variables that the script does not set as they stand; None where a folder's name is
    made when the run starts (`$(date)`), or further arguments may come."""
    found: dict[str, str] = {}
    for word in command.words:
        key, equals, value = shown(word.text).partition("=")
        key = key.lstrip("+")
        if equals:
            found[key] = value
        if (key in NAMES and ("$(" in value or "`" in value)) or (
            not equals and word.several and known(word.text) is None
        ):
            return None
    return found


def _folder(arguments: Mapping[str, str]) -> tuple[str, ...]:
    if NAMES[0] in arguments:
        return (arguments[NAMES[0]],)
    return tuple(arguments.get(name, "") for name in NAMES[1:])
