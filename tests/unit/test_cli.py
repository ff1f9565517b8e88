"""The command line as a process: exit codes, JSON in every outcome, width, colour, and streams that go away."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
TOOLSPEC = (sys.executable, "-m", "toolspec")
BAD = "toolspec: 1\nname: b\nmodel: Qwen/Qwen3-4B\nalgorithm: {name: grpo, grop: 8, lr: x}\n"
# Every command that reads a spec, on a right one and on a wrong one.
READING = (
    ("compile", "@", "--check"),
    ("plan", "@"),
    ("why", "algorithm.batch", "@"),
    ("diff", "@", "--to", "0.8.0"),
    ("migrate", "@", "--to", "0.8.0"),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("cli")
    for name in ("exp.yaml", "tools.py", "train.jsonl", "val.jsonl"):
        shutil.copy(ROOT / "examples" / "calculator" / name, place)
    (place / "bad.yaml").write_text(BAD, "utf-8")
    (place / "file").write_text("x", "utf-8")
    return place


def called(
    folder: Path, *arguments: str, env: dict[str, str] | None = None, **streams: int
) -> subprocess.CompletedProcess[bytes]:
    """A process of its own, in `folder`."""
    return subprocess.run(
        [*TOOLSPEC, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "COLUMNS": "100", **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=streams.get("stdout", subprocess.PIPE),
        stderr=streams.get("stderr", subprocess.PIPE),
        timeout=30,
        check=False,
    )


class Here:
    """The command line in this process: its exit code and what it printed."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]) -> None:
        self._patch, self._capture = patch, capture
        patch.chdir(folder)

    def __call__(self, *arguments: str, **env: str) -> tuple[int, str, str]:
        from toolspec.cli.app import run

        for name, value in {"COLUMNS": "100", **env}.items():
            self._patch.setenv(name, value)
        self._patch.setattr(sys, "argv", ["toolspec", *arguments])
        code = run()
        out, err = self._capture.readouterr()
        return code, out, err


@pytest.fixture
def here(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Here:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    return Here(folder, monkeypatch, capsys)


def said(command: tuple[str, ...], spec: str) -> tuple[str, ...]:
    return tuple(spec if word == "@" else word for word in command)


# Right input 0, an error in what a file says 1, an error in how the command is called 2.
CODES = (
    (0, ("--version",)),
    (0, ("--help",)),
    (0, ("compile", "exp.yaml", "--check")),
    (0, ("diff", "exp.yaml", "--to", "0.8.0")),
    (1, ("diff", "exp.yaml", "--to", "0.8.0", "--exit-code")),
    (1, ("compile", "bad.yaml")),
    (1, ("compile", "exp.yaml", "--set", "algorithm.grop=3")),
    (1, ("compile", "exp.yaml", "--out", "file")),
    (1, ("why", "algorithm.bach", "exp.yaml")),
    (1, ("why", "tools.nobody", "exp.yaml")),
    (2, ("complie", "exp.yaml")),
    (2, ("compile",)),
    (2, ("compile", "exp.yaml", "--sett", "a=1")),
    (2, ("compile", "exp.yaml", "exp.yaml")),
    (2, ("compile", "exp.yaml", "--format", "yaml")),
    (2, ("compile", "exp.yaml", "--set", "algorithm.group")),
    (2, ("compile", "exp.yaml", "--target", "9.9")),
    (2, ("migrate", "exp.yaml", "--to", "9.9")),
    (2, ("diff", "exp.yaml", "--from", "9.9")),
    (2, ("compile", "exp.yaml", "--out", "")),
    (2, ("schema", "--out", "exp.yaml")),
    (2, ("init", "exp.yaml")),
    (2, ("init", "file/exp.yaml")),
    (2, ()),
    (0, ("help",)),
    (0, ("help", "why")),
    (2, ("help", "nothing")),
)


@pytest.mark.parametrize(("code", "arguments"), CODES, ids=[" ".join(a) for _, a in CODES])
def test_exit_codes(code: int, arguments: tuple[str, ...], here: Here) -> None:
    found, out, err = here(*arguments)
    assert (found, "Traceback" in out + err, "toolspec's own" in err) == (code, False, False), err


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("complie", "compile"), ("Plan", "plan"), ("dif", "diff"), ("migrte", "migrate")],
)
def test_a_misspelt_command_gets_the_nearest(wrong: str, right: str, here: Here) -> None:
    code, _, err = here(wrong)
    assert (code, f"Did you mean {right}?" in err) == (2, True)


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("0.8", "0.8.0"),
        ("verl=0.8.0", "0.8.0"),
        ("v0.7.1", "0.7.1"),
        ("0.9.0", "0.9.1"),
        ("verl>=0.8", "0.8.0"),
        ("0.6.1", "0.7.1"),
        ("9", "0.9.1"),
        ("latest", "0.9.1"),
    ],
)
def test_an_unknown_release_gets_the_nearest(wrong: str, right: str, here: Here) -> None:
    _, _, err = here("compile", "exp.yaml", "--check", "--target", wrong)
    assert f"fix: write verl=={right}" in err


