"""The decision on `budget.prompt_tokens`: as it is written, or taken from the lengths of the prompts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from toolspec.compiler.chat.distribution import Distribution, rounded_up
from toolspec.compiler.plan.draft import Draft
from toolspec.specs.budget import PromptTokens

PATH = "budget.prompt_tokens"
LEAST = 1
"""In place of a number that is not known. Relations only get harder with length: what fails with it fails with any."""
RESTS_ON_IT = (
    PATH,
    "budget.sequence_tokens",
    "model.max_model_len",
    "rollout.max_batched_tokens",
    "train.token_budget",
)
"""Plan paths whose derived value is another with another number."""
RELATIONS = frozenset({"model-length-too-small", "beyond-positions", "token-budget-too-small"})
"""Names of the problems that speak of lengths which rest on it."""

Prompts = Mapping[str, Distribution]


def decide_prompt_tokens(draft: Draft, prompts: Prompts | None) -> int:
    """Adds `budget.prompt_tokens`. prompts: lengths of each split, None where they are not counted."""
    wanted = draft.spec.budget.prompt_tokens_wanted
    if wanted is None:
        return int(draft.take(draft.spec.budget, "prompt_tokens", "budget"))
    if prompts is None:
        draft.add(PATH, LEAST, "derived", "auto, and the prompts are not counted here", (PATH,))
        return LEAST
    word = "auto: " if draft.spec.budget.prompt_tokens == "auto" else ""
    _check_refused(draft, wanted, prompts)
    tokens, why = _picked(wanted, prompts)
    longer = left_out(prompts, tokens)
    if any(longer.values()):
        total = sum(one.total for one in prompts.values())
        why += f"; {sum(longer.values()):,} of {total:,} rows do not fit, and verl leaves them out"
        _tell_left_out(draft, prompts, longer, tokens)
    draft.add(PATH, tokens, "derived", word + why, (PATH,))
    return tokens


def left_out(prompts: Prompts, limit: int) -> dict[str, int]:
    """Split → rows that verl's dataset drops at a limit: longer ones, and those that the template refuses.

    Source: utils/dataset/rl_dataset.py maybe_filter_out_long_prompts: an exception counts as too long (0.7.1: :182-268,
    0.8.0: :194-272, 0.9.1: :197-275).
    """
    return {split: len(one.over(limit)) + len(one.refused) for split, one in prompts.items()}


def _picked(wanted: PromptTokens, prompts: Prompts) -> tuple[int, str]:
    """The number, and how it came about. The split whose rows are longer decides."""
    share = wanted.quantile
    split, reached = max(
        ((split, one.holding(share)) for split, one in prompts.items()), key=lambda pair: pair[1]
    )
    total = sum(one.total for one in prompts.values())
    if share == 1:
        why = f"the longest of {total:,} prompts has {reached:,} tokens"
    else:
        of = f"the {prompts[split].total:,} prompts of {split}"
        why = f"{share:.10g} of {of} have at most {reached:,} tokens"
    tokens = rounded_up(reached + wanted.margin, wanted.multiple)
    return tokens, ", ".join([why, *_on_top(wanted)])


def _on_top(wanted: PromptTokens) -> Iterator[str]:
    if wanted.margin:
        yield f"+ {wanted.margin:,} margin"
    if wanted.multiple > 1:
        at = "" if wanted.multiple == PromptTokens().multiple else f" to a multiple of {wanted.multiple:,}"
        yield f"rounded up{at}"


def _check_refused(draft: Draft, wanted: PromptTokens, prompts: Prompts) -> None:
    """A problem where the template refuses more rows of a split than may be left out."""
    split = next((name for name, one in prompts.items() if not one.fits(wanted.quantile)), None)
    if split is None:
        return
    rows = sum(one.total for one in prompts.values())
    refused = sum(len(one.refused) for one in prompts.values())
    row, reason = prompts[split].refused[0]
    fix = "repair the rows"
    # The share that every split can have, with three digits.
    share = min(len(one.lengths) * 1000 // one.total for one in prompts.values()) / 1000
    if refused == rows:
        fix = "another chat template: these rows have no prompt with this one"
    elif share > 0:
        fix += f", or quantile: {share:g} to go on without them"
    draft.problem(
        "TS216",
        "prompts-not-counted",
        f"the chat template refuses {refused:,} of {rows:,} prompts, the first is row {row + 1:,} of {split}: {reason}",
        PATH,
        why="verl leaves such a row out, whatever the limit",
        fix=fix,
    )


def _tell_left_out(draft: Draft, prompts: Prompts, longer: Mapping[str, int], limit: int) -> None:
    parts = [
        f"{number:,} of {prompts[split].total:,} rows of {split} ({_first_of(prompts[split], limit)})"
        for split, number in longer.items()
        if number
    ]
    draft.problem(
        "TS215",
        "prompts-left-out",
        f"{' and '.join(parts)} do not fit in {limit:,} tokens",
        PATH,
        why="verl drops them before the first step (data.filter_overlong_prompts), and says only how many are left",
        fix="prompt_tokens: auto, and every row fits",
        severity="note",
    )


def _first_of(prompts: Distribution, limit: int) -> str:
    over = prompts.over(limit)
    if over:
        row, length = over[0]
        return f"row {row + 1:,}, the longest, has {length:,} tokens"
    row, reason = prompts.refused[0]
    return f"row {row + 1:,} is refused: {reason}"
