"""What the builder of verl 0.9.1 asks of tokenizer and template: a run fails where, and only where, it is told."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from real.conversations import CALC, calls, user
from real.environment import Environment
from rules import sound
from tiny_model import CHATML, tokenizer_json, write_model
from toolspec.backends.verl.agent_loop.builders import BUILDERS
from toolspec.backends.verl.chat.quirks import quirks
from toolspec.backends.verl.chat.subject import Subject, read_subject
from toolspec.backends.verl.chat.token_checks import token_checks
from toolspec.compiler.chat.process import ChatProcess

pytestmark = pytest.mark.real

JUDGE = Path(__file__).with_name("builder_judge.py")
MARKS = (
    "<|observation|>",
    "<|user|>",
    "<|tool_response>",
    "<|turn>",
    "<turn|>",
    "[e~[",
    "<｜end▁of▁sentence｜>",
)
LOOKED_UP = (*MARKS, "<|im_end|>", "<nowhere>")
TYPES = (*{builder: kind for kind, builder in BUILDERS.items()}.values(), "mistral")  # one of each builder
TEMPLATES = {
    "plain": CHATML,
    "no system": "{%- if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}"
    + CHATML,
    "counts": "{{ messages | length }}" + CHATML,
    "arguments as text": CHATML.replace("call.function.arguments | tojson", "'' + call.function.arguments"),
}
TWO = {"type": "Replace", "pattern": {"String": "\n"}, "content": "\n\n"}


def folders(folder: Path) -> Iterator[tuple[str, Path]]:
    """(model_type, folder) of models with every kind of builder, with its tokens and without."""
    for number, (kind, name, marks, unknown, two) in enumerate(
        product(TYPES, TEMPLATES, (True, False), (True, False), (False, True))
    ):
        if two and name != "plain":
            continue
        made = folder / str(number)
        added = tokenizer_json()["added_tokens"]
        for mark in MARKS if marks else ():
            added.append({**added[0], "id": len(added) + added[0]["id"], "content": mark})
        more = {"normalizer": TWO} if two else {}
        write_model(made, TEMPLATES[name], added_tokens=added, **more)
        changed(made / "config.json", model_type=kind)
        if unknown:
            changed(made / "tokenizer_config.json", unk_token="<|endoftext|>")
        yield kind, made


def changed(file: Path, **more: Any) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text("utf-8")), **more}), "utf-8")


def asked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Path, Subject]]:
    monkeypatch.chdir(folder)
    Path("tools.yaml").write_text(sound.TOOLS, "utf-8")
    given = [one for one in sound.ARGUMENTS if not one.startswith("actor_rollout_ref.model.path")]
    for kind, made in folders(folder):
        words = " ".join([*given, f"actor_rollout_ref.model.path={made}"])
        Path("run.sh").write_text(f"python -m verl.trainer.main_ppo {words}\n", "utf-8")
        yield kind, made, read_subject(Path("run.sh"), "0.9.1")


def test_a_builder_fails_where_it_is_said_to(
    environment: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said, questions = [], []
    for kind, made, subject in asked(tmp_path, monkeypatch):
        with ChatProcess() as process:
            process.tokenizer(subject.folder)  # type: ignore[arg-type]
            process.template(subject.template)
            found = {check.name: check for check in token_checks(process, subject, quirks(process))}
            unknown = subject.folder.tokens.get("unk_token")  # type: ignore[union-attr]
            instead = process.token_ids([unknown])[0] if unknown is not None else None
            ids = [instead if one is None else one for one in process.token_ids(LOOKED_UP)]
            said.append((kind, made, found["builder"], ids))
        turns = [user(), calls(("calculator", {"expression": "1"}))]
        questions.append(
            {
                "folder": str(made),
                "model_type": kind,
                "messages": turns,
                "answer": {"role": "tool", "content": "2"},
                "tools": [CALC],
                "tokens": LOOKED_UP,
            }
        )
    done = subprocess.run(
        [environment.python, JUDGE, environment.wheel("0.9.1")],
        input=json.dumps(questions),
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    real = json.loads(done.stdout)
    differing = [
        (kind, made.name, check, one["failure"])
        for (kind, made, check, _), one in zip(said, real, strict=True)
        if (check.state == "error") != bool(one["failure"])
    ]
    assert not differing, (len(differing), differing[:3])
    assert 0.2 < sum(bool(one["failure"]) for one in real) / len(real) < 0.9
    assert [ids for *_, ids in said] == [one["ids"] for one in real]
