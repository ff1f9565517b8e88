"""The reference page of the language, docs/language.md, from the models' own words.

python -m toolspec.specs.reference > docs/language.md
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, get_args, get_origin

from pydantic.fields import FieldInfo

from toolspec.specs.json_schema import Schema, json_schema
from toolspec.specs.reference_prose import BEFORE, FILES, WORDS
from toolspec.specs.refused import REFUSED, REFUSED_VALUES
from toolspec.specs.section import Section
from toolspec.specs.shape import fields_of, members
from toolspec.specs.spec import Spec
from toolspec.specs.units import TIME_PATTERN

_PATTERNS: Mapping[str, str] = MappingProxyType(
    {
        TIME_PATTERN: "a time with its unit, such as `12h`",
        r"^[0-9.]+\s*%$": "a share such as `5%`",
    }
)
_DEFAULT = re.compile(r"\s*Default: (.+?)\.(?=\s|$)")
# Bare values that more than one key is made of; Section.short_form says the others.
_BARE: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "tools.<name>": ("tools.py:add", "{python: tools.py:add}"),
        "reward": ("tool_calling", "{correct: {weight: 1.0, match: number}, valid_call: 0.2, …}"),
        "algorithm.clip": ("0.2", "{low: 0.2, high: 0.2}"),
        "train.offload": ("params", "{actor: params, ref: params, critic: params}"),
    }
)


def reference_markdown() -> str:
    """The whole page. The same text every time."""
    schema = json_schema()
    parts = [BEFORE, *(_section(path, section, schema) for path, section in _sections().items())]
    return "\n".join([*parts, _short_forms(), FILES, _words(), _refused()])


def _sections() -> dict[str, type[Section]]:
    """Path → section, the root as "", each section at the nearest place to the root where it stands."""
    places = list(_places(Spec, ()))
    nearest: dict[type[Section], str] = {}
    for path, section in sorted(places, key=lambda place: place[0].count(".")):
        nearest.setdefault(section, path)
    return {path: section for path, section in places if nearest[section] == path}


def _places(annotation: Any, path: tuple[str, ...]) -> Iterator[tuple[str, type[Section]]]:
    """Every (path, section) at and below an annotation, depth first; a key of the user's own is `<name>`."""
    for member in members(annotation):
        origin, arguments = get_origin(member), get_args(member)
        if origin is dict:
            yield from _places(arguments[1], (*path, "<name>"))
        elif origin is tuple:
            yield from _places(arguments[0], path)
        elif isinstance(member, type) and issubclass(member, Section):
            yield ".".join(path), member
            for key, info in fields_of(member).items():
                yield from _places(info.annotation, (*path, key))


def _section(path: str, section: type[Section], schema: Schema) -> str:
    own = schema if section is Spec else schema["$defs"][section.__name__]
    properties = (own if "properties" in own else own["anyOf"][-1])["properties"]
    lines = [f"{'###' if '.' in path else '##'} {f'`{path}`' if path else 'The whole file'}", ""]
    lines += [" ".join((section.__doc__ or "").split()), ""]
    if also := [other for other, same in _places(Spec, ()) if same is section and other != path]:
        lines += [f"The same keys stand under {', '.join(f'`{other}`' for other in also)}.", ""]
    lines += ["| key | takes | default | meaning |", "| --- | --- | --- | --- |"]
    for key, info in fields_of(section).items():
        lines.append(_row(key, info, properties[key], schema))
    return "\n".join([*lines, ""])


def _row(key: str, info: FieldInfo, field: Schema, schema: Schema) -> str:
    description = info.description or ""
    said = _DEFAULT.search(description)
    meaning = _DEFAULT.sub("", description).strip() or _meaning_of(info)
    cells = (f"`{key}`", _takes(field, schema), _default(info, said), meaning)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _meaning_of(info: FieldInfo) -> str:
    """The first sentence of the section that a key holds."""
    sections = [section for _, section in _places(info.annotation, ())]
    return (sections[0].__doc__ or "").partition(". ")[0].strip().rstrip(".") + "." if sections else "–"


def _default(info: FieldInfo, said: re.Match[str] | None) -> str:
    if info.is_required():
        return "required"
    if said is not None:
        return said[1]
    value = info.default
    if info.default_factory is not None or value in (None, "", ()):
        return "–"
    return f"`{_written(value)}`"


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_written, value)) + "]"
    return str(value)


