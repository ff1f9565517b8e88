"""`toolspec audit`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from toolspec.cli.document import print_json
from toolspec.cli.options import FORMAT, given
from toolspec.cli.output import obeying_nothing, paint
from toolspec.cli.terminal import width, wrapped

if TYPE_CHECKING:
    from toolspec.backends.launch.report.finding import Finding

STYLES = {"error": "31", "warning": "33", "note": "36", "unknown": "2", "ok": "32"}
INDENT = 11


@click.command("audit")
@click.argument("run", callback=given)
@click.option(
    "--bundle", metavar="DIR", callback=given, help="The bundle, where it is not in the run's folder."
)
@FORMAT
def audit(*, run: str, bundle: str | None, form: str) -> int:
    """Compare what was asked of a run with what ran: spec, bundle, configuration, machines, steps, rewards.

    \b
    Example:
      toolspec audit calculator-3f2a91
      toolspec audit runs/calculator-1b9e --bundle build/calculator
      toolspec audit calculator-3f2a91 --format json

    Every difference is named with both values and where each comes from. What cannot be known is listed, with what to
    provide. Nothing of the run is executed. RUN is a run's name, the beginning of it, or its folder.

    Exit codes: 0 no errors, 1 errors, 2 wrong usage or a fault of toolspec's own.
    """
    from toolspec.backends.launch.found import find
    from toolspec.backends.launch.report.audit import audit as audited
    from toolspec.backends.launch.report.audit import summary
    from toolspec.backends.launch.report.finding import STATES
    from toolspec.backends.launch.runs import root

    seen, findings = audited(find(run, root(), by_hand=True), Path(bundle) if bundle is not None else None)
    counts = summary(findings)
    verl = seen.release.version if seen.release is not None else None
    if form == "json":
        print_json(
            {
                "version": 1,
                "run": seen.folder.name,
                "verl": verl,
                "summary": counts,
                "findings": [_told(each) for each in findings],
            }
        )
    else:
        print(
            f"audit of {paint(obeying_nothing(seen.folder.name), '1')}" + (f" · verl {verl}" if verl else "")
        )
        for state in STATES:
            alike = [each for each in findings if each.state == state]
            for each in alike:
                print("\n".join(_shown(each)))
        words = [
            f"{counts[state]} {state}{'s' if state in ('error', 'warning', 'note') and counts[state] != 1 else ''}"
            for state in STATES
        ]
        print(", ".join(words[:-1]) + f", {counts['ok']} as asked")
    return 1 if counts["error"] else 0


def _told(each: Finding) -> dict[str, Any]:
    pair = {
        "asked": {"value": each.asked, "from": each.asked_from},
        "ran": {"value": each.ran, "from": each.ran_from},
    }
    return {
        "check": each.check,
        "severity": each.state,
        "message": each.message,
        **(pair if each.asked or each.ran else {"asked": None, "ran": None}),
        "fix": each.fix or None,
    }


def _shown(each: Finding) -> Iterator[str]:
    """State, check and message; below it both values with where they are from, and what to do."""
    text = obeying_nothing(f"{each.check}: {each.message}")
    first, *rest = _lines(text, INDENT)
    yield f"  {paint(f'{each.state:<7}', STYLES[each.state])}  {first.strip()}"
    yield from rest
    pair = [
        f"{word} {value}" + (f" ({origin})" if origin else "")
        for word, value, origin in (
            ("asked", each.asked, each.asked_from),
            ("ran  ", each.ran, each.ran_from),
        )
        if value
    ]
    for line in pair:
        yield from _lines(obeying_nothing(line), INDENT)
    if each.fix:
        yield from _lines(
            obeying_nothing(f"{'needs' if each.state == 'unknown' else 'fix'}: {each.fix}"), INDENT
        )


def _lines(text: str, indent: int) -> Sequence[str]:
    """Wrapped to the width; a word that is longer is cut, since a hostile one may be endless."""
    most = width() - indent - 2
    words = " ".join(word if len(word) <= 4 * most else f"{word[: 4 * most]}…" for word in text.split())
    return wrapped(words, indent) or [""]
