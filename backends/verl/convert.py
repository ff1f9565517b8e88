"""Converted rows in the store beside the bundles: one folder for each content, shared by every bundle and sweep point."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from toolspec.compiler.facts.data import SourceFacts
from toolspec.compiler.facts.gather import Facts
from toolspec.compiler.plan.decision import Plan

REPORT = "rows.json"


def convert_rows(facts: Facts, plan: Plan, store: Path, progress: Callable[[str], None]) -> dict[str, Any]:
    """Write `store/<hash>/{train,val}.parquet` unless they are there. Returns rows and logical hash of each file.

    The folder appears whole or not at all. Raises ProblemError with the rows that cannot be read.
    """
    folder = store / facts.data.hash
    report = _report(folder)
    if report is not None:
        return report
    from toolspec.backends.verl.rows import RowSettings, convert

    names = plan["tools.names"]
    settings = RowSettings(
        tools=names,
        per_row={name: dict(plan[f"tools.{name}.per_row"]) for name in names},
        system=facts.data.system,
        agent_name=plan["agent.loop"],
        order_by=plan["data.order"].removeprefix("by ") if plan["data.order"].startswith("by ") else None,
    )
    store.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{facts.data.hash}-", dir=store) as scratch:
        fresh = Path(scratch) / "rows"
        fresh.mkdir()
        report = {"hash": facts.data.hash, "files": {}}
        for split, sources in (("train", facts.data.train), ("val", facts.data.val)):
            if not sources:
                continue
            progress(f"writing {split} rows in verl's layout")
            done = convert([_row_source(source) for source in sources], settings, fresh / f"{split}.parquet")
            report["files"][f"{split}.parquet"] = {
                "rows": done.rows,
                "logical_hash": done.logical_hash,
                "data_sources": dict(done.data_sources),
            }
        (fresh / REPORT).write_text(json.dumps(report, indent=1) + "\n", "utf-8")
        fresh.chmod(0o755)
        try:
            os.rename(fresh, folder)  # noqa: PTH104 - fails if another compile was first, which wrote the same rows
        except OSError:
            if _report(folder) is None:
                shutil.rmtree(folder, ignore_errors=True)
                os.rename(fresh, folder)  # noqa: PTH104
    return report


def _row_source(source: SourceFacts) -> Any:
    from toolspec.backends.verl.rows import RowSource

    return RowSource(
        files=source.files,
        columns=source.columns,
        data_source=source.source,
        split="train" if source.split == "train" else "val",
        name=source.name,
        repeat=source.repeat,
    )


def _report(folder: Path) -> dict[str, Any] | None:
    try:
        report = json.loads((folder / REPORT).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    files = report.get("files", {}) if isinstance(report, dict) else {}
    return report if files and all((folder / name).is_file() for name in files) else None
