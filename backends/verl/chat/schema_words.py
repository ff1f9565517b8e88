"""A JSON Schema in plain English: "an integer from 1 to 10, 3 by default", "a list of strings".

Bounded for any schema: so many parts, so deep, so many characters. Annotations that bind nobody (`title`, `$comment`,
`x-…`) are not said; what has no short English (`if`, `contains`, …) stands there as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from toolspec.backends.verl.chat.schema_noun import (
    ANY,
    MORE,
    NOUNS,
    SAME,
    Noun,
    Part,
    bound_facts,
    joined,
    number,
    range_parts,
    span,
    text_parts,
    value_fact,
    value_text,
)
from toolspec.backends.verl.chat.schema_shape import Schema, Shape, is_closed, kinds_of

MOST_PARTS, DEEPEST, LONGEST_JSON = 500, 12, 300

# Keywords whose meaning takes more than a few words.
AS_JSON = (
    *("if", "then", "else", "contains", "minContains", "maxContains", "propertyNames", "dependentSchemas"),
    *("dependencies", "unevaluatedProperties", "unevaluatedItems", "additionalItems", "contentSchema"),
)


class Words:
    """One tool's words. Schemas are looked up in `shape`."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self._left = MOST_PARTS
        self._active: list[int] = []

    def noun(self, schema: Any, *, enum: bool = True, null: bool = True) -> Noun:
        """enum, null: whether the choices, and that it may be null, are to be said."""
        if schema is True or schema == {}:
            return ANY
        if not isinstance(schema, Mapping):
            return Noun("nothing", "nothing", phrase=True)
        self._left -= 1
        if self._left < 0 or len(self._active) >= DEEPEST:
            return MORE
        target = self.shape.target(schema)
        if id(target) in self._active:
            return SAME
        self._active.append(id(target))
        try:
            return self._noun(self.shape.resolved(schema), enum=enum, null=null)
        finally:
            self._active.pop()

    def _noun(self, schema: Schema, *, enum: bool, null: bool) -> Noun:
        kinds = kinds_of(schema, self.shape)
        real = [kind for kind in kinds if kind != "null"] or kinds
        named = [NOUNS.get(kind, (kind, f"{kind} values")) for kind in real]
        facts = tuple(f"type:{kind}" for kind in real)
        unions = [key for key in ("anyOf", "oneOf") if self._branches(schema, key)]
        parts: list[Part] = []
        if not kinds:
            base = ANY
        elif unions and "type" not in schema:
            base, *_ = (self._union(schema, key) for key in unions)
            unions = unions[1:]
        else:
            one, many = joined([one for one, _ in named], "or"), joined([many for _, many in named], "or")
            base = Noun(one, many, facts=facts)
        parts += base.parts
        parts += self._own(schema, real, enum=enum)
        for key in unions:
            other = self._union(schema, key)
            parts.append(Part(f", {other.text()}", other.all_facts))
        by_default = "default" in schema and schema["default"] is None  # says it too
        if null and "null" in kinds and real != ["null"] and not by_default:
            parts.append(Part(", or null" if parts else " or null", ("null",)))
        parts += self._beside(schema, listed=enum and isinstance(schema.get("enum"), list))
        return base._replace(parts=tuple(parts))

    def _branches(self, schema: Schema, key: str) -> list[Any]:
        """Alternatives that are more than `null`; () for those that say only what an enum says (schema_shape.py)."""
        listed = schema.get(key)
        found = listed if isinstance(listed, list) else []
        return [one for one in found if not (isinstance(one, Mapping) and one.get("type") == "null")]

    def _union(self, schema: Schema, key: str) -> Noun:
        found = []
        for one in self._branches(schema, key):
            bare = isinstance(one, Mapping) and not one.keys() & {"type", "$ref", "anyOf"}
            found.append(self.noun({"type": schema["type"], **one} if bare and "type" in schema else one))
        texts = list(dict.fromkeys(noun.text() for noun in found))
        if len(texts) == 1:
            return found[0]
        text = joined(texts, "or")
        facts = tuple(dict.fromkeys(fact for noun in found for fact in noun.all_facts))
        plain = not any(noun.parts or not noun.plain for noun in found)
        text = text if plain else f"either {text}"
        return Noun(text, f"values, each {text}", phrase=True, facts=facts, plain=plain)

    def _own(self, schema: Schema, kinds: Sequence[str], *, enum: bool) -> Iterator[Part]:
        """What is said of the value itself, by the keywords that are there whatever the type."""
        yield from range_parts(schema, kinds)
        yield from text_parts(schema)
        if enum and isinstance(schema.get("enum"), list):
            texts, facts = [], []
            for value in schema["enum"][:MOST_PARTS]:
                texts.append(value_text(value))
                facts.append(value_fact(value))
            listed = ", ".join(texts) + (", …" if len(schema["enum"]) > MOST_PARTS else "")
            yield Part(f", one of {listed}", tuple(facts), f", each one of {listed}")
        yield from self._list(schema)
        yield from self._object(schema)
        if "not" in schema:
            noun = self.noun(schema["not"])
            yield Part(f", but not {noun.text()}", noun.all_facts)
        rest = {key: schema[key] for key in AS_JSON if key in schema}
        if rest:
            text = json.dumps(rest, ensure_ascii=False, default=str)
            text = text if len(text) <= LONGEST_JSON else f"{text[:LONGEST_JSON]}…"
            yield Part(f", as JSON Schema says {text}", (text,))

    def _list(self, schema: Schema) -> Iterator[Part]:
        items = schema.get("items")
        first = schema.get("prefixItems") or (items if isinstance(items, list) else None)
        if isinstance(first, list) and first:
            nouns = [self.noun(one) for one in first[:MOST_PARTS]]
            facts = tuple(fact for noun in nouns for fact in noun.all_facts)
            yield Part(f" of {joined([noun.text() for noun in nouns])}, in this order", facts)
        if isinstance(items, Mapping) and items:
            noun = self.noun(items)
            about = self._about(items)
            said = f" ({about})" if about else ""
            yield Part(f" of {noun.several()}{said}", (*noun.all_facts, *([about] if about else [])))
        least, most = number(schema, "minItems"), number(schema, "maxItems")
        if least is not None or most is not None:
            yield Part(f", {span(least, most)} of them", bound_facts(least, most))
        if schema.get("uniqueItems") is True:
            yield Part(", none of them twice", ("twice",))

    def _object(self, schema: Schema) -> Iterator[Part]:
        properties = schema.get("properties")
        fields = dict(properties) if isinstance(properties, Mapping) else {}
        required = schema.get("required")
        needed = [one for one in required if isinstance(one, str)] if isinstance(required, list) else []
        fields.update({name: True for name in needed if name not in fields})
        said = []
        facts: list[str] = ["type:required"] if needed else []
        for name, value in fields.items():
            if self._left < 0:
                said.append("more")
                break
            said.append(self._field(str(name), value, name in needed, facts))
        others = schema.get("additionalProperties")
        if said:
            yield Part(f" with {joined(said)}", tuple(facts))
            if is_closed(schema):
                yield Part(" and no other fields", ("no other",))
        elif is_closed(schema):
            yield Part(" without fields", ("without fields",))
        if isinstance(others, Mapping) and others:
            noun = self.noun(others)
            lead = ", other fields are each" if said else " whose values are each"
            yield Part(f"{lead} {noun.text()}", noun.all_facts)
        patterns = schema.get("patternProperties")
        for pattern, value in patterns.items() if isinstance(patterns, Mapping) else ():
            noun = self.noun(value)
            yield Part(
                f", fields that match `{value_fact(pattern)}` are each {noun.text()}",
                (value_fact(pattern), *noun.all_facts),
            )
        least, most = number(schema, "minProperties"), number(schema, "maxProperties")
        if least is not None or most is not None:
            yield Part(f", {span(least, most, 'field')}", bound_facts(least, most))
        together = schema.get("dependentRequired")
        for name, others in together.items() if isinstance(together, Mapping) else ():
            if isinstance(others, list) and others:
                listed = [f"`{other}`" for other in others]
                yield Part(f", `{name}` only with {joined(listed)}", (str(name), *map(str, others)))

    def _field(self, name: str, value: Any, required: bool, facts: list[str]) -> str:
        """ "`days` (integer from 1 to 10, required; how long)"; what it says is added to facts."""
        facts.append(name)
        if value is True or value == {}:
            return f"`{name}` (required)" if required else f"`{name}`"
        noun = self.noun(value)
        about = self._about(value)
        facts += [*noun.all_facts, *([about] if about else [])]
        needed = ", required" if required else ""
        return f"`{name}` ({noun.bare()}{needed}{f'; {about}' if about else ''})"

    def _about(self, value: Any) -> str:
        """The description of a part, without the stop at its end."""
        found = self.shape.resolved(value).get("description") if isinstance(value, Mapping) else None
        return " ".join(found.split()).rstrip(".") if isinstance(found, str) else ""

    def _beside(self, schema: Schema, *, listed: bool) -> Iterator[Part]:
        """listed: behind choices, of which a default would seem another."""
        examples = schema.get("examples")
        shown = list(examples) if isinstance(examples, list) else []
        shown += [schema["example"]] if "example" in schema else []
        if shown:
            facts = tuple(value_fact(value) for value in shown[:3])
            yield Part(f", for example {joined([value_text(value) for value in shown[:3]], 'or')}", facts)
        if "default" in schema:
            said = f"{value_text(schema['default'])} by default"
            facts = (value_fact(schema["default"]), "default")
            yield Part(f" ({said})" if listed else f", {said}", facts)
        if schema.get("deprecated") is True:
            yield Part(", deprecated", ("deprecated",))
