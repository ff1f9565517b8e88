"""Tools and rewards that misbehave in a rehearsal: each is told by its name, nothing hangs, no process is left."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rehearsal_spec import QUICK, rehearsed, write_spec
from toolspec.backends.verl.rehearsal.findings import Finding, findings
from toolspec.backends.verl.rehearsal.rehearse import Rehearsal

pytestmark = pytest.mark.slow

LONG = "  tool: {python: tools.py:tool, timeout: 1h}"


def told(found: Rehearsal, name: str) -> Finding:
    named = [one for one in findings(found) if one.name == name]
    assert len(named) == 1, findings(found)
    return named[0]


def processes() -> set[str]:
    """Command lines and numbers of all processes with a rehearsal's mark."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if b"TOOLSPEC_REHEARSAL=" in (folder / "environ").read_bytes():
                found.add(folder.name)
        except OSError:
            continue
    return found


@pytest.fixture(autouse=True)
def no_process_is_left(tmp_path: Path) -> object:
    before = processes()
    yield
    assert not [one for one in processes() - before if str(tmp_path) in folder_of(one)]


def folder_of(process: str) -> str:
    """Its working folder, "" for one that has ended meanwhile: other tests run beside this one."""
    try:
        return str(Path(f"/proc/{process}/cwd").readlink())
    except OSError:
        return ""


def test_a_sound_tool_gives_no_finding(tmp_path: Path) -> None:
    found = rehearsed(write_spec(tmp_path))
    assert findings(found) == ()
    assert [one.scored.score for one in found.episodes if one.scored] == [1.2] * 3
    assert [call.answer for one in found.episodes for call in one.calls] == ["ABC"] * 3


def test_a_tool_that_sleeps_beyond_its_timeout_hangs(tmp_path: Path) -> None:
    found = rehearsed(write_spec(tmp_path, "import time\ntime.sleep(100)"))
    finding = told(found, "tool-hangs")
    assert (finding.severity, finding.who) == ("error", "tool")
    assert "1 seconds, in 3 of 3 calls" in finding.message
    assert found.episodes[0].calls[0].answer.startswith("Error: the tool did not answer within 1 seconds")


def test_a_tool_that_holds_the_interpreter_is_ended(tmp_path: Path) -> None:
    # A backtracking pattern is one call into C, which no other thread interrupts.
    found = rehearsed(write_spec(tmp_path, 'import re\nre.match(r"(a+)+$", "a" * 40 + "b")'))
    finding = told(found, "tool-hangs")
    assert finding.who == "tool" and "beyond its timeout of 1 s" in finding.message
    assert len(found.episodes) == 3 and all(one.lost is not None for one in found.episodes)


def test_a_rehearsal_does_not_wait_for_a_long_timeout(tmp_path: Path) -> None:
    spec = write_spec(tmp_path, "import time\ntime.sleep(100)", tools=LONG)
    found = rehearsed(spec, rows=2, limits=QUICK._replace(call_seconds=0.5, grace_seconds=0.5))
    assert "not returned after 0.5 s" in told(found, "tool-hangs").message


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("import os\nos._exit(3)", "code 3"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)", "segmentation fault"),
    ],
)
def test_a_tool_that_ends_the_process(tmp_path: Path, body: str, said: str) -> None:
    finding = told(rehearsed(write_spec(tmp_path, body), rows=2), "tool-crashes")
    assert finding.who == "tool" and said in finding.message and "2 of 2 episodes" in finding.message


def test_a_tool_that_closes_every_file(tmp_path: Path) -> None:
    found = rehearsed(write_spec(tmp_path, "import os, time\nos.closerange(3, 64)\ntime.sleep(60)"), rows=2)
    lost = [one.lost for one in found.episodes if one.lost]
    assert len(lost) == 2 and all(one.who == ("tool",) for one in lost)


def test_after_three_losses_the_rest_is_not_run(tmp_path: Path) -> None:
    found = rehearsed(write_spec(tmp_path, "import os\nos._exit(3)"), rows=6)
    assert (len(found.episodes), found.not_run) == (3, 3)
    assert told(found, "not-run").severity == "note"


def test_a_tool_that_prints_megabytes(tmp_path: Path) -> None:
    body = 'import sys\nfor _ in range(64):\n    print("x" * 99999)\nreturn "done"'
    found = rehearsed(write_spec(tmp_path, body))
    assert "6.1 MiB in one call" in told(found, "tool-prints").message
    assert all(one.scored and one.scored.score == 1.2 for one in found.episodes)


def test_a_tool_that_writes_at_the_file_of_answers(tmp_path: Path) -> None:
    body = 'import os\nfor at in range(3, 1024):\n    try: os.write(at, b"{}\\n")\n    except OSError: pass\nreturn "x"'
    found = rehearsed(write_spec(tmp_path, body), rows=1)
    assert found.episodes[0].lost is not None or told(found, "tool-crashes").who == "tool"


