"""What a bundle says beside config.yaml, flat: reward terms, loop limits, tools, the user's files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from toolspec.backends.verl.releases import leaves
from toolspec.compiler.plan.parts import USER_FOLDER
from toolspec.specs.problem import ProblemError
from toolspec.specs.yaml_tree import parse

TOOLS, REWARD, LOOP = "tools.yaml", "ts_reward.json", "ts_loop.json"


def beside(files: Mapping[str, bytes]) -> dict[str, Any]:
    """Name (`reward.valid_call.weight`, `tools.search.timeout_s`, `ts_user/tools.py`) → value or digest."""
    return dict((*_reward(files), *_loop(files), *_tools(files), *_user_files(files)))


def own_modules(files: Mapping[str, bytes]) -> dict[str, str]:
    """Digest of each of toolspec's own modules in the bundle."""
    return {
        path: digest(body)
        for path, body in files.items()
        if path.startswith("ts_") and path.endswith(".py") and not path.startswith(f"{USER_FOLDER}/")
    }


def digest(body: bytes) -> str:
    """The start of a file's SHA-256."""
    return hashlib.sha256(body).hexdigest()[:12]


def _json_file(files: Mapping[str, bytes], name: str) -> Mapping[str, Any]:
    try:
        value = json.loads(files.get(name, b"{}"))
    except (ValueError, RecursionError):
        return {"unreadable": digest(files[name])}
    return value if isinstance(value, dict) else {"unreadable": digest(files[name])}


def _reward(files: Mapping[str, bytes]) -> Iterator[tuple[str, Any]]:
    """`format` and `tools` are left out: a verl key and tools.yaml say them too."""
    document = _json_file(files, REWARD)
    for name, value in leaves(
        {k: v for k, v in document.items() if k not in ("terms", "format", "tools", "version")}
    ):
        yield f"reward.{name}", value
    for term in document.get("terms", ()):
        for name, value in leaves({k: v for k, v in term.items() if k != "name"}):
            yield f"reward.{term.get('name')}.{name}", value


def _loop(files: Mapping[str, bytes]) -> Iterator[tuple[str, Any]]:
    for name, value in _json_file(files, LOOP).items():
        if name != "version":
            yield f"budget.{name}", value


def _tools(files: Mapping[str, bytes]) -> Iterator[tuple[str, Any]]:
    """Every leaf of each tool's entry. The order of tools and of a schema's keys is that of the prompt."""
    if TOOLS not in files:
        return
    try:
        entries = parse(files[TOOLS], TOOLS).value["tools"]
        order = []
        for entry in entries:
            config = entry["config"]
            name = config["schema"]["function"]["name"]
            order.append(name)
            flat = dict(leaves(config))
            yield from ((f"tools.{name}.{key}", value) for key, value in flat.items())
            yield f"tools.{name}.schema, order of keys", [key for key in flat if key.startswith("schema.")]
        yield "tools, order", order
    except (ProblemError, KeyError, TypeError, AttributeError):
        yield "tools.yaml", f"sha256 {digest(files[TOOLS])}"


def _user_files(files: Mapping[str, bytes]) -> Iterator[tuple[str, Any]]:
    for path, body in files.items():
        if path.startswith(f"{USER_FOLDER}/"):
            yield path, f"sha256 {digest(body)}"
