"""Prompts that the chat template refuses.

A template may raise an exception: for a role that it does not know, for two users' turns in a row, for messages that
have no text. `data.filter_overlong_prompts` takes such a row for one that is too long, and drops it.

Why: rows are missing from the run, and what is printed says only how many are left.
Source: utils/dataset/rl_dataset.py maybe_filter_out_long_prompts, `return self.max_prompt_length + 1` (0.7.1: :258,
0.8.0: :262, 0.9.1: :265)
Bad:
    actor_rollout_ref.model.path=chosen
    --- chosen/config.json
    {"model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"], "max_position_embeddings": 8192}
    --- chosen/tokenizer.json
    {}
    --- chosen/chat_template.jinja
    {{ tools }} <tool_call> 'arguments' {% for m in messages %}{{ m.content.nothing.at_all }}{% endfor %}
Good:
    actor_rollout_ref.model.path=model
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.facts.rows import each_split
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS212", "prompts-refused", "warning")

FILTER, LIMIT = "data.filter_overlong_prompts", "data.max_prompt_length"


def check(view: View) -> Iterator[Found]:
    if not view.true(FILTER):
        return
    limit = view.integer(LIMIT)
    for split, counts in each_split(lambda split: view.facts.prompt_counts(split, limit)):
        if not counts.refused:
            continue
        row, why = min(counts.refused)
        every = len(counts.refused) == counts.looked_at and counts.complete
        shown = "all" if every else f"{len(counts.refused):,} of {counts.looked_at:,}"
        what = "prompts" if split == "train" else "validation prompts"
        yield Found(
            f"the chat template refuses {shown} {what}, the first is row {row + 1:,}: {why}",
            ("dataset:prompt", f"data.{split}_files", FILTER),
            fix="messages that the template takes, or another template",
            why="each count fails, and verl drops a row whose count fails"
            + (": none is left" if every else ""),
            span=view.span(f"data.{split}_files"),
            severity="error" if every and not counts.both else None,
        )
