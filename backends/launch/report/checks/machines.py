"""What the job ran on: packages, GPUs, nodes, against what was asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from toolspec.backends.launch.report.checks.shown import count, some
from toolspec.backends.launch.report.evidence import Evidence
from toolspec.backends.launch.report.finding import Finding, State, unknown
from toolspec.backends.launch.report.folder import number_of, text_of, whole_of
from toolspec.backends.verl.constraints import pins
from toolspec.backends.verl.environment import PINNED_WITH_ENGINE, Uses, problems
from toolspec.backends.verl.package_version import admits, normal
from toolspec.compiler.facts.catalogue import find_gpu

NEAR = 0.98  # of a GPU's memory: drivers report a little less than the catalogue's figure
NOT_TOLD = (
    "the job's `environment` event in events/ tells it: submit the bundle, or start it by its launch.sh"
)


def packages(seen: Evidence) -> Iterator[Finding]:
    """Of every environment that an attempt reported, each once."""
    events = [
        event for event in seen.folder.of_kind("environment") if isinstance(event.get("packages"), dict)
    ]
    if not events or seen.release is None:
        yield unknown("packages", "the versions of the job's packages are not known", NOT_TOLD)
        return
    version = seen.release.version
    told: set[tuple[str, str]] = set()
    for event in events:
        there = {normal(name): found for name, found in event["packages"].items() if isinstance(found, str)}
        where = f"events/ of {text_of(event.get('host')) or 'the job'}"
        found = list(_packages(there, version, _uses(seen), where))
        wrong = [each for each in found if (each.message, each.ran) not in told]
        told |= {(each.message, each.ran) for each in wrong}
        yield from wrong
        if not found and not told:
            told.add(("", ""))
            wanted = pins(version)
            same = sum(1 for name, pin in wanted.items() if admits(f"=={pin}", there.get(name, "")) is True)
            message = f"verl {version} and what it needs; {same} of {len(wanted)} packages are as listed"
            yield Finding("packages", "ok", message)


def _packages(there: Mapping[str, str], version: str, uses: Uses, where: str) -> Iterator[Finding]:
    ran = there.get("verl", "none")
    if not admits(f"=={version}", ran):
        yield Finding(
            "packages",
            "error",
            f"verl {ran} ran, and the bundle is for {version}",
            version,
            "bundle/manifest.json",
            ran,
            where,
            f"pip install verl=={version}, or compile with --target verl=={ran}",
        )
    found = [each for each in problems(there, version, uses) if each.package != "verl"]
    for severity in ("error", "warning"):
        missing = [each for each in found if each.found is None and each.severity == severity]
        if missing:
            state: State = missing[0].severity
            names = ", ".join(each.package for each in missing)
            need = "verl needs" if state == "error" else "verl asks for, and seldom uses"
            message = f"{count(len(missing), 'package')} that {need} not in the job's Python: {names}"
            fix = "pip install " + " ".join(f"'{each.wanted}'" for each in missing)
            yield Finding(
                "packages",
                state,
                message,
                some(each.wanted for each in missing),
                missing[0].source,
                "none",
                where,
                fix,
            )
    for each in found:
        if each.found is not None:
            message = f"{each.package} {each.found}: {each.why}"
            yield Finding(
                "packages", each.severity, message, each.wanted, each.source, each.found, where, each.fix
            )
    wanted = pins(version)
    for name in sorted(PINNED_WITH_ENGINE | {"ray", "numpy"}):
        if name in there and name in wanted and not admits(f"=={wanted[name]}", there[name]):
            message = f"{name} is not the version that verl {version} was tried with"
            fix = "toolspec doctor --constraints shows the list"
            yield Finding(
                "packages",
                "note",
                message,
                wanted[name],
                f"constraints of {version}",
                there[name],
                where,
                fix,
            )


def _uses(seen: Evidence) -> Uses:
    """What the bundle uses of an environment, as far as its plan is at hand."""
    if not seen.plan:
        return Uses()
    trackers = seen.planned("tracking.to")
    packed = seen.planned("model.remove_padding")
    return Uses(
        engine=text_of(seen.planned("rollout.engine")) or None,
        trainer=text_of(seen.planned("train.trainer")) or None,
        attention=text_of(seen.planned("model.attention")) or None,
        packed=packed if isinstance(packed, bool) else None,
        critic_flash=False,  # a bundle's ts_start.py gives the critic sdpa where flash-attn is missing
        trackers=frozenset(filter(None, map(text_of, trackers))) if isinstance(trackers, list) else None,
    )


def asked_machines(seen: Evidence) -> tuple[int | None, int | None, str]:
    """(nodes, GPUs of each, where it says so)."""
    run = seen.folder.run
    nodes, gpus = whole_of(run.get("nodes")), whole_of(run.get("gpus"))
    if nodes is not None and gpus is not None:
        return nodes, gpus, "run.json"
    nodes, gpus = whole_of(seen.planned("cluster.nodes")), whole_of(seen.planned("cluster.gpus"))
    if nodes is not None and gpus is not None:
        return nodes, gpus, "bundle/plan.json"
    written = seen.written
    default = seen.release.defaults if seen.release is not None else {}
    nodes = whole_of(written.get("trainer.nnodes", default.get("trainer.nnodes")))
    gpus = whole_of(written.get("trainer.n_gpus_per_node", default.get("trainer.n_gpus_per_node")))
    return nodes, gpus, "bundle/config.yaml"


def gpus(seen: Evidence) -> Iterator[Finding]:
    """Number and type, as nvidia-smi showed them to the job on its first node."""
    _, asked, where = asked_machines(seen)
    events = [event for event in seen.folder.of_kind("environment") if isinstance(event.get("gpus"), list)]
    if not events or asked is None:
        what = "which GPUs the job had" if not events else "how many GPUs were asked for"
        yield unknown(
            "gpus", f"{what} is not known", NOT_TOLD if not events else "run.json or the bundle says it"
        )
        return
    told = set()
    for event in events:
        there = [gpu for gpu in event["gpus"] if isinstance(gpu, dict)]
        names = tuple(sorted({text_of(gpu.get("name")) or "unknown" for gpu in there}))
        if (len(there), names) in told:
            continue
        told.add((len(there), names))
        ran = f"{len(there)} × {some(names)}" if there else "none"
        ran_from = f"events/ of {text_of(event.get('host')) or 'the job'}"
        if len(there) < asked:
            message = f"the job saw {len(there)} of {asked} GPUs"
            fix = "what the scheduler gave is less than cluster.gpus"
            yield Finding("gpus", "error", message, f"{asked} a node", where, ran, ran_from, fix)
            continue
        wanted = text_of(seen.planned("cluster.gpu"))
        other = _other_type(wanted, there) if wanted and wanted != "unknown" else ""
        if other:
            fix = "memory and speed were planned for the type that was asked: say the one that is there"
            yield Finding("gpus", "warning", other, wanted, "bundle/plan.json", ran, ran_from, fix)
        elif len(there) > asked:
            message = f"the job saw {len(there)} GPUs, and verl uses {asked}"
            yield Finding("gpus", "note", message, f"{asked} a node", where, ran, ran_from)
        else:
            yield Finding("gpus", "ok", f"{ran}, as asked")


def _other_type(wanted: str, there: list[dict[str, Any]]) -> str:
    """Why they are not of the type; "" where they are, or where nothing says that they are not."""
    known = find_gpu(wanted)
    for gpu in there:
        name = text_of(gpu.get("name"))
        found = find_gpu(name)
        if known is None or (found is not None and found.name == known.name):
            continue
        memory = number_of(gpu.get("memory_mib"))
        if known.usable_mib is not None and memory is not None and memory < NEAR * known.usable_mib:
            return f"a GPU of {memory / 1024:.0f} GiB ran, and {wanted} has {known.usable_mib / 1024:.0f} GiB"
        if found is not None and found.title != known.title:
            return f"a GPU of another type ran: {name}"
    return ""


def nodes(seen: Evidence) -> Iterator[Finding]:
    """Of every attempt."""
    asked, _, where = asked_machines(seen)
    events = [event for event in seen.folder.of_kind("began") if isinstance(event.get("nodes"), (list, int))]
    if not events or asked is None:
        what = "on how many nodes the job ran" if not events else "how many nodes were asked for"
        yield unknown("nodes", f"{what} is not known", "the job's `began` event in events/ tells it")
        return
    told = set()
    for event in events:
        there = event["nodes"]
        number = len(there) if isinstance(there, list) else whole_of(there)
        if number in told:
            continue
        told.add(number)
        hosts = some(map(text_of, there)) if isinstance(there, list) else ""
        if number != asked:
            message = f"the job began on {number} of {asked} nodes"
            yield Finding(
                "nodes", "error", message, str(asked), where, f"{number} {hosts}".strip(), "events/"
            )
        else:
            yield Finding("nodes", "ok", f"{number}{': ' if hosts else ''}{hosts}")


def forced(seen: Evidence) -> Iterator[Finding]:
    """Findings of lint that the submission was forced past."""
    found = seen.folder.run.get("forced")
    for each in found if isinstance(found, list) else []:
        if isinstance(each, dict):
            code, reason = text_of(each.get("code")) or "a finding", text_of(each.get("reason"))
            message = f"{code} was found by lint, and the run was submitted all the same"
            yield Finding(
                "forced", "warning", message, "no error of lint", "toolspec lint", reason, "run.json"
            )
