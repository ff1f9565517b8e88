"""What `toolspec reward --format json` prints: a contract, version 1. Exact numbers are texts: 0.2 or 1/3."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toolspec.compiler.reward.words import described, plain

if TYPE_CHECKING:
    from fractions import Fraction

    from toolspec.backends.verl.probe.table import Row
    from toolspec.backends.verl.reward.subject import Report
    from toolspec.backends.verl.reward.transcript import Transcript, Transcripts
    from toolspec.cli.reward_probe import Told
    from toolspec.compiler.reward.analysis import Analysis
    from toolspec.compiler.reward.lines import Interval
    from toolspec.compiler.reward.vector import Vector
    from toolspec.compiler.reward.verdict import Pair, Verdict


def document(report: Report, shown: Transcripts) -> dict[str, Any]:
    """`analysed` is false for a reward that is one Python function."""
    subject, analysis = report.subject, report.analysis
    head: dict[str, Any] = {"version": 1, "name": subject.name, "verl": subject.release}
    if analysis is None:
        return {**head, "analysed": False}
    return {
        **head,
        "analysed": True,
        **body(analysis, shown),
        "signal": _signal(report),
        "rows_missing": report.rows_missing or None,
    }


def probe_document(told: Told) -> dict[str, Any]:
    """`document` with `probe`: what each policy earns, and what was found."""
    probe, table = told.probe, told.table
    return {
        **document(told.report, told.shown),
        "probe": {
            "fine": not told.fails,
            "seconds": round(probe.seconds, 3),
            "seed": probe.asked.seed,
            "rows": table.played,
            "tokens": "stand-in" if probe.experiment.model.why_not else "model",
            "assumed": list(probe.experiment.assumed),
            "answer_form": probe.form,
            "honest": table.honest,
            "policies": [_policy(row) for row in table.rows],
            "findings": [
                {
                    **one._asdict(),
                    "policies": list(one.policies),
                    "place": None if span is None else [span.file, span.line, span.column],
                }
                for one, span in told.findings
            ],
        },
    }


def _policy(row: Row) -> dict[str, Any]:
    from toolspec.backends.verl.rehearsal.summary import spans

    shown = row.shown
    found = row._asdict()
    found.update(
        pays=row.pays,
        mark=row.mark or None,
        trouble=row.trouble or None,
        shown=None
        if shown is None or shown.scored is None
        else {
            "row": shown.row,
            "parts": [{"by": span.by, "text": span.text} for span in spans(shown)],
            "stop": shown.stop,
            "score": shown.scored.score,
            "terms": dict(shown.scored.values),
            "paid": dict(shown.scored.paid),
            "fault": shown.scored.fault,
        },
    )
    return found


def body(analysis: Analysis, shown: Transcripts) -> dict[str, Any]:
    return {
        "budget": {"turns": analysis.budget.turns, "parallel_calls": analysis.budget.parallel},
        "fine": not analysis.broken("error"),
        "properties": [_property(analysis, each, shown) for each in analysis.verdicts],
        "weights": [
            {
                "term": each.name,
                "weight": plain(each.weight),
                "keeps": _interval(each.keeps),
                "mends": _interval(each.wanted),
            }
            for each in analysis.spans
        ],
        "assumed": list(analysis.assumed),
        "cases": [{"case": each.words, "verdicts": each.outcomes} for each in analysis.parts],
        "template": shown.template or None,
        "prompt": shown.prompt or None,
        "template_missing": shown.frame_missing or None,
        "transcripts_missing": shown.missing or None,
    }


def _property(analysis: Analysis, verdict: Verdict, shown: Transcripts) -> dict[str, Any]:
    asked = verdict.asked
    refuted = verdict.outcome == "refuted"
    return {
        "name": asked.name,
        "claim": asked.claim,
        "severity": verdict.severity,
        "verdict": verdict.outcome,
        "why": verdict.why or None,
        "by_probe": verdict.by_probe,
        "case": verdict.case.words or None if verdict.case is not None else None,
        "margin": None if verdict.margin is None else plain(verdict.margin),
        "narrowest": _pair(verdict, verdict.pair, shown),
        "counterexample": _pair(verdict, verdict.shown, shown) if refuted else None,
        "repairs": [
            {
                "term": each.name,
                "change": each.what,
                "value": plain(each.value),
                "where": _interval(each.where),
            }
            for each in analysis.repairs
            if each.asked == asked
        ],
    }


def _pair(verdict: Verdict, pair: Pair | None, shown: Transcripts) -> dict[str, Any] | None:
    """`better` is the side that ought to be paid more."""
    if pair is None:
        return None
    return {
        "better": _side(pair.better, pair.better_score, shown.of(verdict, pair.better)),
        "worse": _side(pair.worse, pair.worse_score, shown.of(verdict, pair.worse)),
    }


def _side(one: Vector, score: Fraction, transcript: Transcript | None) -> dict[str, Any]:
    return {
        "score": plain(score),
        "words": described(one),
        "counts": one._asdict(),
        "transcript": None
        if transcript is None
        else {
            "parts": [{"by": part.by, "text": part.text} for part in transcript.parts],
            "rendered": [{"by": by, "text": text} for by, text in transcript.rendered],
            "accepted_answer": transcript.truth,
            "runtime_score": transcript.paid,
        },
    }


def _interval(one: Interval | None) -> dict[str, Any] | None:
    """null ends are none."""
    if one is None:
        return None
    return {
        "low": None if one.low is None else plain(one.low),
        "high": None if one.high is None else plain(one.high),
        "low_open": one.low_open,
        "high_open": one.high_open,
    }


def _signal(report: Report) -> dict[str, Any] | None:
    signal = report.signal
    if signal is None:
        return None
    return {
        "estimator": signal.estimator,
        "group": signal.group,
        "normalize": signal.normalize,
        "right_answer": plain(signal.right),
        "beside_the_answer": plain(signal.aside),
        "silent_groups": [
            {"solved": float(each.rate), "share": float(each.share), "half_with": each.enough}
            for each in signal.silent
        ],
        "advantage_beside_the_answer": signal.advantage,
        "advantage_lone_right": signal.lone_right,
        "kl": signal.kl_where,
        "kl_nats_a_token_for_a_right_answer": signal.kl_a_token,
    }
