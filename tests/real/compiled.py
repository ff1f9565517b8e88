"""The examples as a user compiles them, in a home folder with made-up data."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = tuple(sorted(path.parent.name for path in (ROOT / "examples").glob("*/exp.yaml")))
ROWS = 1024  # enough for a batch of every example

# What the examples name under `~`, in verl's layout, with the tools_kwargs of their tools.
HOME_DATA: dict[str, tuple[str, Any]] = {
    "data/toolcall/train.parquet": ("toolcall", "42"),
    "data/toolcall/val.parquet": ("toolcall", "42"),
    "data/searchR1_processed_direct/train.parquet": ("searchR1_nq", {"target": ["42", "forty-two"]}),
    "data/searchR1_processed_direct/test.parquet": ("searchR1_nq", {"target": ["42", "forty-two"]}),
}


def write_home(home: Path) -> Path:
    """Write the files of HOME_DATA under `home`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    for name, (source, truth) in HOME_DATA.items():
        split = Path(name).stem
        rows = [_row(index, source, truth, split) for index in range(ROWS)]
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(rows), home / name)
    return home


def _row(index: int, source: str, truth: Any, split: str) -> dict[str, Any]:
    return {
        "data_source": source,
        "prompt": [{"role": "user", "content": f"Question {index}: what is 6 * 7?"}],
        "ability": "tools",
        "reward_model": {"style": "rule", "ground_truth": truth},
        "extra_info": {"index": index, "split": split},
    }


def compile_example(
    example: str, release: str, home: Path, name: str | None = None, settings: Sequence[str] = ()
) -> Path:
    """`toolspec compile` as a process, with `home` as the home folder. Returns the bundle's folder.

    name: of the folder, where it is not the example's. settings: what `--set` gets.
    """
    folder = home / "build" / release / (name or example)
    command = [sys.executable, "-m", "toolspec", "compile", str(ROOT / "examples" / example / "exp.yaml")]
    answer = subprocess.run(
        [
            *command,
            *("--target", f"verl=={release}", "--out", str(folder)),
            *(part for setting in settings for part in ("--set", setting)),
        ],
        env=os.environ | {"HOME": str(home), "PYTHONPATH": str(ROOT / "src")},
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, f"{example} for {release}: {answer.stderr}"
    return folder
