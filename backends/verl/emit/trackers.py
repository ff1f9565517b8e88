"""Where trackers keep their files: with the run. verl's own defaults are the folder it runs in, or the node's /tmp."""

from __future__ import annotations

from toolspec.compiler.plan.decision import Plan

FILES = {
    # verl/utils/tracking.py of each release; ValidationGenerationsLogger reads it too.
    "tensorboard": ("TENSORBOARD_DIR", '"${TENSORBOARD_DIR:-$TOOLSPEC_RUN_DIR/tensorboard}"'),
    # wandb's own: it makes a folder `wandb` there.
    "wandb": ("WANDB_DIR", '"${WANDB_DIR:-$TOOLSPEC_RUN_DIR}"'),
    # verl's default is sqlite:////tmp/mlruns.db, which a node loses.
    "mlflow": ("MLFLOW_TRACKING_URI", '"${MLFLOW_TRACKING_URI:-sqlite:///$TOOLSPEC_RUN_DIR/mlruns.db}"'),
}
"""Tracker → a variable and its value in launch.sh."""
# FileLogger opens its file anew ("wb"): a restart would empty that of the attempt before, so each has its own.
OWN_FILE = (
    'if [ -z "${VERL_FILE_LOGGER_PATH:-}${VERL_FILE_LOGGER_ROOT:-}" ]; then',
    '  mkdir -p "$TOOLSPEC_RUN_DIR/metrics"',
    '  attempt=$(basename "${TOOLSPEC_LOG:-$(date -u +%Y%m%dT%H%M%SZ)}" .log)',
    "  export VERL_FILE_LOGGER_PATH=$TOOLSPEC_RUN_DIR/metrics/$attempt.jsonl",
    "fi",
)


def tracker_lines(plan: Plan) -> list[str]:
    """Lines of launch.sh; none for the console alone. What the environment says already stays."""
    asked = [name for name in plan["tracking.to"] if name in FILES]
    lines = [f"export {name}={value}" for name, value in (FILES[each] for each in asked)]
    lines += OWN_FILE if "file" in plan["tracking.to"] else ()
    return ["", "# Trackers' files stay with the run, one file an attempt.", *lines] if lines else []
