"""A checkpoint that lacks what a resume loads.

`checkpoint.save_contents` says what is written, `load_contents` (by default the same) what a resume reads. What is
read and was not written is a file that is not there. Without `model` a resume goes on from the step with the weights
of the start.

Why: the run cannot be continued, or is continued with other weights than it had.
Source: utils/checkpoint/fsdp_checkpoint_manager.py load_checkpoint and save_checkpoint of each release
Bad:
    actor_rollout_ref.actor.checkpoint.save_contents=[model] actor_rollout_ref.actor.checkpoint.load_contents=[model,optimizer]
Bad:
    actor_rollout_ref.actor.checkpoint.save_contents=[hf_model]
Good:
    actor_rollout_ref.actor.checkpoint.save_contents=[model,optimizer,extra,hf_model]
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import ACTOR, has_critic
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS715", "checkpoint-cannot-resume", "warning")


def check(view: View) -> Iterator[Found]:
    if view.integer("trainer.save_freq", null=0) <= 0 or view.value("trainer.resume_mode") == "disable":
        return
    yield from _role(view, ACTOR)
    if has_critic(view):
        yield from _role(view, "critic")


def _role(view: View, role: str) -> Iterator[Found]:
    save, load = f"{role}.checkpoint.save_contents", f"{role}.checkpoint.load_contents"
    saved, loaded = view.value(save), view.value(load)
    if not isinstance(saved, list) or not isinstance(loaded, list):
        return
    missing = [str(name) for name in loaded if name not in saved and name != "hf_model"]
    if missing:
        yield Found(
            f"a resume loads {', '.join(missing)}, and {save} does not save it",
            (load, save),
            fix=f"{load}={_listed([n for n in loaded if n in saved])}",
            why="it opens a file that is not there",
            span=view.span(load, save),
        )
    elif "model" not in saved:
        yield Found(
            f"{save} is {_listed(saved)}: a resume has no weights to load",
            (save,),
            fix=f"{save}={_listed(['model', 'optimizer', 'extra', *(n for n in saved if n == 'hf_model')])}",
            why="it goes on from the saved step with the weights of the start",
        )


def _listed(names: list[str]) -> str:
    return f"[{','.join(map(str, names))}]"
