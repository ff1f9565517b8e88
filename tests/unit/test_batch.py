"""batch.sh and job.sbatch of a bundle, with stand-ins for Slurm's commands: what the shell itself decides."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from toolspec.backends.verl.compile import compile_spec, write

pytestmark = pytest.mark.slow

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "calculator" / "exp.yaml"
# srun: one task here. It is told by variables what the task's ts_job.py would do.
SRUN = """#!/bin/bash
printf '%s\\n' "$@" > "$TOOLSPEC_RUN_DIR/srun.txt"
attempt="$TOOLSPEC_RUN_DIR/attempts/$SLURM_JOB_ID.${SLURM_RESTART_COUNT:-0}.$TOOLSPEC_NONCE"
mkdir -p "$attempt"
[ -z "$CODE" ] || echo "$CODE" > "$attempt/code"
[ -z "$REQUEUE" ] || touch "$attempt/requeue"
env | grep ^TOOLSPEC_ > "$TOOLSPEC_RUN_DIR/env.txt"
trap -p USR2
exit "${SRUN_CODE:-0}"
"""
SCONTROL = """#!/bin/bash
if [ "$1" = show ]; then echo "JobId=$4 JobName=x $JOB TRES=cpu=1"; exit 0; fi
echo "$@" >> "$TOOLSPEC_RUN_DIR/scontrol.txt"
exit "${SCONTROL_CODE:-0}"
"""
SLEEP = "#!/bin/bash\nexit 0\n"
SQUEUE = """#!/bin/bash
[ "${SLURM_TIME_FORMAT:-standard}" = standard ] && echo 2026-11-26T10:00:00 || echo "Tomorr 10:00"
"""


class Shell:
    """A bundle of the example with these settings of `cluster.slurm`, and the stand-ins."""

    def __init__(self, folder: Path, slurm: str) -> None:
        folder.mkdir(exist_ok=True)
        self.run = folder / "a run %j"
        compiled = compile_spec(EXAMPLE, [f"cluster.slurm={slurm}"], "0.9.1", self.run / "bundle")
        write(compiled)
        self.binaries = folder / "bin"
        self.binaries.mkdir()
        for name, text in {"srun": SRUN, "scontrol": SCONTROL, "sleep": SLEEP, "squeue": SQUEUE}.items():
            (self.binaries / name).write_text(text)
            (self.binaries / name).chmod(0o755)

    def __call__(self, script: str = "batch.sh", *words: str, **variables: str) -> int:
        environment = {
            "PATH": f"{self.binaries}:{os.environ['PATH']}",
            "SLURM_JOB_ID": "81234",
            "SLURM_JOB_NUM_NODES": "1",
            "TOOLSPEC_RUN_DIR": str(self.run),
            "TOOLSPEC_SUBMISSION": "2",
            "TOOLSPEC_NONCE": "abcd1234",
            "HOME": str(self.run),
            **variables,
        }
        command = ["bash", str(self.run / "bundle" / script), *words]
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=60, check=False, cwd=self.run
        )
        self.said = done.stdout + done.stderr
        return done.returncode

    @property
    def log(self) -> str:
        return "".join(file.read_text() for file in sorted((self.run / "logs").iterdir()))

    def told(self, name: str) -> list[str]:
        file = self.run / name
        return file.read_text().splitlines() if file.exists() else []

    def ended(self) -> dict[str, Any] | None:
        for file in (self.run / "events").glob("*"):
            value: dict[str, Any] = json.loads(file.read_text())
            return value
        return None


def test_the_exit_code_is_verls_and_not_sruns(tmp_path: Path) -> None:
    shell = Shell(tmp_path, "{partition: gpu}")
    assert shell(CODE="7", SRUN_CODE="137", SLURM_TIME_FORMAT="relative") == 7
    assert shell.told("srun.txt")[:4] == [
        "--ntasks=1",
        "--ntasks-per-node=1",
        "--kill-on-bad-exit=1",
        "--unbuffered",
    ]
    assert shell.told("srun.txt")[-2:] == ["bash", str(shell.run / "bundle" / "launch.sh")]
    assert (
        "trap -- '' SIGUSR2" in shell.log
    )  # inherited: Slurm's notice would be the end of who has no handler yet
    said = dict(line.split("=", 1) for line in shell.told("env.txt"))
    assert (said["TOOLSPEC_SUBMISSION"], said["TOOLSPEC_NONCE"]) == ("2", "abcd1234")
    assert said["TOOLSPEC_LOG"] == str(shell.run / "logs" / "0002.0.log")
    assert said["TOOLSPEC_JOB_END"].isdigit()
    assert len(said["TOOLSPEC_RAY_TOKEN"]) == 64
    assert said["TOOLSPEC_RAY_TOKEN"] not in shell.log
    assert shell.told("scontrol.txt") == []
    assert shell.ended() is None  # ts_job.py has said it


@pytest.mark.parametrize(
    ("setup", "code", "words"),
    [
        ("exit 0", 1, ""),  # Slurm would have the job for completed, and nothing was trained
        ("grep -q x /dev/null", 1, "toolspec: cluster.slurm failed with 1: grep -q x /dev/null"),
        ("grep -q x /dev/null | cat", 0, ""),  # as at submit, where the lines were tried
    ],
)
def test_what_a_setup_line_does(tmp_path: Path, setup: str, code: int, words: str) -> None:
    shell = Shell(tmp_path, json.dumps({"setup": [setup]}))
    assert shell(**({"CODE": "0"} if code == 0 else {})) == code
    assert words in shell.log
    end = shell.ended()
    assert (end is not None) == bool(code)
    assert end is None or (end["code"], end["next"]) == (code, "stop")
    assert shell(CODE="", SRUN_CODE="0") == code, "a disk without room for a code is no end before verl"


def test_a_job_that_was_killed_while_verl_ran_is_no_start_that_failed(tmp_path: Path) -> None:
    """srun ends its tasks at once where it is signalled itself, and ts_job.py has no time to write."""
    shell = Shell(tmp_path, "{}")
    alive = shell.run / "attempts" / "81234.0.abcd1234" / "alive"
    alive.parent.mkdir(parents=True)
    alive.touch()
    assert shell(CODE="", SRUN_CODE="137") == 137
    cause = (shell.ended() or {})["cause"]
    assert (cause["kind"], cause["message"]) == ("killed", "ended with 137 while verl ran; see its log")


def test_two_jobs_have_two_tokens(tmp_path: Path) -> None:
    shell = Shell(tmp_path, "{}")
    tokens = set()
    for _ in range(2):
        shell(CODE="0")
        tokens |= {line for line in shell.told("env.txt") if line.startswith("TOOLSPEC_RAY_TOKEN")}
    assert len(tokens) == 2


@pytest.mark.parametrize(
    ("variables", "job"),
    [({}, "81234"), ({"SLURM_ARRAY_JOB_ID": "81200", "SLURM_ARRAY_TASK_ID": "3"}, "81200_3")],
)
def test_a_job_queues_itself_again_by_its_own_name(
    tmp_path: Path, variables: dict[str, str], job: str
) -> None:
    shell = Shell(tmp_path, "{}")
    assert shell(CODE="75", REQUEUE="1", **variables) == 75
    assert shell.told("scontrol.txt") == [f"requeue {job}"]


@pytest.mark.parametrize(
    ("state", "start", "preempt", "again"),
    [
        ("RUNNING", "2026-11-26T10:25:27", "2026-11-26T10:25:31", True),
        ("RUNNING", "2026-11-26T10:25:27", "None", False),
        ("RUNNING", "2026-11-26T10:25:27", "2026-11-26T09:00:00", False),  # of an earlier start
        ("CANCELLED", "2026-11-26T10:25:27", "2026-11-26T10:25:31", False),
    ],
)
def test_a_preempted_job_queues_itself_again_in_its_grace_time(
    tmp_path: Path, state: str, start: str, preempt: str, again: bool
) -> None:
    """As Slurm 22.05 tells of a job that PreemptMode=CANCEL gave a GraceTime. A cancelled one stays away."""
    shell = Shell(tmp_path, "{}")
    told = (
        f"JobState={state} Reason=None SubmitTime=2026-11-26T10:00:00 StartTime={start} PreemptTime={preempt}"
    )
    assert shell(CODE="143", JOB=told) == 143
    assert shell.told("scontrol.txt") == (["requeue 81234"] if again else [])
    other = Shell(tmp_path / "other", "{}")
    assert (other(CODE="7", JOB=told), other.told("scontrol.txt")) == (7, [])


def test_a_queue_that_refuses_is_said(tmp_path: Path) -> None:
    shell = Shell(tmp_path, "{}")
    assert shell(CODE="75", REQUEUE="1", SCONTROL_CODE="1") == 75
    assert "Slurm did not queue the job again; toolspec resubmit does" in shell.log


@pytest.mark.parametrize(
    ("slurm", "variables", "code"),
    [
        ("{setup: ['false']}", {}, 1),
        ("{setup: ['exit 9']}", {}, 9),
        ("{setup: [no-such-command]}", {}, 127),
        ("{}", {"SRUN_CODE": "143"}, 143),
    ],
)
def test_an_end_that_nobody_else_says(
    tmp_path: Path, slurm: str, variables: dict[str, str], code: int
) -> None:
    shell = Shell(tmp_path, slurm)
    assert shell(**variables) == code
    event = shell.ended()
    assert event is not None
    assert (event["kind"], event["code"], event["job"], event["submission"]) == ("ended", code, "81234", 2)
    assert event["cause"]["signature"] == f"error:start {code}"


def test_setup_lines_need_not_bear_unset_variables(tmp_path: Path) -> None:
    shell = Shell(tmp_path, "{setup: ['echo $NOT_SET_ANYWHERE', 'export FOUND=yes']}")
    assert shell(CODE="0") == 0


def test_overrides_reach_verl_as_they_are(tmp_path: Path) -> None:
    shell = Shell(tmp_path, "{}")
    words = ("data.train_files=['/a b/c.parquet']", "x='$HOME'")
    assert shell("batch.sh", *words, CODE="0") == 0
    assert shell.told("srun.txt")[-2:] == list(words)


@pytest.mark.parametrize(
    ("runtime", "before"),
    [
        (
            "pyxis",
            [
                "--container-image=team/image:1",
                "--container-mounts=/data:/data,{run}:{run},{run}/bundle:{run}/bundle,{run}/data:{run}/data",
                "--container-workdir=/w",
            ],
        ),
        (
            "apptainer",
            [
                *("apptainer", "exec", "--nv", "--bind", "/data:/data", "--bind", "{run}:{run}"),
                *("--bind", "{run}/bundle:{run}/bundle", "--bind", "{run}/data:{run}/data"),
                *("--pwd", "/w", "team/image:1"),
            ],
        ),
    ],
)
def test_containers(tmp_path: Path, runtime: str, before: list[str]) -> None:
    """The run's folder is in the container, wherever it lies."""
    container = f"{{image: 'team/image:1', mounts: ['/data:/data'], workdir: /w, runtime: {runtime}}}"
    shell = Shell(tmp_path, f"{{container: {container}}}")
    assert shell(CODE="0") == 0
    wanted = [word.format(run=shell.run) for word in before]
    assert shell.told("srun.txt")[4:-2] == wanted


