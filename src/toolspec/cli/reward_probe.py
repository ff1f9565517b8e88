"""`toolspec reward --probe`: what cheating policies earn, of a spec's reward or of that of a run of verl."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from toolspec.specs.problem import Problem, ProblemError, Span

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolspec.backends.verl.compile import Compiled
    from toolspec.backends.verl.lint.view import View
    from toolspec.backends.verl.probe.advice import Finding
    from toolspec.backends.verl.probe.prober import Probe
    from toolspec.backends.verl.probe.table import Table
    from toolspec.backends.verl.rehearsal.experiment import Experiment
    from toolspec.backends.verl.rehearsal.rehearse import Asked
    from toolspec.backends.verl.reward.subject import Report
    from toolspec.backends.verl.reward.transcript import Transcripts


class Wanted(NamedTuple):
    """asked: rows, policies, interpreter and limits. text: without the model's tokenizer, though it is at hand."""

    asked: Asked
    split: str
    network: bool
    text: bool


class Told(NamedTuple):
    """findings: each with its place, None where the file has none. report: of a run without an analysis."""

    report: Report
    shown: Transcripts
    probe: Probe
    table: Table
    findings: tuple[tuple[Finding, Span | None], ...]

    @property
    def fails(self) -> bool:
        analysis = self.report.analysis
        return any(one.severity == "error" for one, _ in self.findings) or (
            analysis is not None and bool(analysis.broken("error"))
        )


def is_run(file: Path) -> bool:
    """Whether the file is a run of verl's, and no spec."""
    from toolspec.backends.verl.lint.lint import kind_of
    from toolspec.backends.verl.written.files import Files

    data = Files().read(file)
    return data is not None and kind_of(file, data) != "spec"


def nothing_to_prove(file: Path) -> ProblemError:
    message = "nothing can be proved of a run's reward: it is a function, or a scorer of verl's"
    fix = f"toolspec reward {file} --probe, which runs it against policies that cheat"
    return ProblemError((Problem("TS037", "unknown-input", message, Span(str(file), 1, 1), fix=fix),))


def told_of(file: Path, sets: Sequence[str], target: str | None, wanted: Wanted) -> Told:
    """Raises ProblemError: a file with errors, rows or a reward that are not at hand."""
    return _of_a_run(file, target, wanted) if is_run(file) else _of_a_spec(file, sets, target, wanted)


def _of_a_spec(file: Path, sets: Sequence[str], target: str | None, wanted: Wanted) -> Told:
    from toolspec.backends.verl.compile import compile_spec
    from toolspec.backends.verl.probe.experiment import spec_experiment
    from toolspec.backends.verl.probe.judged import judged
    from toolspec.backends.verl.reward.frame import frame_or_reason
    from toolspec.backends.verl.reward.subject import report_of
    from toolspec.backends.verl.reward.transcript import transcripts

    compiled = compile_spec(file, sets, target, writing=False, counting=False)
    report = report_of(compiled)

    def made(scratch: Path) -> Experiment:
        return spec_experiment(compiled, wanted.split, scratch, wanted.text)

    probe = _probed(made, wanted, compiled.place("model.path"))
    shown = transcripts(report, frame_or_reason(compiled))
    if report.analysis is not None:
        analysis, shown = judged(report.analysis, shown, probe)
        report = report._replace(analysis=analysis)
    terms = {str(one["name"]): one for one in probe.experiment.reward.get("terms") or ()}
    return _told(report, shown, probe, lambda term: _place(compiled, terms, term))


def _place(compiled: Compiled, terms: Mapping[str, Mapping[str, Any]], term: str) -> Span | None:
    from toolspec.backends.verl.probe.advice import path_of

    return compiled.place(path_of(term, terms) if term else "reward")


def _of_a_run(file: Path, target: str | None, wanted: Wanted) -> Told:
    from toolspec.backends.verl.chat.subject import read_run
    from toolspec.backends.verl.probe.experiment import run_experiment
    from toolspec.backends.verl.reward.subject import Report, Subject
    from toolspec.backends.verl.reward.transcript import Transcripts
    from toolspec.compiler.reward.vector import Budget

    read = read_run(file, target)

    def made(scratch: Path) -> Experiment:
        return run_experiment(read.view, read.assumed, wanted.split, scratch, wanted.text)

    probe = _probed(made, wanted, read.view.run.span)
    subject = Subject(file.name, read.view.version, {}, Budget(1, 0))
    place = _function(read.view)
    return _told(Report(subject, None, None), Transcripts({}), probe, lambda _: place)


def _function(view: View) -> Span | None:
    """Where the reward function is defined, else where the run names it."""
    from toolspec.backends.verl.lint.derived import FUNCTION
    from toolspec.backends.verl.lint.not_known import NotKnownError

    try:
        function = view.facts.reward()
    except NotKnownError:
        function = None
    return function.span() if function is not None else view.span(f"{FUNCTION}.path")


def _probed(made: Callable[[Path], Experiment], wanted: Wanted, place: Span | None) -> Probe:
    from toolspec.backends.verl.probe.prober import probed
    from toolspec.cli.progress import Progress
    from toolspec.compiler.chat.process import ChatError
    from toolspec.compiler.scratch import scratch

    with scratch(Path(tempfile.gettempdir())) as folder:
        experiment = made(folder / "model")
        bundle = folder / "bundle"
        bundle.mkdir()
        try:
            with Progress("policies") as progress:
                return probed(experiment, wanted.asked, bundle, progress, wanted.network)
        except ChatError as error:
            message = f"the chat template or the tokenizer cannot be used: {error}"
            problem = Problem("TS216", "prompts-not-counted", message, place, fix="--text")
            raise ProblemError((problem,)) from None


def _told(report: Report, shown: Transcripts, probe: Probe, place: Callable[[str], Span | None]) -> Told:
    from toolspec.backends.verl.probe.advice import findings
    from toolspec.backends.verl.probe.table import table_of

    table = table_of(probe)
    found = tuple((one, place(one.term)) for one in findings(probe, table))
    return Told(report, shown, probe, table, found)
