"""What a job needs beside launch.sh: ts_job.json, batch.sh, which Slurm runs on the first node, and job.sbatch."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from toolspec.backends.verl.lower.setting import VerlConfig
from toolspec.backends.verl.lower.table import critic
from toolspec.compiler.plan.decision import Plan

WAIT_SECONDS = 900
"""How long the nodes of a job are waited for: a node may take minutes to start a container or to see a file system."""
SIGNAL = "USR2"
"""By which Slurm tells a step that its time ends (ts_submission.py). NCCL has SIGUSR1."""
NONE = "none"


def job_files(plan: Plan, config: VerlConfig) -> dict[str, str]:
    return {
        "ts_job.json": json.dumps(job_json(plan, config), indent=1, ensure_ascii=False) + "\n",
        "batch.sh": batch_sh(plan),
        "job.sbatch": job_sbatch(plan),
    }


def job_json(plan: Plan, config: VerlConfig) -> dict[str, Any]:
    """What ts_job.py must know of the run."""
    slurm = "cluster.slurm.restarts" in plan
    every = plan["checkpoint.every"]
    return {
        "verl": plan.target,
        "trainer": _trainer(plan, config),
        "nodes": plan["cluster.nodes"],
        "gpus": plan["cluster.gpus"],
        "checkpoints": str(config.settings["trainer.default_local_dir"].value),
        "contents": _contents(plan, config),
        "critic": critic(plan),
        "every": None if every == "never" else every,
        "keep": None if plan["checkpoint.keep"] == "all" else plan["checkpoint.keep"],
        "resume": plan["checkpoint.resume"],
        "gpu_hours": plan["budget.gpu_hours"] or None,
        "restarts": plan["cluster.slurm.restarts"] if slurm else 0,
        "notice_seconds": plan["cluster.slurm.notice"] if slurm else 0,
        "wait_seconds": WAIT_SECONDS,
    }


def _contents(plan: Plan, config: VerlConfig) -> list[str]:
    """What verl saves, by the configuration itself: `overrides` may say otherwise than the plan, and a checkpoint in
    which something is looked for that verl never writes is never whole."""
    told = []
    for section in ("actor_rollout_ref.actor", "critic") if critic(plan) else ("actor_rollout_ref.actor",):
        setting = config.settings.get(f"{section}.checkpoint.save_contents")
        value = setting.value if setting is not None else None
        told.append([str(one) for one in (value if isinstance(value, list) else plan["checkpoint.contents"])])
    return [name for name in told[0] if all(name in one for one in told)]


def _trainer(plan: Plan, config: VerlConfig) -> str:
    setting = config.settings.get("trainer.use_v1")
    if setting is None or not isinstance(setting.value, bool):
        return str(plan["train.trainer"])
    return "v1" if setting.value else "v0"


def options(plan: Plan) -> dict[str, str | int | bool]:
    """Options of sbatch, without dashes, that the spec decides; those that it leaves to Slurm are not among them."""
    said: dict[str, str | int | bool] = {
        "nodes": plan["cluster.nodes"],
        "ntasks-per-node": 1,
        "gpus-per-node": plan["cluster.gpus"],
        "requeue": True,
        "open-mode": "append",
    }
    if plan["cluster.time_seconds"]:
        said["time"] = max(1, -(-plan["cluster.time_seconds"] // 60))
    if "cluster.slurm.restarts" in plan:
        said["signal"] = f"{SIGNAL}@{plan['cluster.slurm.notice']}"
        for name in ("partition", "account", "qos", "constraint", "exclude"):
            if plan[f"cluster.slurm.{name}"] != NONE:
                said[name] = plan[f"cluster.slurm.{name}"]
        if plan["cluster.slurm.cpus"] != NONE:
            said["cpus-per-task"] = plan["cluster.slurm.cpus"]
        if plan["cluster.slurm.memory"] != NONE:
            memory = plan["cluster.slurm.memory"]
            said["mem"] = 0 if memory == "all" else f"{memory}M"
        if plan["cluster.slurm.mail"] != NONE:
            said |= {"mail-user": plan["cluster.slurm.mail"], "mail-type": "BEGIN,END,FAIL,REQUEUE"}
        said |= plan["cluster.slurm.extra"]
    return dict(sorted(said.items()))


def header(said: Mapping[str, str | int | bool]) -> Iterator[str]:
    """The #SBATCH lines of options; one that is false is left out."""
    for name, value in said.items():
        if value is True:
            yield f"#SBATCH --{name}"
        elif value is not False:
            yield f"#SBATCH --{name}={shlex.quote(str(value))}"