def test_job_sbatch_is_the_same_job(tmp_path: Path) -> None:
    slurm = "{partition: gpu, account: a, time: 90m, cpus: 8, memory: 64GB, mail: me@example.org, extra: {nice: 5}}"
    shell = Shell(tmp_path, slurm)
    text = (shell.run / "bundle" / "job.sbatch").read_text()
    assert [line for line in text.splitlines() if line.startswith("#SBATCH")] == [
        "#SBATCH --job-name=calculator",
        "#SBATCH --account=a",
        "#SBATCH --cpus-per-task=8",
        "#SBATCH --gpus-per-node=1",
        "#SBATCH --mail-type=BEGIN,END,FAIL,REQUEUE",
        "#SBATCH --mail-user=me@example.org",
        "#SBATCH --mem=65536M",
        "#SBATCH --nice=5",
        "#SBATCH --nodes=1",
        "#SBATCH --ntasks-per-node=1",
        "#SBATCH --open-mode=append",
        "#SBATCH --partition=gpu",
        "#SBATCH --requeue",
        "#SBATCH --signal=USR2@180",
        "#SBATCH --time=90",
    ]
    assert shell("job.sbatch", CODE="3", SLURM_SUBMIT_DIR=str(shell.run / "bundle")) == 3
    assert shell("job.sbatch", SLURM_SUBMIT_DIR="/tmp") == 78
    assert "/tmp is no bundle" in shell.said


def test_modules_where_the_shell_that_submits_has_none(tmp_path: Path) -> None:
    """batch.sh is no login shell: the function is there only where somebody exported it."""
    shell = Shell(tmp_path, "{modules: [cuda/12, 'a b']}")
    init = tmp_path / "modules" / "init" / "bash"
    init.parent.mkdir(parents=True)
    init.write_text('module() { printf "%s|" "$@" >> "$TOOLSPEC_RUN_DIR/modules.txt"; }\n')
    assert shell(CODE="0", MODULESHOME=str(init.parents[1])) == 0
    assert shell.told("modules.txt") == ["load|cuda/12|load|a b|"]


def test_the_scripts_are_bash(tmp_path: Path) -> None:
    shell = Shell(tmp_path, "{setup: [source x], modules: [cuda/12, 'a b'], container: {image: i.sqsh}}")
    for name in ("batch.sh", "job.sbatch", "launch.sh"):
        done = subprocess.run(["bash", "-n", str(shell.run / "bundle" / name)], check=False)
        assert done.returncode == 0, name
