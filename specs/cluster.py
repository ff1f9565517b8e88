"""`cluster`: where the run goes."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import Field, field_validator

from toolspec.specs.section import Line, Many, NonNegative, Positive, Section, Text
from toolspec.specs.units import Duration, Memory

FIELD_OF = {
    "account": "cluster.slurm.account",
    "constraint": "cluster.slurm.constraint",
    "cpus-per-task": "cluster.slurm.cpus",
    "exclude": "cluster.slurm.exclude",
    "mail-user": "cluster.slurm.mail",
    "mem": "cluster.slurm.memory",
    "nodes": "cluster.nodes",
    "partition": "cluster.slurm.partition",
    "qos": "cluster.slurm.qos",
    "signal": "cluster.slurm.notice",
    "time": "cluster.slurm.time",
}
"""Options of sbatch that the language has: what is said of them elsewhere would be judged, and not sent."""
OF_THE_JOB = (
    *("array", "comment", "job-name", "ntasks", "ntasks-per-node", "open-mode"),
    *("parsable", "test-only", "wait", "wrap"),
)
"""By these a job is found again and started on each node, and sbatch's answer read."""


class Container(Section):
    """A container for the job's processes."""

    image: Text = Field(description="Image name or .sqsh file.")
    mounts: Many[Text] = Field(default=(), description="`host:container` pairs.")
    workdir: Text | None = Field(default=None, description="Working directory inside.")
    runtime: Literal["pyxis", "apptainer"] = Field(
        default="pyxis", description="`pyxis`, by options of srun, or `apptainer exec` in each task."
    )


class Slurm(Section):
    """What the job asks of Slurm."""

    partition: Line | None = Field(default=None, description="Partition.")
    account: Line | None = Field(default=None, description="Account that pays.")
    qos: Line | None = Field(default=None, description="Quality of service.")
    time: Duration | None = Field(default=None, description="Time limit: `12h`, `1d`, `1-12:00:00`.")
    constraint: Line | None = Field(default=None, description="Node features.")
    exclude: Line | None = Field(default=None, description="Nodes to keep off.")
    cpus: Positive | None = Field(
        default=None,
        description="CPU cores a node. Default: `submit` takes the share of a node's cores that its GPUs are.",
    )
    memory: Memory | Literal["all"] | None = Field(
        default=None,
        description="Memory a node: `500GB`, or `all`. Default: as `cpus`, the share of the node's.",
    )
    restarts: NonNegative = Field(
        default=10,
        description=(
            "How often a job begins again by itself: at its time limit, on a failure of machines, or on an error "
            "behind which it had got further. Twice the same error in a row ends it."
        ),
    )
    notice: Duration | None = Field(
        default=None,
        description=(
            "How long before the time limit the run is told: it then ends, with its newest checkpoint, and is queued "
            "again. Default: 3 minutes, of a short limit a tenth."
        ),
    )
    mail: Line | None = Field(default=None, description="Address told of start, end and failure.")
    extra: dict[Text, Line | int | bool] = Field(
        default_factory=dict,
        description=(
            "Further sbatch options, by their long names without dashes: `{gres-flags: enforce-binding}`, or "
            "`{gpus-per-node: 'a100:8'}` for one type of GPU alone."
        ),
    )
    modules: Many[Text] = Field(default=(), description="Environment modules loaded before the run.")
    container: Container | None = Field(default=None, description="Container image of the job.")
    setup: Many[Text] = Field(
        default=(), description="Shell lines run before the job: `source ~/venv/bin/activate`."
    )

    @field_validator("extra")
    @classmethod
    def other_options(cls, value: Any) -> Any:
        for name in value:
            if not re.fullmatch(r"[a-z][a-z0-9-]+", name):
                raise ValueError(
                    f"{name!r} is no option of sbatch: its long name is needed, without dashes before it"
                )
            if name in FIELD_OF:
                raise ValueError(f"`{name}` has a field of its own, {FIELD_OF[name]}")
            if name in OF_THE_JOB:
                raise ValueError(
                    f"`{name}` is set for the job, which would be lost or not begin with another"
                )
        return value

    @field_validator("modules", "setup", mode="before")
    @classmethod
    def one_is_a_list_of_one(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value


class Cluster(Section):
    """Nodes and GPUs."""

    nodes: Positive = Field(default=1, description="Machines.")
    gpus: Positive = Field(default=8, description="GPUs a machine.")
    gpu: Text | None = Field(
        default=None, description="GPU type: `h100-80gb`, `a100-40gb`, … (memory checks need it)."
    )
    slurm: Slurm | None = Field(default=None, description="Needed for `submit --slurm` only.")
