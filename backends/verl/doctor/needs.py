"""What a compiled spec asks of the machine."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path

from toolspec.backends.verl.compile import Compiled
from toolspec.backends.verl.environment import Uses
from toolspec.compiler.facts.catalogue import find_gpu
from toolspec.compiler.plan.decision import Plan
from toolspec.compiler.plan.places import is_local_model

RUN_VARIABLE = "${oc.env:TOOLSPEC_RUN_DIR,run}"


@dataclass(frozen=True)
class Needs:
    """release: the target. Without a spec nothing else is known, and the checks that need it say so.

    gpu: the type that the spec names, and its memory. checkpoint: None where nothing is saved. keep: checkpoints at
    once, None for all of them. parameters: of the model. critic: whether one is trained and saved beside the policy.
    secrets: names that launch.sh insists on. tracked: loggers. folders: what for → where.
    """

    release: str
    spec: Path | None = None
    uses: Uses = field(default_factory=Uses)
    nodes: int | None = None
    gpus: int | None = None
    gpu: str | None = None
    gpu_title: str = ""
    gpu_mib: int | None = None
    model: str | None = None
    revision: str = "main"
    parameters: int | None = None
    lora: bool = False
    critic: bool = False
    saves: bool = False
    contents: tuple[str, ...] = ()
    keep: int | None = None
    secrets: tuple[str, ...] = ()
    tracked: tuple[str, ...] = ()
    tensor_parallel: int = 1
    folders: tuple[tuple[str, Path], ...] = ()


def needs_of(compiled: Compiled) -> Needs:
    """The needs of a spec whose bundle would lie at `compiled.folder`."""
    plan = compiled.plan
    path = plan.text("model.path")
    base = compiled.loaded.base(("model", "path"))
    facts = compiled.facts.model
    return replace(
        needs_of_plan(plan),
        spec=compiled.loaded.file,
        model=str(base / Path(path).expanduser()) if is_local_model(path, base) else path,
        parameters=facts.parameters if facts is not None else None,
        folders=_folders(compiled),
    )


def needs_of_plan(plan: Plan) -> Needs:
    """What a plan alone says: nothing of the model's files, its size, and where things would lie."""
    uses = Uses(
        engine=plan.text("rollout.engine"),
        trainer=plan.text("train.trainer"),
        attention=plan.text("model.attention"),
        packed=bool(plan["model.remove_padding"]),
        critic_flash=False,  # a bundle's ts_start.py gives the critic sdpa where flash-attn is missing
        trackers=frozenset(plan["tracking.to"]),
    )
    gpu = None if plan["cluster.gpu"] == "unknown" else plan.text("cluster.gpu")
    known = find_gpu(gpu) if gpu is not None else None
    keep = plan["checkpoint.keep"]
    return Needs(
        release=plan.target,
        uses=uses,
        nodes=plan["cluster.nodes"],
        gpus=plan["cluster.gpus"],
        gpu=gpu,
        gpu_title=known.title if known is not None else "",
        gpu_mib=known.usable_mib if known is not None else None,
        revision=plan.text("model.revision"),
        lora=plan["model.lora.rank"] > 0,
        critic=plan["algorithm.estimator"] == "gae",
        saves=plan["checkpoint.every"] != "never",
        contents=tuple(plan["checkpoint.contents"]),
        keep=None if keep == "all" else keep,
        secrets=tuple(plan["env.passed_on"]),
        tracked=tuple(plan["tracking.to"]),
        tensor_parallel=plan["rollout.tensor_parallel"],
    )


def _folders(compiled: Compiled) -> tuple[tuple[str, Path], ...]:
    bundle = compiled.folder.absolute()
    runs = Path(os.environ.get("TOOLSPEC_RUNS") or bundle.parent.parent / "runs").absolute()
    run = Path(os.environ.get("TOOLSPEC_RUN_DIR") or runs).absolute()
    said = compiled.plan.text("checkpoint.dir_on_node").replace(RUN_VARIABLE, str(run))
    checkpoints = bundle / Path(said).expanduser()
    return (("bundle", bundle), ("run folder", run), ("checkpoints", checkpoints))
