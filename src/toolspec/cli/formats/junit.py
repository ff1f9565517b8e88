"""JUnit XML, as Jenkins and GitLab read it: a test case for each input, failed by its errors."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from toolspec.cli.lint_report import Outcome
from toolspec.specs.problem import Problem

# What XML 1.0 does not allow, whichever way it is written.
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_junit(outcome: Outcome) -> str:
    by_file: dict[str, list[Problem]] = {result.file: [] for result in outcome.results}
    first = next(iter(by_file), "toolspec")
    for problem in outcome.findings:
        by_file.setdefault(problem.span.file if problem.span is not None else first, []).append(problem)
    failures = sum(1 for found in by_file.values() for p in found if p.severity == "error")
    suite = ElementTree.Element(
        "testsuite", name="toolspec lint", tests=str(len(by_file)), failures=str(failures), errors="0"
    )
    for file, found in by_file.items():
        case = ElementTree.SubElement(suite, "testcase", classname="toolspec", name=_clean(file))
        rest = []
        for problem in found:
            if problem.severity == "error":
                failure = ElementTree.SubElement(
                    case, "failure", type=f"{problem.code} {problem.name}", message=_clean(problem.message)
                )
                failure.text = _clean(_text(problem))
            else:
                rest.append(f"{problem.severity} {_text(problem)}")
        if rest:
            ElementTree.SubElement(case, "system-out").text = _clean("\n".join(rest))
    ElementTree.indent(suite)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(suite, encoding="unicode") + "\n"


def _text(problem: Problem) -> str:
    place = f"{problem.span.file}:{problem.span.line}:{problem.span.column}: " if problem.span else ""
    lines = [f"{place}{problem.code} {problem.name}: {problem.message}"]
    lines += [f"  {name}: {text}" for name, text in (("fix", problem.fix), ("why", problem.why)) if text]
    return "\n".join(lines)


def _clean(text: str) -> str:
    return _NO_XML.sub("\ufffd", text)
