"""What a bundle of toolspec's own says beside its config: reward terms, limits and tools, as a spec says them."""

from __future__ import annotations

import json
from typing import Any

from toolspec.backends.verl.beside import LOOP, REWARD
from toolspec.backends.verl.importing.references import reference
from toolspec.backends.verl.importing.wanted import Wanted
from toolspec.backends.verl.lint.not_known import NotKnownError


def _document(wanted: Wanted, name: str) -> dict[str, Any] | None:
    data = wanted.view.files.read(wanted.places.folder / name)
    try:
        found = json.loads(data or b"")
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def own_limits(wanted: Wanted) -> dict[str, Any] | None:
    """The limits of ts_loop.json by spec path, but that of a tool response; None where the run is no bundle."""
    document = _document(wanted, LOOP)
    if document is None:
        return None
    return {f"budget.{name}": document[name] for name in ("calls", "turn_tokens") if document.get(name)}


def own_reward(wanted: Wanted) -> dict[str, Any] | None:
    """`reward` and `algorithm.overlong` of ts_reward.json; None where there is none, or its code is not at hand."""
    document = _document(wanted, REWARD)
    if document is None:
        return None
    found: dict[str, Any] = {}
    try:
        if "python" in document:
            found["reward"] = {"python": _code(wanted, document["python"])}
        else:
            found["reward"] = _terms(wanted, document["terms"])
    except (NotKnownError, KeyError, TypeError):
        return None
    if isinstance(clip := document.get("clip"), list):
        found["reward"]["clip"] = clip
    found["reward"] |= {
        name: document[name]
        for name, usual in (("on_error", 0.0), ("fault_limit", 0.1))
        if document.get(name, usual) != usual
    }
    if isinstance(long := document.get("overlong"), dict):
        found["algorithm.overlong"] = {"buffer": long["buffer"], "penalty": long["penalty"]}
    return found


def _terms(wanted: Wanted, terms: list[dict[str, Any]]) -> dict[str, Any]:
    """As `reward` has them: the user's own below `own`."""
    found = {term["name"]: _term(wanted, term) for term in terms if not term.get("own")}
    own = {term["name"]: _term(wanted, term) for term in terms if term.get("own")}
    return {**found, **({"own": own} if own else {})}


def _code(wanted: Wanted, code: dict[str, str]) -> str:
    return reference(wanted, f"ts_user/{code['file']}", code["function"])


def _term(wanted: Wanted, term: dict[str, Any]) -> dict[str, Any]:
    settings = {name: value for name, value in term.items() if name not in ("name", "own", "timeout_s")}
    if seconds := term.get("timeout_s"):
        settings["timeout"] = f"{seconds}s"
    if settings.get("kwargs") == {}:
        del settings["kwargs"]
    if isinstance(settings.get("python"), dict):
        settings["python"] = _code(wanted, settings["python"])
    if settings.get("tolerance") == 0:
        del settings["tolerance"]
    return settings


def own_tool(wanted: Wanted, kind: str, config: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """An entry of a bundle of toolspec's own."""
    schema = config["schema"]
    tool: dict[str, Any]
    if kind == "ts_tools.FunctionTool":
        tool = {
            "python": reference(wanted, f"ts_user/{config['file']}", config["function"]),
            "schema": schema,
        }
        settings = config.get("kwargs")
    else:
        text = str(config["class"])
        file, sign, name = text.rpartition(":")
        tool = {"class": reference(wanted, f"ts_user/{file}", name) if sign else text, "schema": schema}
        settings = config.get("config")
    tool |= {"config": settings} if settings else {}
    tool |= {"timeout": f"{config['timeout_s']}s"} if config.get("timeout_s", 60) != 60 else {}
    tool |= {"concurrency": config["concurrency"]} if config.get("concurrency") else {}
    return str(schema["function"]["name"]), tool
