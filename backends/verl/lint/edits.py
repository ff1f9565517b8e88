"""Changes of a configuration as edits of the texts that say it: YAML files, shell scripts, arguments, specs.

Each front end proves its edits before it gives them away: it reads the edited text again, which must then say exactly
what the changes ask for and nothing else. Where no text does, there are no edits, and the words of the fix remain.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from toolspec.backends.verl.lint.rule import Change, Drop, Lay, Put, Rename
from toolspec.backends.verl.lint.view import View
from toolspec.backends.verl.written.run import ARGUMENTS
from toolspec.backends.verl.written.value import Said
from toolspec.backends.verl.yaml_changes import move, put, remove
from toolspec.backends.verl.yaml_text import YamlText
from toolspec.specs.problem import Edit, ProblemError, Span

_YAML = (".yaml", ".yml")


def edits_of(view: View, changes: Sequence[Change] | Sequence[Lay]) -> tuple[Edit, ...]:
    """The edits that make all of the changes; () where one of them cannot be made."""
    beside = [change for change in changes if isinstance(change, Lay)]
    if beside:
        from toolspec.backends.verl.lint.beside_edits import beside_edits

        return beside_edits(view, beside)
    return _of_run(view, [change for change in changes if not isinstance(change, Lay)])


def _of_run(view: View, changes: Sequence[Change]) -> tuple[Edit, ...]:
    if view.run.spec is not None:
        from toolspec.backends.verl.lint.spec_edits import spec_edits

        return spec_edits(view, changes)
    by_file: dict[str, list[tuple[Change, list[Said]]]] = {}
    for change in changes:
        places = _places(view, change)
        if places is None:
            return ()
        for file, said in places.items():
            by_file.setdefault(file, []).append((change, said))
    made: list[Edit] = []
    for file, wanted in by_file.items():
        edits = _in_file(view, file, wanted)
        if not edits:
            return ()
        made += edits
    return tuple(made)


def _places(view: View, change: Change) -> Mapping[str, list[Said]] | None:
    """File → where the key is written in it; one without a place is where a new key goes. None for nowhere."""
    said = [one for one in view.run.said if one.key == change.key and one.op != "~"]
    if not said:
        said = [one for one in view.run.said if one.key == view.name(change.key) and one.op != "~"]
    if isinstance(change, Put):
        return {said[-1].span.file: said[-1:]} if said else {view.run.file: []}
    found: dict[str, list[Said]] = {}
    for one in said:
        found.setdefault(one.span.file, []).append(one)
    return found or None


def _in_file(view: View, file: str, wanted: Sequence[tuple[Change, list[Said]]]) -> tuple[Edit, ...]:
    if file == ARGUMENTS:
        return _in_arguments(view, wanted)
    launch = view.run.launch
    if launch is not None and file == launch.script.file:
        from toolspec.backends.verl.lint.shell_edits import shell_edits

        return shell_edits(view, wanted)
    return _in_config(view, file, wanted) if file.endswith(_YAML) else ()


def _in_config(view: View, file: str, wanted: Sequence[tuple[Change, list[Said]]]) -> tuple[Edit, ...]:
    from toolspec.backends.verl.written.omegaconf_scalars import OMEGACONF

    data = view.files.read(Path(file))
    if data is None:
        return ()
    try:
        text = YamlText(data, file, OMEGACONF)
        named = {".".join(path): path for path in text.entries}
        expected = copy.deepcopy(text.value)
        dropped: list[tuple[str, ...]] = []
        for change, _ in wanted:
            key = change.key if change.key in named else view.name(change.key)
            path = named.get(key, tuple(key.split(".")))
            if isinstance(change, Put):
                done = put(text, path, change.value)
                lay(expected, path, change.value)
            elif isinstance(change, Rename):
                new = tuple(view.name(change.new).split("."))
                done = move(text, path, new)
                lay(expected, new, take(expected, path))
            else:
                dropped.append(path)
                take(expected, path)
                done = True
            if not done:
                return ()
        if dropped and not remove(text, dropped):
            return ()
        return text.edits(expected)
    except (ProblemError, KeyError, TypeError):
        return ()


def lay(document: dict[str, Any], path: Sequence[str], value: Any) -> None:
    """Put a value at a path. Raises TypeError where something on the way is no mapping."""
    for name in path[:-1]:
        below = document.get(name)
        if below is None:
            below = document[name] = {}
        document = below
        if not isinstance(document, dict):
            raise TypeError(name)
    document[path[-1]] = value


def take(document: dict[str, Any], path: Sequence[str]) -> Any:
    """The value at a path, taken out with the mappings that are empty without it. Raises KeyError, TypeError."""
    if len(path) == 1:
        return document.pop(path[0])
    value = take(document[path[0]], path[1:])
    if not document[path[0]]:
        del document[path[0]]
    return value


def renamed(view: View, change: Rename, op: str) -> tuple[str, str]:
    """What stands before a key that gets another name, and the name; op: what stood there."""
    new = view.name(change.new)
    return ("" if op == "+" and view.keys.knows(new) else op) if change.op is None else change.op, new


def _in_arguments(view: View, wanted: Iterable[tuple[Change, list[Said]]]) -> tuple[Edit, ...]:
    """Arguments are lines of the file `--`; nobody can write there, and a program may show the edits."""
    from toolspec.backends.verl.written.override_text import override_text

    edits = []
    for change, said in wanted:
        if isinstance(change, Put) and not said:
            last = max((one.span.line for one in view.run.said if one.span.file == ARGUMENTS), default=0)
            if not last:
                return ()
            ends = max(one.span.column + one.span.length for one in view.run.said if one.span.line == last)
            text = f"\n{view.name(change.key)}={override_text(change.value)}"
            edits.append(Edit(Span(ARGUMENTS, last, ends, 0), text))
        for one in said:
            if isinstance(change, Drop):
                edits.append(Edit(Span(ARGUMENTS, one.span.line, 1, one.key_span.length), "", 1))
            elif isinstance(change, Rename):
                edits.append(Edit(one.key_span, "".join(renamed(view, change, one.op))))
            elif one.span != one.key_span:
                edits.append(Edit(one.span, override_text(change.value)))
    return tuple(edits)
