"""What a message says to write in place of a wrong value: only what the place takes, which is tried."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Literal, get_args, get_origin

from toolspec.specs.foreign import FOREIGN_WORDS
from toolspec.specs.nearest import nearest
from toolspec.specs.problem import Problem
from toolspec.specs.scalars import misread, read_plain
from toolspec.specs.shape import Path, annotations_at, keys_at, sections_at

_YES = frozenset({"true", "yes", "on", "y"})
_NO = frozenset({"false", "no", "off", "n", "none", "never", "disabled"})
_TRUTH = frozenset({"true", "false", "yes", "no", "on", "off"})
_OFF = ("never", "none", 0)
_NUMBER_WITH_UNIT = re.compile(r"([-+]?[0-9]+(?:\.[0-9]+)?)\s*([A-Za-z%][A-Za-z %/]*)")
_REFERENCE = re.compile(r"[\w./~-]+\.py:\w+|\w+(?:\.\w+)+")
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")
_TIME = re.compile(r"sec|min|hour|hr|day|[hHsSdDmM]$", re.IGNORECASE)
_DAYS_AND_HOURS = re.compile(r"[0-9]+-[0-9]+")
# A suffix that multiplies, by 1000 or by 1024: nobody knows which number is meant.
_MULTIPLIES = re.compile(r"[kKmMgGtT](?:i?[bB])?")


def advice(
    value: Any, shape: Path, note: str, accepts: Callable[[Any], bool], *, said: bool = False
) -> tuple[str, str]:
    """(why, fix) for a value that is not taken at the place `shape`; each "" where nothing is known.

    note: what was noticed when the value was read. accepts: whether the place takes another value. said: the
    message has the field's own words, so that a reading which does not fit either would only distract.
    """
    reading, readings = misread(value) if note and isinstance(value, str) else ("", ())
    numbers = [r for r in readings if not isinstance(r, bool)]  # truth values: see _meant_by_text
    meant = [*((r, f"write {_flow(r)}", reading) for r in numbers), *_meant(value, shape)]
    why = "" if reading else note
    for candidate, fix, reason in meant:
        if accepts(candidate):
            return why or reading or reason, fix
    if (only := _only_field(value, shape, accepts)) is not None:
        return why, f"write {_flow({only: value})}"
    if value is None:
        return why, "give a value on the line of the key, or indented below it"
    return why or ("" if said else reading or _unit_of(value, shape)), ""


def in_words_of_the_place(problem: Problem) -> Problem:
    """A number that no field can have, with the fix that its own field takes: no quotes where text is not taken."""
    takes = annotations_at(tuple(int(p) if p.isdigit() else p for p in problem.path.split(".")))
    if problem.name != "number-range" or not takes or str in takes or Any in takes:
        return problem
    return problem._replace(fix="give a number, digits alone" if {int, float} & set(takes) else "")


def _meant(value: Any, shape: Path) -> Iterator[tuple[Any, str, str]]:
    """(value, fix that writes it, what is wrong with the given one), the likeliest first."""
    if isinstance(value, str):
        yield from _meant_by_text(value, shape)
    elif isinstance(value, bool):
        yield from ((off, f"write {off}", "") for off in _OFF if not value)
        yield {}, "write {}", "its keys have defaults"
    elif isinstance(value, (int, float)):
        yield from _meant_by_number(value)
    elif isinstance(value, list):
        yield from _meant_by_list(value)
        if (
            len(value) > 1
            and keys_at(shape)
            and not any(section.short_form for section in sections_at(shape))
        ):
            in_order = dict(zip(keys_at(shape), value, strict=False))
            yield in_order, f"write {_flow(in_order)}", "its parts are named"
    elif isinstance(value, dict) and len(value) == 1 and not _takes_a_mapping(shape):
        (inner,) = value.values()
        if not isinstance(inner, (dict, list)):
            yield inner, f"write {_flow(inner)}", ""
    if not isinstance(value, (list, dict)):
        yield [value], f"write {_flow([value])}", ""


def _takes_a_mapping(shape: Path) -> bool:
    return bool(sections_at(shape)) or any((get_origin(a) or a) is dict for a in annotations_at(shape))


def _meant_by_number(value: int | float) -> Iterator[tuple[Any, str, str]]:
    yield str(value), f'write "{value}"', "without quotes it is a number"
    if isinstance(value, float) and value == int(value):
        yield int(value), f"write {int(value)}", "it is written as a fraction"
    if 0 < value < 1:
        yield f"{value * 100:g}%", f"write {value * 100:g}%", "a share has its sign"
    if 1 < value <= 100:
        yield value / 100, f"write {value / 100:g}", "it is a share of 1, not in percent"
    yield f"{value}s", f"write {value}s, {value}m or {value}h", "the unit decides how long it is"


def _meant_by_text(value: str, shape: Path) -> Iterator[tuple[Any, str, str]]:
    word = value.strip().lower()
    if word in _NO:
        yield from ((off, f"write {off}", "") for off in _OFF[:-1])
    if word in _YES | _NO:
        yield (
            word in _YES,
            f"write {str(word in _YES).lower()}",
            "the quotes make it text" if word in _TRUTH else "",
        )
    for number in _numbers(value):
        yield number, f"write {_as_typed(value, number)}", "it is written as text"
    found = _NUMBER_WITH_UNIT.fullmatch(value.strip())
    if found and (unit := _TIME.match(found[2])):
        short = f"{found[1]}{unit[0][0].lower()}"
        yield short, f"write {short}", ""
    elif found and not _MULTIPLIES.fullmatch(found[2]):
        for number in _numbers(found[1]):
            plain = number / 100 if found[2] == "%" else number
            yield plain, f"write {plain:g}", _unit_of(value, shape)
    if _DAYS_AND_HOURS.fullmatch(value):
        yield f"{value}:00", f"write {value}:00", "days and hours go on with minutes"
    words = [*filter(None, [FOREIGN_WORDS.get(word)]), *nearest(value, _words(shape))]
    yield from ((close, f"did you mean {close}?", "") for close in words)
    if "," in value:
        parts = [part.strip() for part in value.split(",") if part.strip()]
        yield parts, f"write {_flow(parts)}", "a list has brackets"
    if "=" in value or ":" in value:
        yield from _meant_by_list([value])
    yield (name := _NOT_IN_NAMES.sub("-", value.strip()).strip("-")), f"write {name}", ""


def _numbers(text: str) -> Iterator[int | float]:
    """The number that a text holds, whole first; none beyond 64 bits."""
    try:
        number = float(text.replace("_", "").replace(",", ""))
    except ValueError:
        return
    if abs(number) < 1 << 63:
        if number == int(number):
            yield int(number)
        yield number


def _as_typed(text: str, number: float) -> str:
    """`1e-6` stays as it was typed; `1_000` and `64.0` become plain digits."""
    return str(number) if isinstance(number, int) else text.replace("_", "").replace(",", "").strip()


def _unit_of(value: Any, shape: Path) -> str:
    found = _NUMBER_WITH_UNIT.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None or not {int, float} & set(annotations_at(shape)):
        return ""
    return f"this field is a bare number; it has no unit such as {found[2].strip()}"


def _meant_by_list(value: list[Any]) -> Iterator[tuple[Any, str, str]]:
    named: dict[str, Any] = {}
    if value and all(isinstance(item, str) and "=" in item for item in value):
        named = {key: read_plain(text)[0] for key, _, text in (item.partition("=") for item in value)}
    elif value and all(isinstance(item, str) and _REFERENCE.fullmatch(item) for item in value):
        named = {re.split(r"[:.]", item)[-1]: item for item in value}
    elif value and all(isinstance(item, dict) and isinstance(item.get("name"), str) for item in value):
        named = {item["name"]: {k: v for k, v in item.items() if k != "name"} for item in value}
    elif value and all(isinstance(item, dict) for item in value):
        named = {key: inner for item in value for key, inner in item.items()}
    if named:
        yield named, f"write {_flow(named)}", "it is a mapping with a key for each, not a list"
    if len(value) == 1:
        yield value[0], f"write {_flow(value[0])}", "the brackets or the dash make a list of it"
    if value == list(range(len(value))):
        yield len(value), f"write {len(value)}", "it is how many, not which"


def _only_field(value: Any, shape: Path, accepts: Callable[[Any], bool]) -> str | None:
    """The one key of a section under which this value would be taken alone; None for none and for several."""
    if isinstance(value, dict) or value is None or type(value) in annotations_at(shape):
        return None  # a number where a number may stand is that number, out of its range
    found = [key for key in keys_at(shape) if accepts({key: value})]
    return found[0] if len(found) == 1 else None


def _words(shape: Path) -> list[str]:
    bare = ((*shape, section.short_form) for section in sections_at(shape) if section.short_form)
    places = (shape, *bare)
    literals = (a for place in places for a in annotations_at(place) if get_origin(a) is Literal)
    return [word for literal in literals for word in get_args(literal) if isinstance(word, str)]


def _flow(value: Any) -> str:
    """A value as YAML on one line."""
    import yaml

    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10_000, allow_unicode=True)
    return text.removesuffix("\n...\n").strip()
