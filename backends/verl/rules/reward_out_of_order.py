"""A trajectory is paid as much as a better one.

The best-paid trajectory is an honest solution, but below it the order is not that of the task: bad calls outweigh a
right answer, or giving up beats a try. Two trajectories show it, with what each term pays.

Why: a group or a batch that holds both teaches the worse one, or nothing.
Source: docs/reward.md
Bad:
    --- exp.yaml
    toolspec: 1
    name: seed
    target: verl==0.9.1
    model: Qwen/Qwen2.5-3B-Instruct
    data: {train: train.parquet}
    tools: {calculator: spec_tools.py:calculator}
    reward: tool_calling
    algorithm: {name: grpo, batch: 32, group: 8}
    budget: {turns: 5, prompt_tokens: 512, trajectory_tokens: 512}
    cluster: {gpus: 1}
    --- spec_tools.py
    def calculator(expression: str) -> str:
        '''Work out an expression.

        Args:
            expression: what to work out.
        '''
        return expression
Good:
    --- exp.yaml
    toolspec: 1
    name: capped
    target: verl==0.9.1
    model: Qwen/Qwen2.5-3B-Instruct
    data: {train: train.parquet}
    tools: {calculator: spec_tools.py:calculator}
    reward:
      correct: {weight: 1.0, match: number}
      valid_call: 0.2
      extra_call: -0.1
      bad_call: {weight: -1.0, cap: -0.7}
    algorithm: {name: grpo, batch: 32, group: 8}
    budget: {turns: 5, prompt_tokens: 512, trajectory_tokens: 512}
    cluster: {gpus: 1}
    --- spec_tools.py
    def calculator(expression: str) -> str:
        '''Work out an expression.

        Args:
            expression: what to work out.
        '''
        return expression
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.facts.reward_analysis import broken
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS431", "reward-out-of-order", "warning")


def check(view: View) -> Iterator[Found]:
    yield from broken(view, "warning")
