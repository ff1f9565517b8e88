"""A mapping inside a YAML text made another one: only what differs is written, all else stays as it is."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from toolspec.backends.verl.yaml_changes import yaml_text
from toolspec.backends.verl.yaml_text import Entry, Path, YamlText, same
from toolspec.specs.problem import Problem, ProblemError

_COMMENT = re.compile(r"(?:^|\s)#")


def rewrite(text: YamlText, path: Path, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Gather the edits that make the mapping at `path` (now `old`) `new`. text: with `lists` where the path has one.

    Raises ProblemError (TS804) where the text is written in a way that cannot be edited so.
    """
    entry = text.entries.get(path)
    if same(old, new):
        return
    if entry is None or entry.alias:
        raise _cannot(text, path)
    if text.text[entry.value_start : entry.value_end].lstrip().startswith("{"):
        _replace(text, entry, _flow(text, entry, old, new))
        return
    entries = {key: text.entries.get((*path, key)) for key in old}
    found = {key: one for key, one in entries.items() if one is not None}
    if len(found) < len(old):
        raise _cannot(text, path)  # a merge key, or an alias
    added = [f"{key}: {_written(text, new[key])}" for key in new if key not in old]
    if not found.keys() & new.keys():
        _all_new(text, list(found.values()), added)
        return
    for key, below in found.items():
        value = old[key]
        if key not in new:
            _delete(text, below)
        elif isinstance(value, Mapping) and isinstance(new[key], Mapping) and not below.alias:
            rewrite(text, below.path, value, new[key])
        elif not same(value, new[key]):
            _replace(text, below, _scalar(text, below, new[key]))
    if added:
        _add(text, [one for key, one in found.items() if key in new], added)


def _all_new(text: YamlText, gone: list[Entry], added: list[str]) -> None:
    """Other keys in the place of all that there are."""
    start, end = min(one.key_start for one in gone), max(one.value_end for one in gone)
    kept = text.text[start:end]
    end -= len(kept) - len(kept.rstrip())
    indent = " " * (start - text.line_start(start))
    text.replace(start, end, f"{text.newline}{indent}".join(added))


def _add(text: YamlText, stay: list[Entry], added: list[str]) -> None:
    """Behind the first key of one line, or before all of them: what comes behind a section may be taken out."""
    lines = [one for one in stay if "\n" not in text.text[one.key_start : one.value_end]]
    if lines:
        for one in added:
            text.insert_after(lines[0], one)
    else:
        first = min(stay, key=lambda one: one.key_start)
        indent = " " * (first.key_start - text.line_start(first.key_start))
        text.insert_before(first, f"{text.newline}{indent}".join(added))


def _delete(text: YamlText, entry: Entry) -> None:
    start, end = text.line_start(entry.key_start), text.line_end(entry.value_end)
    if text.text[start : entry.key_start].strip():
        raise _cannot(text, entry.path)
    below = text.text.find("\n", end)
    text.replace(start, len(text.text) if below < 0 else below + 1, "")


def _replace(text: YamlText, entry: Entry, new: str) -> None:
    """Give a value other characters; the line break that belongs to a block of text stays."""
    old = text.text[entry.value_start : entry.value_end]
    kept = old[len(old.rstrip()) :]
    glue = " " if text.text[entry.value_start - 1 : entry.value_start] == ":" else ""
    text.replace(entry.value_start, entry.value_end, f"{glue}{new}{kept}")


def _scalar(text: YamlText, entry: Entry, value: Any) -> str:
    old = text.text[entry.value_start : entry.value_end]
    if isinstance(value, str) and old.startswith("'") and "\n" not in value:
        return "'" + value.replace("'", "''") + "'"
    return _written(text, value, quoted=old.startswith('"'))


def _written(text: YamlText, value: Any, quoted: bool = False) -> str:
    return json.dumps(value, ensure_ascii=False) if quoted else yaml_text(value, text.dialect)


def _flow(text: YamlText, entry: Entry, old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """The text of a mapping in braces, with the words of the old one for what stays."""
    written = text.text[entry.value_start : entry.value_end]
    if _COMMENT.search(written) and "\n" in written:
        raise _cannot(text, entry.path)  # comments would go
    quoted = any(text.text[one.key_start] == '"' for at, one in text.entries.items() if at[:-1] == entry.path)
    pieces = []
    for key, value in new.items():
        below = text.entries.get((*entry.path, key))
        if below is None or key not in old:
            name = json.dumps(key, ensure_ascii=False) if quoted else yaml_text(key, text.dialect)
            pieces.append(f"{name}: {_written(text, value, quoted)}")
            continue
        name = text.text[below.key_start : below.key_end]
        inner = text.text[below.value_start : below.value_end]
        if same(old[key], value):
            pieces.append(f"{name}: {inner.strip()}")
        elif isinstance(value, Mapping) and isinstance(old[key], Mapping) and not below.alias:
            pieces.append(f"{name}: {_flow(text, below, old[key], value)}")
        else:
            pieces.append(f"{name}: {_scalar(text, below, value)}")
    pad = " " if re.match(r"\s*\{ ", written) else ""
    return "{" + pad + ", ".join(pieces) + pad + "}"


def _cannot(text: YamlText, path: Path) -> ProblemError:
    entry = next((text.entries[path[:n]] for n in range(len(path), 0, -1) if path[:n] in text.entries), None)
    line = text.line(entry) if entry is not None else 1
    message = f"{text.file}:{line}: `{'.'.join(path)}` is written in a way that cannot be edited safely"
    return ProblemError((Problem("TS804", "cannot-edit", message, None, fix="edit it by hand"),))
