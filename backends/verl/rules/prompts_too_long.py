"""Prompts that are longer than their limit.

Counted is what no tokenizer goes below: words, and for Qwen's tokenizers the pieces that its pattern cuts a text
into. Chat template and tool schemas come on top. With `data.filter_overlong_prompts` such rows are dropped; without
it the agent loop cuts a prompt's beginning away, where the system prompt stands (0.8.0 on), or the run stops (0.7.1).

Why: the model is asked half a question, or the rows are not there.
Source: utils/dataset/rl_dataset.py maybe_filter_out_long_prompts (0.9.1: :190-275);
experimental/agent_loop/agent_loop.py (0.7.1: :598, no cut; 0.8.0: :340-352; 0.9.1: :438-441)
Bad (verl 0.9.1):
    data.filter_overlong_prompts=False data.max_prompt_length=8
Good:
    data.max_prompt_length=512
Bad:
    data.max_prompt_length=8
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from toolspec.backends.verl.lint.derived import PROMPT_LENGTH
from toolspec.backends.verl.lint.facts.prompts import prompts
from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.specs.problem import Severity

RULE = Rule("TS210", "prompts-too-long", "error")

FILTER, LIMIT = "data.filter_overlong_prompts", "data.max_prompt_length"
WORD = re.compile(r"\S+")
# Qwen's pre-tokenizer: a run of letters with one mark before it, each digit, a run of marks; merging stays within one.
PIECE = re.compile(r"[^\W\d_]+|\d|(?:[^\w\s]|_){2,}|(?:[^\w\s]|_)(?![^\W\d_])")


def check(view: View) -> Iterator[Found]:
    piece = PIECE if _qwen(view) else WORD
    filtered = view.true(FILTER)
    key = LIMIT if filtered else PROMPT_LENGTH
    limit = view.integer(key)
    counts = [_pieces(messages, piece) for messages in prompts(view)]
    long = sum(count > limit for count in counts)
    if not long:
        return
    severity, why = _harm(view, long / len(counts), filtered)
    rows = f"all {long}" if long == len(counts) else f"{long} of {len(counts)}"
    yield Found(
        f"{rows} prompts are longer than {view.shown(key)}: the longest has at least "
        f"{max(counts)} tokens, without chat template and tools",
        ("dataset:prompt", key, LIMIT, FILTER),
        fix=f"{LIMIT}={max(counts) * 3 // 2}" + ("" if filtered else f", or {FILTER}=True to drop them"),
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


def _qwen(view: View) -> bool:
    try:
        return (view.facts.model().model_type or "").startswith("qwen")
    except NotKnownError:
        return False


def _pieces(messages: list[Any], piece: re.Pattern[str]) -> int:
    """Pieces of a prompt's texts, which are no more than its tokens."""
    total = 0
    for message in messages:
        content = message.get("content") if isinstance(message, dict) else None
        parts = content if isinstance(content, list) else [content]
        for part in parts:
            text = part.get("text") if isinstance(part, dict) else part
            if isinstance(text, str):
                total += sum(1 for _ in piece.finditer(text))
    return total
