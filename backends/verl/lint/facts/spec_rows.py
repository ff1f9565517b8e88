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


class SpecRows:
    """Rows of the splits that compile writes anew. Each is read once."""

    def __init__(self, compiled: Compiled) -> None:
        self._compiled = compiled
        self._read: dict[str, Preview] = {}

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
        found = (problem for split in splits for problem in self._preview(split).problems)
        return tuple(p._replace(span=p.span or self._compiled.place(p.path)) for p in found)

    def rows(self, split: str) -> Rows:
        """Raises NotKnownError where there are none, or none that can be laid out."""
        if split not in self.splits:
            raise NotKnownError(f"rows of data.{split}")
        elsewhere = self._elsewhere(split)
        if elsewhere:
            raise NotKnownError(f"the file of data.{split} ({elsewhere})")
        preview = self._preview(split)
        if not preview.rows:
            raise NotKnownError(f"rows of data.{split} that can be laid out")
        files = tuple(file for source in getattr(self._compiled.facts.data, split) for file in source.files)
        return Rows(files, preview.count, tuple(preview.rows[0]), preview.rows)

    def _elsewhere(self, split: str) -> str:
        """The first source of a split without a file at hand, "" for none."""
        sources = getattr(self._compiled.facts.data, split)
        return next((source.pattern for source in sources if not source.files), "")

    def _preview(self, split: str) -> Preview:
        if split not in self._read:
            from toolspec.backends.verl.convert import row_settings, row_source
            from toolspec.backends.verl.rows.conversion import preview

            facts, plan = self._compiled.facts, self._compiled.plan
            sources = getattr(facts.data, split)
            for source in sources:
                for file in source.files:
                    note(file, "stamp")
            settings = row_settings(facts, plan, split)
            self._read[split] = preview([row_source(source) for source in sources], settings, MOST_ROWS)
        return self._read[split]
