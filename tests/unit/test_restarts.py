"""Why a run ended, and whether it begins again."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

RUNTIME = Path(__file__).parents[2] / "backends" / "verl" / "runtime"
if str(RUNTIME) not in sys.path:
    sys.path.insert(0, str(RUNTIME))

import ts_cause  # noqa: E402
import ts_restart  # noqa: E402

LIMITS = ts_restart.Limits(restarts=3, gpu_hours=None, gpus=16)
PREFIX = "\x1b[36m(WorkerDict pid=2243)\x1b[0m "
TRACE = """\
Error executing job with overrides: []
Traceback (most recent call last):
  File "/site-packages/verl/trainer/main_ppo.py", line 42, in main
    run_ppo(config)
{}
"""


@pytest.mark.parametrize(
    ("log", "code", "kind", "words"),
    [
        ("step:9 - a:1", 0, "done", ""),
        (TRACE.format("ValueError: shapes differ at 0x7f12"), 1, "error", "ValueError: shapes differ"),
        (
            TRACE.format(
                "ray.exceptions.RayTaskError(KeyError): x\n  in update_actor\nKeyError: 'ground_truth'"
            ),
            1,
            "error",
            "KeyError: 'ground_truth'",
        ),
        (
            "  File x, in actor_rollout_update_actor\n"
            + TRACE.format("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.32 GiB."),
            1,
            "gpu-memory",
            "in update_actor",
        ),
        (
            "RuntimeError: Not enough memory. Please try to increase --mem-fraction-static.",
            1,
            "gpu-memory",
            "",
        ),
        ("slurmstepd: error: Detected 1 oom_kill event in StepId=7.0. Some", 137, "host-memory", ""),
        (
            "ray.exceptions.OutOfMemoryError: killed due to the node running low on memory.",
            1,
            "host-memory",
            "",
        ),
        ("OSError: [Errno 28] No space left on device", 1, "disk", ""),
        (
            "RuntimeError: [enforce fail at inline_container.cc:783] . PytorchStreamWriter failed writing",
            1,
            "disk",
            "",
        ),
        ("torch.distributed.DistBackendError: NCCL error in: x, ncclRemoteError: peer gone", 1, "nccl", ""),
        (
            "ray.exceptions.ActorDiedError: The actor died unexpectedly before finishing this task.",
            1,
            "nodes",
            "",
        ),
        (
            "ray.exceptions.ActorDiedError: The actor died because of an error raised in its creation task, "
            "ray::WorkerDict.__init__() (pid=749)\n  in __init__\nValueError: no such backend\n",
            1,
            "error",
            "ValueError: no such backend",
        ),
        ("hello", 137, "killed", "signal 9"),
        ("hello", 3, "error", "exit code 3"),
    ],
)
def test_causes(log: str, code: int, kind: str, words: str) -> None:
    found = ts_cause.cause_of(code, log)
    assert (found.kind, words in found.message) == (kind, True), found
    assert bool(found.fix) == (kind in ("gpu-memory", "host-memory", "disk") or code == 137)


# (kind, a word of the repair, what is said): each by its own program.
OTHERS = (
    (
        "gpu-memory",
        "larger rollout.gpu_memory",
        "ValueError: No available memory for the cache blocks. Try increasing",
    ),
    (
        "gpu-memory",
        "larger rollout.gpu_memory",
        "ValueError: To serve at least one request (4.00 GiB KV cache is needed, "
        "which is larger than the available KV cache memory (1.21 GiB).",
    ),
    (
        "gpu-memory",
        "smaller rollout.gpu_memory",
        "ValueError: Free memory on device (12.3/79.1 GiB) on startup is less than desired",
    ),
    (
        "gpu-memory",
        "offload",
        "RuntimeError: CUDA Error: out of memory at /workspace/csrc/cumem_allocator.cpp:62",
    ),
    (
        "gpu-memory",
        "offload",
        "[torch_memory_saver.cpp] CUresult error: 2 (out of memory)  file=csrc/utils.h line=104",
    ),
    ("gpu-memory", "offload", "RuntimeError: CUDA driver error: out of memory"),
    ("gpu-memory", "offload", "RuntimeError: Decode out of memory. Try to lower your batch size."),
    ("host-memory", "slurm.memory", "numpy._core._exceptions._ArrayMemoryError: Unable to allocate 4.00 GiB"),
    ("host-memory", "slurm.memory", "pyarrow.lib.ArrowMemoryError: malloc of size 8589934592 failed"),
    ("host-memory", "slurm.memory", "terminate called after throwing an instance of 'std::bad_alloc'"),
    (
        "host-memory",
        "slurm.memory",
        "[enforce fail at alloc_cpu.cpp:118] . DefaultCPUAllocator: not enough memory: you",
    ),
    (
        "host-memory",
        "/dev/shm",
        "ray.exceptions.ObjectStoreFullError: Failed to put object ff in object store",
    ),
    (
        "host-memory",
        "/dev/shm",
        "RuntimeError: unable to write to file </torch_1234_567_0>: No space left on device (28)",
    ),
    (
        "host-memory",
        "/dev/shm",
        "ERROR: Unexpected bus error encountered in worker. This might be caused by insufficient "
        "shared memory (shm).",
    ),
    ("disk", "checkpoint.keep", "ray.exceptions.OutOfDiskError: Local disk is full"),
    ("nccl", "", "torch.distributed.DistStoreError: Timed out after 601 seconds waiting for clients."),
    ("nccl", "", "torch.distributed.DistNetworkError: The client socket has timed out after 600000ms"),
    (
        "nccl",
        "",
        "RuntimeError: [../third_party/gloo/gloo/transport/tcp/pair.cc:534] Connection closed by peer",
    ),
    ("nodes", "", "ray.exceptions.RayActorError: The actor died unexpectedly before finishing this task."),
)


@pytest.mark.parametrize(("kind", "repair", "said"), OTHERS)
def test_each_program_has_words_of_its_own(kind: str, repair: str, said: str) -> None:
    found = ts_cause.cause_of(1, f"step:3 - a:1\n{said}\nRuntimeError: Engine core initialization failed.\n")
    assert (found.kind, repair in found.fix) == (kind, True), found


def test_what_was_said_before_the_last_step_did_not_end_it() -> None:
    """A logger whose own disk is full, a tool's MemoryError in a trajectory that was printed."""
    before = "wandb: OSError: [Errno 28] No space left on device\nanswer: MemoryError\n"
    after = "step:8 - a:1\nValueError: bad rows\n"
    assert ts_cause.cause_of(1, before + after).message == "ValueError: bad rows"
    late = ts_cause.cause_of(1, "ValueError: bad rows\nstep:8 - a:1\n")
    assert late.message == "ValueError: bad rows", "what a worker says comes a moment late"
    assert ts_cause.cause_of(137, before + "step:8 - a:1\n").kind == "killed"