def job_sbatch(plan: Plan) -> str:
    """For `sbatch job.sbatch` in the bundle's folder; `toolspec submit` writes a script of its own for the same job."""
    lines = [
        "#!/bin/bash",
        *header({"job-name": plan.name, **options(plan)}),
        "# Runs the bundle as one job: in its folder, sbatch job.sbatch. TOOLSPEC_RUN_DIR names another run folder.",
        "# CPU cores and memory are Slurm's defaults where the spec does not say them (cluster.slurm.cpus, memory).",
        "set -euo pipefail",
        "bundle=${TOOLSPEC_BUNDLE:-${SLURM_SUBMIT_DIR:?no job of Slurm}}",
        'if [ ! -f "$bundle/batch.sh" ]; then',
        '  echo "toolspec: $bundle is no bundle: call sbatch in the folder of the bundle, or set TOOLSPEC_BUNDLE" >&2',
        "  exit 78",
        "fi",
        f'export TOOLSPEC_RUN_DIR="${{TOOLSPEC_RUN_DIR:-$bundle/../../runs/{plan.name}-$SLURM_JOB_ID}}"',
        'exec bash "$bundle/batch.sh" "$@"',
    ]
    return "\n".join(lines) + "\n"


def batch_sh(plan: Plan) -> str:
    """The job's own shell, on its first node: environment, one task a node, and the requeue."""
    lines = [
        "#!/usr/bin/env bash",
        "# The job, on the first node of its allocation: job.sbatch starts it, or what toolspec submit hands to sbatch",
        "# Arguments are verl's own overrides.",
        "set -euo pipefail",
        'bundle=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)',
        ': "${SLURM_JOB_ID:?this is the inside of a job of Slurm; on one machine use launch.sh}"',
        'mkdir -p "${TOOLSPEC_RUN_DIR:?}/logs"',
        'TOOLSPEC_RUN_DIR=$(cd "$TOOLSPEC_RUN_DIR" && pwd)',
        "restart=${SLURM_RESTART_COUNT:-0}",
        "export TOOLSPEC_RUN_DIR",
        "export TOOLSPEC_SUBMISSION=${TOOLSPEC_SUBMISSION:-1}",
        "export TOOLSPEC_NONCE=${TOOLSPEC_NONCE:-j$SLURM_JOB_ID}",
        'TOOLSPEC_LOG=$TOOLSPEC_RUN_DIR/logs/$(printf %04d "$TOOLSPEC_SUBMISSION").$restart.log',
        "export TOOLSPEC_LOG",
        "job=$SLURM_JOB_ID",
        'if [ -n "${SLURM_ARRAY_TASK_ID:-}" ]; then job=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID; fi',
        'exec >>"$TOOLSPEC_LOG" 2>&1',
        'echo "toolspec: job $job, restart $restart, on ${SLURM_JOB_NODELIST:-?}, $(date -u +%FT%TZ)"',
        'attempt="$TOOLSPEC_RUN_DIR/attempts/$SLURM_JOB_ID.$restart.$TOOLSPEC_NONCE"',
        "",
        "# Where nobody else has said how it ended: setup, launch.sh or Python failed, or its tasks were killed.",
        "# shellcheck disable=SC2317  # the trap calls it",
        "say_end() {",
        "  code=$?",
        '  if [ -s "$attempt/code" ]; then return; fi',
        '  if [ "$code" = 0 ] && [ -n "$began" ]; then return; fi',
        '  if [ "$code" = 0 ]; then code=1; fi  # a line of setup left the shell: nothing was trained',
        '  said="ended with $code before verl began, or with its node; see its log"',
        '  if [ -e "$attempt/alive" ]; then said="ended with $code while verl ran; see its log"; fi',
        '  if [ "$code" -gt 128 ]; then kind=killed; else kind=error; fi',
        '  mkdir -p "$TOOLSPEC_RUN_DIR/events"',
        "  file=$TOOLSPEC_RUN_DIR/events/$(date +%s%N)-ended-$(hostname -s)-$$.json",
        '  cat >"$file.part" <<EVENT',
        '{"version": 1, "kind": "ended", "time": $(date +%s.%N), "host": "$(hostname -s)", "job": "$job",',
        ' "submission": $TOOLSPEC_SUBMISSION, "nonce": "$TOOLSPEC_NONCE", "restart": $restart, "code": $code,',
        ' "cause": {"kind": "$kind", "message": "$said",',
        '  "fix": "", "signature": "error:start $code", "step": null}, "next": "stop", "why": "it could not say"}',
        "EVENT",
        '  mv "$file.part" "$file"',
        '  exit "$code"',
        "}",
        "began=",
        "trap say_end EXIT",
        "",
        "# When the allocation ends: Slurm before 23.02 does not say it in the environment.",
        "export SLURM_TIME_FORMAT=standard  # else `Tomorr 03:00`, where the user likes it so",
        "TOOLSPEC_JOB_END=${SLURM_JOB_END_TIME:-}",
        'if [ -z "$TOOLSPEC_JOB_END" ]; then',
        '  told=$(timeout 20 squeue -h -j "$SLURM_JOB_ID" -o %e || true)',
        '  if [ -n "$told" ]; then TOOLSPEC_JOB_END=$(date -d "$told" +%s 2>/dev/null || true); fi',
        "fi",
        "export TOOLSPEC_JOB_END",
        "# The secret of this job's Ray: without it nobody joins or uses it. It is in no file.",
        "TOOLSPEC_RAY_TOKEN=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \\n')",
        "export TOOLSPEC_RAY_TOKEN",
        "# srun of Slurm 22.05 and later does not take it over from sbatch.",
        'if [ -n "${SLURM_CPUS_PER_TASK:-}" ]; then export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK; fi',
        "# A Slurm that is told of the time limit tells each process; Python's default would be its end.",
        f"trap '' {SIGNAL}",
        "# Ended with its steps, not before them: what follows srun must run.",
        "trap : TERM",
        *_setup(plan),
        "",
        *_srun(plan),
        "",
        "# verl's own exit code, whatever srun makes of several tasks' ends.",
        'if [ -s "$attempt/code" ]; then code=$(cat "$attempt/code"); fi',
        "# Preempted with PreemptMode=CANCEL, a job that does not queue itself again within its grace time is gone.",
        "preempted() {",
        '  told=$(timeout 20 scontrol show job -o "$SLURM_JOB_ID" 2>/dev/null || true)',
        "  [[ $told =~ JobState=RUNNING ]] && [[ $told =~ \\ StartTime=([0-9T:-]+) ]] && start=${BASH_REMATCH[1]} &&",
        "    [[ $told =~ \\ PreemptTime=([0-9T:-]+) ]] && [[ ${BASH_REMATCH[1]} > $start ]]",
        "}",
        'if [ -e "$attempt/requeue" ] || { [ "$code" = 143 ] && preempted; }; then',
        '  if timeout 60 scontrol requeue "$job"; then',
        "    sleep 120  # Slurm ends this shell",
        "  fi",
        '  echo "toolspec: Slurm did not queue the job again; toolspec resubmit does"',
        "fi",
        'exit "$code"',
    ]
    return "\n".join(lines) + "\n"


