"""Valid specs over the whole language, as plain values."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args, get_origin

from hypothesis import strategies as st

from spec_leaves import FILES, LEAVES, NAMES, WORDS, Strategy
from toolspec.specs.section import Section
from toolspec.specs.shape import fields_of, members
from toolspec.specs.spec import Spec

SpecPath = tuple[str, ...]


def write_files(folder: Path) -> Path:
    """Write FILES into the folder."""
    for name, text in FILES.items():
        (folder / name).write_text(text, "utf-8")
    return folder


def specs() -> Strategy:
    """Valid specs as plain values. They need FILES beside them."""
    return _section(Spec, ())


def leaf_paths() -> set[str]:
    """Every path of LEAVES, to be compared with the language's own."""
    return {f"{path}.{key}".strip(".") for path, leaves in LEAVES.items() for key in leaves}


def _section(section: type[Section], path: SpecPath) -> Strategy:
    required: dict[str, Strategy] = {}
    optional: dict[str, Strategy] = {}
    for key, info in fields_of(section).items():
        chosen = required if info.is_required() else optional
        chosen[key] = _field(info.annotation, (*path, key))
    repair = REPAIRS.get(".".join(path), lambda value: value)
    return st.fixed_dictionaries(required, optional=optional).map(repair)


def _field(annotation: Any, path: SpecPath) -> Strategy:
    above, key = ".".join(path[:-1]), path[-1]
    here = LEAVES.get(above, {}).get(key)
    if here is not None:
        return here
    found = [WORDS[".".join(path)]] if ".".join(path) in WORDS else []
    for member in members(annotation):
        if isinstance(member, type) and issubclass(member, Section):
            found.append(_section(member, path))
        elif get_origin(member) is tuple:
            (inner,) = members(get_args(member)[0])
            found.append(st.lists(_section(inner, path), min_size=1, max_size=2))
        elif get_origin(member) is dict:
            (inner,) = members(get_args(member)[1])
            one = _section(inner, (*path, "<name>"))
            found.append(st.dictionaries(NAMES[".".join(path)], one, max_size=2))
    if not found:
        raise LookupError(f"no strategy for {'.'.join(path)}: add it to LEAVES")
    return st.one_of(found)


def _drop(*keys: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Keep the first of `keys` that is there."""

    def repair(value: dict[str, Any]) -> dict[str, Any]:
        there = [key for key in keys if key in value]
        return without(value, *there[1:])

    return repair


def without(value: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: item for key, item in value.items() if key not in keys}


def _algorithm(value: dict[str, Any]) -> dict[str, Any]:
    value = _drop("mini_batch", "updates")(value)
    if value["name"] != "ppo":
        value = without(value, "critic_lr", "critic_warmup")
    return value if value["name"] in ("grpo", "dapo", "gspo") else without(value, "normalize")


def _kl(value: dict[str, Any]) -> dict[str, Any]:
    if value.get("schedule") == "adaptive":
        return {**value, "where": "reward"}
    return without(value, "target", "horizon")


def _tool(value: dict[str, Any]) -> dict[str, Any]:
    value = _drop("python", "class")(value)
    if "class" in value:
        return {"schema": "search.json", **value}
    return {"python": "tools.py:calculator", **value}


def _correct(value: dict[str, Any]) -> dict[str, Any]:
    match = value.get("match", "exact")
    if match == "regex":
        value = {"pattern": "[0-9]+", **value}
    if match == "python":
        value = {"python": "reward.py:score", **value}
    own = {
        "python": "python",
        "number": "tolerance",
        "calls": "ordered",
        "exact": "ignore_case",
        "choice": "choices",
    }
    extracts = ("regex", "json", "math", "qa_em", "qa_f1")
    dropped = [key for name, key in own.items() if name != match]
    value = without(value, *dropped, *(() if match in extracts else ("pattern",)))
    return _payment(value, free=match in ("verl", "python"))


def _payment(value: dict[str, Any], free: bool = False) -> dict[str, Any]:
    """A cap on the side that the weights reach, and no word on a schedule that is not there."""
    if "schedule" not in value:
        value = without(value, "between")
    weights = [value.get("weight", 0), *(weight for _, weight in value.get("schedule", ()))]
    if "cap" in value and not free and not any(weight * value["cap"] > 0 for weight in weights):
        value = without(value, "cap")
    return value


def _bad_call(value: dict[str, Any]) -> dict[str, Any]:
    if "schedule" in value:
        value = without(value, "unknown_tool", "schema", "malformed")
    return _payment(value)


def _used_result(value: dict[str, Any]) -> dict[str, Any]:
    return _payment(value if value.get("by") == "text" else without(value, "pattern"))


def _length(value: dict[str, Any]) -> dict[str, Any]:
    if value.get("shape") == "overlong":
        return _payment({"buffer": 16, **without(value, "start")})
    return _payment(without(value, "buffer"))


def _agent(value: dict[str, Any]) -> dict[str, Any]:
    value = _drop("name", "class")(value)
    return value if "class" in value else without(value, "config")


def _data(value: dict[str, Any]) -> dict[str, Any]:
    """A dataset class makes the rows itself: no column mapping, system message or name of a source is taken then."""
    if "class" not in value:
        return value

    def bare(sources: Any) -> Any:
        if isinstance(sources, list):
            return [without(source, "columns", "source") for source in sources]
        if "path" in sources:
            return without(sources, "columns", "source")
        return {name: without(source, "columns", "source") for name, source in sources.items()}

    kept = {key: bare(item) if key in ("train", "val") else item for key, item in value.items()}
    return without(kept, "columns", "system", "order" if isinstance(value.get("order"), dict) else "")


def _reward(value: dict[str, Any]) -> dict[str, Any]:
    if "python" in value:
        kept = ("python", "kwargs", "clip", "on_error", "fault_limit")
        return {key: item for key, item in value.items() if key in kept}
    value = without(value, "kwargs")
    if not set(value) - {"clip", "on_error", "fault_limit"} or value.get("own") == {}:
        value = {**without(value, "own"), "correct": {"weight": 1.0}}
    if "correct" in value:
        return value
    own = {name: without(term, "only_if") for name, term in value.get("own", {}).items()}
    bare = {key: without(term, "only_if") if isinstance(term, dict) else term for key, term in value.items()}
    return {**bare, **({"own": own} if own else {})}


def _spec(value: dict[str, Any]) -> dict[str, Any]:
    agent = value.get("agent", {})
    if agent.get("name") == "single_turn" and value.get("tools"):
        return {**value, "agent": without(agent, "name")}
    return value


REPAIRS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "": _spec,
    "budget": _drop("turns", "rounds"),
    "train": _drop("micro_batch", "token_budget"),
    "agent": _agent,
    "data": _data,
    "algorithm": _algorithm,
    "algorithm.kl": _kl,
    "tools.<name>": _tool,
    "reward": _reward,
    "reward.correct": _correct,
    "reward.bad_call": _bad_call,
    "reward.used_result": _used_result,
    "reward.length": _length,
    "reward.own.<name>": _payment,
    **{
        f"reward.{name}": _payment
        for name in (
            *("valid_call", "extra_call", "format", "repeat_call", "tool_error", "turns", "truncated"),
            "forged_result",
        )
    },
}
