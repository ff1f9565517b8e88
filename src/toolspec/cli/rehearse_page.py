"""`toolspec rehearse --html`: one page that needs nothing beside it, no script and no network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from toolspec.cli.rehearse_text import number, outcome, seconds, visible
from toolspec.cli.replace import replace_file

if TYPE_CHECKING:
    from toolspec.backends.verl.rehearsal.episode import Episode
    from toolspec.backends.verl.rehearsal.findings import Finding
    from toolspec.backends.verl.rehearsal.rehearse import Rehearsal

MARK = "<!-- toolspec rehearse -->"


class Block(NamedTuple):
    """Tokens of one author in a row. texts: one a token, or one alone where tokens are nobody's."""

    by: str
    tokens: int
    texts: tuple[str, ...]


class Shown(NamedTuple):
    """An episode as the page has it. prompt: None where another episode of the row shows it."""

    policy: str
    row: int
    variant: str
    score: str
    bad: bool
    outcome: str
    prompt: Block | None
    prompt_tokens: int
    blocks: tuple[Block, ...]
    calls: tuple[tuple[str, str, str, str], ...]
    length: int
    used: float


def write_page(path: Path, found: Rehearsal, told: Sequence[Finding]) -> None:
    """The page, whole or not at all. Raises OSError."""
    replace_file(path, page(found, told).encode("utf-8", "replace"))


def page(found: Rehearsal, told: Sequence[Finding]) -> str:
    import jinja2

    from toolspec.backends.verl.rehearsal.summary import by_policy, by_tool, lengths, weights

    source = Path(__file__).with_suffix(".html.j2").read_text("utf-8")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["score"] = number
    environment.filters["seconds"] = seconds
    return environment.from_string(source).render(
        mark=MARK,
        found=found,
        experiment=found.experiment,
        tokens=not found.experiment.model.why_not,
        told=[one._replace(message=visible(one.message)) for one in told],
        policies=by_policy(found),
        weights=weights(found),
        tools=by_tool(found),
        lengths=lengths(found),
        episodes=list(_shown(found)),
    )


def _shown(found: Rehearsal) -> Iterator[Shown]:
    rows: set[int] = set()
    limit = found.experiment.settings.response_length
    for one in found.episodes:
        blocks = list(_blocks(one, tokens=not found.experiment.model.why_not))
        prompt = blocks.pop(0) if blocks and blocks[0].by == "prompt" else None
        first = one.row not in rows
        rows.add(one.row)
        yield Shown(
            one.policy,
            one.row,
            one.script.variant,
            number(one.scored.score) if one.scored is not None else "lost",
            one.lost is not None or bool(one.scored and one.scored.fault),
            visible(outcome(found.experiment, one)),
            prompt if first else None,
            len(one.prompt_ids),
            tuple(blocks),
            tuple(_calls(one)),
            len(one.response_ids),
            100 * min(1.0, len(one.response_ids) / max(1, limit)),
        )


def _blocks(one: Episode, *, tokens: bool) -> Iterator[Block]:
    texts: list[str] = []
    count = 0
    for at, piece in enumerate(one.pieces):
        texts.append(visible(piece.text).replace("\n", "↵\n" if tokens else "\n"))
        count += piece.tokens
        if at + 1 == len(one.pieces) or one.pieces[at + 1].by != piece.by:
            yield Block(piece.by, count, tuple(texts) if tokens else ("".join(texts),))
            texts, count = [], 0


def _calls(one: Episode) -> Iterator[tuple[str, str, str, str]]:
    """(tool, arguments, answer, time) of each call; the time where the bundle's loop tells it."""
    told = sorted(one.fields.get("ts_answers") or (), key=lambda each: int(each["number"]))
    for at, call in enumerate(one.calls):
        took = seconds(float(told[at]["seconds"])) if len(told) == len(one.calls) else ""
        yield visible(call.name), visible(call.arguments), visible(call.answer), took