@pytest.mark.parametrize(
    ("value", "kind", "read"), [("7", "int", "7"), ("{'a': 1}", "dict", '{"a": 1}'), ("None", "NoneType", "")]
)
def test_a_tool_that_returns_no_text(tmp_path: Path, value: str, kind: str, read: str) -> None:
    found = rehearsed(write_spec(tmp_path, f"return {value}"))
    assert told(found, "tool-returns-no-text").message.startswith(f"returns {kind}, in 3 of 3 calls")
    assert found.episodes[0].calls[0].answer == read


def test_a_tool_that_raises(tmp_path: Path) -> None:
    found = rehearsed(write_spec(tmp_path, 'raise RuntimeError("no such page\\nmore")'))
    finding = told(found, "tool-raises")
    assert finding.severity == "error"
    assert finding.message.startswith("raises RuntimeError: no such page, in every one of 3 calls")
    some = rehearsed(
        write_spec(
            tmp_path / "b", 'N.append(1)\nif len(N) == 2: raise KeyError("k")\nreturn "x"', head="N = []"
        )
    )
    assert told(some, "tool-raises").severity == "warning"


def test_memory_has_a_limit(tmp_path: Path) -> None:
    spec = write_spec(tmp_path, "return str(len(bytearray(3 << 30)))")
    found = rehearsed(spec, limits=QUICK._replace(memory=1 << 30))
    assert "MemoryError" in told(found, "tool-raises").message


def test_a_tool_that_leaks_a_thread(tmp_path: Path) -> None:
    body = 'threading.Thread(target=time.sleep, args=(60,), name="poller", daemon=True).start()\nreturn "x"'
    found = rehearsed(write_spec(tmp_path, body, head="import threading, time"))
    finding = told(found, "tool-leaks")
    assert (
        finding.who == "tool"
        and "thread running behind its call (poller)" in finding.message
        and "3 of 3 episodes" in finding.message
    )


def test_a_tool_that_leaks_a_process(tmp_path: Path) -> None:
    body = 'subprocess.Popen(["sleep", "300"], start_new_session=True)\nreturn "x"'
    found = rehearsed(write_spec(tmp_path, body, head="import subprocess"))
    assert (
        "process running behind its call (sleep)" in told(found, "tool-leaks").message
    )  # and the fixture sees that it is ended


def test_tools_that_cannot_be_loaded(tmp_path: Path) -> None:
    found = rehearsed(write_spec(tmp_path, head="raise ValueError('not today')"))
    finding = told(found, "not-loaded")
    assert (finding.severity, finding.who) == ("error", "tool") and "not today" in finding.message
    hangs = rehearsed(
        write_spec(tmp_path / "b", head="import time; time.sleep(60)"), limits=QUICK._replace(load_seconds=1)
    )
    assert "hangs" in told(hangs, "not-loaded").message and told(hangs, "not-loaded").who == "tool"


REWARD = "def score(data_source, solution_str, ground_truth, extra_info=None):\n"


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ("    raise ValueError('odd')\n", "reward-fault"),
        ("    import os; os._exit(1)\n", "reward-crashes"),
        ("    import re; re.match(r'(a+)+$', 'a' * 40 + 'b')\n", "reward-hangs"),
    ],
)
def test_rewards_that_misbehave(tmp_path: Path, body: str, name: str) -> None:
    spec = write_spec(tmp_path, reward="{python: reward.py:score}")
    (tmp_path / "reward.py").write_text(
        REWARD + "    if 'What' in solution_str: return 0.0\n" + body, "utf-8"
    )
    found = rehearsed(spec, rows=2, limits=QUICK._replace(score_seconds=2))
    named = [one for one in findings(found) if one.name in (name, "not-loaded")]
    assert named and named[0].who == "reward" and named[0].severity == "error"


def test_a_reward_of_ones_own_gets_its_arguments(tmp_path: Path) -> None:
    spec = write_spec(tmp_path, reward="{python: reward.py:score, kwargs: {scale: 3}}")
    (tmp_path / "reward.py").write_text(
        "def score(data_source, solution_str, ground_truth, extra_info=None, scale=1):\n"
        "    return scale * (ground_truth in solution_str)\n",
        "utf-8",
    )
    assert [one.scored.score for one in rehearsed(spec).episodes if one.scored] == [3.0] * 3


SCHEMA = {
    "type": "function",
    "function": {
        "name": "tool",
        "description": "d",
        "parameters": {
            "type": "object",
            "properties": {"x": {"type": "string", "enum": ["q"]}},
            "required": ["x"],
        },
    },
}
METHODS = {
    "create": ("instance_id=None, **kwargs", "return 'i', ToolResponse()"),
    "execute": ("instance_id, parameters, **kwargs", "return ToolResponse(text='ok'), 0.0, {}"),
    "release": ("instance_id, **kwargs", "return None"),
}


