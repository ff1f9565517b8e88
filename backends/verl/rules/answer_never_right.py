"""An accepted answer that the reward's matcher takes for right in no trajectory.

The matcher is asked whether the row's own answer is right, as it stands and in the usual forms: `match: choice` knows
letters and not the number of an option, `match: number` no words, SQuAD's normal form of `the` is empty. `match: calls`
takes no call of a tool that the spec does not have, or against the tool's schema.

Why: these rows are never solved: they teach what else is paid, and success looks lower than it is.
Source: ts_compare.py of the bundle, which is asked; docs/reward.md
Bad:
    --- exp.yaml
    toolspec: 1
    name: options
    target: verl==0.9.1
    model: Qwen/Qwen2.5-3B-Instruct
    data: {train: train.jsonl, columns: {prompt: question, answer: answer}}
    reward: {correct: {weight: 1, match: choice}}
    algorithm: {name: grpo, batch: 1, group: 8}
    cluster: {gpus: 1}
    --- train.jsonl
    {"question": "Which is a fruit? A stone B apple", "answer": 1}
    {"question": "Which is a stone? A granite B apple", "answer": 0}
Good:
    --- exp.yaml
    toolspec: 1
    name: options
    target: verl==0.9.1
    model: Qwen/Qwen2.5-3B-Instruct
    data: {train: train.jsonl, columns: {prompt: question, answer: answer}}
    reward: {correct: {weight: 1, match: choice}}
    algorithm: {name: grpo, batch: 1, group: 8}
    cluster: {gpus: 1}
    --- train.jsonl
    {"question": "Which is a fruit? A stone B apple", "answer": "B"}
    {"question": "Which is a stone? A granite B apple", "answer": "A. granite"}
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.facts.never_right import never_right
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.specs.complaints import cut
from toolspec.specs.problem import Span

RULE = Rule("TS432", "answer-never-right", "error")

FIXES = {
    "number": "match: exact, or rows with a number and nothing else",
    "choice": "rows with the letter, or `choices:` with all letters",
    "json": "match: exact, or rows with JSON",
    "calls": 'rows whose calls are of the spec\'s tools, as JSON text: [{"name": …, "arguments": {…}}]',
}


def check(view: View) -> Iterator[Found]:
    for one in never_right(view):
        of = "all" if one.number == one.looked_at else f"{one.number:,} of"
        rows = f"{of} {one.looked_at:,} {one.split} rows"
        yield Found(
            f"`match: {one.match}` never takes the accepted answer of {rows} for right; the first is row "
            f"{one.first:,}: {cut(repr(one.answer))}" + (f"; {one.why}" if one.why else ""),
            (f"data.{one.split}_files",),
            fix=FIXES.get(one.match, "match: exact"),
            why="such a row is never solved, whatever the policy answers",
            span=_place(view),
            severity=None if one.number == one.looked_at else "warning",
        )


def _place(view: View) -> Span | None:
    spec = view.run.spec
    if spec is None:
        return None
    found: Span | None = spec.place("reward.correct.match") or spec.place("reward.correct")
    return found
