"""runs, status, logs and cancel as processes, over run folders, real processes and commands in Slurm's place."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from run_folders import Folder, step_line
from toolspec.backends.launch.cancel import withdrawn
from toolspec.backends.launch.events import write_event
from toolspec.backends.launch.process import boot_id, started
from toolspec.backends.launch.runs import read_run

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
TOOLSPEC = (sys.executable, "-m", "toolspec")


class Place:
    """A folder of runs, and commands in it. Slurm's commands are scripts in `bin`, or are not there."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.runs = path / "runs"
        self.bin = path / "bin"
        self.bin.mkdir()

    def script(self, name: str, text: str) -> None:
        file = self.bin / name
        file.write_text(f"#!/bin/sh\n{text}\n", "utf-8")
        file.chmod(0o755)

    def environment(self, **more: str) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if key not in ("TOOLSPEC_RUNS", "SLURM_CONF")}
        path = f"{self.bin}{os.pathsep}/usr/bin{os.pathsep}/bin"
        return {**kept, "PATH": path, "PYTHONPATH": str(ROOT / "src"), "COLUMNS": "80", **more}

    def __call__(self, *arguments: str, **more: str) -> tuple[int, str, str]:
        done = subprocess.run(
            [*TOOLSPEC, *arguments],
            cwd=self.path,
            env=self.environment(**more),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert "Traceback" not in done.stdout + done.stderr and "toolspec's own" not in done.stderr, (
            done.stderr
        )
        return done.returncode, done.stdout, done.stderr

    def started(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*TOOLSPEC, *arguments],
            cwd=self.path,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


@pytest.fixture
def place(tmp_path: Path) -> Place:
    found = Place(tmp_path)
    for name in ("sacct", "squeue", "scancel", "scontrol"):
        found.script(name, "exit 0")
    return found


def until(true: Callable[[], object], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.05)


def now_and_then(place: Place) -> None:
    """A run that is done, one that failed, one that waits."""
    now = time.time()
    first = Folder(place.runs, "calc-aaaaaa", created=now - 9000).submit("5", at=now - 9000).began()
    first.log(step_line(289, 0.7) + step_line(290, 0.75)).ended(0, "done")
    second = Folder(place.runs, "weights-03-bbbbbb", created=now - 300, steps=10).submit(
        "81240_3", at=now - 300
    )
    second.began().ended(
        1, "gpu-memory", message="CUDA out of memory in update_actor", fix="train.offload: true", step=2
    )
    Folder(place.runs, "calc-cccccc", created=now - 30).submit("81250", at=now - 30)
    place.script(
        "squeue", f'echo "81250|PENDING|0|0|{int(now - 30)}|{int(now + 7260)}|N/A||Resources|calc-cccccc|"'
    )


def test_the_table_says_what_happened_and_what_to_do(place: Place) -> None:
    now_and_then(place)
    code, out, _ = place("status", "--all")
    assert code == 0
    lines = out.splitlines()
    assert max(map(len, lines)) <= 80
    rows = {line.split()[0]: line.split() for line in lines if re.match(r"\w+-\S+ ", line)}
    assert rows["calc-aaaaaa"][1:4] == ["done", "290/290", "0.75"]
    assert rows["weights-03-bbbbbb"][1:3] == ["failed", "2/10"] and rows["weights-03-bbbbbb"][-1] == "81240_3"
    assert rows["calc-cccccc"][1] == "pending"
    assert "  CUDA out of memory in update_actor" in lines and "  try: train.offload: true" in lines
    assert "  it is next, and waits for nodes to come free" in lines
    assert any(line.startswith("  may begin in 2h0") for line in lines)
    assert lines[-1] == "3 runs: 1 pending, 1 failed, 1 done"


def test_json_has_it_all(place: Place) -> None:
    now_and_then(place)
    code, out, _ = place("status", "weights-03", "--format", "json")
    (run,) = json.loads(out)["runs"]
    assert code == 1, "a run that was named failed"
    assert (run["state"], run["exit_code"], run["cause"]["kind"], run["step"]) == (
        "failed",
        1,
        "gpu-memory",
        2,
    )
    assert json.loads(place("runs", "--format", "json")[1])["more"] == 0
    assert [one["id"] for one in json.loads(place("runs", "--format", "json")[1])["runs"]] == [
        "calc-cccccc", "weights-03-bbbbbb", "calc-aaaaaa",
    ]  # fmt: skip


def test_a_run_that_only_validates_has_no_steps_to_come(place: Place) -> None:
    Folder(place.runs, "calc-eeeeee").submit("7", validate_only=True).began().ended(0, "done")
    shown = place("status", "calc-eeeeee")[1]
    assert "validated as it is" in shown and "of 290" not in shown and "checkpoints" not in shown
    row = next(line for line in place("runs")[1].splitlines() if line.startswith("calc-eeeeee"))
    assert row.split()[1:3] == ["done", "val"]


def test_the_runs_of_a_sweep(place: Place) -> None:
    for number, code in enumerate((0, 1)):
        sweep = {"id": "weights-3fa2c1", "point": f"p{number}", "values": {"reward.valid_call": 0.1 * number}}
        folder = Folder(place.runs, f"w-{number}-aaaaaa", sweep=sweep).submit(f"81240_{number}").began()
        folder.ended(code, "error" if code else "done")
    Folder(place.runs, "other-bbbbbb")
    code, out, _ = place("status", "--sweep", "weights")
    assert (code, out.splitlines()[-1]) == (1, "2 runs: 1 done, 1 failed")
    code, _, err = place("status", "--sweep", "weihgts-3fa2c1")
    assert code == 1 and "--sweep weights-3fa2c1" in err


def test_a_folder_whose_name_moves_the_terminal(place: Place) -> None:
    Folder(place.runs, "a\n\x1b[2Jb-aaaaaa", id="x\ny")
    for command in (("status", "--all"), ("runs",), ("cancel", "--all")):
        _, out, _ = place(*command)
        assert "\x1b" not in out and not any(
            line.startswith(("y", "\x1b", "b-")) for line in out.splitlines()
        )


def test_a_word_means_a_run(place: Place, tmp_path: Path) -> None:
    now_and_then(place)
    for word, meant in (
        ("calc", "calc-cccccc"),  # the newest of that name
        ("calc-aaa", "calc-aaaaaa"),
        ("weights-03", "weights-03-bbbbbb"),
        ("runs/calc-aaaaaa", "calc-aaaaaa"),
        (str(place.runs / "calc-aaaaaa"), "calc-aaaaaa"),
    ):
        assert place("status", word)[1].startswith(meant), word
    (place.runs / "calc-aaaaaa").rename(tmp_path / "moved")
    assert place("status", str(tmp_path / "moved"))[1].startswith("calc-aaaaaa  done"), "the id stays"
    code, _, err = place("status", "calk-cccccc", "weights-99")
    assert code == 1 and err.count("TS054") == 2 and "calc-cccccc" in err
    assert "TS055" in place("status", "cal-", TOOLSPEC_RUNS=str(two(place)))[2]


def two(place: Place) -> Path:
    for name in ("cal-1-111111", "cal-2-222222"):
        Folder(place.path / "two", name)
    return place.path / "two"


def test_no_runs_is_no_error(place: Place) -> None:
    for command in ("runs", "status"):
        code, out, _ = place(command)
        assert code == 0 and "the folder runs is not there" in out
    assert place("logs")[0] == 1


def test_a_slurm_that_is_not_there_is_said_once(place: Place) -> None:
    now_and_then(place)
    Folder(place.runs, "more-dddddd").submit("9").began()
    for name in ("sacct", "squeue"):
        (place.bin / name).unlink()
    _, out, _ = place("status", PATH=str(place.bin))
    assert out.count("Slurm does not answer") == 1 and out.count("by its own files") == 2
    assert "sacct is not on this machine" in " ".join(out.split())


def test_logs_show_the_newest_attempt_and_obey_nothing(place: Place) -> None:
    folder = Folder(place.runs, "calc-aaaaaa").submit("5").began().ended(1, "error", next_="requeue")
    folder.began(restart=1).log("first\n")
    folder.log(
        "".join(f"line {n}\n" for n in range(500))
        + "bar 1%\rbar 9%\r\n\x1b]0;title\x07\x1b[2J\x1b[31mred\x1b[0m\x07",
        1,
        1,
    )
    code, out, err = place("logs", "calc")
    assert (code, err) == (0, "")
    assert out.splitlines()[:2] == ["line 302", "line 303"], "200 lines"
    assert out.splitlines()[-2:] == ["bar 9%", "red\\x07"]
    assert "\x1b[31mred" in place("logs", FORCE_COLOR="1")[1]
    assert place("logs", "--tail", "1")[1] == "red\\x07\n"
    assert place("logs", "--attempt", "1")[1] == "first\n"
    code, out, err = place("logs", "--all")
    assert out.startswith("first\nline 0\n") and err.count("── attempt") == 2
    assert "TS057" in place("logs", "--attempt", "3")[2]
    assert place("logs", "--all", "--tail", "3")[0] == 2


def test_logs_of_ray(place: Place) -> None:
    folder = Folder(place.runs, "calc-aaaaaa").submit("5")
    assert "TS057" in place("logs", "--ray")[2]
    folder.write("attempts/5.0.0badcafe/n1.log", "ray started\n")
    folder.write("attempts/5.0.0badcafe/head.json", {})
    code, out, err = place("logs", "--ray")
    assert (code, out) == (0, "ray started\n") and "n1.log" in err


def test_following_goes_over_a_restart_to_the_end(place: Place) -> None:
    """The file is not there, then is written, cut, replaced, and followed by that of the next attempt."""
    folder = Folder(place.runs, "calc-aaaaaa").submit("5")
    place.script("squeue", 'echo "5|RUNNING|0|0|1|1|N/A|n1|None|calc-aaaaaa|"')
    process = place.started("logs", "-f")
    assert process.stdout is not None
    output = process.stdout.fileno()
    os.set_blocking(output, False)
    seen: list[str] = []

    def told(*lines: str) -> None:
        def there() -> bool:
            with suppress(BlockingIOError):
                seen.append(os.read(output, 1 << 20).decode("utf-8"))
            return "".join(seen).splitlines() == [*before, *lines]

        before = "".join(seen).splitlines()
        until(there)

    try:
        time.sleep(1.0)
        folder.began().log("a 1\na 2\n")
        told("a 1", "a 2")
        log = folder.path / "logs" / "0001.0.log"
        with log.open("a", encoding="utf-8") as stream:
            stream.write("a 3\nhal")
        told("a 3")
        os.truncate(log, 0)
        with log.open("a", encoding="utf-8") as stream:
            stream.write("b\n")
        told("b")
        log.with_suffix(".new").write_text("c 1\nc 2\nc 3\n", "utf-8")
        log.with_suffix(".new").replace(log)
        told("c 1", "c 2", "c 3")
        folder.ended(1, "error", next_="requeue").began(restart=1).log("d\n", 1, 1)
        told("d")
        folder.log("d\nlast words", 1, 1).ended(3, "error", restart=1, message="ValueError: no", next_="stop")
        assert process.wait(30) == 1
        assert os.read(output, 1 << 20) == b"last words\n"
        assert process.stderr is not None and "failed: ValueError: no" in process.stderr.read()
    finally:
        process.kill()
        process.wait()


class Trained:
    """A supervisor that leads a session, with a child in a session of its own, as `submit --local` starts them."""

    def __init__(self, folder: Folder, deaf: bool) -> None:
        held = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(300)"
        child = held if deaf else "import time; time.sleep(300)"
        lead = (
            "import subprocess, sys, time\n"
            f"subprocess.Popen([sys.executable, '-c', {child!r}], start_new_session=True)\n"
            "time.sleep(300)"
        )
        folder.nonce = uuid.uuid4().hex[:8]  # processes are known by it, and tests run side by side
        self.process = subprocess.Popen(
            [sys.executable, "-c", lead],
            env={**os.environ, "TOOLSPEC_NONCE": folder.nonce},
            start_new_session=True,
        )
        self.pid = self.process.pid
        self.child = 0
        until(self._children)
        time.sleep(0.3)  # the child sets its handler
        folder.submit(
            None, at=time.time(), kind="local", pid=self.pid, pid_started=started(self.pid), boot=boot_id(),
            host=socket.gethostname(),
        ).began()  # fmt: skip

    def _children(self) -> bool:
        text = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text("ascii")
        self.child = int(text.split()[0]) if text.split() else 0
        return self.child > 0

    def alive(self) -> list[int]:
        self.process.poll()
        return [pid for pid in (self.pid, self.child) if started(pid) is not None]

    def end(self) -> None:
        for pid in (self.child, self.pid):
            if started(pid) is not None:
                os.kill(pid, signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def trained(place: Place) -> Iterator[Callable[..., Trained]]:
    made: list[Trained] = []

    def make(id_: str = "calc-aaaaaa", deaf: bool = False) -> Trained:
        made.append(Trained(Folder(place.runs, id_, created=time.time()), deaf))
        return made[-1]

    yield make
    for each in made:
        each.end()


@pytest.mark.parametrize("deaf", [False, True])
def test_cancel_ends_all_of_a_local_run(place: Place, trained: Callable[..., Trained], deaf: bool) -> None:
    run = trained(deaf=deaf)
    assert "running" in place("status")[1]
    code, out, _ = place("cancel", "calc", "--grace", "1")
    assert code == 0 and out.startswith("cancelled  calc-aaaaaa  pid"), out
    assert ("killed after 1 s" in out) == deaf
    assert run.alive() == []
    assert place("status", "calc")[1].startswith("calc-aaaaaa  cancelled")
    code, out, _ = place("cancel", "calc")
    assert (code, "is over already: cancelled" in out) == (0, True)
    assert len(list((place.runs / "calc-aaaaaa/events").glob("*-cancelled-*"))) == 1


def test_what_is_cancelled_while_it_is_submitted_ends(place: Place, trained: Callable[..., Trained]) -> None:
    """`cancel` found no process yet; who submits finds its word once there is one."""
    run, folder = trained(), place.runs / "calc-aaaaaa"
    submission = read_run(folder).newest
    assert submission is not None
    assert withdrawn([folder]) == [] and len(run.alive()) == 2
    write_event(folder, "cancelled", submission)
    assert [each.did for each in withdrawn([folder])] == ["cancelled"]
    assert run.alive() == []


def test_styles_that_others_wrote_paint_nothing(place: Place) -> None:
    folder = Folder(place.runs, "calc-aaaaaa").submit("5").began()
    folder.ended(1, "error", message="\x1b[31mValueError\x1b[0m: x")
    folder.path.rename(place.runs / "\x1b[2mcalc")
    (place.runs / "\x1b[2mcalc" / "run.json").write_text('{"id": 5, "set": 5}')
    for words in (("runs",), ("status", "--all")):
        out = place(*words)[1]
        assert "\\x1b[2mcalc" in out and "\x1b" not in out, out
    assert "\\x1b[31mValueError" in out


def test_two_cancels_at_once(place: Place, trained: Callable[..., Trained]) -> None:
    run = trained()
    both = [place.started("cancel", "calc") for _ in range(2)]
    assert [each.wait(60) for each in both] == [0, 0]
    assert run.alive() == []


def test_a_process_with_the_number_of_a_run_is_let_be(place: Place) -> None:
    """Its number, start and boot are those of the file: only it was never started as this run's."""
    other = subprocess.Popen(["sleep", "300"], start_new_session=True)
    try:
        Folder(place.runs, "calc-aaaaaa").submit(
            None, kind="local", pid=other.pid, pid_started=started(other.pid), boot=boot_id(), host=socket.gethostname()
        ).began()  # fmt: skip
        place("cancel", "calc", "--grace", "0.2")
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


# squeue, scancel and scontrol over one word in a file: the job's state.
_QUEUE = """
state=$(cat "{state}")
[ "$state" = gone ] || echo "81250|$state|0|0|1|1|N/A||None|calc-cccccc|"
"""


def queue(place: Place, state: str, scancel: str) -> Path:
    file = place.path / "state"
    file.write_text(state, "utf-8")
    place.script("squeue", _QUEUE.format(state=file))
    place.script("scancel", scancel.format(state=file, calls=place.path / "calls"))
    place.script("scontrol", f'echo "scontrol $*" >> "{place.path}/calls"')
    Folder(place.runs, "calc-cccccc").submit("81250", at=time.time())
    return file


def test_cancel_of_a_job_that_comes_back_once(place: Place) -> None:
    """Its own requeue was on its way: after the first scancel it waits again."""
    queue(
        place,
        "RUNNING",
        'echo "scancel $*" >> "{calls}"; n=$(grep -c scancel "{calls}")\n'
        'if [ $n -ge 2 ]; then echo gone > "{state}"; else echo PENDING > "{state}"; fi',
    )
    code, out, _ = place("cancel", "calc")
    calls = (place.path / "calls").read_text("utf-8").splitlines()
    assert (code, out) == (0, "cancelled  calc-cccccc  job 81250\n")
    assert calls == ["scontrol update JobId=81250 Requeue=0", "scancel 81250", "scancel 81250"]
    code, out, _ = place("status", "calc")
    assert code == 1 and out.startswith("calc-cccccc  cancelled")


def test_the_message_of_a_scancel_that_fails_is_kept(place: Place) -> None:
    queue(
        place,
        "PENDING",
        'echo "scancel: error: Kill job error on job id 81250: Access/permission denied" >&2; exit 1',
    )
    code, out, _ = place("cancel", "calc")
    assert code == 1
    assert out == "failed     calc-cccccc  job 81250: scancel says: Access/permission denied\n"


def test_cancel_says_which(place: Place) -> None:
    assert place("cancel")[0] == 2
    assert place("cancel", "a", "--all")[0] == 2
    assert place("cancel", "--all")[:2] == (0, "nothing to cancel: no run of them waits or runs\n")


def test_watching_tells_each_change_and_ends_with_the_run(place: Place) -> None:
    folder = Folder(place.runs, "calc-aaaaaa", created=time.time()).submit("5")
    place.script(
        "squeue", f'echo x >> "{place.path}/asked"; echo "5|RUNNING|0|0|1|1|N/A|n1|None|calc-aaaaaa|"'
    )
    process = place.started("status", "calc", "--watch", "--every", "1")
    until((place.path / "asked").exists)
    folder.began().log(step_line(1, 0.5))
    time.sleep(2.5)
    folder.ended(0, "done")
    out, err = process.communicate(timeout=60)
    told = [line.split()[2] for line in out.splitlines()]
    assert (process.returncode, err, told[0], told[-1]) == (0, "", "starting", "done"), out
    assert "running" in told and "step 1/290" in out
    assert len((place.path / "asked").read_text("utf-8").split()) == 1, "every 10 s at most"


def test_ctrl_c_leaves_the_terminal_clean(place: Place) -> None:
    Folder(place.runs, "calc-aaaaaa", created=time.time()).submit("5").began().log(step_line(1, 0.5))
    place.script("squeue", 'echo "5|RUNNING|0|0|1|1|N/A|n1|None|calc-aaaaaa|"')
    master, slave = pty.openpty()
    environment = place.environment(TERM="xterm", LINES="24")
    process = subprocess.Popen(
        [*TOOLSPEC, "status", "--watch"],
        cwd=place.path,
        env=environment,
        stdin=slave,
        stdout=slave,
        stderr=slave,
    )
    os.close(slave)
    shown = b""
    try:
        end = time.monotonic() + 30
        while b"Ctrl-C ends" not in shown and time.monotonic() < end:
            if select.select([master], [], [], 0.2)[0]:
                shown += os.read(master, 65536)
        process.send_signal(signal.SIGINT)
        while process.poll() is None and time.monotonic() < end:
            if select.select([master], [], [], 0.2)[0]:
                try:
                    shown += os.read(master, 65536)
                except OSError:
                    break
        assert process.wait(30) == 130
    finally:
        process.kill()
        process.wait()
        os.close(master)
    assert b"calc-aaaaaa" in shown and b"1/290" in shown
    assert shown.rfind(b"\x1b[?25h") > shown.rfind(b"\x1b[?25l") >= 0, "the cursor is shown again"
    assert b"Traceback" not in shown
