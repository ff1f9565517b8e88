"""The lengths that `budget.prompt_tokens: auto` is taken from, as facts of a spec: counted over what it compiles to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from toolspec.backends.verl.chat.prompt_lengths import FILTERS_BY_THE_MODELS_OWN, prompt_lengths
from toolspec.backends.verl.chat.subject import subject_of
from toolspec.compiler.chat.distribution import Distribution
from toolspec.compiler.chat.process import ChatError
from toolspec.compiler.plan.prompt_tokens import PATH
from toolspec.specs.problem import Problem, ProblemError

if TYPE_CHECKING:
    from toolspec.backends.verl.compile import Compiled

NOT_AT_HAND = frozenset({"no-chat-template", "rows-not-at-hand"})
"""Names of what is missing here and may be there where the spec is compiled."""
A_NUMBER = f"a number: {PATH}: 2048"


def prompt_facts(compiled: Compiled) -> Mapping[str, Distribution]:
    """Split → lengths, of the splits that the spec names. compiled: with any number of tokens.

    Raises ProblemError at budget.prompt_tokens: nothing at hand to count with (NOT_AT_HAND), a template or a tokenizer
    that gives no count (TS216), a release that does not keep the promise (TS801); and for rows that cannot be laid out.
    """
    splits = ("train", "val") if compiled.loaded.spec.data.val_sources else ("train",)
    try:
        subject = subject_of(compiled)
        _check_release(compiled, subject.custom)
        found = {split: prompt_lengths(subject, split) for split in splits}  # type: ignore[arg-type]
    except ProblemError as error:
        raise ProblemError(tuple(_at_the_field(compiled, one) for one in error.problems)) from None
    except ChatError as error:
        raise _not_counted(compiled, f"the chat template or the tokenizer gives no count: {error}") from None
    for split, lengths in found.items():
        if not lengths.total:
            raise _not_counted(compiled, f"there are no rows in data.{split}")
    return found


def told(error: ProblemError) -> tuple[Problem, ...]:
    """The problems for whoever goes on without the counts: what is not at hand is a note, a fault stays an error."""
    why = "lengths that rest on it are not checked"
    return tuple(
        one._replace(severity="note", why=why) if one.name in NOT_AT_HAND else one for one in error.problems
    )


def _at_the_field(compiled: Compiled, problem: Problem) -> Problem:
    if problem.name not in NOT_AT_HAND:
        return problem
    message = problem.message.replace("this needs", "counting prompts needs", 1)
    fix = f"{problem.fix}, or {A_NUMBER}" if problem.fix else A_NUMBER
    return problem._replace(message=message, span=compiled.place(PATH), path=PATH, fix=fix)


def _not_counted(compiled: Compiled, message: str) -> ProblemError:
    problem = Problem("TS216", "prompts-not-counted", message, compiled.place(PATH), PATH, fix=A_NUMBER)
    return ProblemError((problem,))


def _check_release(compiled: Compiled, custom: bool) -> None:
    """Raises ProblemError where rows are to be left out, and the release goes by another template than the run's."""
    wanted, target = compiled.loaded.spec.budget.prompt_tokens_wanted, compiled.plan.target
    if wanted is None or wanted.quantile == 1 or not custom or target not in FILTERS_BY_THE_MODELS_OWN:
        return
    path = f"{PATH}.quantile"
    message = f"verl {target} leaves rows out by the model's own template, not by `model.chat_template`"
    why = "a row that is short by one and long by the other stops the run (0.7.1) or loses its beginning (0.8.0)"
    fix = "quantile: 1, so that every row fits by both, or target verl==0.9.1"
    raise ProblemError((Problem("TS801", "release-cannot", message, compiled.place(path), path, why, fix),))