def _takes(field: Schema, schema: Schema) -> str:
    """The forms of a value in words: a whole number ≥ 1 or `auto`."""
    forms = list(_forms(field, schema))
    single = [form for form in forms if form.get("type") not in ("array", "object")]
    these = {_joined(single, schema), _joined([form for form in single if "section" not in form], schema)}
    words = []
    for form in forms:
        if form not in single:
            word = _form(form, schema)
            for entry in filter(None, these):
                word = re.sub(rf"(a list of|names →) {re.escape(entry)}$", r"\1 these", word)
            words.append(word)
    return " or ".join(dict.fromkeys(filter(None, [_joined(single, schema), *words])))


def _joined(forms: Sequence[Schema], schema: Schema) -> str:
    words = [_form(form, schema) for form in forms if not ("enum" in form or "const" in form)]
    literals = [
        f"`{_written(value)}`"
        for form in forms
        if "enum" in form or "const" in form
        for value in form.get("enum", [form.get("const")])
    ]
    return " or ".join(dict.fromkeys([*words, *([", ".join(dict.fromkeys(literals))] if literals else [])]))


def _forms(field: Schema, schema: Schema) -> Iterator[Schema]:
    """The members of a choice, with the bare values of its sections. null is no form but a missing value."""
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        for form in schema["$defs"][name].get("anyOf", [{}])[:-1]:
            yield from _forms(form, schema)
        yield {"section": name}
    elif "anyOf" in field:
        for form in field["anyOf"]:
            yield from _forms(form, schema)
    elif field.get("type") != "null":
        yield field


def _form(form: Schema, schema: Schema) -> str:
    if "section" in form:
        path = next(path for path, section in _sections().items() if section.__name__ == form["section"])
        return f"[a mapping](#{anchor(path)})"
    kind = form.get("type")
    if kind in ("integer", "number"):
        return ("a whole number" if kind == "integer" else "a number") + _bounds(form)
    if kind == "string":
        return _PATTERNS.get(form.get("pattern", ""), "text")
    if kind == "boolean":
        return "`true`, `false`"
    if kind == "array":
        return f"a list of {_takes(form['items'], schema)}" if form.get("items") else "a list"
    if kind == "object":
        inner = form.get("additionalProperties") or [*form.get("patternProperties", {}).values(), None][0]
        if isinstance(inner, dict) and "$ref" in inner:
            return f"names → {_takes(inner, schema)}"
        return "a mapping"
    return "any value"


def _bounds(form: Schema) -> str:
    lower = "".join(
        f"{sign} {form[key]}" for key, sign in (("minimum", "≥"), ("exclusiveMinimum", ">")) if key in form
    )
    upper = "".join(
        f"{sign} {form[key]}" for key, sign in (("maximum", "≤"), ("exclusiveMaximum", "<")) if key in form
    )
    return f" {', '.join(filter(None, (lower, upper)))}".rstrip()


def anchor(path: str) -> str:
    """The fragment that GitHub gives the heading of a section."""
    return re.sub(r"[^a-z0-9_-]", "", path.lower())


def _short_forms() -> str:
    lines = ["## Short forms", "", "| written small | means |", "| --- | --- |"]
    for path, section in _sections().items():
        if section.short_form:
            lines.append(f"| `{path}: X` | `{path}: {{{section.short_form}: X}}` |")
        elif path in _BARE:
            small, means = _BARE[path]
            lines.append(f"| `{path}: {small}` | `{path}: {means}` |")
    lines += ["", "A file may stand for a list of one file, and a name for a list of one name.", ""]
    return "\n".join(lines)


def _words() -> str:
    lines = [
        "## Words that mean something else elsewhere",
        "",
        "| word | here | elsewhere |",
        "| --- | --- | --- |",
    ]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in WORDS), ""])


def _refused() -> str:
    lines = ["## Outside version 1", "", "Known, and refused by name:", ""]
    lines += ["| key | what to do instead |", "| --- | --- |"]
    lines += [f"| `{path}` | {instead} |" for path, instead in REFUSED.items()]
    for path, values in REFUSED_VALUES.items():
        lines += [f"| `{path}: {value}` | {instead} |" for value, instead in values.items()]
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    sys.stdout.write(reference_markdown())
