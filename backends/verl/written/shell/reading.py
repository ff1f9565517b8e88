"""A script from its first line to its last, as bash goes through it: branches, loops, functions, commands in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Any

from toolspec.backends.verl.written.shell.condition import decide
from toolspec.backends.verl.written.shell.expand import Expander
from toolspec.backends.verl.written.shell.scope import Scope, merged
from toolspec.backends.verl.written.shell.source import Node, Source, walk
from toolspec.backends.verl.written.shell.text import (
    EMPTY,
    Assignment,
    Command,
    Script,
    Text,
    Value,
    Word,
    known,
    shown,
    text_of,
)
from toolspec.backends.verl.written.value import Unknown

MOST_STEPS = 20_000  # statements of one script, loops and functions counted each time they run
MOST_TURNS = 16  # of a loop over words that the script lists
DEEPEST = 24  # functions calling one another, scripts in strings, branches inside one another
MOST_COMMANDS = 2_000
_ASSIGNING = frozenset({"variable_assignment", "variable_assignments"})


def read_script(data: bytes, file: str, beside: Callable[[str], bytes | None] = lambda name: None) -> Script:
    """The commands that a script would run, with their words and variables. Nothing of it is run.

    beside: the content of a file that the script sources, None where it cannot be had. Raises ProblemError for
    what is no text.
    """
    source = Source(data, file)
    reading = Reading(source, beside)
    reading.block(source.root, Scope(), 0)
    return reading.script()


class Reading:
    """One walk through a script. What is found is gathered in `commands` and `assignments`."""

    def __init__(self, source: Source, beside: Callable[[str], bytes | None]) -> None:
        self.source, self.beside = source, beside
        self.assumed: dict[str, None] = {}
        self.commands: list[Command] = []
        self.assignments: list[Assignment] = []
        self.functions: dict[str, Node] = {}
        self.expander = Expander(source, self.assumed, self.substituted)
        self.steps = 0
        self.when = self.loop = ""
        self._depth = 0

    def script(self) -> Script:
        source = self.source
        return Script(
            source.file,
            source.lines,
            tuple(self.commands),
            tuple(self.assignments),
            source.comments(),
            tuple(self.assumed),
            source.broken(),
        )

    def block(self, node: Node, scope: Scope, depth: int) -> None:
        for child in node.named_children:
            if scope.ended:
                return
            self.statement(child, scope, depth)

    def statement(self, node: Node, scope: Scope, depth: int) -> None:
        """Read one statement; `scope` is what holds before it, and after the call what holds after it."""
        self.steps += 1
        if self.steps > MOST_STEPS or depth > DEEPEST or len(self.commands) > MOST_COMMANDS:
            names = _assigned(node, self.source)
            scope.forget(names, "the script is too long to be read")
            return
        handler = _HANDLERS.get(node.type)
        if handler is not None:
            handler(self, node, scope, depth)

    def _each(self, node: Node, scope: Scope, depth: int) -> None:
        self.block(node, scope, depth + 1)

    def _subshell(self, node: Node, scope: Scope, depth: int) -> None:
        self.block(node, scope.copy(), depth + 1)

    def _list(self, node: Node, scope: Scope, depth: int) -> None:
        """`a && b`, `a || b`: what comes second may not run."""
        first, *rest = node.named_children
        operator = next((child.type for child in node.children if child.type in ("&&", "||")), "&&")
        decided = decide(first, self.expander, scope)
        self.statement(first, scope, depth + 1)
        for child in rest:
            runs = None if decided is None else decided == (operator == "&&")
            if runs is False:
                continue
            # A command before `&&` usually succeeds, and one after `||` is for the failure.
            if runs or (operator == "&&" and first.type not in ("test_command", "negated_command")):
                self.statement(child, scope, depth + 1)
            else:
                self._branches(
                    [(child, self._condition(first, operator == "||"))], scope, depth, otherwise=True
                )

    def _condition(self, node: Node, negated: bool = False) -> str:
        text = " ".join(self.source.text(node).split())
        text = text if len(text) <= 40 else text[:39] + "…"
        line = node.start_point[0] + 1
        return f"`{'! ' * negated}{text}` (line {line})"

    def _branches(
        self, branches: list[tuple[Node | list[Node], str]], scope: Scope, depth: int, *, otherwise: bool
    ) -> None:
        """Read each branch from the same start; afterwards holds what they agree on."""
        ends = []
        for body, condition in branches:
            inner = scope.copy()
            before, self.when = self.when, self.when or condition
            for child in body if isinstance(body, list) else [body]:
                if not inner.ended:
                    self.statement(child, inner, depth + 1)
            self.when = before
            ends.append(inner)
        if otherwise:
            ends.append(scope.copy())
        scope.take(merged(ends, branches[0][1] if branches else "a condition"))

    def _if(self, node: Node, scope: Scope, depth: int) -> None:
        arms: list[tuple[Node | None, list[Node]]] = []
        for clause in (node, *(c for c in node.named_children if c.type in ("elif_clause", "else_clause"))):
            arms.append(_arm(clause))
        open_arms: list[tuple[Node | list[Node], str]] = []
        otherwise = True
        for condition, body in arms:
            decided = True if condition is None else decide(condition, self.expander, scope)
            if condition is not None and decided is None:
                self.statement(condition, scope, depth + 1)
            if decided is False:
                continue
            label = self._condition(condition) if condition is not None else "the conditions before"
            open_arms.append((body, label))
            if decided:
                otherwise = False
                break
        if len(open_arms) == 1 and not otherwise:
            for child in open_arms[0][0]:
                if not scope.ended:
                    self.statement(child, scope, depth + 1)
        elif open_arms:
            self._branches(open_arms, scope, depth, otherwise=otherwise)

    def _case(self, node: Node, scope: Scope, depth: int) -> None:
        value = known(self.expander.text(node.child_by_field_name("value"), scope))
        label = self._condition(node.child_by_field_name("value"))
        branches: list[tuple[Node | list[Node], str]] = []
        otherwise = True
        for item in (child for child in node.named_children if child.type == "case_item"):
            patterns = [known(self.expander.text(v, scope)) for v in item.children_by_field_name("value")]
            values = {v.id for v in item.children_by_field_name("value")}
            body = [c for c in item.named_children if c.id not in values]
            if value is None:
                branches.append((body, label))
                otherwise = otherwise and "*" not in patterns
            elif any(p is not None and fnmatchcase(value, p) for p in patterns):
                branches, otherwise = [(body, label)], False
                break
        if len(branches) == 1 and not otherwise:
            for child in branches[0][0]:
                if not scope.ended:
                    self.statement(child, scope, depth + 1)
        elif branches:
            self._branches(branches, scope, depth, otherwise=otherwise)

    def _for(self, node: Node, scope: Scope, depth: int) -> None:
        name = self.source.text(node.child_by_field_name("variable"))
        body = node.child_by_field_name("body")
        values = node.children_by_field_name("value")
        words = [word for value in values for word in self.expander.words(value, scope)]
        if not values and scope.positional is not None:
            words = list(scope.positional)
        listed = words and len(words) <= MOST_TURNS and not any(w.several or w.when for w in words)
        if values and not words:
            return
        outer, self.loop = self.loop, f"`for {name}` (line {node.start_point[0] + 1})"
        if listed:
            for word in words:
                scope.set(name, word.text)
                self.statement(body, scope, depth + 1)
        else:
            self._unknown_turns(body, scope, depth, (name, *_assigned(body, self.source)))
        self.loop = outer

    def _while(self, node: Node, scope: Scope, depth: int) -> None:
        body = node.child_by_field_name("body")
        condition = node.child_by_field_name("condition")
        decided = decide(condition, self.expander, scope) if condition is not None else None
        until = self.source.text(node).startswith("until")
        if decided is not None and decided == until:
            return
        outer, self.loop = self.loop, f"the loop of line {node.start_point[0] + 1}"
        self._unknown_turns(body, scope, depth, _assigned(body, self.source))
        self.loop = outer

    def _unknown_turns(self, body: Node, scope: Scope, depth: int, names: Any) -> None:
        """A loop that goes round an unknown number of times: what it assigns is not known in it and after it."""
        names = tuple(dict.fromkeys(names))
        reason = f"a loop changes it (line {body.start_point[0] + 1})"
        scope.forget(names, reason)
        ended = scope.ended
        self.statement(body, scope, depth + 1)
        scope.forget(names, reason)
        scope.ended = ended

    def _function(self, node: Node, scope: Scope, depth: int) -> None:
        self.functions[self.source.text(node.child_by_field_name("name"))] = node.child_by_field_name("body")

    def _assign(self, node: Node, scope: Scope, depth: int) -> None:
        target = node.child_by_field_name("name")
        value = self.expander.value(node.child_by_field_name("value"), scope)
        name = self.source.text(target)
        if target.type == "subscript":
            name = self.source.text(target.child_by_field_name("name"))
            self.assignments.append(Assignment(name, value, self.source.span(node)))
            scope.forget((name,), "its elements are set one by one")
            return
        if any(child.type == "+=" for child in node.children):
            value = _appended(scope.get(name), value, self.source.span(node))
        self.assignments.append(Assignment(name, value, self.source.span(node)))
        scope.set(name, value)

    def _declare(self, node: Node, scope: Scope, depth: int) -> None:
        """`export A=1`, `local B`, `declare -a C=(…)`, `readonly`."""
        for child in node.named_children:
            if child.type == "variable_assignment":
                self._assign(child, scope, depth)

    def _unset(self, node: Node, scope: Scope, depth: int) -> None:
        for child in node.named_children:
            scope.values.pop(self.source.text(child), None)

    def _redirected(self, node: Node, scope: Scope, depth: int) -> None:
        """The command with what stands behind its redirections, and here-documents that are themselves scripts."""
        body = node.child_by_field_name("body")
        extra: list[Node] = []
        for child in node.named_children:
            if child.type == "file_redirect":
                extra += child.children_by_field_name("destination")[1:]
            elif child.type == "heredoc_redirect":
                self._here_document(child, scope, depth)
                extra += [
                    c
                    for c in child.named_children
                    if c.type in ("word", "concatenation", "string", "raw_string")
                ]
        if body is None:
            return
        if body.type == "command":
            self._command(body, scope, depth, extra)
        else:
            self.statement(body, scope, depth + 1)

    def _here_document(self, node: Node, scope: Scope, depth: int) -> None:
        start = next((c for c in node.named_children if c.type == "heredoc_start"), None)
        body = next((c for c in node.named_children if c.type == "heredoc_body"), None)
        for child in node.named_children:
            if child.type in ("pipeline", "command", "list"):
                self.statement(child, scope, depth + 1)
        if start is None or body is None:
            return
        mark = self.source.text(start)
        text = self.expander.here_document(body, scope, quoted=any(c in mark for c in "'\"\\"))
        self.inner(text, scope, depth, body)

    def inner(self, text: Text, scope: Scope, depth: int, node: Node) -> None:
        """A script inside the script: the text of a here-document or of `bash -c`. Places are those of `node`."""
        body = "".join(piece if isinstance(piece, str) else piece.text for piece in text)
        if "verl" not in body or depth > DEEPEST or ("\n" not in body and " " not in body):
            return
        nested = Reading(Source(body.encode("utf-8", "surrogatepass"), self.source.file), self.beside)
        nested.assumed, nested.functions, nested.steps = self.assumed, dict(self.functions), self.steps
        nested.expander.assumed = self.assumed
        nested.when, nested.loop = self.when, self.loop
        values = {p.text.lstrip("$").strip("{}"): (p,) for p in text if isinstance(p, Unknown)}
        inside = scope.copy()
        inside.values.update({name: value for name, value in values.items() if name.isidentifier()})
        nested.block(nested.source.root, inside, depth + 1)
        self.steps = nested.steps
        here = self.source.span(node)
        row = node.start_point[0]
        for command in nested.commands:
            words = tuple(replace(w, span=replace(w.span, line=w.span.line + row)) for w in command.words)
            self.commands.append(
                replace(command, words=words, span=here, start=node.start_byte, end=node.end_byte)
            )

    def substituted(self, node: Node, scope: Scope) -> Text:
        """What `$(…)` prints, for the few commands that only name a path or repeat their words."""
        whole = self.source.text(node)
        inside = [child for child in node.named_children if child.type != "comment"]
        if len(inside) == 1 and self._depth < DEEPEST:
            self._depth += 1
            try:
                found = self._printed(inside[0], scope)
            finally:
                self._depth -= 1
            if found is not None:
                return found
        return (Unknown(f"it is what `{_cut(whole)}` prints", whole),)

    def _printed(self, node: Node, scope: Scope) -> Text | None:
        if node.type == "list":  # cd FOLDER && pwd
            first, last = node.named_children[0], node.named_children[-1]
            words = self._plain_words(first, scope)
            if words and words[0] == "cd" and len(words) == 2 and self.source.text(last) == "pwd":
                return text_of(words[1])
            return None
        words = self._plain_words(node, scope)
        if not words:
            return None
        name, *arguments = words
        paths = [argument for argument in arguments if not argument.startswith("-")]
        if name == "dirname" and len(paths) == 1:
            return text_of(str(PurePosixPath(paths[0]).parent))
        if name == "basename" and 1 <= len(paths) <= 2:
            base = PurePosixPath(paths[0]).name
            return text_of(base.removesuffix(paths[1]) if len(paths) == 2 else base)
        if name in ("realpath", "readlink") and len(paths) == 1:
            return text_of(paths[0])
        if name == "echo" and len(paths) == len(arguments):
            return text_of(" ".join(arguments))
        return None

    def _plain_words(self, node: Node, scope: Scope) -> list[str] | None:
        """The words of a simple command, None where one is not known."""
        if node.type != "command":
            return None
        found = [known(w.text) for w in self._words(node, scope, [])]
        words = [text for text in found if text is not None]
        return words if len(words) == len(found) else None

    def _words(self, node: Node, scope: Scope, extra: list[Node]) -> list[Word]:
        name = node.child_by_field_name("name")
        nodes = [name.named_children[0] if name is not None and name.named_children else name]
        nodes += [*node.children_by_field_name("argument"), *extra]
        return [word for child in nodes if child is not None for word in self.expander.words(child, scope)]

    def _command(self, node: Node, scope: Scope, depth: int, extra: list[Node] | None = None) -> None:
        inner = scope
        assigned = [child for child in node.named_children if child.type == "variable_assignment"]
        if assigned:
            inner = scope.copy()
            for child in assigned:
                self._assign(child, inner, depth)
        words = self._words(node, inner, extra or [])
        if not words:
            return
        end = max([node.end_byte, *(child.end_byte for child in extra or [])])
        command = Command(
            tuple(words),
            dict(inner.values),
            self.source.span(node),
            node.start_byte,
            end,
            self.when,
            self.loop,
        )
        self.commands.append(command)
        self._effect(command, node, scope, depth)

    def _effect(self, command: Command, node: Node, scope: Scope, depth: int) -> None:
        """What a command does to the script itself."""
        name, arguments = command.name, command.words[1:]
        if name in self.functions:
            self._call(self.functions[name], arguments, scope, depth)
        elif name in ("exit", "return", "exec"):
            scope.ended = True
        elif name in ("source", "."):
            self._source(arguments, scope, depth)
        elif name == "shift":
            by = known(arguments[0].text) if arguments else "1"
            if scope.positional is not None:
                scope.positional = scope.positional[int(by) :] if by and by.isdigit() else None
        elif name == "set":
            self._set(arguments, scope)
        elif name in ("read", "mapfile", "readarray", "getopts"):
            names = [known(w.text) or "" for w in arguments]
            scope.forget((n for n in names if n.isidentifier()), f"`{name}` reads it")
        else:
            self._inner_scripts(command, node, scope, depth)

    def _inner_scripts(self, command: Command, node: Node, scope: Scope, depth: int) -> None:
        """`bash -c "…"`, `eval "…"`, `--wrap="…"`, `ssh host "…"`: a word that is itself a script."""
        if any("main_ppo" in shown(word.text) for word in command.words[1:]):
            for word in command.words[1:]:
                text = shown(word.text)
                if "main_ppo" in text and any(blank in text.strip() for blank in " \n"):
                    head = text.partition("=")[0]
                    body = word.text
                    if head.startswith("--") and isinstance(body[0], str):
                        body = text_of(body[0].partition("=")[2], *body[1:])
                    self.inner(body, scope, depth, node)

    def _call(self, body: Node, arguments: tuple[Word, ...], scope: Scope, depth: int) -> None:
        outer, ended = scope.positional, scope.ended
        scope.positional = None if any(w.several for w in arguments) else list(arguments)
        self.statement(body, scope, depth + 1)
        scope.positional, scope.ended = outer, ended

    def _set(self, arguments: tuple[Word, ...], scope: Scope) -> None:
        for number, word in enumerate(arguments):
            if known(word.text) == "--":
                rest = arguments[number + 1 :]
                scope.positional = None if any(w.several for w in rest) else list(rest)
                return

    def _source(self, arguments: tuple[Word, ...], scope: Scope, depth: int) -> None:
        name = known(arguments[0].text) if arguments else None
        data = self.beside(name) if name else None
        if data is None or depth > DEEPEST:
            shown_name = shown(arguments[0].text) if arguments else "a file"
            self.assumed.setdefault(
                f"`{shown_name}`, which is sourced and not at hand, sets nothing that is used"
            )
            return
        nested = Reading(Source(data, str(name)), self.beside)
        nested.assumed, nested.functions, nested.steps = self.assumed, self.functions, self.steps
        nested.expander.assumed = self.assumed
        nested.block(nested.source.root, scope, depth + 1)
        self.steps = nested.steps
        scope.ended = False
        self.commands += nested.commands
        self.assignments += nested.assignments


def _arm(clause: Node) -> tuple[Node | None, list[Node]]:
    """Condition and statements of `if`, `elif` or `else`."""
    condition = clause.child_by_field_name("condition")
    children = [c for c in clause.named_children if c.type not in ("elif_clause", "else_clause", "comment")]
    if clause.type == "else_clause":
        return None, children
    if condition is None and children:
        condition = children[0]
    return condition, [c for c in children if condition is None or c.id != condition.id]


def _appended(old: Value | None, more: Value, span: Any) -> Value:
    """`X+=…`."""
    if isinstance(more, list):
        before = old if isinstance(old, list) else [Word(old, span)] if old else []
        return [*before, *more]
    if isinstance(old, list):
        return [Word(text_of(*old[0].text, *more), span), *old[1:]] if old else [Word(more, span)]
    return text_of(*(old if old is not None else EMPTY), *more)


def _assigned(node: Node, source: Source) -> tuple[str, ...]:
    """The variables that are assigned anywhere below a node."""
    names = []
    for child in walk(node):
        if child.type == "variable_assignment":
            target = child.child_by_field_name("name")
            names.append(source.text(target).partition("[")[0])
    return tuple(dict.fromkeys(names))


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 40 else text[:39] + "…"


Handler = Callable[[Reading, Node, Scope, int], None]
_HANDLERS: Mapping[str, Handler] = {
    "command": lambda reading, node, scope, depth: reading._command(node, scope, depth),
    "variable_assignment": Reading._assign,
    "variable_assignments": Reading._each,
    "declaration_command": Reading._declare,
    "unset_command": Reading._unset,
    "redirected_statement": Reading._redirected,
    "pipeline": Reading._each,
    "list": Reading._list,
    "compound_statement": Reading._each,
    "do_group": Reading._each,
    "subshell": Reading._subshell,
    "negated_command": Reading._each,
    "if_statement": Reading._if,
    "case_statement": Reading._case,
    "for_statement": Reading._for,
    "c_style_for_statement": lambda reading, node, scope, depth: reading._while(node, scope, depth),
    "while_statement": Reading._while,
    "function_definition": Reading._function,
    "program": Reading._each,
    "ERROR": Reading._each,
}
