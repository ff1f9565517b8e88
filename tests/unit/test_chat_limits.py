"""Templates and tokenizers that want more than they may have, or reach for what is not theirs, end in a clear error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tiny_model import tokenizer_json, write_model
from toolspec.compiler.chat.folder import read_chat_folder
from toolspec.compiler.chat.process import ChatError, ChatProcess, Failure

pytestmark = pytest.mark.slow

USER = [{"role": "user", "content": "hi"}]
TIME = "CPU time"
MEMORY = "MiB of memory"
DEEP = "nested too deep"
UNSAFE = "SecurityError"

ATTACKS: dict[str, tuple[str, str]] = {
    "loop in a loop": (
        "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
        TIME,
    ),
    "sums": ("{% for i in range(99999) %}{{ range(99999) | sum }}{% endfor %}", TIME),
    "a large range": ("{{ range(10**12) | list }}", "Range too big"),
    "a giant text": ("{{ 'x' * 10**10 }}", MEMORY),
    "a giant power": ("{{ (10 ** (10 ** 10)) | string }}", f"{TIME}|{MEMORY}"),
    "a wide format": ("{{ '%1000000000d' % 1 }}", MEMORY),
    "a wide column": ("{{ '{:>10000000000}'.format(1) }}", MEMORY),
    "a deep indent": ("{{ 'a\n' | indent(10**10) }}", MEMORY),
    "doubled texts": (
        "{% set n = namespace(s='x') %}{% for i in range(60) %}{% set n.s = n.s + n.s %}{% endfor %}",
        MEMORY,
    ),
    "doubled lists": (
        "{% set n = namespace(s=[1]) %}{% for i in range(60) %}{% set n.s = n.s + n.s %}{% endfor %}",
        MEMORY,
    ),
    "a long prompt": (
        "{% for i in range(99999) %}{{ 'x' * 99999 }}{% endfor %}",
        "more than 16,777,216 characters",
    ),
    "a macro of itself": ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", DEEP),
    "brackets": ("{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", DEEP),
    "conditions": ("{% if 1 %}" * 3000 + "{% endif %}" * 3000, DEEP),
    "nested data": (
        "{% set n = namespace(s=[]) %}{% for i in range(99999) %}{% set n.s = [n.s] %}{% endfor %}{{ n.s | tojson }}",
        DEEP,
    ),
    "classes": ("{{ ''.__class__.__mro__[1].__subclasses__() }}", UNSAFE),
    "globals": ("{{ lipsum.__globals__['os'].popen('id').read() }}", UNSAFE),
    "globals of a class": ("{{ cycler.__init__.__globals__.os.system('id') }}", UNSAFE),
    "globals by a format": ("{{ '{0.__class__.__init__.__globals__}'.format(cycler) }}", UNSAFE),
    "a change of the messages": ("{{ messages.append(1) }}", UNSAFE),
    "a file": ("{% include '/etc/passwd' %}", "no loader"),
    "no template": ("{% if %}", "TemplateSyntaxError"),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_ends_in_words(name: str) -> None:
    template, said = ATTACKS[name]
    with ChatProcess() as process:
        try:
            process.template(template)
            (found,) = process.rows("render", [USER])
        except ChatError as error:
            assert error.limit
            found = Failure("", str(error))
    assert isinstance(found, Failure), found
    assert any(one in found.reason for one in said.split("|")), found.reason


def test_after_an_attack_another_process_answers() -> None:
    process = ChatProcess()
    process.template("{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}")
    with pytest.raises(ChatError, match=TIME):
        process.rows("render", [USER])
    process.template("{{ messages[0].content }}")
    assert process.rows("render", [USER]) == ["hi"]
    process.close()


@pytest.mark.parametrize(
    "part",
    [
        pytest.param(
            {"model": {"type": "BPE", "vocab": {"a": 0}, "merges": [["b", "c"]]}}, id="merges of nothing"
        ),
        pytest.param({"pre_tokenizer": {"type": "Unheard"}}, id="unknown part"),
        pytest.param({"model": None}, id="no model"),
    ],
)
def test_a_file_that_is_no_tokenizer_is_told(tmp_path: Path, part: dict[str, Any]) -> None:
    folder = read_chat_folder(write_model(tmp_path / "m", **part))
    with ChatProcess() as process, pytest.raises(ChatError, match="ValueError"):
        process.tokenizer(folder)


def test_a_pattern_that_never_ends_is_told(tmp_path: Path) -> None:
    split = {"type": "Split", "pattern": {"Regex": "(a+)+(b+)+$"}, "behavior": "Isolated", "invert": False}
    folder = read_chat_folder(write_model(tmp_path / "m", pre_tokenizer=split))
    with ChatProcess() as process:
        process.tokenizer(folder)
        with pytest.raises(ChatError):
            process.encode(["a" * 200_000 + "c"])


def test_what_is_no_plain_data_is_told() -> None:
    with ChatProcess() as process, pytest.raises(ChatError, match="no plain data"):
        process.rows("render", [[{"role": "user", "content": object()}]])


def test_the_tiny_tokenizer_is_plain_json() -> None:
    assert json.loads(json.dumps(tokenizer_json())) == tokenizer_json()
