"""A spec made to say what a run says: what differs is said by the inverse table, and what still does by overrides.

Rounds: the parts that every spec needs; then each key that differs by its row, derived ones last; then overrides.
A path whose value the language or a relation refuses is left to overrides, and the rounds begin anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from toolspec.backends.verl.importing.attempt import Attempt, attempt, loaded, refused
from toolspec.backends.verl.importing.carried import Carried, carry
from toolspec.backends.verl.importing.inverse import BY_PATH, row_of
from toolspec.backends.verl.importing.places import FILES, MODELS, PLACES
from toolspec.backends.verl.importing.spec_text import spec_text
from toolspec.backends.verl.importing.wanted import Wanted
from toolspec.backends.verl.interpolation import ABSENT, UnresolvedError
from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.backends.verl.overlay import Overlay
from toolspec.backends.verl.releases import leaves
from toolspec.backends.verl.renames import common_name
from toolspec.backends.verl.written.value import Unknown
from toolspec.compiler.plan.places import on_node
from toolspec.specs.problem import Problem, ProblemError

MOST_ROUNDS = 30
NEEDED = ("toolspec", "name", "target", "model.path", "data.train", "reward", "algorithm.name")
PARTS = ("reward", "tools", "agent", "data.class")
# Where a relation names a path that is not said, the paths that it is also about, the likeliest to be wrong first.
RELATED: Mapping[str, tuple[str, ...]] = {
    "TS101": ("algorithm.mini_batch", "algorithm.batch"),
    "TS102": (
        "train.micro_batch",
        "algorithm.mini_batch",
        "train.sequence_parallel",
        "algorithm.group",
        "algorithm.batch",
        "cluster.gpus",
        "cluster.nodes",
    ),
    "TS103": ("train.micro_batch", "algorithm.mini_batch", "algorithm.group", "cluster.gpus"),
    "TS201": ("algorithm.overlong",),
    "TS202": ("budget.turns",),
    "TS203": ("model.max_model_len",),
    "TS204": ("model.max_model_len", "budget.trajectory_tokens", "budget.prompt_tokens"),
    "TS205": ("train.token_budget", "train.sequence_parallel"),
    "TS206": ("budget.turns",),
    "TS502": ("rollout.tensor_parallel", "cluster.gpus"),
    "TS503": ("rollout.workers",),
    "TS504": ("train.sequence_parallel", "model.attention"),
    "TS505": ("train.sequence_parallel", "cluster.gpus"),
    "TS701": ("evaluation.every", "evaluation.before_train"),
    "TS702": ("evaluation.samples",),
    "TS801": ("train.trainer", "tracking.trace", "algorithm.filter", "rollout.seed"),
}


@dataclass
class Closed:
    """values: dotted spec path → value, overrides too. comments: path → where it is from.

    left: key → why no spec can say it. banned: spec path → why it is not said. open: keys that still differ.
    findings: what compile says against the spec.
    """

    values: dict[str, Any]
    carried: Carried
    attempt: Attempt
    left: dict[str, str] = field(default_factory=dict)
    banned: dict[str, str] = field(default_factory=dict)
    open: tuple[str, ...] = ()
    findings: tuple[Problem, ...] = ()

    @property
    def overrides(self) -> dict[str, Any]:
        return {k.removeprefix("overrides."): v for k, v in self.values.items() if k.startswith("overrides.")}


class Closing:
    def __init__(self, wanted: Wanted, name: str, file: Path) -> None:
        self.wanted, self.name, self.file = wanted, name, file
        self.release = wanted.view.version
        self.without: dict[str, str] = {}
        self.banned: dict[str, str] = {}
        self.left: dict[str, str] = {}
        self.values: dict[str, Any] = {}
        self.carried = Carried()

    def close(self) -> Closed:
        """Raises ProblemError for what no round can mend."""
        for _ in range(MOST_ROUNDS):
            try:
                done = self._settle()
            except ProblemError as error:
                if not self._give_way(error.problems):
                    raise
                continue
            problems = refused(loaded(self._text(), self.file), self.release)
            if not problems or not self._give_way(problems):
                still = tuple(self.differing(done))
                return Closed(self.values, self.carried, done, self.left, self.banned, still, problems)
        raise ProblemError(problems)

    def _settle(self) -> Attempt:
        self._begin()
        done = self._attempt()
        for derived in (False, True, True):
            if self._take(self.differing(done), derived=derived):
                done = self._attempt()
        for _ in range(6):
            keys = self.differing(done)
            if not keys or not self._override(keys):
                break
            done = self._attempt()
        return done

    def _begin(self) -> None:
        wanted = self.wanted
        self.carried = carry(wanted, self.without)
        self.values = {"toolspec": 1, "name": self.name, "target": f"verl=={self.release}"}
        for path, otherwise in (("model.path", "$MODEL_PATH"), ("data.train", "$TRAIN_FILE.parquet")):
            try:
                if path in self.banned:
                    raise NotKnownError(path)
                self.values[path] = BY_PATH[path].value(wanted)
            except NotKnownError:
                self.values[path] = otherwise  # a variable that nobody sets stops the run with its name
        for path in ("data.val", "rollout.tensor_parallel"):
            try:
                if path not in self.banned:
                    self.values[path] = BY_PATH[path].value(wanted)
                elif path == "data.val":
                    self.values[path] = "$VAL_FILE.parquet"  # some, so that they are evaluated on
            except NotKnownError:
                continue
        self.values |= {p: v for p, v in self.carried.spec.items() if p not in self.banned}

    def _take(self, keys: list[str], *, derived: bool) -> bool:
        before = dict(self.values)
        for key in keys:
            row = row_of(common_name(key, self.release))
            if row is None or row.path in self.banned or (row.derived and not derived):
                continue
            if row.path in self.carried.spec and row.path != "algorithm.filter":
                continue
            try:
                value = row.value(self.wanted)
            except NotKnownError:
                continue
            if value is not None and value != "auto":
                self._say(row.path, value)
        return self.values != before

    def _say(self, path: str, value: Any) -> None:
        """A path beside which another cannot stand takes its place."""
        if path == "agent.name" and any(p == "agent.class" or p.startswith("tools.") for p in self.values):
            return
        self.values[path] = value

    def _override(self, keys: list[str]) -> bool:
        changed = False
        for key in keys:
            raw = self.wanted.overlay.raw(key)
            if raw is ABSENT or f"overrides.{key}" in self.values:
                continue
            self.values[f"overrides.{key}"] = self._raw(key, raw)
            row = row_of(common_name(key, self.release))
            if (
                row
                and row.path in self.values
                and row.path not in (*NEEDED, *self.banned, *self.carried.spec)
            ):
                own = [k for k in row.keys if f"overrides.{self.wanted.view.name(k)}" not in self.values]
                if not own:
                    del self.values[row.path]
            changed = True
        return changed

    def _raw(self, key: str, raw: Any) -> Any:
        """A value as an override: a relative path would start elsewhere in a bundle, so that it is made absolute."""
        name = common_name(key, self.release)
        if isinstance(raw, list) and name in PLACES:
            return [self._raw(key, one) for one in raw]
        if isinstance(raw, Unknown):
            return str(on_node(self.wanted.place(name, raw), self.file.parent, self.file.parent))
        there = name in PLACES or (
            name in FILES and isinstance(raw, str) and self.wanted.places.real(raw).exists()
        )
        return self.wanted.places.absolute(raw, model=name in MODELS) if there else raw

    def _text(self) -> str:
        return spec_text(self.values, {}, ())

    def _attempt(self) -> Attempt:
        return attempt(loaded(self._text(), self.file), self.release)

    def _give_way(self, problems: tuple[Problem, ...]) -> bool:
        """Leave to overrides what the problems are about; False where nothing can be left."""
        changed = False
        for problem in problems:
            why = problem.message
            part = next((p for p in PARTS if problem.path == p or problem.path.startswith(f"{p}.")), None)
            part = part or self._part_in(problem)
            if problem.path.startswith("overrides."):
                key = problem.path.removeprefix("overrides.")
                if key not in self.left:
                    self.left[key] = why + (f" ({problem.fix})" if problem.fix.startswith("it is") else "")
                    changed = True
                continue
            where = problem.path or self._path_at(problem)
            data = next((p for p in ("data.train", "data.val") if where.startswith(p)), None)
            if data is not None and data not in self.banned:
                self.banned[data] = why
                changed = True
                continue
            said = self._said_at(problem)
            if said is not None:
                self.banned[said] = why
                changed = True
            elif part is not None and (name := part.partition(".")[0]) not in self.without:
                self.without[name] = why
                changed = True
        return changed

    def _part_in(self, problem: Problem) -> str | None:
        """The carried part whose file a problem without a path points into."""
        name = Path(problem.span.file).name if problem.span is not None and not problem.path else ""
        if not name.endswith(".py"):
            return None
        spec = self.carried.spec.items()
        return next((p for p in PARTS for at, v in spec if at.startswith(p) and f"{name}:" in str(v)), None)

    def _path_at(self, problem: Problem) -> str:
        """The path on the line that a problem without one points at."""
        lines = self._text().splitlines()
        if problem.span is None or problem.span.file != str(self.file):
            return ""
        above = [line for line in lines[: problem.span.line] if line and not line.startswith((" ", "#"))]
        key = lines[problem.span.line - 1].strip().partition(":")[0]
        section = above[-1].partition(":")[0] if above else ""
        return section if section == key else f"{section}.{key}"

    def _said_at(self, problem: Problem) -> str | None:
        """The said path that a problem is about, but none that every spec needs."""
        parts = problem.path.split(".")
        near = [".".join(parts[:end]) for end in range(len(parts), 0, -1)]
        below = [p for p in self.values if problem.path and p.startswith(f"{problem.path}.")]
        for path in (*near, *RELATED.get(problem.code, ()), *below):
            known = path in BY_PATH or path in ("algorithm.overlong",)
            if path in self.values and path not in NEEDED and known and path not in self.banned:
                return path
        return None

    def differing(self, done: Attempt) -> list[str]:
        """Keys of the target whose composed value is not the run's, in the order in which the run says them."""
        wanted = self.wanted
        mine, keys = wanted.overlay, wanted.keys
        theirs = Overlay(dict(leaves(done.config.values)), keys)
        skipped = (
            {wanted.view.name(key) for key in self.carried.keys} | set(wanted.moved) | set(wanted.unknown)
        )
        skipped |= set(wanted.view.deleted) | set(self.left)
        return [
            key
            for key in dict.fromkeys((*mine.written, *keys.defaults, *theirs.written))
            if key not in skipped
            and key not in mine.sections
            and key not in theirs.sections
            and not self._equal(key, mine, theirs, done.folder)
        ]

    def _equal(self, key: str, mine: Overlay, theirs: Overlay, folder: Path) -> bool:
        kind = self.wanted.keys.types.get(key, "any")
        a, b = mine.raw(key), theirs.raw(key)
        if same(a, b, kind):
            return True
        name = common_name(key, self.release)
        try:
            x, y = mine.resolve(key), theirs.resolve(key)
            if same(x, y, kind):
                return True
        except UnresolvedError:
            x, y = a, b
        return name in (PLACES | FILES) and self.wanted.places.same(x, y, folder, model=name in MODELS)


def same(a: Any, b: Any, kind: str = "any") -> bool:
    """Whether two values are one to verl: of one type, but for a whole number where a float is meant."""
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return set(a) == set(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    numbers = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in (a, b))
    if numbers and ("float" in kind or type(a) is type(b)):
        return bool(a == b)
    if isinstance(a, str) and isinstance(b, str):
        return str(a) == str(b)
    return type(a) is type(b) and bool(a == b)
