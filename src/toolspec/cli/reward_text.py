"""What `toolspec reward` prints for people: the verdict first, then the properties, then the intervals."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING

from toolspec.cli.output import obeying_nothing, paint
from toolspec.cli.terminal import width, wrapped
from toolspec.compiler.reward.matcher import shown as shortened
from toolspec.compiler.reward.words import counted, described, interval, number, plain, summed

if TYPE_CHECKING:
    from toolspec.backends.verl.reward.subject import Report
    from toolspec.backends.verl.reward.transcript import Transcript, Transcripts
    from toolspec.compiler.reward.analysis import Analysis
    from toolspec.compiler.reward.groups import Signal
    from toolspec.compiler.reward.repair import Repair
    from toolspec.compiler.reward.verdict import Verdict

MOST_PARTS = 5
"""Of a transcript; the page has them all."""
MARKS = {"proved": ("holds", "32"), "unknown": ("open", "33"), "no-case": ("-", "2")}
BROKEN = {"error": ("BROKEN", "31"), "warning": ("broken", "33"), "note": ("note", "36")}


def lines(report: Report, shown: Transcripts, brief: bool = False) -> Iterator[str]:
    """brief: the verdict, and what was found by a probe."""
    subject, analysis = report.subject, report.analysis
    head = f"{paint('reward', '1')} of {subject.name} → verl {subject.release}"
    if analysis is None:
        yield head
        yield from wrapped("nothing is proved: the reward is one Python function (reward.python)", 0)
        return
    budget = analysis.budget
    calls = f", {counted(budget.parallel, 'call')} a turn" if budget.parallel else ", no tools"
    yield f"{head} · {counted(budget.turns, 'turn')}{calls}"
    yield paint("verdict", "1")
    for style, text in verdict_words(analysis):
        yield from (paint(line, style) for line in wrapped(text, 2))
    if brief:
        for verdict in analysis.verdicts:
            if verdict.by_probe:
                yield from _property(analysis, verdict, shown)
        return
    yield paint("properties", "1") + paint("  over every trajectory that the budget allows", "2")
    # One counterexample is read word for word; the others are counts, and the page has their words.
    first = [*analysis.broken("error"), *analysis.broken("warning")][:1]
    before = ""
    for verdict in analysis.said:
        # What leaves several open is said once.
        told = verdict._replace(why="") if verdict.outcome == "unknown" and verdict.why == before else verdict
        before = verdict.why
        yield from _property(analysis, told, shown if verdict in first or verdict.by_probe else None)
    yield from _cases(analysis)
    if report.rows_missing:
        yield from (paint(line, "2") for line in wrapped(f"made-up rows: {report.rows_missing}", 2))
    if shown.missing:
        yield from (paint(line, "2") for line in wrapped(f"without a transcript: {shown.missing}", 2))
    if shown.frame_missing:
        said = f"transcripts without the model's chat template: {shown.frame_missing}"
        yield from (paint(line, "2") for line in wrapped(said, 2))
    yield from _intervals(analysis)
    if report.signal is not None:
        yield paint("learning signal", "1")
        for text in signal_words(report.signal):
            yield from wrapped(text, 2)
    for text in analysis.assumed:
        yield from (paint(line, "2") for line in wrapped(f"assumed  {text}", 0))


def verdict_words(analysis: Analysis) -> list[tuple[str, str]]:
    """(style, sentence) of what is read first."""
    errors, warnings = analysis.broken("error"), analysis.broken("warning")
    unknown = [each for each in analysis.verdicts if each.outcome == "unknown"]
    said = []
    for each in errors:
        said.append(("31", f"error: {each.asked.broken}"))
    best = next((each for each in analysis.verdicts if each.asked.name == "best-is-solved"), None)
    if not errors and best is not None and best.outcome == "proved" and best.pair is not None:
        said.append(("32", f"an honest solution is paid best: {number(best.pair.better_score)}"))
    for each in warnings:
        repair = analysis.repair(each)
        fix = f"; {repair_words(repair)} mends it" if repair else ""
        said.append(("33", f"warning: {each.asked.broken}{fix}"))
    if unknown:
        said.append(("33", f"{len(unknown)} of {len(analysis.said)} properties are open: {unknown[0].why}"))
    return said


def repair_words(repair: Repair) -> str:
    path = "algorithm.overlong" if repair.name == "overlong" else f"reward.{repair.name}"
    return f"{path}.{repair.what}: {plain(repair.value)}"


def _property(analysis: Analysis, verdict: Verdict, shown: Transcripts | None) -> Iterator[str]:
    asked = verdict.asked
    refuted = verdict.outcome == "refuted"
    word, style = BROKEN[verdict.severity] if refuted else MARKS[verdict.outcome]
    text = asked.broken if refuted and verdict.severity == "note" else asked.claim
    tail = ""
    if verdict.outcome == "proved" and verdict.margin is not None:
        tail = "a tie" if not verdict.margin else f"by {number(verdict.margin)}"
    elif verdict.outcome == "no-case":
        tail = verdict.why
    room = width() - 10 - len(tail) - 2
    line = f"  {paint(f'{word:<8}', style)}{text if len(text) <= room else text[: room - 1] + '…'}"
    yield f"{line}{' ' * max(1, room - len(text) + 1)}{paint(tail, '2')}".rstrip()
    if verdict.why and verdict.outcome != "no-case":
        yield from (paint(line, "2") for line in wrapped(verdict.why, 10))
    pair = verdict.shown
    if not refuted or pair is None:
        return
    tie = "ties with" if pair.better_score == pair.worse_score else "is paid less than"
    sides = ((pair.better, pair.better_score, ""), (pair.worse, pair.worse_score, f"{tie} "))
    for vector, score, before in sides:
        yield from wrapped(
            f"{before}{described(vector)}: {summed(analysis.reward_of(verdict), vector, score)}", 10
        )
        transcript = shown.of(verdict, vector) if shown is not None else None
        if transcript is not None:
            yield from _transcript(transcript)
    if verdict.case is not None and verdict.later:
        yield from wrapped(f"both at {verdict.case.words}", 10)
    if verdict.margin is not None and verdict.margin < pair.better_score - pair.worse_score:
        yield from wrapped(f"at the worst it is {number(-verdict.margin)} less", 10)
    if asked.severity == "note" or verdict.by_probe:
        return
    repair = analysis.repair(verdict)
    if verdict.later:
        yield from wrapped("it comes with a `schedule`: what mends it are other weights there", 10)
    elif repair is None and not analysis.spans:
        return
    elif repair is None and not any(each.name == "correct" for each in analysis.reward.terms):
        yield from wrapped("no term pays for a right answer: `correct` is missing", 10)
    elif repair is None:
        yield from wrapped("no change of one weight or cap mends it alone", 10)
    else:
        yield from wrapped(f"fix: {repair_words(repair)}   any {repair.what} {_distance(repair)} does", 10)


def _distance(repair: Repair) -> str:
    """A cap is spoken of by its distance from 0."""
    if repair.what == "weight":
        return interval(repair.where)
    sign = "-" if repair.value < 0 else ""
    high = repair.where.high
    assert high is not None
    return (
        f"nearer to 0 than {sign}{number(high)}" if repair.where.high_open else f"up to {sign}{number(high)}"
    )


def _cases(analysis: Analysis) -> Iterator[str]:
    if analysis.parts:
        yield paint("cases", "1") + paint("  what is broken in each", "2")
    for words, broken in case_words(analysis):
        yield from wrapped(f"{words}: {broken or 'nothing'}", 2)


def case_words(analysis: Analysis) -> Iterator[tuple[str, str]]:
    """(the case, what is broken in it) of a reward of several; cases that break the same are one."""
    asked = {each.asked.name: each.asked for each in analysis.verdicts}
    found: dict[str, list[str]] = {}
    for part in analysis.parts:
        broken = [asked[name] for name, outcome in part.outcomes.items() if outcome == "refuted"]
        told = "; ".join(each.broken for each in broken if each.severity != "note")
        found.setdefault(told, []).append(part.words)
    for told, words in found.items():
        yield "; ".join(words), told


def _transcript(transcript: Transcript) -> Iterator[str]:
    """As the model sees it, where that is known."""
    parts = list(transcript.shown)
    if len(parts) > MOST_PARTS:
        between = ("", f"… {len(parts) - MOST_PARTS + 1} more turns and answers …")
        parts = [*parts[: MOST_PARTS - 2], between, parts[-1]]
    for by, part in parts:
        text = obeying_nothing(" ".join(part.split()))
        room = max(20, width() - 20)
        text = text if len(text) <= room else f"{text[: room - 1]}…"
        yield paint(f"            {by:<7} {text}", "2")
    truth = obeying_nothing(shortened(str(transcript.truth)))
    # A sum of doubles: 0.1 + 0.2 - 0.3 is shown as 0.
    said = f"scored {round(transcript.paid, 9) + 0.0:g} by the bundle's reward (answer asked for: {truth})"
    style = "2" if transcript.agrees else "31"
    for line in wrapped(said if transcript.agrees else f"{said}, which disagrees", 12):
        yield paint(line, style)


def _intervals(analysis: Analysis) -> Iterator[str]:
    if not analysis.spans:
        return
    yield paint("weights", "1") + paint("  each by itself, the others as they are", "2")
    names = max(len(span.name) for span in analysis.spans)
    found = (*analysis.broken("error"), *analysis.broken("warning"))
    broken = any(each.asked.form != "matcher" for each in found)
    yield paint(
        f"  {'':<{names}}  {'now':>6}  {'keeps what holds':<28}" + ("mends all" if broken else ""), "2"
    ).rstrip()
    for span in analysis.spans:
        keeps = "not worked out" if span.keeps is None else interval(span.keeps)
        mends = ("-" if span.wanted is None else interval(span.wanted)) if broken else ""
        yield f"  {span.name:<{names}}  {number(span.weight):>6}  {keeps:<28}{mends}".rstrip()


def signal_words(signal: Signal) -> Iterator[str]:
    """What an update sees of the scores."""
    if signal.silent:
        yield (
            f"groups of {signal.group}: nothing is learnt from a group that is all right or all wrong; "
            "where the policy solves a prompt with the given rate, that is so for"
        )
        for each in signal.silent:
            rate = f"{float(each.rate):.0%}"
            more = f", at most half from groups of {each.enough} on" if each.share > Fraction(1, 2) else ""
            yield f"{rate:>5} solved: {float(each.share):>4.0%} of groups{more}"
        if signal.aside > 0 and signal.advantage is not None and signal.lone_right is not None:
            told = (
                f"in a group that is all wrong, the only one that is paid {number(signal.aside)} beside the answer "
                f"gets the advantage {signal.advantage:.2f}; the only right one of a group gets "
                f"{signal.lone_right:.2f}"
            )
            yield told + (
                ": dividing by the deviation makes them equal (algorithm.normalize: false does not)"
                if signal.normalize
                else ""
            )
    elif signal.estimator == "gae":
        low, high = signal.returns
        yield (
            f"PPO whitens advantages over the batch: the size of the weights is seen by the critic alone, whose "
            f"returns go from {number(low)} to {number(high)} for honest trajectories"
        )
    if signal.kl_a_token is not None:
        yield (
            f"the KL penalty in the reward eats a right answer ({number(signal.right)}) at "
            f"{signal.kl_a_token:.3g} nats a token over a full trajectory"
        )
    elif signal.kl_where == "loss":
        yield (
            f"KL stands in the loss with {signal.kl_coef:g}: it is weighed against whitened or normalised "
            "advantages, not against these scores"
        )
