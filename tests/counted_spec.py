"""A spec whose prompts can be counted in milliseconds: a tiny model, a tool, rows of known lengths."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import pytest

from tiny_model import write_model
from toolspec.backends.verl.chat import prompt_lengths
from toolspec.backends.verl.compile import Compiled, compile_spec
from toolspec.backends.verl.lint.lint import Linted, lint_file
from toolspec.backends.verl.written.files import Files
from toolspec.cli.app import run
from toolspec.specs.problem import Problem, ProblemError

SPEC = """\
toolspec: 1
name: exp
target: verl==0.9.1
model: {path: model, tool_format: hermes}
data: {train: train.jsonl, val: val.jsonl, columns: {prompt: question, answer: answer}, system: Be brief.}
tools: {add: {python: tools.py:add}}
reward: {correct: 1}
algorithm: {name: grpo, batch: 4}
budget: {prompt_tokens: auto, trajectory_tokens: 512}
"""
TOOLS = 'def add(a: int) -> int:\n    """Add.\n\n    Args:\n        a: One.\n    """\n    return a\n'
TIGHT = ("auto", "{quantile: 0.2, margin: 0, multiple: 1}")


def settle(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in the folder, beside the spec's files, with nothing counted yet."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(prompt_lengths, "_kept", OrderedDict())
    return write_spec(folder)


def said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str
) -> tuple[int, str]:
    """Exit code and output of a command, its blanks single."""
    monkeypatch.setattr("sys.argv", ["toolspec", *arguments])
    code = run()
    return code, " ".join(capsys.readouterr().out.split())


def write_spec(folder: Path) -> Path:
    """Write the spec's files, but for the spec itself: 20 rows to train on, 5 to validate on."""
    write_model(folder / "model")
    (folder / "tools.py").write_text(TOOLS, "utf-8")
    write_rows(folder, "train", range(20))
    write_rows(folder, "val", range(4, 9), "!")
    return folder


def write_rows(folder: Path, name: str, lengths: Sequence[int], end: str = "") -> None:
    """Rows whose questions have so many letters more, each a token of the tiny model."""
    rows = [{"question": "?" + "x" * length + end, "answer": "1"} for length in lengths]
    (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


def compiled(folder: Path, *changes: tuple[str, str], text: str = SPEC) -> Compiled:
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (folder / "exp.yaml").write_text(text, "utf-8")
    return compile_spec(folder / "exp.yaml", out=folder / "build" / "exp")


def refused(folder: Path, *changes: tuple[str, str]) -> tuple[Problem, ...]:
    with pytest.raises(ProblemError) as caught:
        compiled(folder, *changes)
    return caught.value.problems


def linted(folder: Path) -> Linted:
    return lint_file(folder / "exp.yaml", None, Files())
