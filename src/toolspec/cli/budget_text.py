"""What `toolspec budget` prints for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from toolspec.cli.output import paint
from toolspec.cli.preview import columns, ends
from toolspec.cli.terminal import width, wrapped

if TYPE_CHECKING:
    from toolspec.backends.verl.chat.length_report import Report
    from toolspec.backends.verl.chat.lengths import LongRow
    from toolspec.backends.verl.chat.trajectory_lengths import Parts

BARS = 10
MOST_ROWS = 5
MIB = 1 << 20


def lines(report: Report) -> Iterator[str]:
    subject = report.subject
    yield f"{paint('budget', '1')} of {subject.file} → verl {subject.view.version} · tokens of {subject.owner}"
    yield from _prompts(report)
    yield from _trajectory(report)
    yield from _verdict(report)
    for each in report.assumed:
        yield from wrapped(f"assumed  {each}", 0)


def _prompts(report: Report) -> Iterator[str]:
    found, limits = report.lengths, report.limits
    spread, sampled = found.distribution, report.sampled
    what = (
        f"a sample of {found.sampled:,} of {found.total:,} rows" if sampled else counted(found.total, "row")
    )
    yield paint(f"prompts of {what} ({report.asked.split})", "1")
    if report.asked.quick:
        yield from wrapped(quick_words(report), 2)
    elif spread.lengths:
        shown = [
            (name, spread.quantile(share)) for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99))
        ]
        yield "  " + "   ".join(f"{name} {value:,}" for name, value in [*shown, ("longest", spread.longest)])
        yield from _chart(report)
    if limits.prompt_why:
        yield from wrapped(f"the limit: {limits.prompt_why}", 2)
    over = report.over
    if over:
        yield paint(f"  {over_words(report)}", "31")
        yield from _rows(report.over_rows[:MOST_ROWS])
        every = "every row fits" if sampled is None else "every row of the sample fits"
        yield f"  fix: {limits.prompt_key}: {report.need.prompt[1]}   {every}"
    elif spread.lengths and not spread.refused and not report.asked.quick:
        yield from wrapped(
            f"{'every prompt fits' if sampled is None else 'every prompt of the sample fits'} in "
            f"{limits.prompt:,} tokens, {limits.prompt_name}; the longest leaves {limits.prompt - spread.longest:,}",
            2,
        )
    if spread.refused:
        _, why = spread.refused[0]
        number = len(spread.refused)
        yield paint(f"  {counted(number, 'row')} {'is' if number == 1 else 'are'} refused: {why}", "31")
        yield from _rows(found.refused[:MOST_ROWS])
    if sampled is not None:
        yield from wrapped(sample_words(report), 2)


def counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def over_words(report: Report) -> str:
    number = len(report.over)
    return (
        f"{counted(number, 'row')} {'is' if number == 1 else 'are'} longer than {report.limits.prompt:,} tokens, "
        f"{report.limits.prompt_name}: {report.limits.long}"
    )


def quick_words(report: Report) -> str:
    found, limits = report.lengths, report.limits
    exact = len(found.distribution.lengths)
    told = f"{counted(found.by_bytes, 'row')} cannot be longer than {limits.prompt:,} tokens by their bytes"
    told += f" (at most {found.most_bytes:,})" if found.by_bytes else ""
    told += f"; {exact:,} {'was' if exact == 1 else 'were'} counted exactly"
    told += f", the longest {found.distribution.longest:,}" if exact else ""
    return told + (f": every prompt fits in {limits.prompt_name}" if report.fits else "")


def sample_words(report: Report) -> str:
    """The confidence in plain words."""
    sampled, total, limit = report.sampled, report.lengths.total, report.limits.prompt
    assert sampled is not None
    told = (
        f"with 95 % confidence at most {percent(sampled.over, total)} of all rows ({sampled.over:,} of {total:,}) "
        f"are longer than {limit:,} tokens"
    )
    told += " or refused" if report.lengths.distribution.refused else ""
    if sampled.p99 is not None:
        return f"{told}, and 99 % of them have at most {sampled.p99:,}"
    return f"{told}; the sample is too small to bound what 99 % of them have"


def percent(part: int, whole: int) -> str:
    """Rounded up: what is said is a bound."""
    return f"{-(-part * 10_000 // whole) / 100:.2f} %"


def _rows(rows: tuple[LongRow, ...]) -> Iterator[str]:
    for row in rows:
        place = f"    {row.file} {row.unit} {row.number:,}"
        tokens = f": {row.tokens:,} tokens" if row.tokens else ""
        head = f"{place}{tokens}  "
        text = ends(row.head, row.tail, row.characters, max(20, width() - columns(head)))
        yield head + paint(text, "2") if text else head.rstrip()


def _chart(report: Report) -> Iterator[str]:
    bins, limit = report.lengths.distribution.bins(BARS, report.limits.prompt), report.limits.prompt
    most = max((number for *_, number in bins), default=0)
    room = width() - 36
    for start, end, number in bins:
        bar = "█" * max(1 if number else 0, round(room * number / most))
        over = " over" if start > limit and number else ""
        yield f"  {start:>7,}-{end:<7,} {paint(bar, '31' if over else '32')} {number:,}{over}"


def _trajectory(report: Report) -> Iterator[str]:
    limits, path = report.limits, report.trajectory
    yield paint("trajectory", "1")
    yield f"  {limits.response:,} tokens for all turns and tool answers, {limits.response_name}"
    if path is None:
        return
    if not path.limited:
        yield "  the number of tool rounds has no limit; of one round:"
    yield f"  {'':<30}{'typical':>9}{'worst':>9}"
    for name, typical, worst in part_rows(path.rounds, limits.parallel, path.typical, path.worst):
        yield f"  {name:<30}{typical:>9,}{worst:>9,}"
    yield f"  {'together':<30}{path.typical.total:>9,}{path.worst.total:>9,}"
    typical, worst = path.fitting(limits.response)
    if path.limited:
        left = limits.response - path.worst.total
        if left > 0:
            turns = path.rounds + 1
            yield from wrapped(
                f"{left:,} are left at the worst for what else the policy says: {left // turns:,} in each of "
                f"{turns} turns",
                2,
            )
        else:
            yield paint(
                f"  at the worst {worst:,} of {path.rounds} rounds fit: it ends without an answer", "33"
            )
    else:
        yield f"  {typical:,} such rounds fit, and {worst:,} of the worst"
    ascii_, any_ = path.hard
    beyond = f", {any_:,} of any text" if any_ > ascii_ else ""
    yield from wrapped(f"tools bring in at most {ascii_:,} tokens{' of ASCII' if beyond else ''}{beyond}", 2)
    for each in path.assumed:
        yield from (paint(line, "2") for line in wrapped(f"taken: {each}", 2))


def part_rows(rounds: int, parallel: int, typical: Parts, worst: Parts) -> tuple[tuple[str, int, int], ...]:
    """(name, typical, worst) of each part of a trajectory."""
    answers = f"{counted(rounds, 'tool answer')}" + (f", or {rounds * parallel:,}" if parallel > 1 else "")
    names = (counted(rounds, "call"), answers, "marks around them", "the last turn")
    return tuple(zip(names, typical, worst, strict=True))


def _verdict(report: Report) -> Iterator[str]:
    need, memory = report.need, report.memory
    yield paint("verdict", "1")
    yield f"  {'':<24}{'now':>10}{'least':>11}"
    for name, (now, least), note in (
        ("prompt", need.prompt, prompt_note(report)),
        ("trajectory", need.response, response_note(report)),
        ("together", need.both, together_note(report)),
    ):
        yield _row(name, f"{now:,}", "-" if least is None else f"{least:,}", note)
    if memory is None:
        yield from wrapped(f"KV cache: this needs {report.memory_unknown}", 2)
        return
    for name, times in (
        ("KV cache of a sequence", 1),
        (f"of {memory.sequences:,} at a time", memory.sequences),
    ):
        now_size, least_size = (size(tokens * memory.each * times) for tokens in need.both)
        yield _row(name, now_size, least_size, memory.why if times > 1 else "")
    yield from (paint(line, "2") for line in wrapped(f"{memory.each:,} bytes a token: {memory.formula}", 2))


def _row(name: str, now: str, least: str, note: str) -> str:
    return f"  {name:<24}{now:>10}{least:>11}" + (f"   {note}" if note else "")


def prompt_note(report: Report) -> str:
    if report.need.prompt[1] is None:
        return "without --quick" if report.asked.quick else ""
    return "every row" if report.sampled is None else "every row of the sample"


def response_note(report: Report) -> str:
    path = report.trajectory
    if path is None:
        return "the data do not tell"
    return "the worst, no reasoning" if path.limited else "without a limit of rounds"


def together_note(report: Report) -> str:
    most = report.limits.model
    if not most:
        return "max_model_len: the model's"
    return f"max_model_len now {most:,}" + (": too small" if most < report.need.both[0] else "")


def size(number: int) -> str:
    """Bytes in the unit that leaves three digits or four."""
    for unit, scale in (("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", MIB)):
        if number >= scale:
            return f"{number / scale:,.1f} {unit}"
    return f"{number / 1024:,.1f} KiB"
