"""The plan while it is being made: decisions are added once, in order, and never changed."""

from __future__ import annotations

from typing import Any

from toolspec.compiler.plan.decision import Decision, Kind, Plan
from toolspec.specs.loading import LoadedSpec, spec_path
from toolspec.specs.problem import Problem, Severity, Span, in_file_order
from toolspec.specs.section import Section


class Draft:
    """Gathers decisions and problems of one spec.

    `section` below is the model that holds the field; `path` the spec path of that model, dotted.
    """

    def __init__(self, loaded: LoadedSpec) -> None:
        self.loaded = loaded
        self.spec = loaded.spec
        self.decisions: dict[str, Decision] = {}
        self.problems: list[Problem] = []

    def value(self, path: str) -> Any:
        return self.decisions[path].value

    def span(self, path: str) -> Span | None:
        return self.loaded.span(spec_path(path))

    def add(self, path: str, value: Any, kind: Kind, reason: str, sources: tuple[str, ...] = ()) -> Any:
        """Record a decision; `None` and a second decision for the same path are faults of toolspec."""
        if value is None or path in self.decisions:
            raise ValueError(f"plan path {path}: decided twice or undecided ({value!r})")
        span = self.span(sources[0]) if len(sources) == 1 and kind != "default" else None
        self.decisions[path] = Decision(value, kind, reason, span, sources)
        return value

    def take(self, section: Section, name: str, path: str, value: Any = None, to: str = "") -> Any:
        """The field `name` as written, or its own default.

        `path`: the section's spec path. `value` replaces what is recorded (a converted form). `to`: plan path.
        """
        spec_name = type(section).model_fields[name].alias or name
        source = f"{path}.{spec_name}" if path else spec_name
        recorded = getattr(section, name) if value is None else value
        if name in section.model_fields_set:
            return self.add(to or source, recorded, "given", source, (source,))
        return self.add(to or source, recorded, "default", "default")

    def choose(
        self, section: Section | None, name: str, path: str, otherwise: Any, why: str, to: str = ""
    ) -> Any:
        """The field as written if it is neither None nor `auto`, else `otherwise` for the reason `why`."""
        given = getattr(section, name) if section is not None else None
        spec_name = name if section is None else type(section).model_fields[name].alias or name
        source = f"{path}.{spec_name}" if path else spec_name
        if given is not None and given != "auto" and section is not None and name in section.model_fields_set:
            return self.add(to or source, given, "given", source, (source,))
        kind: Kind = "default" if why.startswith("default") else "derived"
        return self.add(to or source, otherwise, kind, why.removeprefix("derived: "))

    def problem(
        self,
        code: str,
        name: str,
        message: str,
        path: str,
        why: str = "",
        fix: str = "",
        severity: Severity = "error",
    ) -> None:
        self.problems.append(Problem(code, name, message, self.span(path), path, why, fix, severity))

    def plan(self, target: str) -> Plan:
        """The plan; its notes are the problems, none of which is an error."""
        return Plan(self.spec.name, target, dict(self.decisions), in_file_order(self.problems))
