"""`toolspec template`: what is said of a spec, a config and a script whose model's folder is at hand."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from conftest import EXAMPLES
from rules import sound
from tiny_model import CHATML, write_model
from toolspec.cli.app import run

BOUNDS = {"type": "integer", "description": "how many", "minimum": 1, "default": 3}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_model(tmp_path / "model")
    return tmp_path


def said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str
) -> tuple[int, str]:
    monkeypatch.setattr("sys.argv", ["toolspec", "template", *arguments])
    return run(), capsys.readouterr().out


def spec(folder: Path) -> None:
    shutil.copytree(EXAMPLES / "calculator", folder, dirs_exist_ok=True)
    text = (folder / "exp.yaml").read_text("utf-8")
    model = next(line for line in text.splitlines() if line.startswith("model:"))
    (folder / "exp.yaml").write_text(
        text.replace(model, "model: {path: ./model, tool_format: hermes}"), "utf-8"
    )


def script(folder: Path, tools: str = sound.TOOLS) -> None:
    (folder / "tools.yaml").write_text(tools, "utf-8")
    given = [one for one in sound.ARGUMENTS if not one.startswith("actor_rollout_ref.model.path")]
    words = " ".join([*given, "actor_rollout_ref.model.path=model"])
    (folder / "run.sh").write_text(f"python -m verl.trainer.main_ppo {words}\n", "utf-8")


def states(document: str) -> dict[str, str]:
    return {check["name"]: check["state"] for check in json.loads(document)["checks"]}


def test_a_spec_is_fine(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    spec(folder)
    code, out = said(monkeypatch, capsys, "exp.yaml", "--format", "json")
    assert code == 0
    document = json.loads(out)
    assert document["formats"] == ["hermes"]
    assert set(states(out).values()) == {"ok"}
    assert [tool["lost"] for tool in document["tools"]] == [[]]
    assert document["prompt"].endswith("<|im_start|>assistant\n")


def test_what_verl_drops_of_a_schema_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tools: Any = yaml.safe_load(sound.TOOLS)
    tools["tools"][0]["tool_schema"]["function"]["parameters"]["properties"]["top"] = BOUNDS
    script(folder, yaml.safe_dump(tools, sort_keys=False))
    code, out = said(monkeypatch, capsys, "run.sh")
    assert code == 0
    assert "verl drops top.minimum, top.default" in out
    _, out = said(monkeypatch, capsys, "run.sh", "--format", "json")
    (tool,) = json.loads(out)["tools"]
    top = tool["seen"]["function"]["parameters"]["properties"]["top"]
    assert top == {"type": "integer", "description": "how many"}


def test_a_schema_that_verl_refuses_is_an_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tools: Any = yaml.safe_load(sound.TOOLS)
    tools["tools"][0]["tool_schema"]["function"]["parameters"]["properties"]["top"] = {"anyOf": []}
    script(folder, yaml.safe_dump(tools))
    code, out = said(monkeypatch, capsys, "run.sh")
    assert code == 1
    assert "refused (function.parameters.properties.top.type: Field required)" in out


@pytest.mark.parametrize(
    ("before", "after", "check", "state"),
    [
        pytest.param("{%- if tools %}", "{%- if false %}", "tools", "error", id="no tools"),
        pytest.param('"name": "{{ call', '"nam": "{{ call', "format", "error", id="other calls"),
        pytest.param("{{ message.content }}\n</tool", "\n</tool", "answers", "error", id="no answers"),
        pytest.param("message.tool_calls or []", "[]", "calls", "error", id="no calls"),
        pytest.param("| tojson }}}", "| string }}}", "format", "error", id="no JSON"),
        pytest.param(
            "{%- if add_generation_prompt %}",
            "{{ messages | length }}{%- if add_generation_prompt %}",
            "prefix",
            "warning",
            id="a count at the end",
        ),
        pytest.param(
            "{%- if tools %}", "{{ 'x' * 10**10 }}{%- if tools %}", "prompt", "error", id="an attack"
        ),
    ],
)
def test_a_fault_of_the_template_is_found(
    before: str,
    after: str,
    check: str,
    state: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert CHATML.count(before) >= 1
    write_model(folder / "model", CHATML.replace(before, after))
    spec(folder)
    code, out = said(monkeypatch, capsys, "exp.yaml", "--format", "json")
    assert states(out)[check] == state
    assert code == (1 if state == "error" else 0)


def test_a_model_that_is_not_at_hand_is_told_with_what_to_do(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(EXAMPLES / "calculator", folder, dirs_exist_ok=True)
    monkeypatch.setenv("HF_HOME", str(folder / "hub"))
    code, out = said(monkeypatch, capsys, "exp.yaml", "--format", "json")
    (finding,) = json.loads(out)["findings"]
    assert (code, finding["code"]) == (1, "TS044")
    assert finding["fix"]["text"] == "toolspec fetch Qwen/Qwen2.5-0.5B-Instruct"