@pytest.mark.parametrize("command", READING, ids=lambda command: command[0])
@pytest.mark.parametrize("spec", ["exp.yaml", "bad.yaml", "nowhere.yaml"])
def test_json_is_json_whatever_happens(command: tuple[str, ...], spec: str, here: Here) -> None:
    code, out, err = here(*said(command, spec), "--format", "json")
    document = json.loads(out)
    assert document["version"] == 1
    assert (code == 0) == (spec == "exp.yaml")
    if code:
        assert err == ""
        assert document["findings"]
        for finding in document["findings"]:
            assert finding["severity"] == "error"
            assert finding["code"].startswith("TS")


@pytest.mark.parametrize(
    "arguments",
    [
        ("compile", "exp.yaml", "--out", "file/below"),
        ("compile", "exp.yaml", "--set", "algorithm.group"),
        ("compile", "exp.yaml", "--bogus"),
        ("why", "algorithm.batch"),
    ],
    ids=" ".join,
)
def test_json_is_json_for_wrong_usage_too(arguments: tuple[str, ...], here: Here) -> None:
    code, out, _ = here(*arguments, "--format", "json")
    assert code
    assert json.loads(out)["version"] == 1


# migrate prints lines of the file itself.
WIDTHS = [(columns, "exp.yaml", command) for columns in (80, 100) for command in READING[:4]]


@pytest.mark.parametrize(
    ("columns", "spec", "command"), [(40, "bad.yaml", READING[0]), (80, "bad.yaml", READING[0]), *WIDTHS]
)
def test_lines_fit_the_terminal(command: tuple[str, ...], spec: str, columns: int, here: Here) -> None:
    """All but a single word that is longer, such as a key of verl."""
    _, out, err = here(*said(command, spec), COLUMNS=str(columns))
    wide = [line for line in (out + err).splitlines() if len(line) > columns and len(line.split()) > 2]
    assert not wide, "\n".join(wide)


@pytest.mark.parametrize(
    ("env", "coloured"),
    [({"FORCE_COLOR": "1"}, True), ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False)],
    ids=str,
)
def test_colour_is_asked_for(env: dict[str, str], coloured: bool, here: Here) -> None:
    calls = [*(said(command, "exp.yaml") for command in READING), said(READING[0], "bad.yaml")]
    plain = [here(*call) for call in calls]
    found = [here(*call, **env) for call in calls]
    text = "".join(out + err for _, out, err in found)
    assert ("\x1b[" in text) == coloured
    # Colour is an addition: without its codes the text is the same.
    assert re.sub(r"\x1b\[[0-9;]*m", "", text) == "".join(out + err for _, out, err in plain)
    assert "\x1b" not in here("plan", "exp.yaml", "--format", "json", **env)[1]


