"""Agent loops of one's own that are not there when a trajectory asks for them.

`agent.agent_loop_config_path` is a list of `{name, _target_}`. Each worker reads it when it starts; the name is looked
up, and `_target_` imported, for every trajectory.

Why: the workers stop when they start, or the first trajectory fails, after the models have loaded.
Source: experimental/agent_loop/agent_loop.py AgentLoopWorker.__init__ and _run_agent_loop (0.7.1: :434-439, :552-557,
0.8.0: :584, 0.9.1: :534-539, :678-683)
Bad:
    actor_rollout_ref.rollout.agent.agent_loop_config_path=loops.yaml
    actor_rollout_ref.rollout.agent.default_agent_loop=search
    --- loops.yaml
    - name: search_agent
      _target_: loops.Search
    --- loops.py
    class Search:
        pass
Bad:
    actor_rollout_ref.rollout.agent.agent_loop_config_path=loops.yaml
    actor_rollout_ref.rollout.agent.default_agent_loop=search
    --- loops.yaml
    - name: search
      _target_: loops.Searcher
    --- loops.py
    class Search:
        pass
Bad:
    actor_rollout_ref.rollout.agent.agent_loop_config_path=loops.yaml
    actor_rollout_ref.rollout.agent.default_agent_loop=search
    --- loops.yaml
    search:
      _target_: loops.Search
Good:
    actor_rollout_ref.rollout.agent.agent_loop_config_path=loops.yaml
    actor_rollout_ref.rollout.agent.default_agent_loop=search
    --- loops.yaml
    - name: search
      _target_: loops.Search
    --- loops.py
    class Search:
        pass
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from toolspec.backends.verl.lint.derived import MODEL, ROLLOUT
from toolspec.backends.verl.lint.facts.code import python_file
from toolspec.backends.verl.lint.facts.places import is_missing
from toolspec.backends.verl.lint.facts.tools import module_file
from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.backends.verl.written.omegaconf_scalars import OMEGACONF
from toolspec.specs.nearest import nearest
from toolspec.specs.problem import ProblemError
from toolspec.specs.yaml_tree import parse

RULE = Rule("TS325", "agent-loop-config", "error")

AGENT = f"{ROLLOUT}.agent"
PATH, DEFAULT = f"{AGENT}.agent_loop_config_path", f"{AGENT}.default_agent_loop"
STARTS, CALLED = "the agent loop workers stop when they start", "every trajectory of that loop fails"


def check(view: View) -> Iterator[Found]:
    said = view.said(PATH)
    if said is None or (view.run.spec is not None and not said.overridden):
        return  # none, or the bundle brings it
    if view.value(f"{AGENT}.agent_loop_manager_class") or not view.text(PATH):
        return
    text = view.text(PATH)
    path = view.path(text)
    if path is None or not path.is_file():
        if is_missing(view, PATH, text):
            yield Found(
                f"there is no file {text}", (PATH,), fix="name the file of the agent loops", why=STARTS
            )
            return
        raise NotKnownError(f"the agent loops of {text}")
    data = view.files.read(path)
    if data is None:
        raise NotKnownError(f"the agent loops of {text}")
    yield from _file(view, path, data)


def _file(view: View, path: Path, data: bytes) -> Iterator[Found]:
    entries = _entries(path, data)
    if entries is None:
        # A mapping: verl goes through its keys, which are texts without a `name`.
        yield Found(
            f"{path.name} is no list: verl takes `- name: …` and `_target_: …` for each loop",
            (PATH,),
            fix="- name: NAME, _target_: MODULE.CLASS",
            why=STARTS,
        )
        return
    loops = [entry for entry in entries if isinstance(entry, dict)]
    names = [str(entry.get("name")) for entry in loops]
    known = (*view.release.enums["agent_loop"], *names)
    default, rows = view.text(DEFAULT), view.facts.agent_names()
    if default not in known and rows in (None, {None}) and not view.value(f"{MODEL}.external_lib"):
        close = nearest(default, known)
        yield Found(
            f"{view.shown(DEFAULT)} is none of {path.name}'s loops ({', '.join(names) or 'none'}) nor of verl's",
            (DEFAULT, PATH),
            fix=f"{DEFAULT}={close[0] if close else (names or known)[0]}",
            why="verl asserts that it is registered, at the first trajectory",
            severity=None if rows is not None else "warning",  # rows may name their own
        )
    unknown: NotKnownError | None = None
    for entry in loops:
        try:
            yield from _entry(view, path, entry)
        except NotKnownError as error:
            unknown = unknown or error
    if unknown is not None:
        raise unknown


def _entries(path: Path, data: bytes) -> list[Any] | None:
    """The list that the file is, None for a mapping. Raises NotKnownError for what cannot be read."""
    try:
        return None if parse(data, str(path), OMEGACONF).value else []
    except ProblemError:
        pass  # the reader takes a mapping at the top alone
    try:
        found = parse(b"loops:\n" + data, str(path), OMEGACONF).value.get("loops")
    except ProblemError:
        found = None
    if not isinstance(found, list):
        raise NotKnownError(f"the agent loops of {path.name}")
    return found


def _entry(view: View, path: Path, entry: Mapping[str, Any]) -> Iterator[Found]:
    name, target = entry.get("name"), entry.get("_target_")
    if name is None or target is None:
        lacks = "name" if name is None else "_target_"
        has = ", ".join(str(key) for key in entry)
        why = STARTS if name is None else CALLED
        yield Found(
            f"{path.name}: an entry has no `{lacks}` (it has {has})", (PATH,), fix=f"{lacks}: …", why=why
        )
        return
    if not isinstance(target, str) or "." not in target or "$" in target:
        raise NotKnownError(f"the class of {name} ({target})")
    module, _, attribute = target.rpartition(".")
    file = module_file(view, module)
    if file is None:
        raise NotKnownError(f"the module {module} of agent loop {name}")
    try:
        _, found = python_file(view, file)
    except ProblemError as error:
        yield Found(
            f"{file.name}: {error.problems[0].message}", (PATH,), why=CALLED, span=error.problems[0].span
        )
        return
    if found.stars or attribute in {*found.classes, *found.imports, *found.aliases, *found.functions}:
        return
    close = nearest(attribute, found.classes) or list(found.classes)[:1]
    yield Found(
        f"{file.name} has no `{attribute}`, the class of agent loop {name}; it defines "
        + (", ".join(found.classes) or "no class"),
        (PATH,),
        fix=f"_target_: {module}.{close[0]}" if close else "",
        why=CALLED,
    )
