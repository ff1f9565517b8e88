"""What the kernel killed for want of memory: read from the cgroup of either version, told for its effects."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

RUNTIME = Path(__file__).parents[2] / "backends" / "verl" / "runtime"
if str(RUNTIME) not in sys.path:
    sys.path.insert(0, str(RUNTIME))

import ts_cause  # noqa: E402
import ts_memory  # noqa: E402

# (cgroup of the process, mount line, place of the file below the mount, its text)
V1 = (
    "5:devices:/x\n4:memory:/slurm/uid_0/job_2/step_0/task_0\n0::/\n",
    "90 86 0:32 / {mount} rw,relatime - cgroup cgroup rw,memory",
    "slurm/uid_0/job_2/step_0/task_0/memory.oom_control",
    "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n",
)
V2 = (
    "0::/system.slice/slurmstepd.scope/job_2/step_0/user/task_0\n",
    "30 24 0:27 / {mount} rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate",
    "system.slice/slurmstepd.scope/job_2/step_0/user/task_0/memory.events",
    "low 0\nhigh 0\nmax 7\noom 3\noom_kill 3\noom_group_kill 0\n",
)
# A container shows a part of the tree as its root.
BOUND = (
    "4:memory:/outer/node/job_2\n",
    "120 81 0:32 /outer/node {mount} rw,relatime - cgroup cgroup rw,memory",
    "job_2/memory.oom_control",
    "oom_kill 3\n",
)


@pytest.mark.parametrize("case", [V1, V2, BOUND], ids=["v1", "v2", "bound"])
def test_kills_are_counted(
    case: tuple[str, str, str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, line, place, text = case
    mount = tmp_path / "mount"
    file = mount / place
    file.parent.mkdir(parents=True)
    (tmp_path / "cgroup").write_text(own)
    other = "88 86 0:30 / /elsewhere rw - cgroup cgroup rw,cpuacct"
    (tmp_path / "mountinfo").write_text(f"{other}\n{line.format(mount=mount)}\n")
    monkeypatch.setattr(ts_memory, "_PROC", tmp_path)
    assert ts_memory.kills() == 0, "no such file"
    file.write_text(text)
    assert ts_memory.kills() == 3
    (tmp_path / "cgroup").write_text("4:memory:/another\n0::/another\n")
    assert ts_memory.kills() == 0


def test_a_kill_is_told_in_place_of_its_effects_and_of_nothing_else() -> None:
    died = ts_cause.cause_of(1, "ray.exceptions.ActorDiedError: The actor died unexpectedly")
    told = ts_cause.short_of_memory(died, "n7")
    assert (told.kind, told.fix != "") == ("host-memory", True)
    assert "n7" in told.message and "ActorDiedError" in told.message
    assert told.signature == ts_cause.short_of_memory(ts_cause.cause_of(137, ""), "n1").signature
    assert ts_cause.short_of_memory(died, "") == died
    full = ts_cause.cause_of(1, "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate")
    assert ts_cause.short_of_memory(full, "n7") == full
