"""How many tokens the prompts of a run have, counted as verl's dataset and its agent loop see them."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from toolspec.backends.verl.lint.facts.tokens import texts
from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.backends.verl.lint.view import View
from toolspec.specs.problem import ProblemError
from toolspec.specs.reads import stamp

if TYPE_CHECKING:
    from toolspec.backends.verl.chat.subject import Subject
    from toolspec.backends.verl.lint.facts.rows import Rows


CHUNK = 2_000
"""Rows that are counted at once, those with the longest texts first, until none of so many is beyond the limit."""


class PromptCounts(NamedTuple):
    """over: (row, tokens) of those beyond the limit, longest first. refused: (row, why) of those without a prompt.

    looked_at: rows, the first ones where there are more. both: two templates see a prompt (prompt_lengths.py), and the
    longer length counts.
    """

    over: tuple[tuple[int, int], ...]
    refused: tuple[tuple[int, str], ...]
    looked_at: int
    complete: bool
    both: bool


def read_counts(view: View, split: Literal["train", "val"], limit: int) -> PromptCounts:
    """Prompts of a split's sample against a limit, the longest texts first.

    Raises NotKnownError where tokenizer, template, tools or rows are not at hand or do not answer; and in an editor,
    which does not wait for it.
    """
    if not view.files.counting:
        raise NotKnownError("the lengths of prompts, which are not counted while a file is edited")
    rows = view.facts.rows(split)
    from toolspec.backends.verl.chat.prompt_lengths import templates, tokenizer_folder
    from toolspec.backends.verl.chat.prompts import media
    from toolspec.backends.verl.chat.subject import subject_of, subject_of_run

    found = media(view).intersection(rows.columns)
    if found:
        raise NotKnownError(f"rows of text alone, without `{min(found)}`")
    compiled = view.run.spec
    try:
        subject = subject_of(compiled, view) if compiled is not None else subject_of_run(view)
        folder = tokenizer_folder(subject)
        seen_by = templates(subject, folder)
    except ProblemError as error:
        raise NotKnownError(error.problems[0].message.removeprefix("this needs ")) from None
    column = view.text("data.prompt_key") or "prompt"
    asked = _identity(view, subject, seen_by, rows, column)
    # Many inputs of a folder share rows, tools and model.
    return view.files.once(
        f"prompts {split} {limit} {asked}",
        folder.path,
        lambda: _counts(subject, seen_by, rows, column, limit),
    )


def _counts(subject: Subject, seen_by: tuple[str, ...], rows: Rows, column: str, limit: int) -> PromptCounts:
    """Raises NotKnownError where template or tokenizer do not answer."""
    from toolspec.compiler.chat.process import ChatError

    messages = list(rows.values(column))
    over: dict[int, int] = {}
    refused: dict[int, str] = {}
    try:
        for template in seen_by:
            for row, length in _counted(subject, template, messages, limit):
                if isinstance(length, int):
                    over[row] = max(length, over.get(row, 0))
                else:
                    refused[row] = length
    except ChatError as error:
        raise NotKnownError(f"a template and a tokenizer that answer ({error})") from None
    longest = sorted(over.items(), key=lambda one: (-one[1], one[0]))
    return PromptCounts(
        tuple(longest), tuple(refused.items()), len(messages), rows.complete, len(seen_by) > 1
    )


def _identity(view: View, subject: Subject, seen_by: tuple[str, ...], rows: Rows, column: str) -> str:
    """What decides the counts, beside the limit: the rows by their files, or by themselves where they are laid out."""
    made = view.run.rows is not None and bool(view.run.rows.splits)
    assert subject.folder is not None
    parts = (
        subject.folder,
        stamp(str(subject.folder.tokenizer)),
        seen_by,
        subject.schemas,
        sorted(subject.variables.items(), key=str),
        list(rows.values(column)) if made else [(str(file), stamp(str(file))) for file in rows.files],
        column,
    )
    return blake2b(repr(parts).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _counted(
    subject: Subject, template: str, messages: list[Any], limit: int
) -> Iterator[tuple[int, int | str]]:
    """(row, tokens) of rows beyond the limit, (row, why) of those that the template refuses."""
    from toolspec.compiler.chat.counting import NO_LIMIT, Counters
    from toolspec.compiler.chat.process import ChatError, Failure

    assert subject.folder is not None
    ordered = sorted(range(len(messages)), key=lambda row: -_characters(messages[row]))
    with Counters[int](subject.folder, template, subject.schemas, subject.variables) as counters:
        for start in range(0, len(ordered), CHUNK):
            met = False
            for row, _, length in counters.lengths(
                ((row, messages[row]) for row in ordered[start : start + CHUNK]), limit
            ):
                if isinstance(length, Failure):
                    if length.limit:
                        raise ChatError(length.reason, limit=True)
                    yield row, length.reason
                elif isinstance(length, int) and length > limit:
                    met = True
                    yield row, length
            if not met:
                limit = NO_LIMIT  # whether the template takes the others is still asked


def _characters(messages: Any) -> int:
    return sum(map(len, texts(messages))) if isinstance(messages, list) else 0
