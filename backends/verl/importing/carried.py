"""The parts of a run that a bundle carries as files: reward function, tools, agent loop, dataset class.

They are the same by content, under other paths: `reward.py` is `ts_user/reward.py` in the bundle.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from toolspec.backends.verl.emit.side_files import OWN_CLASS, OWN_LOOP
from toolspec.backends.verl.importing.own_bundle import own_limits, own_reward
from toolspec.backends.verl.importing.reading import algorithm
from toolspec.backends.verl.importing.references import class_reference, reference
from toolspec.backends.verl.importing.tool_files import class_tools, function_tools
from toolspec.backends.verl.importing.wanted import Wanted
from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.backends.verl.lower.table import CHARACTERS_A_TOKEN, ROLLOUT
from toolspec.backends.verl.written.omegaconf_scalars import OMEGACONF
from toolspec.compiler.plan.parts import MANAGER as MANAGER_NAME
from toolspec.specs.problem import ProblemError
from toolspec.specs.yaml_tree import parse

MULTI_TURN, AGENT = f"{ROLLOUT}.multi_turn", f"{ROLLOUT}.agent"
FUNCTION, MANAGER = "reward.custom_reward_function", "reward.reward_manager"
OVERLONG = "reward.reward_kwargs"
MANAGER_KEYS = tuple(f"{MANAGER}.{name}" for name in ("source", "name", "module.path"))
SCORED_ALIKE = ("naive", "dapo")
"""verl's managers that pay what the function returns, which toolspec's manager does too."""
# Source: reward_score/math_dapo.py of all three releases against the runtime's ts_score.py.
SCORER = (
    "reward: `match: verl` takes a scorer's `acc` where it has one: rows that math_dapo scores (math_dapo, aime…) "
    "are paid 1 and 0, where verl pays 1 and -1"
)
TOKENS_A_CHARACTER = 4
"""At most: a character is at most four bytes of UTF-8, and a token is at least one byte."""
MARK = 64
"""Room for the mark that verl puts where it cuts a tool response."""


@dataclass
class Carried:
    """spec: dotted spec path → value. keys: verl keys that are accounted for. sources: path → keys it is from.

    notes: what a reader should know, as sentences. files: schemas by tool, to be written beside the spec.
    """

    spec: dict[str, Any] = field(default_factory=dict)
    keys: set[str] = field(default_factory=set)
    sources: dict[str, tuple[str, ...]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def say(self, path: str, value: Any, *keys: str) -> None:
        self.spec[path] = value
        self.sources[path] = keys


def carry(wanted: Wanted, without: Mapping[str, str]) -> Carried:
    """without: part (`reward`, `tools`, `agent`, `data`) → why its files cannot be carried."""
    found = Carried()
    _reward(found, wanted, without)
    _tools(found, wanted, without)
    _agent(found, wanted, without)
    _dataset(found, wanted, without)
    for path, value in (own_limits(wanted) or {}).items():
        found.say(path, value)
    for part, why in without.items():
        found.notes.append(f"{part}: left to verl's own keys in overrides ({why})")
    return found


def _reward(found: Carried, wanted: Wanted, without: Mapping[str, str]) -> None:
    manager, source = wanted.or_(f"{MANAGER}.name", ""), wanted.or_(f"{MANAGER}.source", "register")
    path = wanted.or_(f"{FUNCTION}.path", "?")
    other = [
        key for key in ("reward.sandbox_fusion.url", "reward.reward_model.enable") if wanted.or_(key, None)
    ]
    found.say("reward", {"correct": {"weight": 1.0, "match": "verl"}})
    long = _overlong(wanted) if manager == "dapo" else None
    name = algorithm(wanted, long is not None)
    wanted.algorithm = name
    found.say("algorithm.name", name, "algorithm.adv_estimator")
    if name == "dapo":
        found.say("algorithm.overlong", False)
        found.say("algorithm.filter", bool(wanted.or_("algorithm.filter_groups.enable", False)))
    if "reward" in without:
        return
    if manager == MANAGER_NAME and (own := own_reward(wanted)) is not None:
        for at, said in own.items():
            found.say(at, said, *(f"{FUNCTION}.{name}" for name in ("path", "name")))
        found.keys |= {*MANAGER_KEYS, f"{FUNCTION}.path"}
        return
    if manager not in SCORED_ALIKE or source != "register" or other or path == "?":
        why = f"{manager or 'a reward manager'} from {source}" if not other else f"{other[0]} is set"
        found.notes.append(f"reward: verl's own manager is kept by overrides ({why})")
        return
    try:
        if path:
            fn = wanted.or_(f"{FUNCTION}.name", "compute_score")
            value: dict[str, Any] = {"python": reference(wanted, str(path), str(fn))}
            kwargs = {
                name: wanted.get(f"{FUNCTION}.reward_kwargs.{name}")
                for name, _ in wanted.below(f"{FUNCTION}.reward_kwargs")
            }
            if kwargs:
                value["kwargs"] = kwargs
            found.say("reward", value, f"{FUNCTION}.path", f"{FUNCTION}.name")
            found.keys.add(f"{FUNCTION}.path")
    except NotKnownError as error:
        found.notes.append(f"reward: verl's own manager is kept by overrides ({error.needs} is not at hand)")
        return
    if not path:
        found.notes.append(SCORER)
    found.keys.update(MANAGER_KEYS)
    if long is not None:
        keys = tuple(f"{OVERLONG}.{name}" for name, _ in wanted.below(OVERLONG))
        found.say("algorithm.overlong", long, *keys)
        found.keys.update(keys)


def _overlong(wanted: Wanted) -> dict[str, Any] | None:
    """DAPO's length penalty as the language has it. Source: reward_manager/dapo.py of all three releases."""
    part = f"{OVERLONG}.overlong_buffer_cfg"
    buffer, penalty = wanted.or_(f"{part}.len", None), wanted.or_(f"{part}.penalty_factor", None)
    told = {name.split(".")[0] for name, _ in wanted.below(OVERLONG)} - {
        "overlong_buffer_cfg",
        "max_resp_len",
    }
    whole = wanted.or_(f"{OVERLONG}.max_resp_len", None) == wanted.or_("data.max_response_length", "")
    if wanted.or_(f"{part}.enable", False) is not True or told or not whole or not isinstance(buffer, int):
        return None
    return {"buffer": buffer} | ({"penalty": penalty} if penalty not in (None, 1, 1.0) else {})


