"""Prompts that are longer than their limit.

Counted are the tokens of the whole prompt, by the model's own tokenizer and chat template, the tools among them. Where
these are not at hand, counted is what no tokenizer goes below: words, the marks around messages, the tools' schemas.
With `data.filter_overlong_prompts` such rows are dropped; without it the agent loop cuts a prompt's beginning away,
where the system prompt and the tools stand (0.8.0 on), or the run stops (0.7.1).

Why: the model is asked half a question, or the rows are not there.
Source: utils/dataset/rl_dataset.py maybe_filter_out_long_prompts (0.9.1: :190-275);
experimental/agent_loop/agent_loop.py (0.7.1: :598, no cut; 0.8.0: :340-352; 0.9.1: :438-441)
Bad (verl 0.9.1):
    data.filter_overlong_prompts=False data.max_prompt_length=32
Good:
    data.max_prompt_length=512
Bad:
    data.max_prompt_length=8
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from toolspec.backends.verl.lint.derived import PROMPT_LENGTH
from toolspec.backends.verl.lint.facts.prompts import prompts
from toolspec.backends.verl.lint.facts.rows import Split, each_split
from toolspec.backends.verl.lint.facts.tokens import Tokens, around, counter, texts
from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.compiler.chat.distribution import rounded_up
from toolspec.specs.problem import Severity

RULE = Rule("TS210", "prompts-too-long", "error")

FILTER, LIMIT = "data.filter_overlong_prompts", "data.max_prompt_length"
MARKS_AND_TOOLS = 4096
"""Bytes that are left for what is around the messages when rows are looked through for long ones."""


class Long(NamedTuple):
    """number: of rows beyond the limit, of so many that were looked at. most: tokens of the longest, in words.

    limit: one that holds them all. certain: the rows that verl drops are these.
    """

    number: int
    looked_at: int
    complete: bool
    most: str
    limit: int
    certain: bool = True


def check(view: View) -> Iterator[Found]:
    filtered = view.true(FILTER)
    if filtered and view.run.spec is not None and view.run.spec.facts.prompts is not None:
        return  # the limit was taken from the exact counts, and what it leaves out is told
    key = LIMIT if filtered else PROMPT_LENGTH
    limit = view.integer(key)
    for split, found in each_split(lambda split: _long(view, split, limit)):
        if found is not None:
            yield _told(view, split, key, filtered, found)


def _long(view: View, split: Split, limit: int) -> Long | None:
    try:
        counts = view.facts.prompt_counts(split, limit)
    except NotKnownError:
        return _at_least(view, limit) if split == "train" else None
    if not counts.over:
        return None
    row, tokens = counts.over[0]
    most = f"the longest, row {row + 1:,}, has {tokens:,} tokens"
    return Long(
        len(counts.over), counts.looked_at, counts.complete, most, rounded_up(tokens), not counts.both
    )


def _at_least(view: View, limit: int) -> Long | None:
    found, key = view.facts.rows(), view.text("data.prompt_key")
    rows = found.once(f"messages {key}", lambda: tuple(prompts(view)))
    # A token is a byte at least, so that the tokenizer's file, which may be large, is seldom read.
    if found.once(f"bytes {key}", lambda: max(map(_bytes, rows), default=0)) + MARKS_AND_TOOLS <= limit:
        return None
    name, count = counter(view)
    besides = around(view, count)
    messages = found.once(f"tokens {key} {name}", lambda: [sum(map(count, texts(row))) for row in rows])
    counts = [Tokens(number, besides(row)) for number, row in zip(messages, rows, strict=True)]
    number = sum(tokens.total > limit for tokens in counts)
    if not number:
        return None
    most = max(counts, key=lambda tokens: tokens.total)
    what = f", {most.messages} of its messages and {most.around} around them" if most.around else ""
    told = f"the longest has at least {most.total} tokens{what}"
    return Long(number, len(counts), found.complete, told, rounded_up(most.total * 3 // 2))


def _bytes(messages: list[Any]) -> int:
    return sum(len(text.encode("utf-8", "replace")) for text in texts(messages))


def _told(view: View, split: str, key: str, filtered: bool, found: Long) -> Found:
    severity, why = _harm(view, found, filtered)
    shown = (
        f"all {found.number:,}"
        if found.number == found.looked_at
        else f"{found.number:,} of {found.looked_at:,}"
    )
    first = "" if found.complete else "first "
    what = f"{shown} {first}{'prompts' if split == 'train' else 'validation prompts'}"
    return Found(
        f"{what} are longer than {view.shown(key)}: {found.most}",
        ("dataset:prompt", key, LIMIT, FILTER),
        fix=f"{LIMIT}={found.limit}" + ("" if filtered else f", or {FILTER}=True to drop them"),
        why=why,
        span=view.span(key, LIMIT, f"data.{split}_files"),
        severity=severity,
    )


def _harm(view: View, found: Long, filtered: bool) -> tuple[Severity, str]:
    share = found.number / found.looked_at
    if filtered:
        certain = share == 1 and found.complete and found.certain
        return ("error" if certain else "warning"), (
            "verl drops every row and stops"
            if certain
            else "verl drops these rows, and says only how many are left"
        )
    if not view.at_least("0.8.0"):
        return "error", "prompts of different widths stop the run where they are put together"
    return ("error" if share > 0.5 else "warning"), "verl cuts their beginning, system prompt and tools first"
