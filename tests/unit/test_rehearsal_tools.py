"""Tools and rewards that misbehave in a rehearsal: each is told by its name, nothing hangs, no process is left."""

from __future__ import annotations

from pathlib import Path

import pytest

from rehearsal_spec import QUICK, rehearsed, write_spec
from toolspec.backends.verl.rehearsal.findings import Finding, findings
from toolspec.backends.verl.rehearsal.rehearse import Rehearsal

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
    body = 'import os\nfor one in range(3, 20):\n    try: os.write(one, b"{}\\n")\n    except OSError: pass\nreturn "x"'
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
        finding.who == "tool" and "thread poller" in finding.message and "3 of 3 episodes" in finding.message
    )


def test_a_tool_that_leaks_a_process(tmp_path: Path) -> None:
    body = 'subprocess.Popen(["sleep", "300"], start_new_session=True)\nreturn "x"'
    found = rehearsed(write_spec(tmp_path, body, head="import subprocess"))
    assert "process sleep" in told(found, "tool-leaks").message  # and the fixture sees that it is ended


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
    schema = {
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
    import json

    (tmp_path / "schema.json").write_text(json.dumps(schema), "utf-8")
    found = rehearsed(spec)
    assert findings(found) == ()
    assert found.episodes[0].calls[0].answer.startswith("q of What is")
    assert found.episodes[0].fields["tool_rewards"] == [0.5]
