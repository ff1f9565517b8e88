"""Facts of the points of one sweep: what no point changes is read once."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from toolspec.backends.verl.compile import Compiled, compile_loaded
from toolspec.backends.verl.lint.facts.spec_rows import Layouts
from toolspec.backends.verl.written.files import Files
from toolspec.compiler.facts.gather import Facts, gather
from toolspec.compiler.sweep.expansion import Point
from toolspec.specs.loading import LoadedSpec
from toolspec.specs.problem import ProblemError
from toolspec.specs.sweep_check import canonical

MOST_KEPT = 32
"""Different facts that are kept: tool schemas, names of files and lengths of prompts, not the rows."""
# Nothing of these sections is read by `gather`, and no prompt hangs on them; a weight of the reward is a number.
NO_FACT = frozenset({"algorithm", "budget", "description", "env", "tracking", "train"})
NO_FACT_BUT = "budget.prompt_tokens"
NUMBERS = ("weight", "cap", "schedule")


def reads(path: str, value: Any = None) -> bool:
    """Whether a fact may hang on a value at a spec path."""
    root, *rest = (path if isinstance(value, Mapping) else canonical(path)).split(".")
    if root == "reward" and rest:
        return rest[-1] not in NUMBERS
    return root not in NO_FACT or path.startswith(NO_FACT_BUT) or path == "budget"


class Shared:
    """Compiles points. files, layouts: for lint, whose rows are laid out once.

    quick: rows are not hashed and prompts not counted, for whoever needs neither digests nor lengths.
    """

    def __init__(
        self,
        pack: bool = False,
        writing: bool = False,
        progress: Callable[[str], None] = lambda _: None,
        quick: bool = False,
    ) -> None:
        self.pack, self.writing, self.progress, self.quick = pack, writing, progress, quick
        self.files = Files()
        self.layouts: Layouts = {}
        self._facts: OrderedDict[str, Facts | ProblemError] = OrderedDict()
        self._counted: set[str] = set()

    def compiled(self, loaded: LoadedSpec, point: Point, target: str | None, folder: Path) -> Compiled:
        """The point at a folder. Raises ProblemError."""
        key = json.dumps(
            {change.path: change.value for change in point.changes if reads(change.path, change.value)},
            sort_keys=True,
            default=str,
        )
        facts = self._kept(key, loaded)
        counted = self.quick or key in self._counted
        compiled = compile_loaded(
            loaded, target, folder, self.pack, self.writing, not counted, self.progress, facts
        )
        self._facts[key] = compiled.facts  # with the lengths of prompts, where they were counted
        self._counted.add(key)
        return compiled

    def _kept(self, key: str, loaded: LoadedSpec) -> Facts:
        if key not in self._facts:
            try:
                self._facts[key] = self._gathered(loaded)
            except ProblemError as error:
                self._facts[key] = error
            if len(self._facts) > MOST_KEPT:
                self._counted.discard(self._facts.popitem(last=False)[0])
        self._facts.move_to_end(key)
        found = self._facts[key]
        if isinstance(found, ProblemError):
            again = ProblemError(found.problems)
            again.sources = loaded.sources  # type: ignore[attr-defined]
            raise again
        return found

    def _gathered(self, loaded: LoadedSpec) -> Facts:
        """As for a bundle that is written, so that its digest is that bundle's; else as lint reads a spec."""
        if self.quick:
            return gather(loaded, self.pack, False)
        try:
            return gather(loaded, self.pack, True)
        except ProblemError:
            if self.writing:
                raise
            return gather(loaded, self.pack, False)
