"""A text of an editor linted as if it were saved."""

from __future__ import annotations

import os
from pathlib import Path

from toolspec.specs.problem import Problem
from toolspec.specs.reads import laid_over


def findings(path: Path, text: str) -> tuple[Problem, ...]:
    """What lint says of `text` as the content of `path`, which need not exist. Never raises for what is in it."""
    from toolspec.backends.verl.lint.choice import Choice
    from toolspec.backends.verl.lint.lint import lint_file
    from toolspec.backends.verl.lint.settings import find_settings
    from toolspec.backends.verl.lint.suppress import apply
    from toolspec.backends.verl.rules.registry import rules
    from toolspec.backends.verl.written.files import Files
    from toolspec.specs.problem import ProblemError

    data = text.encode("utf-8", "surrogatepass")
    loaded = rules()
    loud = frozenset(entry.rule.code for entry in loaded if entry.rule.loud)
    with laid_over({os.path.abspath(path): data}):  # noqa: PTH100
        files = Files(counting=False)
        try:
            settings = find_settings(path.parent, files)
        except ProblemError as error:
            return error.problems
        ignore = (*settings.ignore, *settings.ignored_in(str(path)))
        choice = Choice(settings.select, ignore, settings.severity)
        # Counting prompts may take longer than the next key.
        result = lint_file(path, settings.target, files, choice.rules(loaded), counting=False)
        found, _ = apply(choice.findings(result.findings, loud), result.sources, loud)
    return tuple(found)
