"""Converted rows as the release's own dataset hands them to the agent loop."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from real.environment import Environment
from toolspec.backends.verl.rows import RowSettings, RowSource, convert

pytestmark = pytest.mark.real

READ = """
import json, sys
from omegaconf import OmegaConf
from verl.utils.dataset.rl_dataset import RLHFDataset, collate_fn

class Tokenizer:
    def apply_chat_template(self, messages, **kwargs):
        assert isinstance(messages, list), type(messages)
        return [0] * sum(len(message["content"]) for message in messages)

config = OmegaConf.create({"max_prompt_length": 30, "filter_overlong_prompts": True,
                           "filter_overlong_prompts_workers": 1, "cache_dir": sys.argv[2]})
dataset = RLHFDataset(data_files=[sys.argv[1]], tokenizer=Tokenizer(), config=config)
rows = [dataset[number] for number in range(len(dataset))]
batch = collate_fn(rows)
assert len(batch["raw_prompt"]) == len(rows)
for row in rows:
    row.pop("dummy_tensor")
print("ROWS " + json.dumps(rows))
"""

ROWS = [
    {"q": "long " * 10, "a": "0", "state": {}},
    {"q": [{"role": "user", "content": "1+1?"}], "a": 2, "state": {"sql": {"db": "books", "limit": 3}}},
    {"q": [{"role": "user", "content": "2+2?"}], "a": 4.0, "state": {"calc": {}}},
]


def read(file: Path, environment: Environment, release: str, folder: Path) -> list[dict[str, Any]]:
    variables = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    variables |= {
        "PYTHONPATH": str(environment.wheel(release)),
        "HF_HOME": str(folder / "hf"),
        "HF_HUB_OFFLINE": "1",
    }
    answer = subprocess.run(
        [str(environment.python), "-c", READ, str(file), str(folder / "cache")],
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    (line,) = [line for line in answer.stdout.splitlines() if line.startswith("ROWS ")] or [
        answer.stderr[-3000:]
    ]
    assert line.startswith("ROWS "), line
    found: list[dict[str, Any]] = json.loads(line.removeprefix("ROWS "))
    return found


def test_the_dataset_reads_what_was_written(environment: Environment, release: str, tmp_path: Path) -> None:
    (tmp_path / "user.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    columns = {"prompt": "q", "answer": "a", "tools_kwargs": "state"}
    source = RowSource((tmp_path / "user.jsonl",), columns, split="val", name="sums", repeat=2)
    settings = RowSettings(tools=("calc", "sql"), system="Be brief.")
    convert([source], settings, tmp_path / "val.parquet")
    rows = read(tmp_path / "val.parquet", environment, release, tmp_path)
    assert [(row["index"], row["extra_info"]["repeat"]) for row in rows] == [(1, 0), (1, 1), (2, 0), (2, 1)]
    first, _, last, _ = rows
    assert first["raw_prompt"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "1+1?"},
    ]
    assert [row["reward_model"]["ground_truth"] for row in rows] == ["2", "2", "4", "4"]
    assert {(row["agent_name"], row["data_source"], row["extra_info"]["split"]) for row in rows} == {
        ("tool_agent", "sums", "val")
    }
    # as ToolAgentLoop._call_tool takes them
    created = [
        {tool: row["tools_kwargs"].get(tool, {}).get("create_kwargs", {}) for tool in ("calc", "sql")}
        for row in rows
    ]
    assert created[0] == {"calc": {}, "sql": {"db": "books", "limit": 3}}
    assert created[2] == {"calc": {}, "sql": {"db": None, "limit": None}}
    assert last["tools_kwargs"]["calc"] == {"stateless": True}


def test_without_conversion_tools_of_other_rows_are_null(
    environment: Environment, release: str, tmp_path: Path
) -> None:
    """The trap that the layout avoids: if this ever passes by itself, the placeholder is no longer needed."""
    states = [{"sql": {"create_kwargs": {"db": "books"}}}, {"calc": {"create_kwargs": {"base": 10}}}]
    prompt = [{"role": "user", "content": "1+1?"}]
    rows = [{"prompt": prompt, "data_source": "s", "extra_info": {"tools_kwargs": state}} for state in states]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "user.parquet")
    first, second = read(tmp_path / "user.parquet", environment, release, tmp_path)
    assert first["tools_kwargs"]["calc"] is None and second["tools_kwargs"]["sql"] is None
    settings = RowSettings(tools=("calc", "sql"))
    convert([RowSource((tmp_path / "user.parquet",))], settings, tmp_path / "train.parquet")
    for row in read(tmp_path / "train.parquet", environment, release, tmp_path):
        assert all(isinstance(row["tools_kwargs"][tool]["create_kwargs"], dict) for tool in ("calc", "sql"))
