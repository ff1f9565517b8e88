"""The best-paid trajectory is not an honest solution.

Of all trajectories that the budget allows, one that is not solved, or that pads, repeats, breaks a schema, forges a
tool's answer or is cut, is paid more than every honest solution, or an unsolved one as much. `toolspec reward` shows
both.

Why: it is what the policy is trained to do.
Source: docs/reward.md; the padding of calls that are paid one by one is verl issue 4998
Bad:
    --- exp.yaml
    toolspec: 1
    name: padded
    target: verl==0.9.1
    model: Qwen/Qwen2.5-3B-Instruct
    data: {train: train.parquet}
    tools: {calculator: spec_tools.py:calculator}
    reward: {correct: {weight: 1.0, match: number}, valid_call: {weight: 0.2, per: call}}
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
    name: honest
    target: verl==0.9.1
    model: Qwen/Qwen2.5-3B-Instruct
    data: {train: train.parquet}
    tools: {calculator: spec_tools.py:calculator}
    reward: {correct: {weight: 1.0, match: number}, valid_call: 0.2}
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

RULE = Rule("TS430", "dishonest-paid-best", "error")


def check(view: View) -> Iterator[Found]:
    yield from broken(view, "error")
