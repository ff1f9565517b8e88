"""The configuration that verl printed against what the bundle and the submission's overrides compose to."""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.launch.report.checks.bundle import NO_BUNDLE
from toolspec.backends.launch.report.checks.shown import count, shown
from toolspec.backends.launch.report.evidence import Evidence, asked_of
from toolspec.backends.launch.report.finding import Finding, State, unknown
from toolspec.backends.verl.asked import BY_JOB, differences
from toolspec.backends.verl.effects import effect_of
from toolspec.backends.verl.renames import common_name
from toolspec.specs.problem import ProblemError

MOST_SHOWN = 200


def config(seen: Evidence) -> Iterator[Finding]:
    """Every attempt's; a difference that several attempts have is told once."""
    if seen.config is None:
        yield unknown(
            "config", "there is no config.yaml to hold the printed configuration against", NO_BUNDLE
        )
        return
    if seen.release is None:
        yield unknown(
            "config", "which release of verl was asked for is not known", "run.json or manifest.json says it"
        )
        return
    if not seen.printed:
        fix = "verl prints it when it starts: keep the whole log in logs/ or log.txt"
        yield unknown("config", "no log has the whole configuration that verl prints", fix)
        return
    version = seen.release.version
    by_hand = (
        ""
        if seen.folder.submissions
        else "toolspec submit records its overrides; what launch.sh was given by hand is not"
    )
    told: set[tuple[str, str]] = set()
    same = 0
    for printed in seen.printed:
        try:
            asked = asked_of(seen, printed.submission)
        except ProblemError as error:
            yield Finding("config", "error", f"config.yaml cannot be read: {error.problems[0].message}")
            return
        assert asked is not None
        for text, why in asked.unread:
            if (text, why) not in told:
                told.add((text, why))
                yield unknown(
                    "config", f"the override `{shown(text)}` cannot be compared: {why}", "write key=value"
                )
        found = differences(asked, printed.values)
        same += not found
        for each in found[:MOST_SHOWN]:
            ran = shown(each.ran, each.key)
            if (each.key, ran) in told:
                continue
            told.add((each.key, ran))
            by_job = each.key in BY_JOB
            effect = effect_of(common_name(each.key, version), (version,))
            state: State = (
                "note" if by_job or effect == "names" else "error" if effect == "result" else "warning"
            )
            where = f"default of verl {version}" if each.asked_from == "default" else _place(each.asked_from)
            message = (
                f"{each.key} was not as asked" if not by_job else f"{each.key} was set when the job started"
            )
            asked_for = shown(each.asked, each.key)
            yield Finding("config", state, message, asked_for, where, ran, printed.log, by_hand)
        if len(found) > MOST_SHOWN:
            rest = len(found) - MOST_SHOWN
            yield Finding(
                "config", "error", f"{count(rest, 'further key')} of {printed.log} were not as asked"
            )
    if same == len(seen.printed):
        keys = len(seen.printed[-1].values)
        times = "" if same == 1 else f", by each of {same} starts"
        yield Finding("config", "ok", f"verl ran with what was asked: {keys:,} keys were printed{times}")


def _place(name: str) -> str:
    return f"bundle/{name}" if name == "config.yaml" else name
