"""The overlong penalty of the dapo manager lacks a number, or another manager runs.

The penalty starts `overlong_buffer_cfg.len` tokens before `reward.reward_kwargs.max_resp_len`. The manager asserts both
when the reward workers start; 0.7.1 and 0.8.0 do so even where the penalty is off. No other manager reads them.

Why: the run stops after the models have loaded, or trains without the penalty.
Source: experimental/reward_loop/reward_manager/dapo.py (0.7.1: :33-50, 0.8.0: :33-50, 0.9.1: :33-51); verl issue 5858
Bad:
    reward.reward_manager.name=dapo
    +reward.reward_kwargs.overlong_buffer_cfg.enable=True +reward.reward_kwargs.overlong_buffer_cfg.len=512
    +reward.reward_kwargs.overlong_buffer_cfg.penalty_factor=1.0 +reward.reward_kwargs.overlong_buffer_cfg.log=False
Good:
    reward.reward_manager.name=dapo +reward.reward_kwargs.max_resp_len=2048
    +reward.reward_kwargs.overlong_buffer_cfg.enable=True +reward.reward_kwargs.overlong_buffer_cfg.len=512
    +reward.reward_kwargs.overlong_buffer_cfg.penalty_factor=1.0 +reward.reward_kwargs.overlong_buffer_cfg.log=False
Bad (verl 0.7.1):
    reward.reward_manager.name=dapo +reward.reward_kwargs.overlong_buffer_cfg.enable=False
Bad:
    +reward.reward_kwargs.max_resp_len=2048 +reward.reward_kwargs.overlong_buffer_cfg.enable=True
    +reward.reward_kwargs.overlong_buffer_cfg.len=512 +reward.reward_kwargs.overlong_buffer_cfg.penalty_factor=1.0
    +reward.reward_kwargs.overlong_buffer_cfg.log=False
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from toolspec.backends.verl.lint.derived import MANAGER
from toolspec.backends.verl.lint.facts.reward import manager
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS410", "overlong-penalty", "error")

KWARGS = "reward.reward_kwargs"
BUFFER, LONGEST = f"{KWARGS}.overlong_buffer_cfg", f"{KWARGS}.max_resp_len"
ASSERTED = "the dapo manager asserts it when the reward workers start, after loading"


def check(view: View) -> Iterator[Found]:
    said = [one for one in view.said_below(BUFFER) if one.value is not None]
    if not said:
        return
    enabled = bool(_value(view, "enable"))
    if not manager(view):
        return
    if manager(view) != "dapo":
        if enabled:
            yield Found(
                f"the overlong penalty is on and {MANAGER}.name={manager(view)} does not read it",
                (f"{BUFFER}.enable", f"{MANAGER}.name"),
                fix=f"{MANAGER}.name=dapo",
                why="only the dapo manager shortens a reward for length",
            )
        return
    if not enabled and view.at_least("0.9.0"):
        return  # 0.7.1 and 0.8.0 assert wherever the section is there
    yield from _lengths(view, enabled)


def _lengths(view: View, enabled: bool) -> Iterator[Found]:
    longest, buffer = view.value(LONGEST), _value(view, "len")
    off = "" if enabled else ", also where the penalty is off"
    if longest is None:
        limit = view.value("data.max_response_length")
        yield Found(
            f"overlong_buffer_cfg is given without {LONGEST}{off}",
            (LONGEST, f"{BUFFER}.enable", f"{MANAGER}.name"),
            fix=f"+{LONGEST}={limit}",
            why=ASSERTED,
            span=view.span(f"{BUFFER}.enable", f"{BUFFER}.len", MANAGER),
        )
    if buffer is None:
        yield Found(
            f"overlong_buffer_cfg is given without `len`{off}",
            (f"{BUFFER}.len", f"{BUFFER}.enable"),
            fix=f"+{BUFFER}.len=512",
            why=ASSERTED,
            span=view.span(f"{BUFFER}.len", f"{BUFFER}.enable"),
        )
        return
    if _number(buffer) and _number(longest) and longest < buffer:
        yield Found(
            f"max_resp_len ({longest}) is below overlong_buffer_cfg.len ({buffer})",
            (LONGEST, f"{BUFFER}.len"),
            fix=f"{LONGEST}={view.value('data.max_response_length')}",
            why=ASSERTED,
        )
    if not enabled:
        return
    if _number(buffer) and buffer <= 0:
        yield Found(
            f"overlong_buffer_cfg.len is {buffer}", (f"{BUFFER}.len",), fix=f"{BUFFER}.len=512", why=ASSERTED
        )
    for name in ("penalty_factor", "log"):
        if _value(view, name) is None:
            yield Found(
                f"overlong_buffer_cfg is on without `{name}`",
                (f"{BUFFER}.{name}", f"{BUFFER}.enable"),
                fix=f"+{BUFFER}.{name}={1.0 if name == 'penalty_factor' else True}",
                why="the manager reads it at every score and has no default for it",
                span=view.span(f"{BUFFER}.enable"),
            )
    most = view.value("data.max_response_length")
    if _number(longest) and _number(most) and longest != most:
        begins = "never reached" if longest - (buffer if _number(buffer) else 0) >= most else "another length"
        yield Found(
            f"max_resp_len is {longest} and data.max_response_length is {most}",
            (LONGEST, "data.max_response_length"),
            fix=f"{LONGEST}={most}",
            why=f"the penalty counts from max_resp_len: {begins}",
            severity="warning",
        )


def _value(view: View, name: str) -> Any:
    return view.value(f"{BUFFER}.{name}")


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