def test_the_file_that_no_space_is_left_for_is_told() -> None:
    said = "OSError: [Errno 28] No space left on device: '/tmp/x'"
    assert ts_cause.cause_of(1, f"a line\n{said}\n").message == said


def test_one_long_line_is_read_in_no_time() -> None:
    """Seconds, not minutes: a pattern that looks at each place of a line again does not come to its end."""
    for word in ("(/dev/shm ", "No space left ", "NCCL ", "Out Of Memory ", "Free memory on device "):
        ts_cause.cause_of(1, word * (ts_cause.TAIL_BYTES // len(word)))


@pytest.mark.parametrize(
    ("first", "again"),
    [
        (
            "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.15 GiB. GPU 3, 1.96 GiB free.",
            "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 912.00 MiB. GPU 1, 812.4 MiB free.",
        ),
        ("ValueError: actor 3fa9c1d2e3f4a5b6c7d8 is gone", "ValueError: actor fa9c1d2e3f4a5b6c7d83 is gone"),
        ("OSError: (/tmp/a1) cannot be read", "OSError: (/tmp/bb) cannot be read"),
    ],
)
def test_units_ids_and_paths_make_no_other_error(first: str, again: str) -> None:
    assert ts_cause.cause_of(1, first).signature == ts_cause.cause_of(1, again).signature


def test_the_same_fault_has_one_signature() -> None:
    first = ts_cause.cause_of(1, "ValueError: rank 3 of /a/b/c at 0x7f1234 took 2.5 s")
    again = ts_cause.cause_of(1, "ValueError: rank 11 of /x/y at 0x7fffff took 31 s")
    other = ts_cause.cause_of(1, "ValueError: row 3 of nothing")
    assert first.signature == again.signature != other.signature


def test_styles_and_rays_prefixes_do_not_hide_an_error(tmp_path: Any) -> None:
    log = tmp_path / "log"
    log.write_text(
        "ValueError: old\n" + PREFIX + "step:1\n" + PREFIX + "ValueError: bad rows\n" + PREFIX + "\n"
    )
    begin = len("ValueError: old\n")
    assert ts_cause.cause_of(1, ts_cause.tail(log, begin)).message == "ValueError: bad rows"
    assert ts_cause.tail(log, log.stat().st_size) == ""


def began(submission: int = 1, restart: int = 0, at: float = 0.0) -> dict[str, Any]:
    return {"kind": "began", "submission": submission, "restart": restart, "job": "7", "time": at}


def ended(kind: str, signature: str, restart: int = 0, at: float = 0.0) -> dict[str, Any]:
    cause = {"kind": kind, "signature": signature}
    return {"kind": "ended", "submission": 1, "restart": restart, "job": "7", "time": at, "cause": cause}


def decided(
    kind: str, resumed: int, newest: int, events: list[dict[str, Any]], **limits: Any
) -> tuple[str, str]:
    cause = ts_cause.Cause(kind, "m", "", f"{kind}:x")
    return ts_restart.decide(cause, resumed, newest, events, 1, LIMITS._replace(**limits), can_requeue=True)


@pytest.mark.parametrize(
    ("kind", "resumed", "newest", "before", "follows", "words"),
    [
        ("done", 0, 9, [], "done", ""),
        ("time-limit", 4, 8, [], "requeue", "goes on from step 8"),
        ("time-limit", 0, 0, [], "requeue", "no new checkpoint"),
        ("time-limit", 0, 0, [ended("time-limit", "time-limit")], "stop", "two whole time limits"),
        ("time-limit", 0, 5, [ended("time-limit", "time-limit")], "requeue", "from step 5"),
        ("error", 0, 0, [], "stop", "before the first new checkpoint"),
        ("error", 0, 5, [], "requeue", "had got further"),
        ("error", 0, 5, [ended("error", "error:x")], "stop", "twice in a row"),
        ("error", 0, 5, [ended("error", "error:x"), ended("time-limit", "t", 1)], "requeue", "further"),
        ("nodes", 0, 0, [], "requeue", "machines"),
        ("nodes", 0, 0, [ended("nodes", "nodes:x")], "stop", "twice in a row"),
        ("gpu-memory", 0, 0, [], "stop", "before the first"),
        ("faults", 0, 9, [], "stop", "would not help"),
        ("disk", 0, 9, [], "stop", "would not help"),
        ("signal", 0, 9, [], "stop", "who sent"),
    ],
)
def test_what_follows(
    kind: str, resumed: int, newest: int, before: list[dict[str, Any]], follows: str, words: str
) -> None:
    found = decided(kind, resumed, newest, [began(), *before])
    assert (found[0], words in found[1]) == (follows, True), found


def test_restarts_are_counted_in_a_submission() -> None:
    four = [began(restart=number) for number in range(4)]
    assert decided("time-limit", 0, 5, four)[0] == "stop"
    assert decided("time-limit", 0, 5, four[:3])[0] == "requeue"
    assert decided("time-limit", 0, 5, [began(submission=2, restart=n) for n in range(9)])[0] == "requeue"


def test_the_budget_of_gpu_hours_ends_it() -> None:
    """16 GPUs for two hours, of an attempt that has no end (its node died), by when it last lived."""
    alive = {**began(), "kind": "alive", "time": 7200.0}
    events = [began(), alive, began(restart=1, at=8000.0)]
    assert ts_restart.gpu_hours(events, 16) == 32
    assert decided("nodes", 0, 0, events, gpu_hours=32.0)[0] == "stop"
    assert decided("nodes", 0, 0, events, gpu_hours=33.0)[0] == "requeue"


def test_without_a_queue_nothing_begins_again() -> None:
    cause = ts_cause.Cause("nodes", "m", "", "s")
    assert ts_restart.decide(cause, 0, 9, [began()], 1, LIMITS, can_requeue=False).next == "stop"