def _tools(found: Carried, wanted: Wanted, without: Mapping[str, str]) -> None:
    keys = tuple(f"{MULTI_TURN}.{kind}_path" for kind in ("tool_config", "function_tool"))
    path, functions = (wanted.or_(key, None) for key in keys)
    if "tools" in without or not (path or functions):
        return
    if wanted.or_(f"{AGENT}.agent_loop_config_path", None) and not (own_limits(wanted) is not None):
        found.notes.append("tools: kept by verl's own keys in overrides, for the agent loop of one's own")
        return
    try:
        # verl shows the classes first (tools/tool_registry.py, load_all_tools).
        tools = class_tools(wanted, str(path)) if path else {}
        more = function_tools(wanted, str(functions)) if functions else {}
        if tools.keys() & more.keys():
            raise NotKnownError("a name of its own for each tool")
        tools |= more
    except (NotKnownError, ProblemError, KeyError, TypeError, AttributeError) as error:
        why = (
            error.needs
            if isinstance(error, NotKnownError)
            else f"{path or functions} in a form that is known"
        )
        found.notes.append(f"tools: kept by verl's own keys in overrides ({why} is not at hand)")
        return
    for name, tool in tools.items():
        found.say(f"tools.{name}", tool, keys[0] if "class" in tool or not functions else keys[1])
    found.keys |= {*keys, f"{AGENT}.agent_loop_config_path"}
    length = wanted.or_(f"{MULTI_TURN}.max_tool_response_length", None)
    if isinstance(length, int) and not isinstance(length, bool) and length > 0:
        exact = (own_limits(wanted) is not None) and length % CHARACTERS_A_TOKEN == 0
        tokens = length // CHARACTERS_A_TOKEN if exact else length * TOKENS_A_CHARACTER + MARK
        found.say("budget.tool_response_tokens", tokens, f"{MULTI_TURN}.max_tool_response_length")
    found.say("model.tool_format", wanted.or_(f"{MULTI_TURN}.format", "hermes"), f"{MULTI_TURN}.format")


def _agent(found: Carried, wanted: Wanted, without: Mapping[str, str]) -> None:
    path, name = f"{AGENT}.agent_loop_config_path", f"{AGENT}.default_agent_loop"
    file, loop = wanted.or_(path, "?"), wanted.or_(name, "")
    if file is None:
        tools = any(
            wanted.or_(f"{MULTI_TURN}.{kind}_path", None) for kind in ("tool_config", "function_tool")
        )
        if loop == "tool_agent" and not tools:
            found.keys.add(
                path
            )  # toolspec's loop takes the place of verl's own, but not for tools left to verl
        return
    real = wanted.places.real(str(file))
    data = wanted.view.files.read(real)
    if "agent" in without or data is None or "$" in str(file):
        return
    try:
        entries = parse(b"loops:\n" + data, str(real), OMEGACONF).value["loops"]
        entry = next(dict(one) for one in entries if one["name"] == loop)
        target = str(entry.pop("_target_"))
        target = str(entry.pop(OWN_CLASS)) if target == OWN_LOOP else target
    except (ProblemError, KeyError, TypeError, StopIteration):
        return
    entry.pop("name")
    if target.startswith("ts_loop."):
        found.keys.add(path)
        return
    try:
        found.say("agent.class", class_reference(wanted, target.removeprefix("ts_user.")), path, name)
    except NotKnownError:
        return
    if entry:
        found.say("agent.config", entry, path)
    found.keys |= {path, name}
    found.notes.append(f"agent: rows whose agent_name says `{loop}` have to say `ts_user_agent`")


def _dataset(found: Carried, wanted: Wanted, without: Mapping[str, str]) -> None:
    path, name = wanted.or_("data.custom_cls.path", None), wanted.or_("data.custom_cls.name", None)
    if not path or not name or "data" in without:
        return
    try:
        found.say("data.class", reference(wanted, str(path), str(name)), "data.custom_cls.path")
    except NotKnownError as error:
        found.notes.append(f"data: the dataset class is kept by overrides ({error.needs} is not at hand)")
        return
    found.keys.add("data.custom_cls.path")
