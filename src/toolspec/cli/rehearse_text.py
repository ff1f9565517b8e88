"""What `toolspec rehearse` prints for people."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from toolspec.cli.output import paint
from toolspec.cli.terminal import width

if TYPE_CHECKING:
    from toolspec.backends.verl.rehearsal.episode import Episode, Piece
    from toolspec.backends.verl.rehearsal.experiment import Experiment
    from toolspec.backends.verl.rehearsal.findings import Finding
    from toolspec.backends.verl.rehearsal.rehearse import Rehearsal

SHOWN_LINES = 8
"""Lines of one turn or one tool's answer in a transcript."""
COLOURS = {"error": "31", "warning": "33", "note": "2", "policy": "32", "environment": "36", "prompt": "2"}
SIGNS = {"prompt": " ", "policy": "▌", "environment": "│"}


def lines(spec: str, found: Rehearsal, told: Sequence[Finding], *, every: bool) -> Iterator[str]:
    experiment = found.experiment
    took = f"{counted(len(found.episodes), 'episode')} in {found.seconds:.1f} s"
    yield f"{paint('rehearsal', '1')} of {spec} → verl {experiment.release} · {took}"
    yield from wrapped(_what(found), 2)
    if found.episodes:
        yield ""
        yield from _policies(found)
        yield ""
        yield from _tools(found)
        yield from _lengths(found)
        yield from _transcripts(found, every=every)
    yield ""
    yield from _findings(told)


def _what(found: Rehearsal) -> str:
    model = found.experiment.model
    rows = len({one.row for one in found.episodes})
    whose = f"tokens of {model.name}" if not model.why_not else "text alone, no tokens"
    whose += " · verl's own loop and reward" if found.asked.engine == "verl" else ""
    form = "" if found.form == "{}" else f" · answers as `{found.form.replace('{}', 'ANSWER')}`"
    return f"{counted(rows, 'row')} · {whose}{form} · seed {found.asked.seed}{_writer(found)}"


def _writer(found: Rehearsal) -> str:
    """What is to be known of a model that writes."""
    one = found.writer
    if one is None or found.experiment.model.weights is None:
        return ""
    sampling = found.experiment.sampling
    how = [f"temperature {sampling.temperature:g}"]
    how += [f"top-p {sampling.top_p:g}"] if sampling.top_p < 1 else []
    how += [f"top-k {sampling.top_k}"] if sampling.top_k > 0 else []
    speed = f", {one.tokens / one.seconds:,.0f} tokens a second" if one.seconds else ""
    said = f"{one.kind} of {one.parameters / 1e6:,.1f} M parameters, {', '.join(how)}{speed}"
    return f" · model {found.experiment.model.weights.name}: {said}, within {found.asked.within:g} s"


def counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def wrapped(text: str, indent: int, first: str = "") -> Iterator[str]:
    lead = " " * indent
    yield from textwrap.wrap(
        visible(text),
        width(),
        initial_indent=first or lead,
        subsequent_indent=lead,
        break_on_hyphens=False,
        break_long_words=True,
    )


