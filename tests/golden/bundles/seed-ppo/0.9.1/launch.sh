#!/usr/bin/env bash
# Runs seed-ppo on verl 0.9.1. Started by hand: bash launch.sh [key=value …]
# Further arguments are verl's own overrides. The run folder is $TOOLSPEC_RUN_DIR.
set -euo pipefail
bundle=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# A relative run folder is the caller's: it is made absolute before the bundle's folder is entered.
runs="${TOOLSPEC_RUNS:-$bundle/../../runs}"
export TOOLSPEC_RUN_DIR="${TOOLSPEC_RUN_DIR:-$runs/seed-ppo-DIGEST}"
mkdir -p "$TOOLSPEC_RUN_DIR"
TOOLSPEC_RUN_DIR=$(cd "$TOOLSPEC_RUN_DIR" && pwd)
cd "$bundle"
: "${WANDB_API_KEY:?set WANDB_API_KEY, which the spec passes on}"; export WANDB_API_KEY

# The bundle's modules first; ts_start.py is imported by every process that imports verl.
export PYTHONPATH="$bundle${PYTHONPATH:+:$PYTHONPATH}"
export VERL_USE_EXTERNAL_MODULES=ts_start
# Nothing is written into the bundle, not even compiled modules.
export PYTHONDONTWRITEBYTECODE=1

# Trackers' files stay with the run, one file an attempt.
export WANDB_DIR="${WANDB_DIR:-$TOOLSPEC_RUN_DIR}"

# `bash launch.sh ray start …` starts a node of a Ray cluster in this folder and with this environment, which
# its workers inherit.
if [ "${1:-}" = ray ]; then exec "$@"; fi

# ts_job.py ends the run where too many scores are faults (reward.fault_limit); as a submission (batch.sh,
# toolspec submit) it also resumes, and says how the run ended.
exec python3 "$bundle/ts_job.py" python3 -m verl.trainer.main_ppo --config-path "$bundle" --config-name config "$@"
