"""All that budget says of a run's lengths, as one value: rows, trajectory, the least limits that hold, their memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from toolspec.backends.verl.chat.cache_memory import CacheMemory, cache_memory
from toolspec.backends.verl.chat.length_limits import Limits, read_limits
from toolspec.backends.verl.chat.lengths import Lengths, LongRow
from toolspec.backends.verl.chat.prompt_lengths import subject_lengths, tokenizer_folder
from toolspec.backends.verl.chat.prompts import Split, prompt_rows
from toolspec.backends.verl.chat.subject import Subject, missing
from toolspec.backends.verl.chat.trajectory_lengths import Trajectory, trajectory
from toolspec.backends.verl.lint.facts.tools import TOOLS_FILE
from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.backends.verl.rows.findings import CODES
from toolspec.compiler.chat.distribution import rounded_up
from toolspec.compiler.chat.process import ChatError
from toolspec.compiler.chat.sampling import most_among, quantile_bound
from toolspec.specs.problem import Problem, ProblemError


class Asked(NamedTuple):
    """split: which rows. quick: rows that bytes settle are not counted. sample: so many rows, drawn."""

    split: Split
    quick: bool = False
    sample: int | None = None


class Sampled(NamedTuple):
    """What a sample says of all rows, with 95 % confidence. over: rows that are longer than the limit, at most.

    p99: tokens that 99 % of all rows have at most; None where the sample is too small to say.
    """

    over: int
    p99: int | None


class Need(NamedTuple):
    """Limits in tokens, as they are and the least that hold. None: not known, or without a limit."""

    prompt: tuple[int, int | None]
    response: tuple[int, int | None]

    @property
    def both(self) -> tuple[int, int]:
        """Prompt and trajectory together; what is not known stays as it is."""
        return sum(now for now, _ in self), sum(now if least is None else least for now, least in self)


class Report(NamedTuple):
    """memory: None where memory_unknown says what it needs."""

    subject: Subject
    asked: Asked
    lengths: Lengths
    limits: Limits
    trajectory: Trajectory | None
    memory: CacheMemory | None
    memory_unknown: str
    assumed: tuple[str, ...]

    @property
    def over(self) -> tuple[tuple[int, int], ...]:
        return self.lengths.distribution.over(self.limits.prompt)

    @property
    def over_rows(self) -> tuple[LongRow, ...]:
        """The longest of them, described."""
        return tuple(one for one in self.lengths.longest if one.tokens > self.limits.prompt)

    @property
    def fits(self) -> bool:
        """Whether every row that was looked at fits."""
        return not self.over and not self.lengths.distribution.refused

    @property
    def sampled(self) -> Sampled | None:
        found = self.lengths
        number, ordered = found.sampled, sorted(found.distribution.lengths)
        if not number:
            return None
        bad = len(self.over) + len(found.distribution.refused)
        p99 = quantile_bound(ordered, found.total, 0.99) if len(ordered) == number else None
        return Sampled(most_among(found.total, number, bad), p99)

    @property
    def need(self) -> Need:
        limits, found = self.limits, self.lengths
        prompt: int | None = None
        if found.distribution.lengths and not (
            found.by_bytes and found.most_bytes > found.distribution.longest
        ):
            prompt = rounded_up(found.distribution.longest)
        response: int | None = None
        if self.trajectory is not None and self.trajectory.limited:
            response = rounded_up(
                self.trajectory.worst.total + 1
            )  # an answer that fills it ends the trajectory
        return Need((limits.prompt, prompt), (limits.response, response))


def read_report(
    subject: Subject, asked: Asked, kept: bool = True, progress: Callable[[int, int], None] = lambda *_: None
) -> Report:
    """progress: told now and then how many rows are done, and of how many. Raises ProblemError."""
    _check_tools(subject)
    tokenizer_folder(subject)
    limits = read_limits(subject)
    rows = prompt_rows(subject, asked.split)
    about: list[int] = []

    def told(done: int) -> None:
        if not about:
            about.append(rows.about())
        progress(done, about[0])

    try:
        found = subject_lengths(
            subject, rows, limits.prompt if asked.quick else None, asked.sample, kept, told
        )
    except ChatError as error:
        raise missing(subject.file, f"a template and a tokenizer that answer ({error})", "") from None
    if not found.total:
        message = f"there are no rows in the files of data.{asked.split}"
        problem = Problem(
            CODES["no-rows"], "no-rows", message, subject.view.span(f"data.{asked.split}_files")
        )
        raise ProblemError((problem,))
    memory, unknown = None, ""
    try:
        memory = cache_memory(subject.view)
    except NotKnownError as error:
        unknown = str(error)
    assumed = (*subject.assumed, *_drawn_rows(subject, asked, found))
    return Report(
        subject,
        asked,
        found,
        limits,
        trajectory(found, limits, bool(subject.tools)),
        memory,
        unknown,
        assumed,
    )


def _check_tools(subject: Subject) -> None:
    """Raises ProblemError for schemas that the release refuses: the dataset goes on without tools, the run does not."""
    why = "the run stops at it, and no prompt can be counted as it would be"
    if subject.refusals:
        span = subject.view.span(TOOLS_FILE)
        raise ProblemError(
            tuple(
                Problem("TS316", "tool-schema-refused", message, span, fix=fix, why=why)
                for message, fix in subject.refusals
            )
        )


def _drawn_rows(subject: Subject, asked: Asked, found: Lengths) -> tuple[str, ...]:
    """verl may take fewer rows than there are (data.*_max_samples), which ones its own dice say."""
    key = f"data.{asked.split}_max_samples"
    try:
        most = subject.view.value(key)
    except NotKnownError:
        return ()
    if isinstance(most, int) and 0 < most < found.total:
        return (f"all {found.total:,} rows are looked at; verl takes {most:,} of them ({key})",)
    return ()
