"""A run of verl with rows, a tool and a tiny model, and what `toolspec budget` says of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rules import sound
from tiny_model import write_model
from toolspec.cli.app import run
from toolspec.compiler.chat.counting import BATCH

QUESTIONS = [f"{'the ' * (number % 40)}question {number}" for number in range(2 * BATCH + 3)]
ROWS = [[{"role": "user", "content": question}] for question in QUESTIONS]


def settle(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in the folder, beside a model, with a cache of its own."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    write_model(folder / "model")
    return folder


def said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str
) -> tuple[int, dict[str, Any]]:
    """Exit code and JSON document of the command."""
    monkeypatch.setattr("sys.argv", ["toolspec", "budget", *arguments, "--format", "json"])
    code = run()
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return code, document


def script(folder: Path, *more: str, rows: Sequence[Any] = ROWS) -> None:
    """Write run.sh, its tools and its rows. more: arguments in place of the sound run's."""
    (folder / "tools.yaml").write_text(sound.TOOLS, "utf-8")
    pq.write_table(pa.table({"prompt": rows, "data_source": ["x"] * len(rows)}), folder / "train.parquet")
    dropped = ("actor_rollout_ref.model.path", "data.train_files", *(word.partition("=")[0] for word in more))
    given = [one for one in sound.ARGUMENTS if not one.startswith(dropped)]
    words = " ".join([*given, "actor_rollout_ref.model.path=model", "data.train_files=train.parquet", *more])
    (folder / "run.sh").write_text(f"python -m verl.trainer.main_ppo {words}\n", "utf-8")
