"""The runtime's calling and loading of user code, and what it mends in other modules, without verl."""

from __future__ import annotations

import asyncio
import importlib
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

RUNTIME = Path(__file__).parents[2] / "backends" / "verl" / "runtime"
sys.path.append(str(RUNTIME))

ts_call = importlib.import_module("ts_call")


def outcome(function: Any, seconds: float | None = 5.0, door: Any = None, **kwargs: Any) -> str:
    async def run() -> str:
        try:
            return str(
                ts_call.result_text(await ts_call.call(function, kwargs, seconds, door or ts_call.Gate(None)))
            )
        except (Exception, SystemExit) as error:
            return str(ts_call.error_text(error))

    return asyncio.run(run())


async def asynchronous(x: int) -> dict[str, Any]:
    return {"é": [x, None]}


async def forever() -> None:
    await asyncio.Event().wait()


class Rude(Exception):
    def __str__(self) -> str:
        raise RuntimeError


def rude() -> None:
    raise Rude


def test_results_become_texts() -> None:
    assert outcome(lambda x: x, x="as is") == "as is"
    assert outcome(lambda: None) == ""
    assert outcome(lambda: 1.5) == "1.5"
    assert outcome(lambda: (1, "é")) == '[1, "é"]'
    assert outcome(asynchronous, x=1) == '{"é": [1, null]}'
    assert outcome(lambda: "a\ud800b") == "a?b"
    looped: list[Any] = []
    looped.append(looped)
    assert outcome(lambda: looped) == "[[...]]"


def test_faults_become_texts() -> None:
    assert outcome(lambda: 1 // 0).startswith("Error: ZeroDivisionError: ")
    assert outcome(lambda x: x, y=1).startswith("Error: TypeError: ")
    assert outcome(sys.exit) == "Error: SystemExit"
    assert outcome(rude) == "Error: Rude"
    assert outcome(lambda: open("/nonexistent/" + "x" * 900)).startswith("Error: ")  # noqa: SIM115, PTH123
    assert len(outcome(lambda: [][int("9" * 3 + "0" * 900)])) <= 500


def test_a_call_that_takes_too_long_is_left_behind() -> None:
    release = threading.Event()
    door = ts_call.Gate(None)
    assert outcome(release.wait, 0.05, door) == "Error: the tool did not answer within 0.05 seconds"
    assert outcome(forever, 0.05) == "Error: the tool did not answer within 0.05 seconds"
    assert door.hung() == 1
    release.set()
    for thread in list(door.left):
        thread.join(5)
    assert door.hung() == 0


def test_a_stuck_tool_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ts_call, "LEFT_BEHIND", 1)
    release = threading.Event()
    door = ts_call.Gate(None)
    outcome(release.wait, 0.05, door)
    assert outcome(lambda: 1, 0.05, door) == "Error: the tool is stuck: 1 earlier calls have not ended"
    release.set()


def test_no_more_calls_at_once_than_the_gate_has_places() -> None:
    door = ts_call.Gate(2)
    under_way, most = 0, 0
    lock = threading.Lock()

    def work() -> None:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        threading.Event().wait(0.02)
        with lock:
            under_way -= 1

    async def run() -> None:
        await asyncio.gather(*(ts_call.call(work, {}, None, door) for _ in range(6)))

    asyncio.run(run())
    assert most == 2


BUNDLE_SCRIPT = """
import sys
sys.path.insert(0, {bundle!r})
import ts_start
{code}
"""


def in_bundle(tmp_path: Path, code: str) -> str:
    """What `code` prints in a process whose bundle is `tmp_path`."""
    for source in RUNTIME.glob("ts_*.py"):
        (tmp_path / source.name).write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    script = BUNDLE_SCRIPT.format(bundle=str(tmp_path), code=code)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


MODELING = """
class Base:
    @classmethod
    def from_pretrained(cls, **kwargs):
        return cls.__name__, kwargs
class AutoModelForTokenClassification(Base): pass
class AutoModelForCausalLM(Base): pass
"""


def test_the_critics_attention_is_mended_when_transformers_is_imported_and_not_before(tmp_path: Path) -> None:
    files = {
        "transformers/__init__.py": "",
        "transformers/models/__init__.py": "",
        "transformers/models/auto/__init__.py": "",
        "transformers/models/auto/modeling_auto.py": MODELING,
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    code = """
print("transformers" in sys.modules)
import transformers.models.auto.modeling_auto as auto
A, T = auto.AutoModelForCausalLM, auto.AutoModelForTokenClassification
print(T.from_pretrained(attn_implementation="flash_attention_2")[1]["attn_implementation"])
print(A.from_pretrained(attn_implementation="eager"))
ts_start.start()
print(len([f for f in sys.meta_path if type(f).__name__ == "_MendingFinder"]))
"""
    assert in_bundle(tmp_path, code).splitlines() == [
        "False",
        "sdpa",
        "('AutoModelForCausalLM', {'attn_implementation': 'eager'})",
        "1",
    ]


def test_user_files_load_once_under_a_private_name_and_import_each_other(tmp_path: Path) -> None:
    user = tmp_path / "ts_user"
    user.mkdir()
    (user / "json.py").write_text("raise SystemExit('shadowed')")
    (user / "beside.py").write_text("WORD = 'beside'")
    (user / "tools.py").write_text(
        "from __future__ import annotations\nimport json\nimport dataclasses\nimport beside\n"
        "print('loaded')\n@dataclasses.dataclass\nclass V:\n    x: int\ndef f():\n    return beside.WORD\n"
    )
    code = """
import ts_load
print(ts_load.load_object("tools.py", "f")(), ts_load.load_class("tools.py:V")(1).x, "tools" in sys.modules)
for bad in (("nosuch.py", "f"), ("tools.py", "nosuch")):
    try:
        ts_load.load_object(*bad)
    except (OSError, AttributeError) as error:
        print(type(error).__name__)
"""
    assert in_bundle(tmp_path, code).splitlines() == [
        "loaded",
        "beside 1 False",
        "FileNotFoundError",
        "AttributeError",
    ]
