"""`toolspec lint`, without click: most of what it costs is starting Python."""

from __future__ import annotations

import sys
from pathlib import Path


def main(arguments: list[str]) -> int:
    from toolspec.backends.verl.lint.lint import lint_arguments, lint_file
    from toolspec.backends.verl.written.files import Files

    target = None
    form = "text"
    paths: list[str] = []
    rest: list[str] = []
    it = iter(arguments)
    for word in it:
        if word == "--":
            rest = list(it)
        elif word == "--target":
            target = next(it, None)
        elif word == "--format":
            form = next(it, "text")
        else:
            paths.append(word)
    files = Files()
    results = [lint_file(Path(p), target, files) for p in paths]
    if rest:
        results.append(lint_arguments(rest, target, files))
    findings = [f for r in results for f in r.findings]
    if form == "json":
        import json

        from toolspec.specs.excerpt import to_json

        print(
            json.dumps(
                {
                    "version": 1,
                    "findings": to_json(findings),
                    "coverage": {
                        "checked": sorted({c.code for r in results for c in r.checked}),
                        "skipped": [
                            {"code": s.rule.code, "needs": s.needs} for r in results for s in r.skipped
                        ],
                        "assumed": [a for r in results for a in r.assumed],
                    },
                },
                indent=1,
                ensure_ascii=False,
            )
        )
    else:
        from toolspec.specs.excerpt import render

        sources = {k: v for r in results for k, v in r.sources.items()}
        sys.stdout.write(render(findings, sources))
        for r in results:
            for s in r.skipped:
                print("  not checked", s.rule.code, s.rule.name, "needs", s.needs)
            print("assumed", r.assumed)
    return 1 if any(f.severity == "error" for f in findings) else 0
