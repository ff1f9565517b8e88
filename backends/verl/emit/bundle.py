"""The bundle as a value: path → bytes of every file, the same for the same input."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any, NamedTuple

from toolspec import __version__
from toolspec.backends.verl.emit.config_yaml import config_yaml
from toolspec.backends.verl.emit.job_files import job_files
from toolspec.backends.verl.emit.modules import runtime_files
from toolspec.backends.verl.emit.side_files import (
    agent_loops_yaml,
    json_text,
    launch_sh,
    loop_json,
    requirements_txt,
    reward_json,
    tools_yaml,
)
from toolspec.backends.verl.lower.setting import VerlConfig
from toolspec.compiler.facts.gather import Facts
from toolspec.compiler.plan.decision import Plan
from toolspec.compiler.plan.parts import USER_FOLDER
from toolspec.specs.loading import LoadedSpec
from toolspec.specs.named_file import named, read
from toolspec.specs.problem import Problem, ProblemError, Span
from toolspec.specs.source import MAX_BYTES

MANIFEST = "manifest.json"
EXECUTABLE = frozenset({"launch.sh", "batch.sh"})


class Bundle(NamedTuple):
    """files: path in the bundle → content, `manifest.json` last. digest: sha256 over all other files.

    copies: path in the bundle → a file that is copied there, too large to hold (rows packed into the bundle; the
    manifest has their logical hash, and their content is in the path of the store they come from).
    """

    name: str
    files: Mapping[str, bytes]
    digest: str
    copies: Mapping[str, Path] = MappingProxyType({})


def build_bundle(
    loaded: LoadedSpec, plan: Plan, config: VerlConfig, facts: Facts, data: Mapping[str, Any] | None = None
) -> Bundle:
    """Every file of the bundle. `data`: what the manifest says of converted rows (rows, logical hash).

    Raises ProblemError where a file of the user's would leave the bundle or take the name of one of its own, and
    where the name of a spec is not UTF-8.
    """
    for source in loaded.raw.files:
        _check_name(source.name)
    files: dict[str, bytes] = {"config.yaml": config_yaml(config, plan.name, loaded.names).encode()}
    if plan["tools.names"]:
        files["tools.yaml"] = tools_yaml(plan, facts).encode()
    if plan["agent.loop"] != "single_turn_agent":
        files["agent_loops.yaml"] = agent_loops_yaml(plan).encode()
    files["ts_reward.json"] = reward_json(plan, facts).encode()
    files["ts_loop.json"] = loop_json(plan).encode()
    if packages := requirements_txt(plan):
        files["requirements.txt"] = packages.encode()
    files |= {name: text.encode() for name, text in job_files(plan, config).items()}
    files |= runtime_files()
    for relative, source in facts.shipped.items():
        path = _inside(f"{USER_FOLDER}/{relative}")
        files[path] = _content(source)
    files["plan.json"] = json_text(plan_document(plan, config, loaded.names)).encode()
    for source in loaded.raw.files:
        files[f"spec/{loaded.names[str(source)]}"] = _content(source)
    hashes = {path: _sha256(content) for path, content in files.items()}
    files["launch.sh"] = launch_sh(plan, config, _digest(hashes)).encode()
    hashes["launch.sh"] = _sha256(files["launch.sh"])
    digest = _digest(hashes)
    files[MANIFEST] = json_text(_manifest(loaded, plan, hashes, digest, data)).encode()
    return Bundle(plan.name, files, digest)


def _content(file: Path) -> bytes:
    """A file that was read before; one that has changed its nature since is a problem like any other."""
    return named(lambda: read(file, MAX_BYTES), str(file), None)


def _inside(path: str) -> str:
    parts = PurePosixPath(path).parts
    if path.startswith("/") or ".." in parts or "\\" in path or "\0" in path:
        raise ProblemError((Problem("TS312", "path-escape", f"{path} would leave the bundle", None),))
    return path


def _check_name(name: str) -> None:
    """Raises ProblemError for a name with bytes that no text stands for: manifest and config.yaml could not say it."""
    try:
        name.encode()
    except UnicodeEncodeError:
        message = f"the name of {name} is not UTF-8, and a bundle names the specs that it comes from"
        problem = Problem("TS038", "name-not-utf8", message, None, fix="rename the file")
        raise ProblemError((problem,)) from None


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _digest(hashes: Mapping[str, str]) -> str:
    """hashes: path → sha256 of the file."""
    return _sha256("".join(f"{path}\0{digest}\n" for path, digest in sorted(hashes.items())).encode())


def _manifest(
    loaded: LoadedSpec, plan: Plan, hashes: Mapping[str, str], digest: str, data: Mapping[str, Any] | None
) -> dict[str, Any]:
    return {
        "version": 1,
        "name": plan.name,
        "toolspec": __version__,
        "verl": plan.target,
        "bundle": digest,
        "set": list(loaded.sets),
        "data": dict(data or {}),
        "files": dict(sorted(hashes.items())),
    }


def plan_document(plan: Plan, config: VerlConfig, names: Mapping[str, str]) -> dict[str, Any]:
    """The plan and the configuration with every reason, as `plan.json` and `toolspec plan --format json` have them.

    names: of the spec's files, as the bundle's spec/ has them.
    """
    return {
        "version": 1,
        "name": plan.name,
        "verl": plan.target,
        "plan": {
            path: {"value": d.value, "kind": d.kind, "reason": d.reason, **_place(d.span, names)}
            for path, d in plan.decisions.items()
        },
        "config": {
            key: {"value": s.value, "from": s.plan, "written": s.written, **_place(s.decision.span, names)}
            for key, s in sorted(config.settings.items())
        },
    }


def _place(span: Span | None, names: Mapping[str, str]) -> dict[str, Any]:
    return (
        {}
        if span is None
        else {"file": names.get(span.file) or PurePosixPath(span.file).name, "line": span.line}
    )
