"""What `toolspec budget --format json` prints: a contract, version 1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from toolspec.backends.verl.chat.length_report import Report
    from toolspec.backends.verl.chat.lengths import LongRow

BARS = 10


def document(report: Report) -> dict[str, Any]:
    """`bins`, quantiles and `longest` are of the rows that were counted; null where none was."""
    found, limits, subject = report.lengths, report.limits, report.subject
    spread, sampled = found.distribution, report.sampled
    quantiles = {
        name: spread.quantile(share) if spread.lengths else None
        for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99))
    }
    bins = spread.bins(BARS, limits.prompt)
    return {
        "version": 1,
        "verl": subject.view.version,
        "model": subject.owner,
        "split": report.asked.split,
        "rows": found.total,
        "fits": report.fits,
        "counted": len(spread.lengths),
        "settled_by_bytes": {"rows": found.by_bytes, "most": found.most_bytes}
        if report.asked.quick
        else None,
        "sample": None
        if sampled is None
        else {
            "rows": found.sampled,
            "confidence": 0.95,
            "most_rows_over": sampled.over,
            "p99_at_most": sampled.p99,
        },
        "prompt_tokens": {
            "limit": limits.prompt,
            "limit_from": limits.prompt_why or None,
            **quantiles,
            "longest": spread.longest if spread.lengths else None,
            "over": [{"row": row, "tokens": length} for row, length in report.over],
            "bins": [{"from": start, "to": end, "rows": number} for start, end, number in bins],
            "refused": [{"row": row, "why": why} for row, why in spread.refused],
            "longest_rows": [_row(one) for one in found.longest],
        },
        "trajectory_tokens": {
            "limit": limits.response,
            "rounds": limits.rounds,
            "parallel_calls": limits.parallel,
            "tool_response": limits.answer or None,
            "tool_response_characters": limits.characters or None,
            "around_a_tool_response": found.around[0],
            "around_each_other": found.around[1],
            **_trajectory(report),
        },
        "least": {
            "prompt_tokens": report.need.prompt[1],
            "trajectory_tokens": report.need.response[1],
            "together": report.need.both[1],
            "now": report.need.both[0],
            "max_model_len": limits.model or None,
        },
        "kv_cache": _memory(report),
        "assumed": list(report.assumed),
    }


def _row(one: LongRow) -> dict[str, Any]:
    return {
        "row": one.row,
        "tokens": one.tokens,
        "file": one.file,
        "unit": one.unit,
        "number": one.number,
        "head": one.head,
        "tail": one.tail,
        "characters": one.characters,
    }


def _trajectory(report: Report) -> dict[str, Any]:
    path = report.trajectory
    if path is None:
        return {"of_rounds": None, "typical": None, "worst": None, "hard": None, "taken": []}
    return {
        "of_rounds": path.rounds,
        "answer": path.answer._asdict(),
        "typical": {**path.typical._asdict(), "total": path.typical.total},
        "worst": {**path.worst._asdict(), "total": path.worst.total},
        "hard": {"ascii": path.hard[0], "any": path.hard[1] or None},
        "texts": {name: kind._asdict() for name, kind in report.lengths.texts._asdict().items()},
        "taken": list(path.assumed),
    }


def _memory(report: Report) -> dict[str, Any]:
    memory = report.memory
    if memory is None:
        return {"needs": report.memory_unknown}
    now, least = (tokens * memory.each for tokens in report.need.both)
    return {
        "bytes_a_token": memory.each,
        "formula": memory.formula,
        "sequence_bytes": {"now": now, "least": least},
        "sequences": memory.sequences,
        "sequences_from": memory.why,
        "all_bytes": {"now": now * memory.sequences, "least": least * memory.sequences},
    }
