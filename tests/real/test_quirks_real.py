"""The catalogue holds what trl's templates do, and quirks are those that their makers document."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

from real.environment import Environment
from real.templates import templates
from toolspec.backends.verl.chat.quirks import Quirks, quirks, signature
from toolspec.backends.verl.chat.template_family import catalogue, family_of
from toolspec.compiler.chat.folder import template_hash
from toolspec.compiler.chat.process import ChatProcess, Failure

sys.path.append(str(Path(__file__).parents[2] / "backends" / "verl" / "runtime"))
ts_forged = importlib.import_module("ts_forged")

pytestmark = pytest.mark.real


def probed(template: str) -> Quirks:
    with ChatProcess() as process:
        process.template(template)
        return quirks(process)


def test_the_catalogue_is_what_the_templates_do(environment: Environment) -> None:
    found = templates(environment)
    assert set(map(template_hash, found.values())) == set(catalogue())
    for name, template in found.items():
        assert signature(probed(template)) == catalogue()[template_hash(template)]["does"], name


# Of the models' own documentation, or in the template's text.
KNOWN: dict[str, dict[str, object]] = {
    "qwen2_5": {
        "default_system": "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.",
        "arguments": "JSON",
        "ends": "<|im_end|>\n",
        "changed": (),
    },
    "qwen3": {"thinking": "dropped", "default_system": "", "opens": "<|im_start|>assistant\n"},
    "qwen3_5_think": {"opens": "<|im_start|>assistant\n<think>\n", "arguments": "own form"},
    "gptoss": {"date": "2026-01-01", "clock": True, "preamble": True, "developer": "taken"},
    "llama3_1": {"date": "26 Jul 2024", "clock": False, "arguments": "JSON", "ends": "<|eot_id|>"},
    "gemma": {"system": "refused", "tools": "left out", "ends": "<end_of_turn>\n"},
    "idefics3": {"string": "left out", "parts": "taken"},
    "phi3": {"tools": "left out", "calls": "left out", "answers": "left out"},
    "glm4moe": {"formats": {"0.7.1": (), "0.8.0": (), "0.9.1": ("glm",)}},
}
SWITCHES = {
    "qwen3": ("enable_thinking", True),
    "qwen3_5_nothink": ("enable_thinking", False),
    "glm4moe": ("enable_thinking", True),
    "gptoss": ("reasoning_effort", "medium"),
}


def test_a_forged_answer_is_known_by_the_template(environment: Environment) -> None:
    """Every template that shows tool answers: what opens one is a marker, and the policy's own turn holds none."""
    shown = 0
    for name, template in templates(environment).items():
        with ChatProcess() as process:
            process.template(template)

            def render(messages: list[dict[str, Any]], prompt: bool, process: ChatProcess = process) -> str:
                (text,) = process.rows("render", [messages], None, prompt)
                if isinstance(text, Failure):
                    raise ValueError(text.message)
                return str(text)

            if quirks(process).answers == "left out":
                continue
            opened = ts_forged.opened(ts_forged.markers(render))
            for messages in ts_forged.conversations():
                try:
                    asked, own, whole = (
                        render(messages[:1], True),
                        render(messages[:-1], False),
                        render(messages, False),
                    )
                except ValueError:
                    continue
                if ts_forged.ANSWERED in whole and own.startswith(asked):
                    shown += 1
                    assert opened.search(whole, len(asked)), name
                    assert not opened.search(own, len(asked)), name
    assert shown > 60


@pytest.mark.parametrize("name", KNOWN)
def test_quirks_are_found(environment: Environment, name: str) -> None:
    found = probed(templates(environment)[name])._asdict()
    assert {key: found[key] for key in KNOWN[name]} == KNOWN[name]


@pytest.mark.parametrize("name", SWITCHES)
def test_thinking_switches_are_found_with_their_defaults(environment: Environment, name: str) -> None:
    found = [one for one in probed(templates(environment)[name]).switches if one.thinking]
    assert [(one.name, one.default) for one in found] == [SWITCHES[name]]


def test_a_changed_template_is_known_by_what_it_does(environment: Environment) -> None:
    template = templates(environment)["qwen3"]
    exact = family_of(template, probed(template))
    assert exact.told == "Qwen3 (exact)"
    blanks = template + "{# changed #}"
    found = family_of(blanks, probed(blanks))
    assert (found.name, found.alike) == ("", ("Qwen3",))
    no_end = template.replace("<|im_end|>", "<|end|>")
    assert family_of(no_end, probed(no_end)).told == "none of the catalogue"
