"""Words of a command and values of variables: quotes taken off, variables put in, as far as the script tells."""

from __future__ import annotations

import re
from collections.abc import Callable

from toolspec.backends.verl.written.shell.arithmetic import evaluate, only_calculation
from toolspec.backends.verl.written.shell.fields import MOST_WORDS, Fields, Segment, braces
from toolspec.backends.verl.written.shell.parameter import transformed
from toolspec.backends.verl.written.shell.sbatch import header, variables
from toolspec.backends.verl.written.shell.scope import (
    OF_THE_MACHINE,
    STARTED_AS_ASKED,
    STARTED_BARE,
    STARTED_HERE,
    Scope,
)
from toolspec.backends.verl.written.shell.segments import (
    bare,
    in_double_quotes,
    many,
    neighbours,
    one,
    piece_of,
)
from toolspec.backends.verl.written.shell.source import Node, Source
from toolspec.backends.verl.written.shell.text import (
    EMPTY,
    Piece,
    Text,
    Value,
    Word,
    joined,
    known,
    text_of,
    why,
)
from toolspec.backends.verl.written.value import Unknown

_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", "'": "'", '"': '"'}


class Expander:
    """Reads nodes in a scope. `assumed` gathers what was taken for granted; `substitute` reads `$(…)`."""

    def __init__(
        self, source: Source, assumed: dict[str, None], substitute: Callable[[Node, Scope], Text]
    ) -> None:
        self.source, self.assumed, self.substitute = source, assumed, substitute
        self.job = variables(header(source.lines))
        """What Slurm sets in a job with the header of this script."""
        self.with_arguments = False
        """Whether a variable with an empty default has a value that is given outside."""

    def text(self, node: Node | None, scope: Scope) -> Text:
        """The value of a node where no word is split: an assignment, a test, a here-document."""
        if node is None:
            return EMPTY
        pieces: list[Piece] = []
        for part, _ in self._segments(node, scope, quoted=False, first=True):
            pieces += joined(part) if isinstance(part, list) else [part]
        return text_of(*pieces)

    def value(self, node: Node | None, scope: Scope) -> Value:
        """What an assignment gives: an array for `(…)`, else a text."""
        if node is not None and node.type == "array":
            return self.all_words([c for c in node.named_children if c.type != "comment"], scope)
        return self.text(node, scope)

    def words(self, node: Node, scope: Scope) -> list[Word]:
        """The words that one argument becomes: none, one or several."""
        span = self.source.span(node)
        segments = self._segments(node, scope, quoted=False, first=True)
        if len(segments) == 1 and isinstance(segments[0][0], str) and node.type in ("word", "concatenation"):
            return [Word(text_of(text), span) for text in braces(segments[0][0])]
        return Fields(span).of(segments)[:MOST_WORDS]

    def all_words(self, nodes: list[Node], scope: Scope) -> list[Word]:
        """The words of several arguments. Nodes that touch are one: the grammar cuts `$A/$B.x` behind its last `$`."""
        found: list[Word] = []
        groups: list[list[Node]] = []
        for node in nodes:
            if groups and groups[-1][-1].end_byte == node.start_byte:
                groups[-1].append(node)
            else:
                groups.append([node])
        for group in groups:
            found += self.words(group[0], scope) if len(group) == 1 else self._glued(group, scope)
        return found

    def _glued(self, nodes: list[Node], scope: Scope) -> list[Word]:
        segments: list[Segment] = []
        for number, node in enumerate(nodes):
            segments += self._continued(nodes[number - 1] if number else None, node, scope)
        span = self.source.span(nodes[0])
        if nodes[0].start_point[0] == nodes[-1].end_point[0]:
            span = self.source.place(nodes[0].start_point[0], nodes[0].start_point[1], nodes[-1].end_point[1])
        return Fields(span).of([s for s in segments if s[0] != ""])[:MOST_WORDS]

    def _continued(self, before: Node | None, node: Node, scope: Scope) -> list[Segment]:
        parts = self._segments(node, scope, quoted=False, first=before is None)
        name = re.match(r"[A-Za-z_]\w*|\d", self.source.text(node))
        if before is None or name is None or not self.source.text(before).endswith("$"):
            return parts
        rest = str(parts[0][0])[len(name[0]) :]
        return [*self._value_of(name[0], scope, quoted=False), (rest, True), *parts[1:]]

    def continued(self, before: Node, node: Node, scope: Scope) -> Text:
        """The text of a node that goes on with the value before it, where no word is split."""
        parts = self._continued(before, node, scope)
        return text_of(
            *(p for part, _ in parts for p in (joined(part) if isinstance(part, list) else [part]))
        )

    def _segments(
        self, node: Node, scope: Scope, *, quoted: bool, first: bool = False, loose: bool = False
    ) -> list[Segment]:
        """The parts of a node. first: it begins a word. loose: plain text in it is split at blanks as well."""
        kind = node.type
        if kind in ("string", "translated_string"):
            opening = self.source.text(node).index('"') + 1
            inside = self._between(
                node.start_byte + opening, node.end_byte - 1, node, scope, in_double_quotes
            )
            return [*inside, ("", True)]
        if kind == "concatenation":
            parts = [
                self._segments(c, scope, quoted=quoted, first=first and n == 0, loose=loose)
                for n, c in enumerate(node.named_children)
            ]
            return neighbours([segment for part in parts for segment in part])
        if kind == "raw_string":
            return [(self.source.text(node)[1:-1], True)]
        if kind == "ansi_c_string":
            body = self.source.text(node)[2:-1]
            return [(re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[0]), body, flags=re.DOTALL), True)]
        if kind == "simple_expansion":
            name = self.source.own(node)[1:]
            if name in ("@", "*"):
                return [self._arguments(scope, quoted, together=name == "*" and quoted)]
            return self._value_of(name, scope, quoted)
        if kind == "expansion":
            inside = node.named_children
            if len(inside) == 1 and node.child_count == 3 and inside[0].type == "variable_name":
                return self._value_of(self.source.text(inside[0]), scope, quoted)
            return [self._parameter(node, scope, quoted)]
        if kind == "command_substitution":
            return [(piece, quoted) for piece in self.substitute(node, scope)]
        if kind == "arithmetic_expansion":
            return [(self._arithmetic(node, scope), True)]
        if kind == "process_substitution":
            return [(Unknown("it is the output of another command", self.source.text(node)), True)]
        text = self.source.text(node)
        if kind in ("word", "extglob_pattern", "number", "variable_name", "test_operator"):
            named = [
                child for child in node.named_children if child.type in ("command_substitution", "expansion")
            ]
            if not named and first and re.match(r"~(/|$)", text):
                return [
                    (Unknown("`~` is the home folder on the machine that runs it", "~"), True),
                    (bare(text[1:]), True),
                ]
            return [(bare(text), not loose)]
        return [(text, not loose)]

    def _between(
        self, start: int, end: int, node: Node, scope: Scope, unescape: Callable[[str], str]
    ) -> list[Segment]:
        """The text of bytes start..end with the expansions among the node's children put in, all quoted."""
        found: list[Segment] = []
        at = start
        for child in node.named_children:
            if child.type not in _EXPANSIONS or child.start_byte < at or child.end_byte > end:
                continue
            found.append((unescape(self.source.slice(at, self.source.begin(child))), True))
            found += self._segments(child, scope, quoted=True)
            at = child.end_byte
        found.append((unescape(self.source.slice(at, end)), True))
        return [segment for segment in found if segment[0] != ""]

    def here_document(self, body: Node, scope: Scope, *, quoted: bool) -> Text:
        """The lines of a here-document; `quoted`: its mark is, so that nothing in it is expanded."""
        if quoted:
            return text_of(self.source.text(body))
        return text_of(
            *(
                p
                for p, _ in self._between(body.start_byte, body.end_byte, body, scope, in_double_quotes)
                if not isinstance(p, list)
            )
        )

    def _value_of(self, name: str, scope: Scope, quoted: bool) -> list[Segment]:
        """The value of a variable in its parts: what is known of it stays known beside what is not."""
        value = self._looked_up(name, scope)
        if isinstance(value, list):
            value = value[0].text if value else EMPTY
        return [(piece, quoted) for piece in value] or [("", quoted)]

    def _arguments(self, scope: Scope, quoted: bool, *, together: bool) -> Segment:
        if scope.positional is None and scope.asked:
            self.assumed.setdefault(STARTED_AS_ASKED)
            return ("" if together else []), quoted
        if scope.positional is None:
            return Unknown("the arguments are not known here", "$@"), quoted
        if not scope.positional:
            self.assumed.setdefault(STARTED_BARE)
        return (piece_of(joined(scope.positional)), quoted) if together else (list(scope.positional), quoted)

    def _looked_up(self, name: str, scope: Scope) -> Value:
        value = scope.get(name)
        if value is not None:
            return value
        if name == "0":
            return text_of(self.source.file)
        if name == "PWD" and scope.folder is not None:
            self.assumed.setdefault(STARTED_HERE)
            return text_of(scope.folder)
        if name in self.job:
            self.assumed.setdefault("the script is submitted as its header says")
            return text_of(self.job[name])
        if name.isdigit():
            return self._positional(int(name), scope)
        if name == "#":
            return (str(len(scope.positional)),) if scope.positional is not None else (_outside("#"),)
        return (_outside(name),)

    def _positional(self, number: int, scope: Scope) -> Text:
        if scope.positional is not None and number <= len(scope.positional):
            return scope.positional[number - 1].text
        if scope.positional is None:
            return (_outside(str(number)),)
        return (Unknown(f"it is argument {number} of the script", f"${number}"),)

    def _is_unset(self, name: str, scope: Scope, optional: bool) -> bool:
        """Whether nothing in the script sets the name, so that a default for it holds.

        optional: that there is one: an argument with a default is none that the script asks for.
        """
        if scope.get(name) is not None or name in OF_THE_MACHINE or name in self.job:
            return False
        if name.isdigit() and scope.asked and scope.positional is None:
            return optional
        return not name.isdigit() or (scope.positional is not None and int(name) > len(scope.positional))

    def _parameter(self, node: Node, scope: Scope, quoted: bool) -> Segment:
        """`${…}`: source: the section Parameter Expansion of bash's manual."""
        whole = self.source.own(node)
        children = node.children[1:-1]
        if not children:
            return "", quoted
        head = children[0]
        if head.type in ("!", "#") and len(children) > 1:
            return self._counted(head.type, children[1], scope, whole), quoted
        subscript = head if head.type == "subscript" else None
        name = self.source.text(head.child_by_field_name("name") if subscript is not None else head)
        if subscript is not None:
            found = self._element(subscript, name, scope, quoted)
            if found is not None and len(children) == 1:
                return found
            part = "" if found is None else found[0]
            if isinstance(part, list):
                operand = self._operand(node, children[1], scope, quoted)
                return self._whole_array(part, children[1].type, operand, whole, quoted)
            value: Value = text_of(part)
        elif name in ("@", "*"):
            return self._arguments(scope, quoted, together=name == "*" and quoted)
        else:
            value = self._looked_up(name, scope)
        if isinstance(value, list):
            value = value[0].text if value else EMPTY
        if len(children) == 1:
            return one(value, quoted)
        operator = children[1].type
        unset = self._is_unset(name, scope, len(children) > 2) if subscript is None else not value
        operand = self._operand(node, children[1], scope, quoted)
        return self._with_operator(name, value, operator, operand, unset, whole, scope, quoted)

    def _with_operator(
        self,
        name: str,
        value: Text,
        operator: str,
        operand: list[Segment],
        unset: bool,
        whole: str,
        scope: Scope,
        quoted: bool,
    ) -> Segment:
        plain = known(value)
        empty = unset or (operator.startswith(":") and plain == "")
        if operator in (":-", "-", ":=", "=", ":+", "+", ":?", "?"):
            if operator.endswith("?"):
                return (
                    (Unknown(f"`{name}` has to be set outside", whole), quoted)
                    if empty
                    else one(value, quoted)
                )
            if unset and self.with_arguments and operator in (":-", "-") and not operand:
                return _outside(name), quoted
            if unset and not name.isdigit():
                self.assumed.setdefault(f"`{name}` is not set outside")
            elif unset:
                self.assumed.setdefault(STARTED_AS_ASKED if scope.asked else STARTED_BARE)
            if operator.endswith("+"):
                return ("", quoted) if empty else many(operand, quoted)
            if not empty:
                return one(value, quoted)
            found = many(operand, quoted)
            if operator.endswith("=") and not isinstance(found[0], list):
                scope.set(name, text_of(found[0]))
            return found
        argument = text_of(*(part for part, _ in operand if not isinstance(part, list)))
        if plain is None or why(argument):
            return Unknown(why(value) or why(argument), whole), quoted
        changed = transformed(plain, operator, known(argument) or "")
        return (changed if changed is not None else Unknown("it is cut out of a text", whole)), quoted

    def _whole_array(
        self, words: list[Word], operator: str, operand: list[Segment], whole: str, quoted: bool
    ) -> Segment:
        """`${A[@]:-…}`, and `${A[@]+"${A[@]}"}`, which scripts under `set -u` write."""
        if operator in (":-", "-"):
            return (words, quoted) if words else many(operand, quoted)
        if operator in (":+", "+"):
            return many(operand, quoted) if words else ([], quoted)
        return Unknown("every element of an array is changed", whole), quoted

    def _operand(self, node: Node, operator: Node, scope: Scope, quoted: bool) -> list[Segment]:
        """What stands behind the operator of `${X:-…}`, quotes in it taken off."""
        found: list[Segment] = []
        at, end = operator.end_byte, node.end_byte - 1
        whole = self.source.slice(at, end)
        if (calculation := only_calculation(whole)) is not None:
            return [(self._calculated(calculation, scope), True)]
        for child in node.named_children:
            if child.start_byte < at:
                continue
            if child.has_error:
                return [(Unknown("it is a default value that is not read", whole), quoted)]
            gap = self.source.slice(at, self.source.begin(child))
            found += [(gap, quoted)] * bool(gap)
            found += self._segments(child, scope, quoted=quoted, loose=not quoted)
            at = child.end_byte
        rest = self.source.slice(at, end)
        return [*found, *([(rest, quoted)] if rest else [])]

    def _element(self, node: Node, name: str, scope: Scope, quoted: bool) -> Segment | None:
        """`name[index]`; None where the script does not set the name."""
        value = scope.get(name)
        index = self.source.text(node.child_by_field_name("index"))
        if name == "BASH_SOURCE":
            return self.source.file, quoted
        if value is None:
            if index in ("@", "*"):
                self.assumed.setdefault(f"`{name}` is not set outside")
                return [], quoted
            return _outside(f"{name}[{index}]"), quoted
        words = value if isinstance(value, list) else [Word(value, self.source.span(node))]
        if index == "@" or (index == "*" and not quoted):
            return list(words), quoted
        if index == "*":
            return piece_of(joined(words)), quoted
        number = known(self.text(node.child_by_field_name("index"), scope)) or ""
        if number.lstrip("-").isdigit() and not any(w.when or w.several for w in words):
            inside = -len(words) <= int(number) < len(words)
            return one(words[int(number)].text, quoted) if inside else ("", quoted)
        return Unknown("it is one element of an array", self.source.text(node)), quoted

    def _counted(self, operator: str, head: Node, scope: Scope, whole: str) -> Piece:
        """`${#X}` and `${!X}`."""
        if operator == "!":
            return Unknown("it is a variable whose name is in another", whole)
        name = self.source.text(head.child_by_field_name("name") if head.type == "subscript" else head)
        value = scope.get(name)
        if (
            isinstance(value, list)
            and head.type == "subscript"
            and not any(w.several or w.when for w in value)
        ):
            return str(len(value))
        if value is not None and not isinstance(value, list) and known(value) is not None:
            return str(len(known(value) or ""))
        return Unknown("it is a length", whole)

    def _arithmetic(self, node: Node, scope: Scope) -> Piece:
        whole = self.source.own(node)
        return self._calculated(whole[3:-2] if whole.startswith("$((") else whole[2:-1], scope)

    def _calculated(self, text: str, scope: Scope) -> Piece:
        found = evaluate(text, lambda name: self._number(name, scope))
        return found if isinstance(found, Unknown) else str(found)

    def _number(self, name: str, scope: Scope) -> str | Unknown:
        value = self._looked_up(name, scope)
        text = value[0].text if isinstance(value, list) and value else value
        if isinstance(text, list):
            return ""
        whole = known(text)
        return whole if whole is not None else Unknown(why(text), f"${name}")


_EXPANSIONS = frozenset({"simple_expansion", "expansion", "command_substitution", "arithmetic_expansion"})


def _outside(name: str) -> Unknown:
    if name in OF_THE_MACHINE:
        return Unknown(f"`{name}` is the machine's own", f"${name}")
    return Unknown(f"nothing in the script sets `{name}`", f"${name}")