def visible(text: str) -> str:
    """Text of tools and models for a terminal: what would move its cursor is spelt."""
    return "".join(
        one if one.isprintable() or one == "\n" else one.encode("unicode_escape").decode() for one in text
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """The first column to the left, the others to the right; what does not fit into the width goes below."""
    sizes = [max(len(row[at]) for row in (head, *rows)) for at in range(len(head))]
    for number, row in enumerate((head, *rows)):
        line = "  ".join(
            cell.ljust(size) if not at else cell.rjust(size)
            for at, (cell, size) in enumerate(zip(row, sizes, strict=True))
        )
        yield paint(f"  {line}", "2") if not number else f"  {line}"


def _policies(found: Rehearsal) -> Iterator[str]:
    from toolspec.backends.verl.rehearsal.summary import by_policy, weights

    rows, terms = by_policy(found), weights(found)
    tokens = not found.experiment.model.why_not
    yield paint("scores", "1")
    head = ["policy", "mean", "least", "most", "turns", *(["tokens"] if tokens else []), "lost"]
    cells = [
        [
            one.policy,
            *(number(value) for value in (one.mean, one.least, one.most)),
            f"{one.turns:.1f}",
            *([f"{one.tokens:.0f}"] if tokens else []),
            str(one.lost) if one.lost else "-",
        ]
        for one in rows
    ]
    yield from _table(head, cells)
    if terms:
        yield paint("terms, mean before the weight", "1")
        for some in _groups(list(terms)):
            head = ["policy", *(f"{name} ({terms[name]})" for name in some)]
            yield from _table(
                head, [[one.policy, *(number(one.values.get(name)) for name in some)] for one in rows]
            )


def _groups(names: list[str]) -> Iterator[list[str]]:
    """As many terms a table as the width takes."""
    some: list[str] = []
    for name in names:
        taken = 12 + sum(len(one) + 9 for one in [*some, name])
        if some and taken > width():
            yield some
            some = []
        some.append(name)
    if some:
        yield some


def number(value: float | None) -> str:
    return "-" if value is None else f"{value + 0.0:.2f}".replace("-0.00", "0.00")


def seconds(value: float) -> str:
    return f"{value * 1000:.1f} ms" if value < 1 else f"{value:.1f} s"


def _tools(found: Rehearsal) -> Iterator[str]:
    from toolspec.backends.verl.rehearsal.findings import size
    from toolspec.backends.verl.rehearsal.summary import by_tool

    rows = by_tool(found)
    if not rows:
        return
    yield paint("tools", "1")
    head = ["tool", "calls", "median", "longest", "raised", "hung", "printed"]
    yield from _table(
        head,
        [
            [
                one.tool[:24],
                f"{one.calls:,}",
                seconds(one.median),
                seconds(one.longest),
                f"{one.raised or '-'}",
                f"{one.hung or '-'}",
                size(one.printed) if one.printed else "-",
            ]
            for one in rows
        ],
    )


def _lengths(found: Rehearsal) -> Iterator[str]:
    from toolspec.backends.verl.rehearsal.summary import lengths

    rows = lengths(found)
    if not rows:
        return
    yield paint("lengths in tokens", "1")
    yield from _table(
        ["", "longest", "limit", "met by"],
        [
            [one.name, f"{one.longest:,}", "-" if one.limit is None else f"{one.limit:,}", f"{one.at or '-'}"]
            for one in rows
        ],
    )


def _transcripts(found: Rehearsal, *, every: bool) -> Iterator[str]:
    chosen = (
        found.episodes
        if every
        else [
            next((one for one in found.episodes if one.policy == policy), None)
            for policy in found.asked.policies
        ]
    )
    seen: set[int] = set()
    for one in chosen:
        if one is not None:
            yield ""
            yield from transcript(found, one, prompt=one.row not in seen)
            seen.add(one.row)


def transcript(found: Rehearsal, one: Episode, *, prompt: bool = True) -> Iterator[str]:
    """prompt: whether it is shown, or only how long it is."""
    yield from wrapped(
        f"{one.policy}, row {one.row:,}: {one.script.variant}", 2, paint("episode", "1") + "  "
    )
    yield from transcript_lines(found.experiment, one, prompt=prompt)


def transcript_lines(experiment: Experiment, one: Episode, *, prompt: bool) -> Iterator[str]:
    """What was written, by whom, and what it is paid."""
    from toolspec.backends.verl.rehearsal.summary import spans

    tokens = not experiment.model.why_not
    for span in spans(one):
        above = span.by == "prompt" and not prompt
        text = f"the prompt of row {one.row:,}, as above" if above else span.text
        yield from _span(span._replace(text=text), tokens=tokens)
    yield from wrapped(outcome(experiment, one), 4, "  = ")


def _span(span: Piece, *, tokens: bool) -> Iterator[str]:
    sign, colour = SIGNS[span.by], COLOURS[span.by]
    text = visible(span.text.strip("\n"))
    shown = [part for line in text.split("\n") for part in (textwrap.wrap(line, width() - 6) or [""])]
    if len(shown) > SHOWN_LINES:
        left = len(shown) - SHOWN_LINES
        shown = [*shown[: SHOWN_LINES // 2], f"… {left} lines …", *shown[-(SHOWN_LINES // 2) :]]
    if tokens:
        shown[-1:] = _counted(shown[-1], span.tokens)
    for line in shown:
        yield paint(f"  {sign} {line}", colour)


def _counted(line: str, tokens: int) -> list[str]:
    """The last line with the number of tokens at the right, or below where there is no room."""
    said = f"[{tokens:,}]"
    room = width() - 6 - len(line) - len(said)
    return [f"{line}{' ' * room}{said}"] if room > 0 else [line, said.rjust(width() - 6)]


def outcome(experiment: Experiment, one: Episode) -> str:
    from toolspec.backends.verl.rehearsal.summary import terms_of

    if one.lost is not None:
        return f"no outcome: {', '.join(one.lost.who)} {one.lost.reason}".replace(":  ", ": ")
    assert one.scored is not None
    if one.scored.fault:
        return f"score {number(one.scored.score)}: the reward failed: {one.scored.fault}"
    said = terms_of(experiment)
    parts = [
        f"{paid:+.2f} {name}"
        + (f" ({said[name]} × {number(one.scored.values[name])})" if name in said else "")
        for name, paid in one.scored.paid.items()
        if paid
    ]
    why = f" = {'  '.join(parts)}" if parts else ""
    return f"score {number(one.scored.score)}{why} · ended by {one.stop or 'one turn'}"


def _findings(told: Sequence[Finding]) -> Iterator[str]:
    if not told:
        yield paint("nothing is broken", "32")
    for one in told:
        who = f" {one.who}:" if one.who else ""
        sign = paint(one.severity, COLOURS[one.severity])
        said = f"{one.severity}  {one.name}:{who} {one.message}"
        first, *rest = wrapped(said, 4, "  ")
        yield f"{sign}{first.strip().removeprefix(one.severity)}"
        yield from rest
        if one.fix:
            yield from wrapped(f"fix: {one.fix}", 4)
