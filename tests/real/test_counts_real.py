"""The shortcuts of counting over Qwen's real tokenizer: each row of a test set has the count of its ids."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from real.environment import Environment
from real.tokenizer import model_folder
from toolspec.compiler.chat.counting import AtMost, Counters
from toolspec.compiler.chat.folder import read_chat_folder
from toolspec.compiler.chat.process import ChatProcess

pytestmark = pytest.mark.real

ROOT = Path(__file__).resolve().parents[2]
KINDS = ("*.py", "*.md", "*.json", "*.yaml", "*.sh", "*.j2", "*.toml")
CHARACTERS = 3_000
LIMIT = 3_200  # most of ASCII is within it by its bytes


def texts() -> Iterator[str]:
    """This repository's own files in pieces: prose, code, JSON, other scripts, and long lines."""
    for kind in KINDS:
        for file in sorted(ROOT.rglob(kind)):
            if any(part.startswith(".") or part == "versions" for part in file.relative_to(ROOT).parts):
                continue
            text = file.read_text("utf-8")
            yield from (text[start : start + CHARACTERS] for start in range(0, len(text), CHARACTERS))


def test_counts_are_those_of_the_ids_for_every_row(environment: Environment) -> None:
    folder = read_chat_folder(model_folder(environment))
    template = folder.template(False)
    assert template is not None
    rows: list[list[dict[str, Any]]] = [[{"role": "user", "content": text}] for text in texts()]
    assert len(rows) > 1_000
    assert sum(row[0]["content"].isascii() for row in rows) > 500
    with ChatProcess() as process:
        process.tokenizer(folder)
        process.template(template)
        ids = [
            len(one)
            for start in range(0, len(rows), 100)
            for one in process.rows("ids", rows[start : start + 100], None, True, folder.variables)
        ]
    with Counters[int](folder, template, [], folder.variables) as counters:
        counts = [length for *_, length in counters.lengths(enumerate(rows))]
    assert counts == ids
    with Counters[int](folder, template, [], folder.variables) as counters:
        quick = [length for *_, length in counters.lengths(enumerate(rows), LIMIT)]
    settled = [
        (length, exact) for length, exact in zip(quick, ids, strict=True) if isinstance(length, AtMost)
    ]
    assert all(exact <= length.tokens <= LIMIT for length, exact in settled)
    assert 0 < len(settled) < len(rows)
    assert all(length == exact for length, exact in zip(quick, ids, strict=True) if isinstance(length, int))
