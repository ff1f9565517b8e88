"""The rows of a spec, as compile would write them: read from the user's own files, and written nowhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolspec.backends.verl.lint.facts.rows import Rows
from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.specs.problem import Problem
from toolspec.specs.reads import note

if TYPE_CHECKING:
    from toolspec.backends.verl.compile import Compiled
    from toolspec.backends.verl.rows.conversion import Preview

MOST_ROWS = 5_000
"""Rows that are laid out; laying one out takes ten times as long as reading it."""


MOST_KEPT = 4
"""Layouts of rows that are kept for other specs: both splits of two."""


Layouts = dict[str, tuple["Preview", Rows]]


class SpecRows:
    """Rows of the splits that compile writes anew. Each is read once.

    kept: the last layouts of other specs, by all that decides them, for specs that mostly have the same.
    """

    def __init__(self, compiled: Compiled, kept: Layouts | None = None) -> None:
        self._compiled = compiled
        self._read: dict[str, tuple[Preview, Rows]] = {}
        self._kept: Layouts = {} if kept is None else kept

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that are written anew; others are files that verl reads as they are."""
        data = self._compiled.facts.data
        if not data.reasons:
            return ()
        return tuple(split for split in ("train", "val") if getattr(data, split))

    def problems(self) -> tuple[Problem, ...]:
        """What compile would say of the rows that are at hand."""
        splits = (split for split in self.splits if not self._elsewhere(split))
        found = (problem for split in splits for problem in self._laid_out(split)[0].problems)
        return tuple(p._replace(span=p.span or self._compiled.place(p.path)) for p in found)

    def rows(self, split: str) -> Rows:
        """Raises NotKnownError where there are none, or none that can be laid out."""
        if split not in self.splits:
            raise NotKnownError(f"rows of data.{split}")
        elsewhere = self._elsewhere(split)
        if elsewhere:
            raise NotKnownError(f"the file of data.{split} ({elsewhere})")
        preview, rows = self._laid_out(split)
        if not preview.rows:
            raise NotKnownError(f"rows of data.{split} that can be laid out")
        return rows

    def _elsewhere(self, split: str) -> str:
        """The first source of a split without a file at hand, "" for none."""
        sources = getattr(self._compiled.facts.data, split)
        return next((source.pattern for source in sources if not source.files), "")

    def _laid_out(self, split: str) -> tuple[Preview, Rows]:
        if split not in self._read:
            from toolspec.backends.verl.convert import row_settings, row_source
            from toolspec.backends.verl.rows.conversion import preview

            facts, plan = self._compiled.facts, self._compiled.plan
            sources = getattr(facts.data, split)
            for source in sources:
                for file in source.files:
                    note(file, "stamp")
            settings, found = row_settings(facts, plan, split), [row_source(source) for source in sources]
            what = repr((found, settings))
            if what not in self._kept:
                while len(self._kept) >= MOST_KEPT:
                    del self._kept[next(iter(self._kept))]
                laid = preview(found, settings, MOST_ROWS)
                files = tuple(file for source in sources for file in source.files)
                rows = Rows(files, laid.count, tuple(laid.rows[0]) if laid.rows else (), laid.rows)
                self._kept[what] = laid, rows
            self._read[split] = self._kept[what]
        return self._read[split]
