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
from toolspec.backends.verl.chat.gate import Gate
from toolspec.backends.verl.chat.probe import probe_tool
from toolspec.backends.verl.chat.quirks import quirks
from toolspec.backends.verl.chat.subject import is_tools_file
from toolspec.cli.app import run
from toolspec.compiler.chat.process import ChatError, ChatProcess

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
    found = states(out)
    assert {"end", "builder"} <= set(found)
    # ChatML has a newline behind a turn, which verl does not put back for a model type that it has no builder for.
    assert {name for name, state in found.items() if state != "ok"} == {"ids"}
    assert [tool["lost"] for tool in document["tools"]] == [[]]
    assert document["prompt"].endswith("<|im_start|>assistant\n")


@pytest.mark.slow
def test_the_ids_of_a_trajectory_are_held_against_its_conversation(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script(folder)
    # Without the newline before a call, which the policy would have to write.
    template = CHATML.replace("[] %}\n<tool_call>", "[] %}<tool_call>")
    write_model(folder / "model", template)
    config = json.loads((folder / "model" / "config.json").read_text("utf-8"))

    def told(model_type: str, release: str) -> dict[str, str]:
        (folder / "model" / "config.json").write_text(
            json.dumps({**config, "model_type": model_type}), "utf-8"
        )
        _, out = said(monkeypatch, capsys, "run.sh", "--target", f"verl=={release}", "--format", "json")
        found: dict[str, str] = next(one for one in json.loads(out)["checks"] if one["name"] == "ids")
        return found

    assert told("qwen2", "0.9.1")["state"] == "ok"
    lost = told("qwen2", "0.8.0")
    assert lost["state"] == "warning" and lost["message"].endswith('it lacks "\\n"'), lost
    assert lost["fix"] == "verl 0.9.1, whose loop joins turns as the template does"
    other = told("mistral", "0.8.0")
    assert (other["state"], other["fix"]) == ("warning", "")


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
    found = states(out)
    assert found[check] == state
    # verl 0.9.1 takes a tool's answer from the difference of two renderings, and stops where there is none.
    assert found.get("builder") == ("error" if check == "prefix" else "ok" if check != "prompt" else None)
    assert code == 1


def test_nothing_that_others_wrote_is_obeyed_by_the_terminal(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script(folder, sound.TOOLS.replace("name: calculator", 'name: "calculator\\e]0;x\\a"', 1))
    template = (
        "{{ raise_exception('\\x1b[2J') if messages | length > 1 else messages[0].content + '\\x1b[8m' }}"
    )
    (folder / "model" / "chat_template.jinja").write_text(template, "utf-8")
    _, out = said(monkeypatch, capsys, "run.sh", "--show")
    assert "\\x1b[2J" in out and "\\x1b[8m" in out and "\\x1b]0;x\\x07" in out
    assert "\x1b" not in out and "\x07" not in out


def test_a_fault_of_the_templates_syntax_is_told_once_with_its_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script(folder)
    (folder / "model" / "chat_template.jinja").write_text("{{ 1 }}\n{{ messages }", "utf-8")
    _, out = said(monkeypatch, capsys, "run.sh", "--format", "json")
    (check,) = [one for one in json.loads(out)["checks"] if one["state"] == "error"]
    assert check["message"].endswith("(line 2 of the template)")


def test_files_of_a_model_that_cannot_be_read_are_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script(folder)
    (folder / "model" / "chat_template.jinja").write_bytes(b"\xff")
    code, out = said(monkeypatch, capsys, "run.sh", "--format", "json")
    assert code == 1
    assert "chat_template.jinja: byte 0 is 0xff" in json.loads(out)["findings"][0]["message"]


def test_a_model_that_is_not_at_hand_is_told_with_what_to_do(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(EXAMPLES / "calculator", folder, dirs_exist_ok=True)
    monkeypatch.setenv("HF_HOME", str(folder / "hub"))
    code, out = said(monkeypatch, capsys, "exp.yaml", "--format", "json")
    (finding,) = json.loads(out)["findings"]
    assert (code, finding["code"]) == (1, "TS044")
    assert finding["fix"]["text"] == "toolspec fetch Qwen/Qwen2.5-0.5B-Instruct"


def test_a_schema_is_rewritten_on_request(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lossy = sound.TOOLS.replace("The expression.}", "The expression., minLength: 2}  # text")
    script(folder, lossy)
    new = '{type: string, description: "The expression. A string of at least 2 characters."}'
    code, out = said(monkeypatch, capsys, "run.sh")
    assert code == 0
    assert f"expression: {new}" in " ".join(out.split())
    for file in ("run.sh", "tools.yaml"):
        code, out = said(monkeypatch, capsys, file, "--rewrite")
        assert code == 0
        assert f"+            expression: {new}  # text\n" in out
        assert out.endswith("1 schema to rewrite for verl 0.9.1; --write writes tools.yaml\n")
    assert Path("tools.yaml").read_text("utf-8") == lossy
    code, out = said(monkeypatch, capsys, "run.sh", "--rewrite", "--write", "--format", "json")
    after = Path("tools.yaml").read_text("utf-8")
    assert json.loads(out)["text"] == after
    assert f"expression: {new}  # text\n" in after
    code, out = said(monkeypatch, capsys, "tools.yaml", "--rewrite")
    assert (code, out) == (0, "tools.yaml: verl 0.9.1 keeps all of its schemas\n")


def test_a_spec_has_nothing_to_rewrite(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    spec(folder)
    code, out = said(monkeypatch, capsys, "exp.yaml", "--rewrite")
    assert (code, out) == (0, "nothing to rewrite: the bundle's own schema class keeps all of a schema\n")


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        (sound.TOOLS, True),
        ("---\n# tools\n\ntools:   \n  # first\n- class_name: a.B\n", True),
        ('\ufeff{"tools": [{"class_name": "a.B"}]}', True),
        ("tools: {calculator: {python: tools.py:calculator}}\n", False),
        ("tools:\n  calculator: x\n", False),
        ("toolspec: 1\ntools:\n  - a\n", False),
        ("# tools:\n# - a\nmodel: x\n", False),
        ("", False),
    ],
)
def test_a_tools_file_is_known_by_how_it_begins(text: str, is_one: bool) -> None:
    assert is_tools_file(text.encode()) is is_one


def test_a_tools_file_is_not_taken_for_a_spec(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script(folder)
    code, out = said(monkeypatch, capsys, "tools.yaml", "--format", "json")
    (finding,) = json.loads(out)["findings"]
    assert (code, finding["code"]) == (1, "TS037")
    assert "tools file of verl's" in finding["message"]


def test_family_and_quirks_are_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    spec(folder)
    template = (
        "{%- if messages[0].role != 'system' %}<|im_start|>system\nBe kind.<|im_end|>\n{% endif %}"
        + CHATML.replace(
            "<|im_start|>assistant\n{% endif %}",
            "<|im_start|>assistant\n{% if enable_thinking is defined and not enable_thinking %}<think></think>"
            "{% endif %}{{ strftime_now('%d %B %Y') }}{% endif %}",
        )
    )
    write_model(folder / "model", template)
    text = (folder / "exp.yaml").read_text("utf-8")
    (folder / "exp.yaml").write_text(
        text.replace("tool_format: hermes", "tool_format: hermes, thinking: false")
    )
    _, out = said(monkeypatch, capsys, "exp.yaml")
    flat = " ".join(out.split())
    assert "family none of the catalogue" in flat
    assert 'a row without a system message gets one: "Be kind."' in flat
    assert "`enable_thinking`: as good as true where nobody sets it; this run sets false" in flat
    assert "the prompt has a date, 01 January 2026: the day of the run" in flat
    _, out = said(monkeypatch, capsys, "exp.yaml", "--format", "json")
    document = json.loads(out)
    assert document["settings"] == {"enable_thinking": False}
    assert document["family"] == {"name": None, "alike": []}
    does = document["quirks"]
    assert does["switches"] == [
        {"name": "enable_thinking", "default": True, "values": [True, False], "thinking": True}
    ]
    assert (does["default_system"], does["clock"]) == ("Be kind.", True)
    assert does["formats"] == {key: ["hermes"] for key in ("0.7.1", "0.8.0", "0.9.1")}


def test_a_variable_that_the_template_does_not_read_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    spec(folder)
    text = (folder / "exp.yaml").read_text("utf-8")
    (folder / "exp.yaml").write_text(
        text.replace("tool_format: hermes", "tool_format: hermes, thinking: false")
    )
    code, out = said(monkeypatch, capsys, "exp.yaml", "--format", "json")
    assert (code, states(out)["variables"]) == (0, "warning")


def tokens_state(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *more: str
) -> tuple[dict[str, str], str]:
    script(folder)
    text = (folder / "run.sh").read_text("utf-8").strip()
    (folder / "run.sh").write_text(" ".join([text, *more]) + "\n", "utf-8")
    _, out = said(monkeypatch, capsys, "run.sh", "--format", "json")
    checks = json.loads(out)["checks"]
    return states(out), " ".join(check["message"] for check in checks)


def change(file: Path, **more: Any) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text("utf-8")), **more}), "utf-8")


