"""`toolspec lint`. Without click or pydantic for verl's own files: most of what it costs is starting Python."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from toolspec.cli.lint_options import Asked, parse
from toolspec.cli.outcome import FOR_CLICK
from toolspec.specs.problem import Problem, ProblemError, Span, in_file_order

if TYPE_CHECKING:
    from toolspec.backends.verl.lint.choice import Choice
    from toolspec.backends.verl.lint.lint import Linted
    from toolspec.backends.verl.lint.settings import Settings
    from toolspec.backends.verl.written.files import Files
    from toolspec.cli.fixing import Fixed
    from toolspec.cli.lint_report import Outcome


def main(words: list[str]) -> int:
    """The exit code of `toolspec lint …`; FOR_CLICK where it has to explain the options."""
    asked = parse(words)
    if asked is None:
        return FOR_CLICK
    from toolspec.cli import kept

    if not kept.wanted(words):
        return lint(asked)
    from toolspec.specs.reads import noting

    with noting() as looked_at:
        code, text = answered(asked)
    kept.keep(kept.question(words), looked_at, code, text)
    sys.stdout.write(text)
    return code


def lint(asked: Asked) -> int:
    """Lint what was asked for and print it; the exit code."""
    code, text = answered(asked)
    sys.stdout.write(text)
    return code


def answered(asked: Asked) -> tuple[int, str]:
    """The exit code and what is printed."""
    try:
        if asked.flag("--fix") or asked.flag("--diff"):
            if asked.flag("--update-baseline"):
                raise wrong_usage("--update-baseline records what is left: run it after --fix")
            return _fixed(asked)
        outcome = run(asked)
    except ProblemError as error:
        from toolspec.cli.lint_report import Outcome

        return 2, printed(Outcome((), error.problems), asked)
    return _code(outcome, asked), printed(outcome, asked)


def _code(outcome: Outcome, asked: Asked) -> int:
    failed = any(problem.severity == "error" for problem in outcome.findings)
    return 1 if failed and not asked.flag("--exit-zero") else 0


def _fixed(asked: Asked) -> tuple[int, str]:
    """`--fix` fails on errors that are left, `--diff` where there is something to write."""
    from toolspec.cli.fixing import as_diff, fix, written

    fixed = fix(asked, asked.flag("--unsafe-fixes"))
    if asked.flag("--diff"):
        _say_what_is_left(fixed, asked)
        return (1 if fixed.after and not asked.flag("--exit-zero") else 0), as_diff(fixed)
    left = written(fixed)
    outcome = fixed.outcome
    if left:
        outcome = outcome._replace(findings=(*left, *outcome.findings))
    return _code(outcome, asked), printed(outcome, asked)


def _say_what_is_left(fixed: Fixed, asked: Asked) -> None:
    """On stderr, for a diff that is empty or not all: that there is nothing to edit, or how much more there is."""
    more = sum(bool(problem.edits) for problem in fixed.outcome.findings)
    parts = [] if fixed.after else ["no edit to make"]
    if more and not asked.flag("--unsafe-fixes"):
        parts.append(f"{more} {'more ' if fixed.after else ''}with --unsafe-fixes")
    if parts:
        print(f"toolspec: {'; '.join(parts)}", file=sys.stderr)


def run(asked: Asked) -> Outcome:
    """Everything but printing. Raises ProblemError for options and settings that cannot be followed."""
    from toolspec.backends.verl.lint.suppress import apply
    from toolspec.backends.verl.rules.registry import rules
    from toolspec.backends.verl.written.files import Files
    from toolspec.cli.lint_report import Outcome

    files = Files()
    loaded = rules()
    loud = frozenset(entry.rule.code for entry in loaded if entry.rule.loud)
    results: list[Linted] = []
    findings = []
    silenced = 0
    for name in _inputs(asked, files):
        result = _one(name, asked, files)
        if result is None:
            continue
        kept, number = apply(result.findings, result.sources, loud)
        silenced += number
        results.append(result)
        findings += kept
    if asked.arguments is not None:
        result = _arguments(asked, files)
        results.append(result)
        findings += result.findings
    ordered, known = _known(asked, in_file_order(findings), results, files, loud)
    return Outcome(tuple(results), ordered, silenced, known)


def _known(
    asked: Asked, findings: tuple[Problem, ...], results: list[Linted], files: Files, loud: frozenset[str]
) -> tuple[tuple[Problem, ...], int]:
    """The findings that the baseline does not know, and how many it knows. Raises ProblemError."""
    name = asked.one("--baseline")
    if name is None:
        if asked.flag("--update-baseline"):
            raise wrong_usage("--update-baseline needs --baseline FILE")
        return findings, 0
    from toolspec.backends.verl.lint.baseline import as_text, leave_out, read_baseline

    file = Path(name)
    linted = [source for result in results for source in (result.file, *result.sources)]
    if asked.flag("--update-baseline"):
        from toolspec.cli.replace import replace_file

        before = read_baseline(file, files) if file.exists() else {}
        text = as_text(findings, before, file, linted, loud)
        replace_file(file, text.encode("utf-8", "surrogateescape"))
        files = type(files)()
    found, number = leave_out(findings, read_baseline(file, files), file, linted, loud)
    return in_file_order(found), number


def wrong_usage(message: str, fix: str = "") -> ProblemError:
    return ProblemError((Problem("TS029", "wrong-usage", message, fix=fix),))


def _inputs(asked: Asked, files: Files) -> list[str]:
    """The files to lint: those named, and of a folder those that are specs, verl configs or scripts of it."""
    from toolspec.backends.verl.lint.inputs import inputs_in, is_input

    found: list[str] = []
    for name in asked.paths:
        if os.path.isdir(name):  # noqa: PTH112
            found += inputs_in(Path(name), files)
        elif not asked.flag("--skip-others") or is_input(Path(name), files):
            found.append(name)
    return list(dict.fromkeys(found))


def _one(name: str, asked: Asked, files: Files) -> Linted | None:
    """One file under its settings; None where they exclude it."""
    from toolspec.backends.verl.lint.lint import lint_file
    from toolspec.backends.verl.lint.settings import find_settings
    from toolspec.backends.verl.rules.registry import rules

    settings = find_settings(Path(name).parent, files, asked.one("--config"))
    if settings.excludes(name):
        return None
    choice = _choice(asked, settings, name)
    loaded = rules()
    target = asked.one("--target") or settings.target
    result = lint_file(Path(name), target, files, choice.rules(loaded), asked.values.get("--set", ()))
    loud = frozenset(entry.rule.code for entry in loaded if entry.rule.loud)
    return result._replace(findings=choice.findings(result.findings, loud))


def _arguments(asked: Asked, files: Files) -> Linted:
    from toolspec.backends.verl.lint.lint import lint_arguments
    from toolspec.backends.verl.lint.settings import find_settings
    from toolspec.backends.verl.rules.registry import rules

    settings = find_settings(Path(), files, asked.one("--config"))
    choice = _choice(asked, settings, "--")
    loaded = rules()
    target = asked.one("--target") or settings.target
    result = lint_arguments(asked.arguments or (), target, files, choice.rules(loaded))
    loud = frozenset(entry.rule.code for entry in loaded if entry.rule.loud)
    return result._replace(findings=choice.findings(result.findings, loud))


def _choice(asked: Asked, settings: Settings, name: str) -> Choice:
    from toolspec.backends.verl.lint.choice import Choice, parse_levels

    levels, lowest = parse_levels(asked.all("--severity"))
    for option in ("--select", "--ignore"):
        _refuse_unknown(asked.all(option), f"{option} names", None)
    _refuse_unknown(levels, "--severity names", None)
    for given, where in settings.patterns():
        _refuse_unknown((given,), f"`{where}` names", settings.file)
    return Choice(
        asked.all("--select") or settings.select,
        (*settings.ignore, *asked.all("--ignore"), *settings.ignored_in(name)),
        {**settings.severity, **levels},
        lowest,
    )


def _refuse_unknown(patterns: Iterable[str], who: str, file: Path | None) -> None:
    """A rule that there is not is refused, with the nearest: a list that silently takes nothing checks nothing."""
    from toolspec.backends.verl.lint.choice import unknown_patterns
    from toolspec.specs.codes import CODES

    for pattern in unknown_patterns(patterns, CODES):
        from toolspec.specs.nearest import nearest

        close = nearest(pattern, (*CODES.values(), *CODES))
        fix = f"did you mean {close[0]}?" if close else "`toolspec rules` lists them"
        message = f"{who} `{pattern}`, which is no rule"
        if file is None:
            raise wrong_usage(message, fix)
        place = Span(str(file), 1, 1)
        raise ProblemError((Problem("TS036", "settings", message, place, fix=fix),))


def printed(outcome: Outcome, asked: Asked) -> str:
    """The report in the form that was asked for."""
    form = asked.one("--format") or "text"
    if form == "text":
        from toolspec.cli.lint_report import as_text
        from toolspec.cli.terminal import wants_colour, width

        return as_text(outcome, wants_colour(sys.stdout), width(), asked.flag("--verbose"))
    if form == "github":
        from toolspec.cli.formats.github import as_github

        return as_github(outcome)
    if form == "junit":
        from toolspec.cli.formats.junit import as_junit

        return as_junit(outcome)
    from toolspec.cli.document import json_text

    return json_text(_document(outcome, form)) + "\n"


def _document(outcome: Outcome, form: str) -> object:
    if form == "json":
        from toolspec.cli.lint_report import as_json

        return as_json(outcome)
    from toolspec.cli.formats.sarif import as_sarif

    return as_sarif(outcome)
