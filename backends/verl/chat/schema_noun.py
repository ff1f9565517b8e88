"""What is said of a schema, in pieces: a noun and what stands behind it, each with the facts that it tells."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from toolspec.backends.verl.chat.schema_shape import Schema

LONGEST_VALUE = 200

NOUNS: Mapping[str, tuple[str, str]] = {
    "string": ("string", "strings"),
    "integer": ("integer", "integers"),
    "number": ("number", "numbers"),
    "boolean": ("boolean", "booleans"),
    "array": ("list", "lists"),
    "object": ("object", "objects"),
    "null": ("null", "nulls"),
}
# What a description may call them.
SYNONYMS: Mapping[str, str] = {
    "string": r"strings?|texts?",
    "integer": r"integers?|ints?|whole numbers?",
    "number": r"numbers?|floats?",
    "boolean": r"booleans?|bools?|true|false|flags?",
    "array": r"lists?|arrays?",
    "object": r"objects?|mappings?|dict(?:ionary|ionaries|s)?",
    "required": r"required|must|needed|mandatory",
}


class Part(NamedTuple):
    """What is said behind a noun. facts: texts that say the same where a description has all of them.

    each: how it is said of the things of a list, "" for the same way.
    """

    text: str
    facts: tuple[str, ...]
    each: str = ""


class Noun(NamedTuple):
    """one, many: "integer", "integers". phrase: `one` stands without an article. facts: of the noun itself.

    plain: it names types and nothing else.
    """

    one: str
    many: str
    parts: tuple[Part, ...] = ()
    phrase: bool = False
    facts: tuple[str, ...] = ()
    plain: bool = True

    def text(self, parts: Sequence[Part] | None = None) -> str:
        """With its article: "an integer from 1 to 10"."""
        article = "" if self.phrase else "an " if self.one[:1] in tuple("aeiou") else "a "
        return article + self.bare(parts)

    def bare(self, parts: Sequence[Part] | None = None) -> str:
        return self.one + "".join(part.text for part in (self.parts if parts is None else parts))

    def several(self) -> str:
        return self.many + "".join(part.each or part.text for part in self.parts)

    @property
    def all_facts(self) -> tuple[str, ...]:
        return (*self.facts, *(fact for part in self.parts for fact in part.facts))


ANY = Noun("any JSON value", "any JSON values", phrase=True, facts=("type:any",))
SAME = Noun("the same again", "the same again", phrase=True, facts=("type:same",))
MORE = Noun("more", "more", phrase=True)


def says(description: str, fact: str) -> bool:
    """Whether a description has a fact: a text as a word of its own, or another name of a type (`type:integer`)."""
    kind = fact.removeprefix("type:")
    if kind != fact:
        pattern = rf"\b(?:{SYNONYMS.get(kind, re.escape(kind))})\b"
    else:
        pattern = rf"(?<![\w.-]){re.escape(fact)}(?![\w-]|\.\d)"
    return re.search(pattern, description, re.IGNORECASE) is not None


def value_text(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"


def value_fact(value: Any) -> str:
    """The value as a description would have it."""
    return value if isinstance(value, str) and 0 < len(value) <= LONGEST_VALUE else value_text(value)


def joined(texts: Sequence[str], word: str = "and") -> str:
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} {word} {texts[-1]}" if texts else ""


def range_parts(schema: Schema, kinds: Sequence[str]) -> Iterator[Part]:
    low, high = number(schema, "minimum"), number(schema, "maximum")
    above, below = number(schema, "exclusiveMinimum"), number(schema, "exclusiveMaximum")
    if schema.get("exclusiveMinimum") is True:  # draft 4
        low, above = None, low
    if schema.get("exclusiveMaximum") is True:
        high, below = None, high
    texts = []
    if low is not None and high is not None:
        texts.append(f"from {value_text(low)} to {value_text(high)}")
    else:
        texts += [f"of at least {value_text(low)}"] if low is not None else []
        texts += [f"of at most {value_text(high)}"] if high is not None else []
    texts += [f"above {value_text(above)}"] if above is not None else []
    texts += [f"below {value_text(below)}"] if below is not None else []
    if texts:
        yield Part(f" {joined(texts)}", bound_facts(low, high, above, below))
    multiple = number(schema, "multipleOf")
    if multiple is not None:
        yield Part(f", a multiple of {value_text(multiple)}", bound_facts(multiple))


def text_parts(schema: Schema) -> Iterator[Part]:
    least, most = number(schema, "minLength"), number(schema, "maxLength")
    if least is not None or most is not None:
        yield Part(f" of {span(least, most, 'character')}", bound_facts(least, most))
    for key, said in (
        ("pattern", "that matches `{}`"),
        ("format", "in the format {}"),
        ("contentEncoding", "encoded as {}"),
        ("contentMediaType", "of the media type {}"),
    ):
        value = schema.get(key)
        if isinstance(value, str) and value:
            text = value if len(value) <= LONGEST_VALUE else f"{value[:LONGEST_VALUE]}…"
            yield Part(f", {said.format(text)}" if key != "pattern" else f" {said.format(text)}", (text,))


def number(schema: Schema, key: str) -> int | float | None:
    value = schema.get(key)
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def span(least: int | float | None, most: int | float | None, noun: str = "") -> str:
    """How many of something, `noun` in the singular; "" for none."""
    if least is not None and most is not None:
        text = f"{value_text(least)}" if least == most else f"{value_text(least)} to {value_text(most)}"
    else:
        text = f"at least {value_text(least)}" if least is not None else f"at most {value_text(most)}"
    many = (most if most is not None else least) != 1
    return f"{text} {noun}{'s' if many else ''}" if noun else text


def bound_facts(*values: int | float | None) -> tuple[str, ...]:
    return tuple(value_text(value) for value in values if value is not None)
