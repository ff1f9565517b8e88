"""Prompts that are longer than their limit.

Counted is what no tokenizer goes below: the fewest entries of the model's vocabulary that make up the texts, where
its tokenizer.json is at hand, else words. The marks around messages and the tools' schemas are counted too; what the
chat template itself says comes on top. With `data.filter_overlong_prompts` such rows are dropped; without it the
agent loop cuts a prompt's beginning away, where the system prompt and the tools stand (0.8.0 on), or the run stops
(0.7.1).

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

from toolspec.backends.verl.lint.derived import PROMPT_LENGTH
from toolspec.backends.verl.lint.facts.prompts import prompts
from toolspec.backends.verl.lint.facts.tokens import Tokens, around, counter, texts
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.specs.problem import Severity

RULE = Rule("TS210", "prompts-too-long", "error")

FILTER, LIMIT = "data.filter_overlong_prompts", "data.max_prompt_length"
MARKS_AND_TOOLS = 4096
"""Bytes that are left for what is around the messages when rows are looked through for long ones."""


def check(view: View) -> Iterator[Found]:
    filtered = view.true(FILTER)
    if filtered and view.run.spec is not None and view.run.spec.facts.prompts is not None:
        return  # the limit was taken from the exact counts, and what it leaves out is told
    key = LIMIT if filtered else PROMPT_LENGTH
    limit = view.integer(key)
    rows = list(prompts(view))
    # A token is a byte at least, so that the tokenizer's file, which may be large, is seldom read.
    if all(
        sum(len(text.encode("utf-8", "replace")) for text in texts(row)) + MARKS_AND_TOOLS <= limit
        for row in rows
    ):
        return
    count = counter(view)
    besides = around(view, count)
    counts = [Tokens(sum(map(count, texts(row))), besides(row)) for row in rows]
    long = sum(tokens.total > limit for tokens in counts)
    if not long:
        return
    severity, why = _harm(view, long / len(counts), filtered)
    most = max(counts, key=lambda tokens: tokens.total)
    shown = f"all {long}" if long == len(counts) else f"{long} of {len(counts)}"
    what = f", {most.messages} of its messages and {most.around} around them" if most.around else ""
    yield Found(
        f"{shown} prompts are longer than {view.shown(key)}: the longest has at least {most.total} tokens{what}",
        ("dataset:prompt", key, LIMIT, FILTER),
        fix=f"{LIMIT}={most.total * 3 // 2}" + ("" if filtered else f", or {FILTER}=True to drop them"),
        why=why,
        span=view.span(key, LIMIT, "data.train_files"),
        severity=severity,
    )


def _harm(view: View, share: float, filtered: bool) -> tuple[Severity, str]:
    if filtered:
        certain = share == 1
        return ("error" if certain else "warning"), (
            "verl drops every row and stops"
            if certain
            else "verl drops these rows, and says only how many are left"
        )
    if not view.at_least("0.8.0"):
        return "error", "prompts of different widths stop the run where they are put together"
    return ("error" if share > 0.5 else "warning"), "verl cuts their beginning, system prompt and tools first"
