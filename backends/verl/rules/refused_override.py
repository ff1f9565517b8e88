"""An override that Hydra refuses though verl knows the key.

A plain `key=value` must name a key of the composed config: one that verl only reads, or one inside an open mapping
(`engine_kwargs`, `override_config`), needs `+`. A `+key=value` must name one that is not there, or is null. `~key` must
name one that is there. A list is not merged into a mapping, nor a mapping into a list.

Why: the run stops before anything starts.
Source: hydra-core 1.3 _internal/config_loader_impl.py _apply_overrides_to_config, over the config of each release
Bad:
    +trainer.val_before_train=False
Good:
    trainer.val_before_train=False
Bad:
    actor_rollout_ref.model.override_config.attn_implementation=sdpa
Good:
    +actor_rollout_ref.model.override_config.attn_implementation=sdpa
Bad:
    ~trainer.val_every
Bad:
    data.custom_cls=[a.py,MyDataset]
"""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Iterator

from toolspec.backends.verl.lint.composition import Refused, refusals
from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.backends.verl.lint.rule import Change, Drop, Found, Rename, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.backends.verl.renames import gone
from toolspec.backends.verl.written.override import Sweep
from toolspec.backends.verl.written.override_text import override_text
from toolspec.backends.verl.written.value import Said, Unknown

RULE = Rule("TS820", "refused-override", "error")


def check(view: View) -> Iterator[Found]:
    if not view.run.base:
        raise NotKnownError(view.run.open)
    unsure = False
    words = Counter((said.key_span, said.key) for said in view.run.said)
    for one in refusals(view):
        if words[one.said.key_span, one.said.key] > 1:
            continue  # one word of the script became several: rule braces-expanded
        if one.reason == "absent" and not view.keys.knows(one.key):
            continue  # rule unknown-verl-key
        if one.reason in ("absent", "nothing") and view.run.open:
            unsure = True
            continue
        yield _found(view, one)
    if unsure:
        raise NotKnownError(view.run.open)


def _word(op: str, said: Said) -> str:
    """The override as one word of a command line."""
    value = said.text if isinstance(said.value, Unknown | Sweep) else override_text(said.value)
    word = f"{op}{said.key}={value}"
    return shlex.quote(word) if re.search(r"\s", word) else word


def _found(view: View, one: Refused) -> Found:
    said, version = one.said, view.version
    changes: tuple[Change, ...] = ()
    if one.reason == "present":
        message = f"`+` adds a key, and verl {version} has `{one.key}` already"
        fix = _word("", said)
        changes = (Rename(said.key, said.key, ""),)
    elif one.reason == "absent":
        message = f"`{one.key}` is not among the keys of verl {version}, which takes it only with `+`"
        dead = gone(one.key, version)
        fix = _word("+", said) if dead is None else f"drop it: {dead.why}"
        changes = (Rename(said.key, said.key, "+") if dead is None else Drop(said.key),)
    elif one.reason == "nothing":
        message, fix = f"`~` deletes a key, and verl {version} has none at `{one.key}`", "drop it"
    else:
        kinds = "a list and a mapping do not merge"
        message = f"`{one.key}` of verl {version} is of another kind than `{said.text}`: {kinds}"
        fix = "set the keys below it"
    return Found(
        message,
        (one.key,),
        fix=fix,
        why="Hydra stops before anything starts",
        span=said.key_span,
        changes=changes,
        safe=bool(changes) and isinstance(changes[0], Rename),
    )
