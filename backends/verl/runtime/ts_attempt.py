"""Which attempt of which run this process is part of: what job.sbatch, `toolspec submit` and Slurm say of it.

A run has submissions, a submission has a job, and Slurm starts a job again after a requeue: each start is an attempt.
Its folder `attempts/JOB.RESTART.NONCE` is where the nodes find each other. The nonce is drawn at submit, since job ids
begin at 1 again in a new cluster and an old folder would then be taken for this job's.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple


class Attempt(NamedTuple):
    """rank of nodes: this process among one a node. job: Slurm's id (`81240_3` in an array), None without Slurm.

    job_number: the id that seeds ports and names folders. ends: when the allocation ends, epoch seconds, or None.
    token: the secret of this job's Ray, "" where no cluster is brought up here.
    """

    run: Path
    submission: int
    nonce: str
    job: str | None
    job_number: int
    restart: int
    rank: int
    nodes: int
    ends: float | None
    token: str
    log: Path | None

    @property
    def folder(self) -> Path:
        return self.run / "attempts" / f"{self.job_number}.{self.restart}.{self.nonce}"


def here(environment: Mapping[str, str] = os.environ) -> Attempt | None:
    """This process's attempt; None where it was started by hand. Raises ValueError for what is no number."""
    run, nonce = environment.get("TOOLSPEC_RUN_DIR"), environment.get("TOOLSPEC_NONCE")
    if not run or not nonce:
        return None
    number = environment.get("SLURM_JOB_ID")
    job = number
    if number and environment.get("SLURM_ARRAY_TASK_ID"):
        job = f"{environment['SLURM_ARRAY_JOB_ID']}_{environment['SLURM_ARRAY_TASK_ID']}"
    ends, log = environment.get("TOOLSPEC_JOB_END"), environment.get("TOOLSPEC_LOG")
    return Attempt(
        Path(run),
        int(environment.get("TOOLSPEC_SUBMISSION") or 1),
        nonce,
        job,
        int(number or os.getpid()),
        int(environment.get("SLURM_RESTART_COUNT") or 0),
        int(environment.get("SLURM_PROCID") or 0),
        int(environment.get("SLURM_STEP_NUM_TASKS") or environment.get("SLURM_NTASKS") or 1),
        float(ends) if ends else None,
        environment.get("TOOLSPEC_RAY_TOKEN", ""),
        Path(log) if log else None,
    )