def write_class(folder: Path, **bodies: str) -> Path:
    """A spec whose tool is a class with these methods."""
    lines = ["import asyncio, os, signal, sys, time", "from verl.tools.base_tool import BaseTool"]
    lines += ["from verl.tools.schemas import ToolResponse", "", "class Tool(BaseTool):"]
    for name, (given, usual) in METHODS.items():
        lines += [f"    async def {name}(self, {given}):", f"        {bodies.get(name, usual)}"]
    tools = "  tool: {class: 'tools.py:Tool', schema: schema.json, timeout: 1s}"
    spec = write_spec(folder, tools=tools, head="\n".join(lines))
    (folder / "schema.json").write_text(json.dumps(SCHEMA), "utf-8")
    return spec


@pytest.mark.parametrize(
    ("bodies", "name", "said", "answer"),
    [
        ({}, "", "", "ok"),
        ({"execute": "time.sleep(99)"}, "tool-hangs", "keeps the whole process", None),
        ({"execute": "await asyncio.sleep(99)"}, "tool-hangs", "within 1 seconds", "Error: the tool did not"),
        ({"create": "time.sleep(99)"}, "tool-hangs", "keeps the whole process", None),
        (
            {"create": "await asyncio.sleep(99)"},
            "tool-hangs",
            "its create did not",
            "Error: the tool did not",
        ),
        ({"create": "os._exit(4)"}, "tool-crashes", "code 4", None),
        ({"create": "sys.exit(4)"}, "tool-raises", "create raises SystemExit: 4", "Error: SystemExit"),
        ({"release": "time.sleep(99)"}, "tool-hangs", "keeps the whole process", None),
        ({"release": "await asyncio.sleep(99)"}, "tool-hangs", "its release did not", "ok"),
        ({"release": "sys.exit(4)"}, "tool-raises", "release raises SystemExit: 4", "ok"),
        ({"execute": "sys.exit(4)"}, "tool-raises", "raises SystemExit: 4", "Error: SystemExit"),
        ({"execute": "raise KeyboardInterrupt"}, "no-outcome", "KeyboardInterrupt", None),
        ({"execute": "return None"}, "tool-returns-no-text", "returns NoneType", "Error: TypeError"),
        ({"execute": "return 'a', 1.0"}, "tool-returns-no-text", "returns a tuple of 2", "Error: ValueError"),
        (
            {"execute": "signal.signal(signal.SIGTERM, signal.SIG_IGN); return 'a', 0.0, {}"},
            "tool-alters",
            "changes the handler of SIGTERM",
            "a",
        ),
    ],
)
def test_each_method_of_a_class_is_told_by_its_name(
    tmp_path: Path, bodies: dict[str, str], name: str, said: str, answer: str | None
) -> None:
    limits = QUICK._replace(grace_seconds=0.5, score_seconds=5)
    found = rehearsed(write_class(tmp_path, **bodies), rows=2, limits=limits)
    if not name:
        assert findings(found) == ()
    else:
        finding = told(found, name)
        assert finding.who == "tool" and said in finding.message, finding
    for one in found.episodes:
        assert (one.lost is None) == (answer is not None)
        assert answer is None or one.calls[0].answer.startswith(answer)


@pytest.mark.parametrize(
    ("body", "name", "said"),
    [
        (
            "class Odd(BaseException): pass\nraise Odd('x')",
            "tool-raises",
            "raises Odd: x, in every one of 2 calls",
        ),
        ("import sys\nsys.exit(3)", "tool-raises", "SystemExit: 3"),
        ("def f(n): return f(n + 1) + 1\nreturn f(0)", "tool-raises", "RecursionError"),
        ("import os, shutil\nshutil.rmtree(os.getcwd())\nreturn x", "tool-alters", "the working folder"),
        ("import os\nos.environ['MINE'] = x\nreturn x", "tool-alters", "the variable MINE"),
        (
            "N.append(open(__file__))\nreturn x",
            "tool-leaks",
            "a file open behind its call (tools.py), in 2 of 2",
        ),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)", "tool-hangs", "keeps the whole process"),
    ],
)
def test_what_a_function_does_beside_its_answer(tmp_path: Path, body: str, name: str, said: str) -> None:
    limits = QUICK._replace(grace_seconds=0.5)
    found = rehearsed(write_spec(tmp_path, body, head="N = []"), rows=2, limits=limits)
    finding = told(found, name)
    assert finding.who == "tool" and said in finding.message, finding


def test_a_file_that_is_opened_once_and_kept_is_no_leak(tmp_path: Path) -> None:
    body = "if not N: N.append(open(__file__))\nreturn x"
    assert findings(rehearsed(write_spec(tmp_path, body, head="N = []"))) == ()