def test_an_end_of_turn_that_is_no_token_is_an_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_model(folder / "model", CHATML.replace("<|im_end|>", "<|end_of_it|>"))
    found, text = tokens_state(folder, monkeypatch, capsys)
    assert found["end"] == "error"
    assert "`<|end_of_it|>`, by which the template ends a turn, is no token of this tokenizer but 13" in text


def test_an_end_of_turn_at_which_the_engine_goes_on_is_a_warning(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    change(folder / "model" / "tokenizer_config.json", eos_token="<|endoftext|>")
    found, text = tokens_state(folder, monkeypatch, capsys)
    assert found["end"] == "warning"
    assert "`<|im_end|>` (270), which is no end token of the model (268)" in text
    (folder / "model" / "generation_config.json").write_text('{"eos_token_id": [268, 270]}', "utf-8")
    assert tokens_state(folder, monkeypatch, capsys)[0]["end"] == "ok"


@pytest.mark.parametrize(
    ("format", "release", "unknown", "state", "said_of"),
    [
        ("kimi", "0.9.1", None, "ok", "is a token"),
        ("glm", "0.9.1", None, "warning", "verl adds no stop token"),
        ("gemma4", "0.9.1", None, "error", "None to the engine"),
        ("gemma4", "0.8.0", "<|endoftext|>", "error", "the turn ends at `<|endoftext|>` (268) instead"),
        ("glm", "0.9.1", "<|endoftext|>", "error", "the turn ends at `<|endoftext|>` (268) instead"),
        ("hermes", "0.9.1", None, None, ""),
    ],
)
def test_a_stop_token_of_the_format_has_to_be_one(
    format: str,
    release: str,
    unknown: str | None,
    state: str | None,
    said_of: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if unknown is not None:
        change(folder / "model" / "tokenizer_config.json", unk_token=unknown)
    (folder / "requirements.txt").write_text(f"verl=={release}\n", "utf-8")
    chosen = f"actor_rollout_ref.rollout.multi_turn.format={format}"
    found, text = tokens_state(folder, monkeypatch, capsys, chosen)
    assert found.get("stop") == state
    assert said_of in text


@pytest.mark.slow
def test_the_builder_of_the_model_has_to_find_its_tokens(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tokens_state(folder, monkeypatch, capsys)[0]["builder"] == "ok"
    change(folder / "model" / "config.json", model_type="glm4_moe")
    found, text = tokens_state(folder, monkeypatch, capsys)
    assert found["builder"] == "error"
    assert "`<|observation|>` is no token, a ValueError before the first turn" in text
    (folder / "requirements.txt").write_text("verl==0.8.0\n", "utf-8")
    assert "builder" not in tokens_state(folder, monkeypatch, capsys)[0]


def test_without_a_tokenizer_no_token_is_judged(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "model" / "tokenizer.json").unlink()
    found, _ = tokens_state(folder, monkeypatch, capsys)
    assert found["tokens"] == "unknown"
    assert not found.keys() & {"end", "stop", "builder"}


def test_probes_have_a_time_limit_together(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("toolspec.backends.verl.chat.quirks.MOST_SECONDS", 0.2)
    slow = "{%- for a in range(700) %}{% for b in range(700) %}{% endfor %}{% endfor %}" + CHATML
    with ChatProcess() as process:
        process.template(slow)
        with pytest.raises(ChatError, match=r"its probes take more than 0\.2 s"):
            quirks(process)


def test_every_probe_of_the_gate_is_rendered_once(folder: Path) -> None:
    asked: list[str] = []

    class Counting(ChatProcess):
        def send(self, what: str, *rest: Any) -> None:
            asked.append(json.dumps([what, *rest]))
            super().send(what, *rest)

    with Counting() as process:
        process.template(CHATML)
        gate = Gate(process, "0.9.1", "hermes", [probe_tool()], {}, "")
        states = [check.state for check in gate.checks()]
        assert gate.formats == ("hermes",)
        assert isinstance(gate.prompt, str)
    assert set(states) == {"ok"}
    assert len(asked) >= 20
    assert sorted(asked) == sorted(set(asked))
