"""A value of another type than the key has.

verl checks hardly any types: the dataclasses are filled as they come. A quoted number stays a text, `None` is a text
(`null` is none), and on Hydra's command line `on`, `off`, `yes` and `no` are texts, which Python takes for true.

Why: the run fails where the value is used, often after the models have loaded, or does the opposite.
Source: the defaults and annotations of each release; utils/config.py omega_conf_to_dataclass (hydra's instantiate
converts nothing); hydra-core 1.3 grammar/OverrideLexer.g4 (BOOL is true and false)
Bad:
    actor_rollout_ref.actor.optim.lr='"1e-6"'
Good:
    actor_rollout_ref.actor.optim.lr=1e-6
Bad:
    data.filter_overlong_prompts=off
Good:
    data.filter_overlong_prompts=True
Bad:
    reward.custom_reward_function.path=None
Bad:
    trainer.test_freq=[10]
Bad:
    actor_rollout_ref.rollout=sglang
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from toolspec.backends.verl.lint.derived import REF, has_critic, has_reference
from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.backends.verl.written.override import Sweep
from toolspec.backends.verl.written.value import Said, Unknown
from toolspec.specs.problem import Severity

RULE = Rule("TS806", "wrong-verl-type", "error")

NONE = frozenset({"none", "None", "NONE", "nil", "Null"})
NO = frozenset({"false", "no", "off", "n", "f", "0", "disable", "disabled", ""})
YES = frozenset({"true", "yes", "on", "y", "t", "1"})
# Sections that a run may never read, so that a wrong value in them may do nothing.
IDLE = ("profiler", "global_profiler", "skip", "distillation", "reward_model", "transfer_queue", "qat", "mtp")
NAMES = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "a text",
    "list": "a list",
    "dict": "a mapping",
}


class Wrong(NamedTuple):
    """what: the given value in words. fix: what to write. sure: that it cannot do what was meant."""

    what: str
    fix: str
    sure: bool


def check(view: View) -> Iterator[Found]:
    if view.run.spec is not None:
        return  # compile checks the types of overrides, and writes the others itself
    if not view.run.base:
        raise NotKnownError(view.run.open)
    for said in view.final.values():
        if isinstance(said.value, (Unknown, Sweep)) or (isinstance(said.value, str) and "${" in said.value):
            continue
        wanted = view.keys.types.get(said.key, view.keys.unlisted.get(said.key, "any"))
        if said.key in view.keys.sections and not isinstance(said.value, dict):
            yield _section(view, said)
            continue
        wrong = judge(said.value, wanted, view.keys.defaults.get(said.key))
        if wrong is None:
            continue
        severity: Severity | None = None if wrong.sure and _is_read(view, said.key) else "warning"
        yield _found(said, wanted, wrong, severity)


def judge(value: Any, wanted: str, default: Any) -> Wrong | None:
    """What is wrong with a value for a type of the release's table (`int|str?`); None where it may be meant.

    default: the key's own; null says that the type may have been guessed from the name.
    """
    kinds = set(wanted.rstrip("?").split("|"))
    guessed = default is None
    if "any" in kinds or (value is None and kinds & {"dict", "list"}):
        return None
    if "dict" in kinds:
        sure = kinds == {"dict"} and not guessed
        return (
            None if isinstance(value, dict) or kinds != {"dict"} else Wrong(_shown(value), "a mapping", sure)
        )
    if isinstance(value, str):
        return _text(value, kinds, guessed)
    if isinstance(value, (list, dict)):
        what = "a list" if isinstance(value, list) else "a mapping"
        fits = "list" in kinds if isinstance(value, list) else False
        return None if fits else Wrong(f"{what}", f"one value, {_named(kinds)}", not guessed)
    if value is None:
        numbers = kinds & {"int", "float"} and not wanted.endswith("?")
        return Wrong("null", _named(kinds), sure=False) if numbers else None
    if kinds == {"list"}:
        return Wrong(_shown(value), f"[{_shown(value)}]", sure=not guessed)
    if isinstance(value, bool):
        return (
            None if kinds & {"bool", "str", "list"} else Wrong(str(value).lower(), _named(kinds), sure=False)
        )
    if isinstance(value, float) and kinds == {"int"} and value.is_integer() and abs(value) >= 1:
        return Wrong(f"{value:g}, with a point or an exponent", f"{int(value)}", sure=False)
    return None


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return "a list"
    return str(value).lower() if isinstance(value, bool) else f"{value}"


def _text(value: str, kinds: set[str], guessed: bool) -> Wrong | None:
    shown = f'the text "{value}"' if len(value) <= 40 else f'the text "{value[:39]}…"'
    if value in NONE:
        return Wrong(f"{shown}, which is not null", "null", not guessed and "str" not in kinds)
    if "str" in kinds or value == "???":
        return None
    if "list" in kinds:
        return Wrong(shown, f"[{value}]", sure=False)
    if "bool" in kinds:
        lower = value.strip().lower()
        if lower in NO:
            return Wrong(f"{shown}, which Python takes for true" if value else shown, "False", value != "")
        return Wrong(shown, "True" if lower in YES else "True or False", sure=False)
    number = _number(value)
    return Wrong(shown, number or _named(kinds), not guessed)


def _number(value: str) -> str:
    """The number that a text holds, "" for none."""
    plain = value.strip().replace(",", "").replace("_", "")
    try:
        float(plain)
    except ValueError:
        return ""
    return plain


def _named(kinds: set[str]) -> str:
    return " or ".join(NAMES[name] for name in NAMES if name in kinds) or "another type"


def _is_read(view: View, key: str) -> bool:
    parts = key.split(".")
    if any(part in IDLE for part in parts):
        return False
    if key.startswith("critic."):
        return has_critic(view)
    return has_reference(view) if key.startswith(f"{REF}.") else True


def _section(view: View, said: Said) -> Found:
    word = "null" if said.value is None else f"`{said.text or said.value}`"
    return Found(
        f"`{said.key}` of verl {view.version} is a section with keys of its own, not {word}",
        (said.key,),
        fix="set the keys below it",
        why="everything in the section is gone",
        span=said.span,
        severity="warning" if said.value is None else None,
    )


def _found(said: Said, wanted: str, wrong: Wrong, severity: Severity | None) -> Found:
    kinds = set(wanted.rstrip("?").split("|"))
    return Found(
        f"`{said.key}` takes {_named(kinds)}, and is {wrong.what}",
        (said.key,),
        fix=f"{said.key}={wrong.fix}" if " " not in wrong.fix else wrong.fix,
        why="verl takes the value as it is, and fails or goes wrong where it is used",
        span=said.span,
        severity=severity,
    )
