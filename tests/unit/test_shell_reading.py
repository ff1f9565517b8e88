"""Scripts read as bash reads them: random ones against bash itself, and what only a reader can say of the others."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from random import Random

import pytest

from shell_scripts import Writer
from toolspec.backends.verl.written.files import Files
from toolspec.backends.verl.written.runs import read_script_file
from toolspec.backends.verl.written.shell.reading import read_script
from toolspec.backends.verl.written.shell.text import Script, known, shown
from toolspec.backends.verl.written.value import Unknown

# Writes the words of every call, each ended by a NUL and each call by a 1.
STUB = 'set -f\npython3() { local w; for w in "$@"; do printf "%s\\0" "$w"; done >> "$OUT"; printf "\\1" >> "$OUT"; }\n'


def read(text: str) -> Script:
    return read_script(text.encode(), "run.sh")


def calls(script: Script) -> list[list[str | None]]:
    return [[known(word.text) for word in c.words[1:]] for c in script.commands if c.name == "python3"]


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash on this machine")
@pytest.mark.parametrize("block", range(8))
def test_words_are_those_that_bash_makes(block: int, tmp_path: Path) -> None:
    compared = 0
    for seed in range(block * 20, block * 20 + 20):
        text = Writer(Random(seed)).script(6)
        out = tmp_path / str(seed)
        out.touch()
        done = subprocess.run(
            ["bash", "-c", STUB + text],
            env={"OUT": str(out), "PATH": "/usr/bin:/bin", "HOME": "/h", "LANG": "C.UTF-8"},
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=20,
            check=False,
        )
        assert b"syntax error" not in done.stderr, text
        said = [call.split("\0")[:-1] for call in out.read_text("utf-8").split("\1")[:-1]]
        assert calls(read(text)) == said, text
        compared += len(said)
    assert compared > 40


FOLDERS = """\
python3 $(pwd)/a "$PWD" `pwd`
HERE="$(cd "$(dirname "$0")/.." && pwd)"
python3 $HERE/conf $(realpath -m x/../y) $(readlink -f /tmp/../tmp)
( cd sub; python3 $(pwd) )
python3 $PWD
cd sub/deeper/..
python3 $(pwd) "$(realpath -m ./z)" $(cd .. && pwd)
if cd /; then python3 $PWD; fi
"""


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash on this machine")
def test_folders_are_those_that_bash_is_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sub" / "deeper").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub" / "run.sh").write_text(STUB + FOLDERS, "utf-8")
    out = tmp_path / "out"
    environment = {"OUT": str(out), "PATH": "/usr/bin:/bin", "HOME": "/h", "LANG": "C.UTF-8"}
    done = subprocess.run(
        ["bash", "sub/run.sh"], env=environment, capture_output=True, timeout=20, check=False
    )
    assert done.returncode == 0, done.stderr
    said = [call.split("\0")[:-1] for call in out.read_text("utf-8").split("\1")[:-1]]
    script = read_script(FOLDERS.encode(), "sub/run.sh")
    assert calls(script) == said
    assert script.assumed == ("the script is started in the current folder",)
    (unknown,) = calls(read("cd $X\npython3 $(pwd) $PWD $(realpath y)"))
    assert unknown == [None, None, None]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("python3 a=$X", "nothing in the script sets `X`"),
        ("python3 a=$1", "it is argument 1 of the script"),
        ("python3 a=$HOME/x", "`HOME` is the machine's own"),
        ("python3 a=$(nvidia-smi -L | wc -l)", "it is what `$(nvidia-smi -L | wc -l)` prints"),
        (
            "if [ -f x ]; then A=1; else A=2; fi\npython3 a=$A",
            "`A` is 1, 2, depending on `[ -f x ]` (line 1)",
        ),
        ('[ -n "$X" ] && A=1\npython3 a=$A', '`A` is 1 or unset, depending on `[ -n "$X" ]` (line 1)'),
        ("while read -r A; do :; done < f\npython3 a=$A", "`read` reads it"),
        ("for n in $LIST; do python3 a=$n; done", "a loop changes it (line 1)"),
        ("A=1\nread A\npython3 a=$A", "`read` reads it"),
    ],
)
def test_what_the_script_does_not_decide_is_unknown_with_its_reason(text: str, reason: str) -> None:
    (command,) = [c for c in read(text).commands if c.name == "python3"]
    (word,) = command.words[1:]
    reasons = [piece.reason for piece in word.text if not isinstance(piece, str)]
    assert reasons == [reason]


def test_defaults_hold_and_are_listed_as_assumed() -> None:
    script = read('N=${N:-4}\npython3 a=$N b=${LR:-1e-6} "${EXTRA[@]}" "$@"')
    assert calls(script) == [["a=4", "b=1e-6"]]
    assert script.assumed == (
        "`N` is not set outside",
        "`LR` is not set outside",
        "`EXTRA` is not set outside",
        "the script is started without arguments",
    )


def test_words_that_may_be_absent_say_under_which_condition() -> None:
    script = read('ARGS=(a=1)\nif [ -d x ]; then ARGS+=(b=2); fi\npython3 "${ARGS[@]}" $MORE')
    words = script.commands[-1].words[1:]
    assert [(shown(w.text), w.when, w.several) for w in words] == [
        ("a=1", "", False),
        ("b=2", "`[ -d x ]` (line 2)", False),
        ("$MORE", "", True),
    ]


def test_words_stand_where_they_were_written() -> None:
    script = read('ARGS=(\n  a=1\n  "b=2"\n)\npython3 é=1 \\\n  "${ARGS[@]}" c=3')
    places = [(w.span.line, w.span.column, w.span.length) for w in script.commands[-1].words]
    assert places == [(5, 1, 7), (5, 9, 3), (2, 3, 3), (3, 3, 5), (6, 16, 3)]


@pytest.mark.parametrize(
    "text",
    [
        'pgrep -f "python3 -m verl.trainer.main_ppo trainer.a=1" > /dev/null',
        "ps aux | grep 'python3 -m verl.trainer.main_ppo trainer.a=1'",
        'pkill -f "python3 -m verl.trainer.main_ppo trainer.a=1" || true',
    ],
)
def test_a_command_that_is_looked_for_is_no_launch(text: str) -> None:
    assert read_script_file(text.encode(), Path("x.sh"), Files()).runs == ()


@pytest.mark.parametrize(
    "text",
    [
        "M=${1:-}\ncase $M in\n  train) N=1 ;;\n  *) echo usage; exit 64 ;;\nesac\n",
        'if [ -z "${M:-}" ]; then echo "set M"; exit 1; fi\n',
        'M=""\nwhile [[ $# -gt 0 ]]; do case $1 in --m) M=$2; shift 2 ;; esac; done\n[[ -z "$M" ]] && exit 2\n',
    ],
)
def test_a_script_that_ends_without_arguments_is_started_with_some(text: str) -> None:
    read = read_script_file(
        (text + "python3 -m verl.trainer.main_ppo trainer.a=$M trainer.b=1").encode(), Path("x.sh"), Files()
    )
    (run,) = read.runs
    a, b = run.said
    assert isinstance(a.value, Unknown) and b.value == 1 and "arguments" in " ".join(run.assumed)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('A="trainer.a=$HOME/x trainer.b=2"\nP $A', 2),
        ('A="trainer.a=$HOME/x \\\n$B \\\n  trainer.b=$((1 + 1))"\nB=x\nP $A', 2),
        ('C=1\nB="trainer.b=$C \\\n  ${D}"\nP $B trainer.a=1', 1),
        ('C="P trainer.b=2"\nif [ -n "$E" ]; then C="$C $E"; fi\n$C', 2),
        ('C="P trainer.b=2"\n[ -d x ] && C+=" trainer.c=3"\neval $C', 2),
        ('C="P trainer.a=$E"\n[ -d x ] && C+=" trainer.c=3"\n$C trainer.b=2', 2),
        ('H=6,7\nif [[ ",$H," == *",2,"* ]]; then exit 1; fi\nP trainer.b=3', 3),
        ('H=6,7\nif [[ "$H" == *"7" ]]; then B=4; else B=5; fi\nP trainer.b=$B', 4),
        ('H="a*"\nif [[ abc == "$H" ]]; then B=4; else B=5; fi\nP trainer.b=$B', 5),
    ],
)
def test_what_is_known_stays_known_beside_what_is_not(text: str, value: int) -> None:
    script = text.replace("P ", "python3 -m verl.trainer.main_ppo ")
    (run,) = read_script_file(script.encode(), Path("x.sh"), Files()).runs
    assert {one.key: one.value for one in run.said}["trainer.b"] == value


def test_words_of_a_text_that_bash_splits_are_placed_at_the_text() -> None:
    text = 'N="your group number"\npython3 -m verl.trainer.main_ppo \\\n  trainer.nnodes=$N data.a=["x y"\n'
    (run,) = read_script_file(text.encode(), Path("x.sh"), Files()).runs
    assert [(one.code, one.span.line, one.span.column) for one in run.problems if one.span] == [
        ("TS901", 3, 3),
        ("TS901", 3, 3),
        ("TS901", 3, 25),
    ]
    assert isinstance({one.key: one.value for one in run.said}["data.a"], Unknown)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("python3 -m verl.trainer.main_ppo > log", "edited"),
        ('exec python3 -m verl.trainer.main_ppo "$@"', "$@"),
        ('python3 -m verl.trainer.main_ppo "${@:2}" env.name=shop', "$@"),
        ('python3 -m verl.trainer.main_ppo data.train_files=x "$@"', ""),
        ("python3 -m verl.trainer.main_ppo trainer.a=1", ""),
    ],
)
def test_a_launch_without_model_and_data_is_no_whole_run(text: str, why: str) -> None:
    (run,) = read_script_file(text.encode(), Path("x.sh"), Files()).runs
    assert why in run.open and bool(why) == bool(run.open)


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ('CMD="python3 -m verl.trainer.main_ppo \\\n  trainer.a=$N"\neval $CMD', 2, 3),
        ('CMD="python3 -m verl.trainer.main_ppo \\\n  trainer.a=1"\nbash -c "$CMD"', 2, 3),
        ('# trainer.a=1\nARGS="\n  trainer.a=1\n"\npython3 -m verl.trainer.main_ppo $ARGS', 3, 3),
        ('A="trainer.a=1"\nA="trainer.a=2"\npython3 -m verl.trainer.main_ppo $A', 2, 4),
        ('ssh node "cd /w && python3 -m verl.trainer.main_ppo trainer.a=1"', 1, 53),
        ("srun x \\\n  bash -c 'true; python3 -m verl.trainer.main_ppo trainer.a=1'", 2, 51),
        ("python3 -m verl.trainer.main_ppo trainer.a=1\npython3 -m x trainer.a=1", 1, 34),
    ],
)
def test_arguments_of_a_script_in_a_text_stand_where_the_text_has_them(
    text: str, line: int, column: int
) -> None:
    (run,) = read_script_file(text.encode(), Path("x.sh"), Files()).runs
    assert [(one.key_span.line, one.key_span.column) for one in run.said] == [(line, column)]


@pytest.mark.parametrize(
    "text",
    [
        'bash -c "python3 -m verl.trainer.main_ppo a.b=1"',
        "ssh node 'cd x && python3 -m verl.trainer.main_ppo a.b=1'",
        "cat > job.sh <<EOF\npython3 -m verl.trainer.main_ppo a.b=1\nEOF\nsbatch job.sh",
        "srun --nodes=1 bash -lc 'python3 -m verl.trainer.main_ppo a.b=1' &",
        'sbatch --wrap="python3 -m verl.trainer.main_ppo a.b=1"',
        'run() { python3 -m verl.trainer.main_ppo "$@"; }\nrun a.b=1',
        'eval "python3 -m verl.trainer.main_ppo a.b=1"',
        'CMD="python3 -m verl.trainer.main_ppo a.b=1"\neval $CMD',
        "CMD=$(cat <<EOF\npython3 -m verl.trainer.main_ppo\n  a.b=1\nEOF\n)\n$CMD",
        'CMD="python3 -m verl.trainer.main_ppo a.b=1"\n$CMD 2>&1 | tee log',
        "exec > >(tee -a log) 2>&1\npython3 -m verl.trainer.main_ppo a.b=1",
        "ray job submit --working-dir . -- python3 -m verl.trainer.main_ppo a.b=1",
        "if true; then\n  PYTHONUNBUFFERED=1 nohup python3 -m verl.trainer.main_ppo a.b=1 > log 2>&1 &\nfi",
    ],
)
def test_commands_inside_strings_functions_and_here_documents_are_read(text: str) -> None:
    found = [[known(w.text) for w in c.words] for c in read(text).commands]
    assert any(words[-1] == "a.b=1" and "verl.trainer.main_ppo" in words for words in found), found


@pytest.mark.parametrize(
    "text",
    [
        "A=x\nfor i in 1 2 3 4 5 6 7 8; do for j in 1 2 3 4 5 6 7 8; do A=$A$A$A$A; done; done\npython3 a=$A",
        "f() { f; f; f; }\nf\npython3 a=1",
        "python3 " + "{a,b}" * 40,
        "while true; do A+=x; done\npython3 a=$A",
        "(" * 500 + "python3 a=1" + ")" * 500,
        "python3 " + "$(" * 200 + "x" + ")" * 200,
        "source run.sh\npython3 a=1",
        "A=$((9**9**9))\npython3 $A",
        "python3 a=\\",
        "if [ 1",
        "cat <<EOF\npython3 -m verl.trainer.main_ppo",
    ],
    ids=lambda text: text[:24],
)
def test_a_script_that_would_not_end_is_read_in_bounds(text: str) -> None:
    read_script(text.encode(), "run.sh", lambda name: text.encode())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('MODE=${1:-}\n[ -z "$MODE" ] && exit 1\nshift\npython3 a=$MODE "$@"', [None]),
        ("if [ $# -lt 2 ]; then echo usage; exit 1; fi\npython3 a=$1 b=${3:-8}", [None, "b=8"]),
        ('f() { python3 b="$@"; }\n[[ -z "${1:-}" ]] && exit 2\nf x', ["b=x"]),
    ],
)
def test_a_script_that_asks_for_arguments_is_read_as_started_with_them(
    text: str, words: list[str | None]
) -> None:
    script = read(text)
    assert calls(script) == [words]


def test_a_script_that_ends_as_it_should_is_read_once() -> None:
    script = read("python3 a=${1:-x}\nexit 0")
    assert calls(script) == [["a=x"]]
    assert script.assumed == ("the script is started without arguments",)


def test_variables_of_a_job_are_those_of_its_header() -> None:
    script = read(
        "#!/bin/bash\n#SBATCH --nodes=2\n#SBATCH -c 64 --gpus-per-node=4\n# a remark\n#SBATCH -J 'my run'\n\nset -x\n"
        "#SBATCH --nodes=9\n"
        'python3 a=$SLURM_NNODES b="${SLURM_GPUS_PER_NODE:-8}" c=$((SLURM_JOB_NUM_NODES * 4)) '
        "d=$SLURM_CPUS_PER_TASK e=$SLURM_JOBID"
    )
    words = calls(script)[0]
    assert words == ["a=2", "b=4", "c=8", "d=64", None]
    assert "the script is submitted as its header says" in script.assumed
    assert script.sbatch == {
        "--nodes": ("2", 2),
        "--cpus-per-task": ("64", 3),
        "--gpus-per-node": ("4", 3),
        "--job-name": ("my run", 5),
    }


@pytest.mark.parametrize(
    "text",
    [
        'if [ "$#" -lt 2 ]; then echo usage; exit 1; fi\nA=$1\nshift 2\npython3 b=2 a=$A "$@"',
        'if (($# != 2)); then exit 1; fi\nshift; shift\npython3 b=2 "$@"',
        'MODE="${1:-}"\nif [[ -z "$MODE" ]]; then exit 1; fi\nshift\npython3 b=2 m=$MODE "$@"',
        "if [[ $# -eq 0 ]]; then exit 1; fi\npython3 b=2 a=$1",
    ],
)
def test_a_script_that_stops_without_arguments_is_read_with_them(text: str) -> None:
    script = read(text)
    (found,) = calls(script)
    assert found[0] == "b=2"
    assert None not in found[2:]  # what is passed on holds nothing more
    assert any("is started with" in line for line in script.assumed)


def test_a_script_that_stops_whatever_its_arguments_are_is_read_once() -> None:
    script = read("python3 a=1\nexit 0\npython3 b=$1")
    assert calls(script) == [["a=1"]]
    assert script.assumed == ()


def test_exec_without_a_command_only_redirects() -> None:
    assert calls(read("exec > >(tee -a log) 2>&1\npython3 a=1")) == [["a=1"]]
    assert calls(read("exec python3 a=1\npython3 b=1")) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('A="x=${N:-1} ${M:-y=2}"\npython3 $A', ["x=1", "y=2"]),
        ("A=1\nB=2\npython3 a=${X:-$(((A + B) * 2))}", ["a=6"]),
        ('A=1\nB=2\npython3 a="${X:-$(( (A + B) * 2 ))}"', ["a=6"]),
        ("A=1\npython3 a=${X:-$((A * 2))}", ["a=2"]),
        ("D=/d\nF=x\npython3 a=$D/$F.parquet b=$D/$F,$D-$F/y", ["a=/d/x.parquet", "b=/d/x,/d-x/y"]),
        ("D=/d\nF=x\nA=$D/$F.parquet\nexport B=$D/$F/y\npython3 $A $B", ["/d/x.parquet", "/d/x/y"]),
        ("D=/d\nF=x\nA=(a=$D/$F.p b=1)\npython3 ${A[@]}", ["a=/d/x.p", "b=1"]),
        ("python3 a=1 \\\n  `# a (comment) here` \\\n  b=2", ["a=1", "b=2"]),
    ],
)
def test_what_the_grammar_takes_apart_is_whole(text: str, found: list[str]) -> None:
    assert calls(read(text)) == [found]
