"""Arguments that bash does not pass to verl, because the command ended before them.

A blank behind the backslash, a comment or an empty line between the arguments, a carriage return, or a backslash that
is missing ends the command. What follows is run as a command of its own, after the training.

Why: verl starts with defaults in place of what is written.
Source: bash's grammar; verl's defaults of what is lost (trainer/config of each release)
Bad:
    --- run.sh
    python3 -m verl.trainer.main_ppo \\
        data.train_batch_size=32 \\
        # the reward
        trainer.n_gpus_per_node=4
Good:
    --- run.sh
    # the reward is the built-in one
    python3 -m verl.trainer.main_ppo \\
        data.train_files=train.parquet data.val_files=val.parquet data.train_batch_size=32 \\
        algorithm.adv_estimator=grpo actor_rollout_ref.rollout.n=8 actor_rollout_ref.model.path=model \\
        actor_rollout_ref.actor.ppo_mini_batch_size=32 actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu=4 \\
        actor_rollout_ref.rollout.log_prob_micro_batch_size_per_gpu=4 actor_rollout_ref.rollout.name=sglang \\
        actor_rollout_ref.rollout.tensor_model_parallel_size=1 trainer.n_gpus_per_node=4 \\
        actor_rollout_ref.rollout.max_model_len=2048 reward.custom_reward_function.path=reward.py
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.backends.verl.written.launches import blank_words
from toolspec.backends.verl.written.run import Launch

RULE = Rule("TS902", "broken-continuation", "error")

SHOWN = 4


def check(view: View) -> Iterator[Found]:
    launch = view.run.launch
    if launch is None:
        return
    script = f"launch:{PurePath(view.run.file).name}"
    lost = launch.lost
    if lost:
        names = ", ".join(said.key for said in lost[:SHOWN])
        more = f" and {len(lost) - SHOWN} more" if len(lost) > SHOWN else ""
        yield Found(
            f"bash does not pass {names}{more} to verl: {launch.lost_why}",
            (script, *(said.key for said in lost)),
            fix=_fix(launch.lost_why),
            why="the command ends there, and verl starts with its defaults for what follows",
            span=lost[0].key_span,
        )
        return
    line = _carriage_return(launch)
    if line:
        behind = [
            said
            for said in view.run.said
            if said.key_span.file == view.run.file and said.key_span.line > line
        ]
        yield Found(
            f"a carriage return stands behind the backslash of line {line}: bash passes nothing of what follows",
            (script, *(said.key for said in behind)),
            fix=_fix("carriage return"),
            why="the command ends there, and verl starts with its defaults for what follows",
            span=behind[0].key_span if behind else launch.command.span,
        )
        return
    for word in blank_words(launch.command):
        yield Found(
            "a blank stands behind the backslash, so that verl gets a blank as an argument",
            (script,),
            fix="take the blank away",
            why="Hydra stops before anything starts",
            span=word.span,
        )
        return


def _carriage_return(launch: Launch) -> int:
    """The first line of the command that ends in a backslash and a carriage return, 0 for none."""
    first = launch.command.span.line
    last = max(word.span.line for word in launch.command.words)
    lines = launch.script.lines[first - 1 : last]
    return next((first + n for n, line in enumerate(lines) if line.endswith("\\\r")), 0)


def _fix(why: str) -> str:
    if "comment" in why:
        return "move the comment above the command"
    if "empty line" in why:
        return "take the empty line away"
    if "tee" in why:
        return "move them before the pipe"
    if "carriage return" in why:
        return "write the file with newlines alone: dos2unix, or sed -i 's/\\r$//'"
    if "blank" in why:
        return "take the blank behind the backslash away"
    return "end the line before with a backslash"
