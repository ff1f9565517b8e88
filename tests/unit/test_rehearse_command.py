"""`toolspec rehearse`: what it prints, writes and returns."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from rehearsal_spec import write_spec

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]


def run(folder: Path, *arguments: str, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "toolspec", "rehearse", "exp.yaml", *arguments],
        cwd=folder,
        env=os.environ
        | {"PYTHONPATH": str(ROOT / "src"), "COLUMNS": "80", "NO_COLOR": "1", "HF_HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def document(folder: Path, *arguments: str, code: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(folder, "--format", "json", *arguments, code=code))
    return found


def test_it_prints_scores_tools_lengths_and_a_transcript_a_policy(tmp_path: Path) -> None:
    write_spec(tmp_path)
    said = run(tmp_path, "--rows", "3")
    assert "3 rows · tokens of model · seed 0" in said and "12 episodes" in said
    for part in ("scores", "tools", "lengths in tokens", "honest", "cheating", "nothing is broken"):
        assert part in said
    assert said.count("episode  ") == 4 and run(tmp_path, "--rows", "3", "--all").count("episode  ") == 12
    assert max(map(len, said.splitlines())) <= 80


def test_the_document_has_ids_mask_terms_and_pieces(tmp_path: Path) -> None:
    write_spec(tmp_path)
    found = document(tmp_path, "--rows", "2", "--policy", "honest")
    assert (found["tokens"], found["engine"], len(found["episodes"])) == ("model", "own", 2)
    one = found["episodes"][0]
    assert len(one["mask"]) == len(one["response_ids"]) and {*one["mask"]} == {0, 1}
    assert sum(tokens for _, tokens, _ in one["pieces"]) == len(one["prompt_ids"]) + len(one["mask"])
    assert "".join(text for text, _, by in one["pieces"] if by == "policy").endswith("<|im_end|>")
    assert one["terms"] == {"correct": 1.0, "valid_call": 1.0, "extra_call": 0.0, "bad_call": 0.0}
    assert found["findings"] == [] and found["weights"]["valid_call"] == "+0.2"


def test_the_same_seed_gives_the_same_episodes(tmp_path: Path) -> None:
    write_spec(tmp_path)
    first, again = (document(tmp_path, "--rows", "2", "--seed", "3")["episodes"] for _ in range(2))
    assert [one["response_ids"] for one in first] == [one["response_ids"] for one in again]
    rows = [
        {one["row"] for one in document(tmp_path, "--rows", "2", "--seed", seed)["episodes"]}
        for seed in "123"
    ]
    assert rows[0] != rows[1] or rows[1] != rows[2]


def test_without_a_tokenizer_it_says_what_is_not_known(tmp_path: Path) -> None:
    write_spec(tmp_path, reward="{correct: {weight: 1, match: number}}")
    (tmp_path / "model" / "tokenizer.json").unlink()
    found = document(tmp_path, "--rows", "2")
    assert found["tokens"] == "stand-in" and found["lengths"] == []
    (note,) = [one for one in found["findings"] if one["name"] == "without-tokens"]
    assert "no tokenizer.json of" in note["message"] and note["severity"] == "note"
    assert {one["score"] for one in found["episodes"] if one["policy"] == "honest"} == {1.0}
    said = run(tmp_path, "--rows", "2")
    assert "text alone, no tokens" in said and "lengths in tokens" not in said
    refused = run(tmp_path, "--engine", "verl", code=1)
    assert "verl's loop needs the model's own tokenizer" in refused


def test_text_leaves_limits_and_terms_of_tokens_out(tmp_path: Path) -> None:
    write_spec(tmp_path, 'return "9" * 5000')
    with_tokens, text = (
        document(tmp_path, "--rows", "1", "--policy", "honest", *more) for more in ((), ("--text",))
    )
    assert "...(truncated)..." in with_tokens["episodes"][0]["calls"][0]["answer"]
    assert text["episodes"][0]["calls"][0]["answer"] == "9" * 5000


def test_a_broken_tool_is_exit_1_and_named(tmp_path: Path) -> None:
    write_spec(tmp_path, "import os\nos._exit(7)")
    said = run(tmp_path, "--rows", "2", "--policy", "honest", code=1)
    assert "tool-crashes: tool: the process ended with code 7" in said


def test_output_of_a_tool_cannot_steer_the_terminal_or_the_page(tmp_path: Path) -> None:
    write_spec(tmp_path, r'return "\x1b[2J<script>alert(1)</script>"')
    said = run(tmp_path, "--rows", "1", "--policy", "honest", "--html", "r.html")
    assert "\x1b" not in said and "x1b[2J" in said
    assert "<script" not in (tmp_path / "r.html").read_text("utf-8")


def test_the_page_is_whole_and_only_replaces_its_own(tmp_path: Path) -> None:
    write_spec(tmp_path)
    run(tmp_path, "--rows", "2", "--html", "r.html")
    text = (tmp_path / "r.html").read_text("utf-8")
    assert text.startswith("<!-- toolspec rehearse -->") and "http" not in text.replace("http-equiv", "")

    class Tags(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.open: list[str] = []

        def handle_starttag(self, tag: str, attrs: Any) -> None:
            if tag not in ("meta", "br"):
                self.open.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert self.open.pop() == tag

    tags = Tags()
    tags.feed(text)
    assert tags.open == []
    run(tmp_path, "--rows", "1", "--html", "r.html")
    (tmp_path / "notes.html").write_text("mine", "utf-8")
    assert "no page of this command's" in run(tmp_path, "--html", "notes.html", code=2)


def test_a_row_chooses_its_tools_and_their_state(tmp_path: Path) -> None:
    write_spec(
        tmp_path,
        'return f"{x} for {who}"',
        tools="  tool: {python: tools.py:tool, timeout: 1s, per_row: {who: user}}",
    )
    text = (tmp_path / "tools.py").read_text("utf-8")
    (tmp_path / "tools.py").write_text(text.replace("tool(x: str)", "tool(x: str, who: str)"), "utf-8")
    rows = [{"question": f"{at}?", "answer": str(at), "user": f"u{at}"} for at in range(3)]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n", "utf-8")
    found = document(tmp_path, "--rows", "3", "--policy", "honest")
    answers = [one["calls"][0]["answer"] for one in found["episodes"]]
    assert answers == [f"abc for u{one['row']}" for one in found["episodes"]]


@pytest.mark.parametrize("release", ["0.7.1", "0.8.0", "0.9.1"])
def test_every_release(tmp_path: Path, release: str) -> None:
    write_spec(tmp_path, release=release)
    assert document(tmp_path, "--rows", "2")["verl"] == release


def test_a_model_that_cannot_write_is_said(tmp_path: Path) -> None:
    write_spec(tmp_path)
    assert "--policy model needs --model" in run(tmp_path, "--policy", "model", code=2)
    assert "without --text" in run(tmp_path, "--model", "model", "--text", code=2)
    assert "there is no program nowhere/python" in run(tmp_path, "--python", "nowhere/python", code=2)
    assert "nowhere is not there" in run(tmp_path, "--model", "nowhere", code=1)
    assert "has no model.safetensors" in run(tmp_path, "--model", "model", code=1)
    weights = tmp_path / "weights"
    shutil.copytree(tmp_path / "model", weights)
    (weights / "model.safetensors").write_bytes(b"")
    said = " ".join(
        run(tmp_path, "--model", "weights", code=1).split()
    )  # the Python of the tests has no torch
    assert "has no torch and no transformers" in said and "pip install torch transformers" in said


def test_without_tools_it_is_one_turn(tmp_path: Path) -> None:
    write_spec(tmp_path, tools="  {}", reward="{correct: {weight: 1, match: number}}")
    text = (
        (tmp_path / "exp.yaml")
        .read_text("utf-8")
        .replace("rounds: 3, ", "")
        .replace(", tool_response_tokens: 400", "")
    )
    (tmp_path / "exp.yaml").write_text(text, "utf-8")
    found = document(tmp_path, "--rows", "2")
    assert {len(one["turn_limits"]) for one in found["episodes"]} == {1} and found["tools"] == []
    assert {one["score"] for one in found["episodes"] if one["policy"] == "honest"} == {1.0}


def test_a_cheat_is_a_policy_too(tmp_path: Path) -> None:
    write_spec(tmp_path)
    said = run(tmp_path, "--rows", "1", "--policy", "forged-list", "--policy", "right-cut")
    assert "2 episodes" in said
    assert "forges a tool's answer that holds every answer" in said and "ended by response_length" in said
    assert "did you mean forged-list?" in run(tmp_path, "--policy", "forged-lst", code=2)
