"""Converted rows in the store beside the bundles: one folder a content, shared by bundles and sweep points."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from toolspec.backends.verl.rows.layout import RowSettings, RowSource
from toolspec.compiler.facts.data import SourceFacts
from toolspec.compiler.facts.gather import Facts
from toolspec.compiler.plan.decision import Plan
from toolspec.compiler.scratch import scratch
from toolspec.specs.problem import Problem, ProblemError, Span

Place = Callable[[str], Span | None]
REPORT = "rows.json"


def convert_rows(
    facts: Facts, plan: Plan, store: Path, place: Place, progress: Callable[[str], None]
) -> tuple[dict[str, Any], tuple[Problem, ...]]:
    """Write `store/<hash>/{train,val}.parquet` unless they are there.

    place: spec path → where the spec says it. Returns what the manifest says (rows and logical hash of each file)
    and the warnings. The folder appears whole or not at all. Raises ProblemError with the rows that cannot be read.
    """
    folder = store / facts.data.hash
    report = report_of(folder)
    if report is None:
        store.mkdir(parents=True, exist_ok=True)
        with scratch(store) as working:
            fresh = working / "rows"
            fresh.mkdir()
            report = _write(facts, plan, fresh, place, progress)
            (fresh / REPORT).write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", "utf-8")
            fresh.chmod(0o755)
            _publish(fresh, folder)
    told = {
        name: {k: v for k, v in file.items() if k != "warnings"} for name, file in report["files"].items()
    }
    warnings = tuple(
        Problem(
            w["code"], w["name"], w["message"], place(w["path"]), w["path"], fix=w["fix"], severity="warning"
        )
        for file in report["files"].values()
        for w in file["warnings"]
    )
    return {"hash": report["hash"], "files": told}, warnings


def _write(
    facts: Facts, plan: Plan, folder: Path, place: Place, progress: Callable[[str], None]
) -> dict[str, Any]:
    from toolspec.backends.verl.rows import convert

    files: dict[str, Any] = {}
    for split, sources in (("train", facts.data.train), ("val", facts.data.val)):
        if not sources:
            continue
        settings = row_settings(facts, plan, split)
        progress(f"writing {split} rows in verl's layout")
        try:
            done = convert([row_source(source) for source in sources], settings, folder / f"{split}.parquet")
        except ProblemError as error:
            raise ProblemError(
                tuple(p._replace(span=p.span or place(p.path)) for p in error.problems)
            ) from None
        if done.answers_are_lists and "reward.correct.match" in plan:
            _check_lists(plan, split, place)
        files[f"{split}.parquet"] = {
            "rows": done.rows,
            "logical_hash": done.logical_hash,
            "data_sources": dict(done.data_sources),
            "columns_left_out": list(done.columns_left_out),
            "warnings": [
                {"code": p.code, "name": p.name, "message": p.message, "path": p.path, "fix": p.fix}
                for p in done.problems
            ],
        }
    return {"hash": facts.data.hash, "files": files}


def _check_lists(plan: Plan, split: str, place: Place) -> None:
    """Raises ProblemError where the answers are lists and verl's own scorer compares one text."""
    if plan["reward.correct.match"] == "verl":
        message = f"{split} rows accept several answers, and verl's scorers compare with one text"
        path = "reward.correct.match"
        why, fix = "no answer would ever be right", "match: exact or number, or one answer a row"
        raise ProblemError((Problem("TS401", "answers-are-lists", message, place(path), path, why, fix),))


def _publish(fresh: Path, folder: Path) -> None:
    try:
        os.rename(fresh, folder)  # noqa: PTH104 - fails if another compile was first, which wrote the same rows
    except OSError:
        if report_of(folder) is None:
            shutil.rmtree(folder, ignore_errors=True)
            os.rename(fresh, folder)  # noqa: PTH104


def row_settings(facts: Facts, plan: Plan, split: str) -> RowSettings:
    """What holds for the rows of a split."""
    names = plan["tools.names"]
    by = plan["data.order"].removeprefix("by ") if plan["data.order"].startswith("by ") else None
    return RowSettings(
        tools=names,
        per_row={name: dict(plan[f"tools.{name}.per_row"]) for name in names},
        system=facts.data.system,
        agent_name=plan["agent.loop"],
        order_by=by if split == "train" else None,
    )


def row_source(source: SourceFacts) -> RowSource:
    """The files of an entry of `data`, and how they are laid out."""
    return RowSource(
        files=source.files,
        columns=source.columns,
        data_source=source.source,
        split="train" if source.split == "train" else "val",
        name=source.name,
        repeat=source.repeat,
    )


def report_of(folder: Path) -> dict[str, Any] | None:
    """What the conversion reported of the rows in a folder of the store; None where they are not whole."""
    try:
        report = json.loads((folder / REPORT).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    files = report.get("files", {}) if isinstance(report, dict) else {}
    return report if files and all((folder / name).is_file() for name in files) else None