def test_a_reader_that_leaves_early_is_no_error(folder: Path) -> None:
    process = subprocess.Popen(
        [*TOOLSPEC, "schema"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.close()
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, b"")


@pytest.mark.parametrize(
    ("code", "arguments"),
    [
        (0, ("compile", "exp.yaml")),
        (1, ("diff", "exp.yaml", "--to", "0.8.0", "--exit-code")),
        (1, ("compile", "bad.yaml")),
    ],
    ids=str,
)
def test_a_command_ends_as_it_would_have_without_its_readers(
    code: int, arguments: tuple[str, ...], folder: Path, tmp_path: Path
) -> None:
    place = shutil.copytree(folder, tmp_path / "here")
    read, write = os.pipe()
    os.close(read)
    done = called(place, *arguments, stdout=write, stderr=write)
    os.close(write)
    assert done.returncode == code
    assert (place / "build" / "calculator" / "manifest.json").is_file() == (
        arguments == ("compile", "exp.yaml")
    )


@pytest.mark.parametrize(
    ("arguments", "closed"),
    [
        ("--version", ">&-"),
        ("plan exp.yaml", ">&-"),
        ("compile bad.yaml", "2>&-"),
        ("init new/exp.yaml", "<&-"),
        ("compile exp.yaml", "<&- >&- 2>&-"),
    ],
)
def test_closed_streams_are_no_fault(arguments: str, closed: str, folder: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        ["bash", "-c", f'"{sys.executable}" -m toolspec {arguments} {closed}'],
        cwd=shutil.copytree(folder, tmp_path / "here"),
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == (1 if "bad" in arguments else 0), done.stderr
    assert b"fault" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
@pytest.mark.parametrize("arguments", [("--version",), ("plan", "exp.yaml")], ids=" ".join)
def test_a_full_disk_is_said_in_a_line(arguments: tuple[str, ...], folder: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = called(folder, *arguments, stdout=full.fileno())
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1, done.stderr


@pytest.mark.parametrize(
    "arguments", [said(READING[0], "exp.yaml"), said(READING[1], "exp.yaml"), ("schema",)], ids=lambda a: a[0]
)
def test_a_terminal_that_is_not_utf8_gets_something(arguments: tuple[str, ...], folder: Path) -> None:
    done = called(folder, *arguments, env={"PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (0, b"")
    if arguments[0] == "schema":
        json.loads(done.stdout)


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-16"])
def test_json_and_text_survive_every_encoding(encoding: str, folder: Path, tmp_path: Path) -> None:
    place = shutil.copytree(folder, tmp_path / "here")
    text = (place / "exp.yaml").read_text("utf-8")
    (place / "exp.yaml").write_text(text.replace("toolspec: 1", "toolspec: 1\ndescription: 日本 é"), "utf-8")
    env = {"PYTHONIOENCODING": encoding}
    done = called(place, "compile", "exp.yaml", "--out", "bücher", "--format", "json", env=env)
    assert json.loads(done.stdout.decode(encoding))["folder"] == "bücher"
    shown = called(place, "compile", "exp.yaml", "--out", "bücher", env=env).stdout.decode(encoding)
    assert shown.splitlines()[0] in ("calculator → verl 0.9.1", "calculator -> verl 0.9.1")
    wrong = called(place, "compile", "exp.yaml", "--set", "bücher=日", env=env)
    assert (wrong.returncode, b"cher" in wrong.stderr.replace(b"\0", b"")) == (1, True)


def test_a_module_beside_the_spec_is_not_imported_in_place_of_pythons_own(
    folder: Path, tmp_path: Path
) -> None:
    place = shutil.copytree(folder, tmp_path / "here")
    (place / "json.py").write_text("raise SystemExit('the user\\'s code ran')\n", "utf-8")
    done = called(place, "compile", "exp.yaml", "--check")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", ["", ":", ".", f":{ROOT / 'src'}"])
def test_no_way_to_the_working_folder_is_left(path: str, folder: Path, tmp_path: Path) -> None:
    """Modules of Python's, of dependencies, and of what those only try to import; by an entry of PYTHONPATH too."""
    place = shutil.copytree(folder, tmp_path / "here")
    for name in ("__future__", "json", "gc", "signal", "yaml", "click", "pandas", "numpy", "email_validator"):
        (place / f"{name}.py").write_text("raise SystemExit('the user\\'s code ran')\n", "utf-8")
    env = {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{path}"}
    done = called(place, "compile", "exp.yaml", env=env)
    assert done.returncode == 0, done.stderr


def test_it_runs_from_the_folder_that_it_comes_from() -> None:
    done = called(ROOT / "src", "plan", str(ROOT / "examples/calculator/exp.yaml"), env={"PYTHONPATH": ""})
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(sys.platform == "darwin", reason="names of files are UTF-8 there")
def test_a_name_that_is_not_utf8_is_no_fault(folder: Path, tmp_path: Path) -> None:
    place = shutil.copytree(folder, tmp_path / "here")
    shutil.copy(place / "exp.yaml", os.fsdecode(os.fsencode(place) + b"/e\xff.yaml"))
    done = called(place, "compile", os.fsdecode(b"e\xff.yaml"))
    assert b"toolspec's own" not in done.stderr
    assert done.returncode in (0, 1)


@pytest.mark.parametrize("out", ["file", "file/below", "full", "."])
def test_an_out_that_cannot_be_is_refused_before_anything_is_written(
    out: str, folder: Path, tmp_path: Path
) -> None:
    place = shutil.copytree(folder, tmp_path / "here")
    (place / "full").mkdir()
    (place / "full" / "notes.txt").write_text("mine", "utf-8")
    before = sorted(place.rglob("*"))
    done = called(place, "compile", "exp.yaml", "--out", out)
    assert done.returncode in (1, 2)
    assert out.encode() in done.stderr
    assert sorted(place.rglob("*")) == before


def test_the_next_command_can_be_copied(folder: Path, tmp_path: Path) -> None:
    place = shutil.copytree(folder, tmp_path / "here")
    done = called(place, "compile", "exp.yaml", "--out", "a b; c")
    assert b"'a b; c/launch.sh'" in done.stdout or b'"a b; c/launch.sh"' in done.stdout, done.stdout


def test_the_folder_that_one_is_in_is_no_place(
    folder: Path, tmp_path: Path, here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = shutil.copytree(folder, tmp_path / "here")
    (place / "empty").mkdir()
    monkeypatch.chdir(place)
    assert here("compile", "exp.yaml")[0] == 0
    for inside in (place / "empty", place / "build" / "calculator"):
        monkeypatch.chdir(inside)
        for out in (".", "..", str(inside)):
            code, _, err = here("compile", str(place / "exp.yaml"), "--out", out, "--force")
            assert (code, "the folder that you are in" in " ".join(err.split())) == (1, True)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("exp.yml", "did you mean exp.yaml?"),
        ("bda.yaml", "did you mean bad.yaml?"),
        (".", "did you mean exp.yaml?"),
        ("nowhere/exp.yaml", "there is no folder nowhere"),
        ("-", "no stream"),
        ("/dev/stdin", "no stream"),
    ],
)
@pytest.mark.parametrize("command", READING, ids=lambda command: command[0])
def test_what_is_no_spec_gets_the_one_that_may_be_meant(
    command: tuple[str, ...], spec: str, words: str, here: Here
) -> None:
    if command[0] == "diff" and spec == ".":
        return  # a folder may be a bundle
    code, _, err = here(*said(command, spec))
    assert (code, words in err) == (1, True), err


def compiling(place: Path) -> subprocess.Popen[bytes]:
    """A compile of many rows that has begun to write them."""
    row = (place / "train.jsonl").read_text("utf-8").splitlines()[0] + "\n"
    (place / "train.jsonl").write_text(row * 40_000, "utf-8")
    process = subprocess.Popen(
        [*TOOLSPEC, "compile", "exp.yaml"],
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    until = time.monotonic() + 20
    while not any((place / "build").glob("data/.*/rows/*")) and time.monotonic() < until:
        time.sleep(0.01)
    return process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_a_signal_leaves_nothing_half_written(number: signal.Signals, folder: Path, tmp_path: Path) -> None:
    process = compiling(shutil.copytree(folder, tmp_path / "here"))
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, b"Traceback" in err) == (128 + number, b"", False), err
    assert [path for path in (tmp_path / "here" / "build").rglob("*") if path.is_file()] == []


def test_what_a_killed_compile_left_goes_with_the_next(folder: Path, tmp_path: Path) -> None:
    place = shutil.copytree(folder, tmp_path / "here")
    process = compiling(place)
    process.kill()
    process.communicate(timeout=30)
    assert any((place / "build").rglob(".*"))
    shutil.copy(folder / "train.jsonl", place)
    assert called(place, "compile", "exp.yaml").returncode == 0
    assert list((place / "build").rglob(".*")) == []


def test_ctrl_c_has_its_code_even_inside_an_exec(tmp_path: Path) -> None:
    command = "exec('import signal; signal.raise_signal(signal.SIGINT)')"
    program = f"import sys\nfrom toolspec.cli.outcome import *\nstop_on_signals()\nsys.exit(outcome(lambda: {command}))"
    (tmp_path / "stopping.py").write_text(program, "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "stopping"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout, b"stopped" in done.stderr) == (130, b"", True), done.stderr


def test_ctrl_c_leaves_nothing_half_written(folder: Path, tmp_path: Path) -> None:
    place = shutil.copytree(folder, tmp_path / "here")
    row = (place / "train.jsonl").read_text("utf-8").splitlines()[0] + "\n"
    (place / "train.jsonl").write_text(row * 200_000, "utf-8")
    process = subprocess.Popen(
        [*TOOLSPEC, "compile", "exp.yaml"],
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    until = time.monotonic() + 20
    while not (place / "build" / "data").exists() and time.monotonic() < until:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, b"Traceback" in err) == (130, b"", False), err
    left = [path for path in (place / "build").rglob("*") if path.is_file()]
    assert left == []