_MODULE = (
    "# `module` is a function of login shells, and is not inherited from every shell that submits.",
    "if ! type module >/dev/null 2>&1; then",
    '  for file in "${MODULESHOME:-}/init/bash" "${LMOD_PKG:-}/init/bash" /etc/profile.d/*mod*.sh; do',
    "    # shellcheck disable=SC1090  # the cluster's own",
    '    if [ -r "$file" ]; then source "$file" || true; fi',
    "  done",
    "fi",
)


def setup_lines(plan: Plan) -> list[str]:
    """The modules of `cluster.slurm` and the user's own lines, which run in a shell before the job."""
    if "cluster.slurm.setup" not in plan:
        return []
    modules = [f"module load {shlex.quote(name)}" for name in plan["cluster.slurm.modules"]]
    return [*(_MODULE if modules else ()), *modules, *plan["cluster.slurm.setup"]]


def _setup(plan: Plan) -> list[str]:
    """They are run as at submit (launch/environment.py), where they need bear neither -u nor pipefail; a line that
    fails ends the job, and is named."""
    lines = setup_lines(plan)
    if not lines:
        return []
    told = """trap 'echo "toolspec: cluster.slurm failed with $?: $BASH_COMMAND" >&2' ERR"""
    begin = ["", "# cluster.slurm: modules, setup", "set +u +o pipefail", told]
    return [*begin, *lines, "trap - ERR", "set -u -o pipefail"]


def _srun(plan: Plan) -> list[str]:
    """One task a node. Into a container the run's folder, the bundle and the store of its rows are mounted."""
    call = [
        "code=0",
        "began=1",
        'srun --ntasks="$SLURM_JOB_NUM_NODES" --ntasks-per-node=1 --kill-on-bad-exit=1 --unbuffered \\',
    ]
    if "cluster.slurm.container.image" not in plan:
        return [*call, '  bash "$bundle/launch.sh" "$@" || code=$?']
    path = "cluster.slurm.container"
    image = plan[f"{path}.image"]
    mounts = [shlex.quote(mount) for mount in plan[f"{path}.mounts"]]
    own = ("$TOOLSPEC_RUN_DIR:$TOOLSPEC_RUN_DIR", "$bundle:$bundle", "$rows:$rows")
    call = [
        "# The store of rows that the bundle looks for beside it, by its real place.",
        'rows=$(readlink -f "$bundle/../data" || true)',
        'if [ ! -d "$rows" ]; then rows=$bundle; fi',
        *call,
    ]
    workdir = plan[f"{path}.workdir"]
    inside = "" if workdir == NONE else shlex.quote(workdir)
    if plan[f"{path}.runtime"] == "apptainer":
        words = [f"--bind {mount}" for mount in (*mounts, *(f'"{mount}"' for mount in own))]
        words += [f"--pwd {inside}"] if inside else []
        return [
            *call,
            f"  apptainer exec --nv {' '.join(words)} {shlex.quote(image)} \\",
            '  bash "$bundle/launch.sh" "$@" || code=$?',
        ]
    quoted = f'"{",".join(own)}"'
    words = [f"--container-image={shlex.quote(image)}", f"--container-mounts={','.join([*mounts, quoted])}"]
    words += [f"--container-workdir={inside}"] if inside else []
    return [*call, f"  {' '.join(words)} \\", '  bash "$bundle/launch.sh" "$@" || code=$?']