def test_a_bundle_that_a_tool_took_away_is_there_for_the_next_process(tmp_path: Path) -> None:
    body = "import os, shutil\nshutil.rmtree(os.getcwd())\nos._exit(3)"
    found = rehearsed(write_spec(tmp_path, body), rows=2)
    assert "code 3, in 2 of 2 episodes" in told(found, "tool-crashes").message


def test_async_tools_and_classes(tmp_path: Path) -> None:
    spec = write_spec(
        tmp_path,
        tools="  tool: {class: 'tools.py:Finder', schema: schema.json, timeout: 1s}",
        head=(
            "from verl.tools.base_tool import BaseTool\nfrom verl.tools.schemas import ToolResponse\n\n"
            "class Finder(BaseTool):\n"
            "    async def execute(self, instance_id, parameters, **kwargs):\n"
            "        seen = kwargs['agent_data'].messages[0]['content']\n"
            "        return ToolResponse(text=f\"{parameters['x']} of {seen}\"), 0.5, {}\n"
        ),
    )
    (tmp_path / "schema.json").write_text(json.dumps(SCHEMA), "utf-8")
    found = rehearsed(spec)
    assert findings(found) == ()
    assert found.episodes[0].calls[0].answer.startswith("q of What is")
    assert found.episodes[0].fields["tool_rewards"] == [0.5]


SCORER = "def default_compute_score(data_source, solution_str, ground_truth, extra_info=None, **more):\n"


def write_verl(folder: Path, release: str) -> Path:
    """A package with the scorer alone, whose own imports fail as they do without torch."""
    for package in ("verl", "verl/utils"):
        (folder / package).mkdir(parents=True)
        (folder / package / "__init__.py").write_text("import no_torch_here\n", "utf-8")
    for file, text in {
        "verl/version/version": f"{release}\n",
        "verl/utils/reward_score/__init__.py": f"{SCORER}    return 5.0 * (ground_truth in solution_str)\n",
        "verl/tools/own_tool.py": "from .base_tool import BaseTool\nWORD = 'theirs'\n",
    }.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text, "utf-8")
    return folder


def test_verls_own_files_are_taken_where_the_target_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = "from verl.tools.own_tool import WORD, BaseTool"
    spec = write_spec(tmp_path, "return WORD", head=head, reward="{correct: {weight: 1, match: verl}}")
    text = spec.read_text("utf-8")
    spec.write_text(text.replace("train: rows.jsonl", "train: {path: rows.jsonl, source: math}"), "utf-8")
    finding = told(rehearsed(spec), "not-loaded")
    assert "this Python has no verl" in finding.message and "verl 0.9.1" in finding.fix
    monkeypatch.setenv("PYTHONPATH", str(write_verl(tmp_path / "old", "0.8.0")))
    assert "verl 0.8.0, and the target is verl 0.9.1" in told(rehearsed(spec), "not-loaded").message
    monkeypatch.setenv("PYTHONPATH", str(write_verl(tmp_path / "new", "0.9.1")))
    found = rehearsed(spec)
    assert [one.scored and one.scored.score for one in found.episodes] == [5.0] * 3
    assert found.episodes[0].calls[0].answer == "theirs"
    (tmp_path / "tools.py").write_text("from verl.utils import hf_tokenizer\n" + TOOL_TEXT, "utf-8")
    assert "only --engine verl runs" in told(rehearsed(spec), "not-loaded").message


TOOL_TEXT = '''\
def tool(x: str) -> str:
    """A tool.

    Args:
        x: For example abc.
    """
    return x
'''


def test_the_last_allowed_turn_may_be_the_answer(tmp_path: Path) -> None:
    spec = write_spec(tmp_path)
    text = spec.read_text("utf-8")
    spec.write_text(text.replace("rounds: 3", "turns: 2"), "utf-8")
    found = rehearsed(spec)
    assert {one.stop for one in found.episodes} == {"max_assistant_turns"} and findings(found) == ()
    small = ("budget.trajectory_tokens=60", "budget.tool_response_tokens=8")
    finding = told(rehearsed(spec, sets=small), "honest-cut")
    assert finding.message.startswith("3 of 3 honest episodes end by tool_response_overflow")


def test_a_reward_that_tells_nothing_apart_is_one_finding(tmp_path: Path) -> None:
    spec = write_spec(tmp_path, reward="{python: reward.py:score}")
    (tmp_path / "reward.py").write_text(REWARD + "    return 0.5\n", "utf-8")
    found = rehearsed(spec, policies=("honest", "lazy", "cheating"))
    assert [one.name for one in findings(found)] == ["reward-is-flat"]
    assert "earns 0.5" in findings(found)[0].message
