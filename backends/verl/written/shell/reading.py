"""A script from its first line to its last, as bash goes through it: what is gathered, and which statement is whose."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress

from toolspec.backends.verl.written.shell import assigning, commands, control
from toolspec.backends.verl.written.shell.expand import Expander
from toolspec.backends.verl.written.shell.printed import substituted
from toolspec.backends.verl.written.shell.sbatch import header
from toolspec.backends.verl.written.shell.scope import STARTED_AS_ASKED, Scope
from toolspec.backends.verl.written.shell.source import Node, Source
from toolspec.backends.verl.written.shell.text import Assignment, Command, Script

MOST_STEPS = 20_000  # statements of one script, loops and functions counted each time they run
DEEPEST = 24  # functions calling one another, scripts in strings, branches inside one another
MOST_COMMANDS = 2_000
Beside = Callable[[str], bytes | None]


def read_script(data: bytes, file: str, beside: Beside = lambda name: None) -> Script:
    """The commands that a script would run, with their words and variables. Nothing of it is run.

    beside: the content of a file that the script sources, None where it cannot be had. Raises ProblemError for what is
    no text. A script that ends for want of arguments is read as started with those it asks for.
    """
    source = Source(data, file)
    reading, ended = _walked(source, beside, asked=False)
    if ended:  # as many scripts do that are started without the arguments they ask for
        again, _ = _walked(source, beside, asked=True)
        if len(again.commands) > len(reading.commands):
            reading = again
    return Script(
        file,
        source.lines,
        tuple(reading.commands),
        tuple(reading.assignments),
        source.comments(),
        tuple(reading.assumed),
        source.broken(),
        header(source.lines),
    )


def _walked(source: Source, beside: Beside, *, asked: bool) -> tuple[Reading, bool]:
    """A walk through a script that is started without arguments or as it asks, and whether it ended by an `exit`."""
    scope = Scope()
    with suppress(OSError):  # a working folder that is deleted
        scope.folder = os.getcwd()  # noqa: PTH109 - a text, as the shell has it
    if asked:
        scope.asked, scope.positional = True, None
    reading = Reading(source, beside)
    if asked:
        reading.expander.with_arguments = True
        reading.assumed[STARTED_AS_ASKED] = None
    reading.block(source.root, scope, 0)
    return reading, scope.ended


class Reading:
    """One walk through a script. What is found is gathered in `commands` and `assignments`.

    when, loop: the condition and the loop that the statement at hand stands under, "" for none.
    """

    def __init__(self, source: Source, beside: Beside) -> None:
        self.source, self.beside = source, beside
        self.assumed: dict[str, None] = {}
        self.commands: list[Command] = []
        self.assignments: list[Assignment] = []
        self.functions: dict[str, Node] = {}
        self.expander = Expander(source, self.assumed, lambda node, scope: substituted(self, node, scope))
        self.steps = self.substitutions = 0
        self.when = self.loop = ""

    def nested(self, source: Source) -> Reading:
        """A walk through a script that this one holds or sources; both count towards the same limits."""
        made = Reading(source, self.beside)
        made.assumed = made.expander.assumed = self.assumed
        made.expander.with_arguments = self.expander.with_arguments
        made.functions, made.steps = dict(self.functions), self.steps
        made.when, made.loop = self.when, self.loop
        return made

    def block(self, node: Node, scope: Scope, depth: int) -> None:
        for child in node.named_children:
            if scope.ended:
                return
            self.statement(child, scope, depth)

    def statement(self, node: Node, scope: Scope, depth: int) -> None:
        """Read one statement; `scope` is what holds before it, and after the call what holds after it."""
        self.steps += 1
        if self.steps > MOST_STEPS or depth > DEEPEST or len(self.commands) > MOST_COMMANDS:
            names = assigning.assigned_names(node, self.source)
            scope.forget(names, "the script is too long to be read")
            return
        handler = _HANDLERS.get(node.type)
        if handler is not None:
            handler(self, node, scope, depth)


Handler = Callable[[Reading, Node, Scope, int], None]
_HANDLERS: Mapping[str, Handler] = {
    "command": commands.simple_command,
    "redirected_statement": commands.redirected,
    "variable_assignment": assigning.assign,
    "variable_assignments": control.each,
    "declaration_command": assigning.declare,
    "unset_command": assigning.unset,
    "pipeline": control.each,
    "list": control.list_,
    "compound_statement": control.each,
    "do_group": control.each,
    "subshell": control.subshell,
    "negated_command": control.each,
    "if_statement": control.if_,
    "case_statement": control.case,
    "for_statement": control.for_,
    "c_style_for_statement": control.while_,
    "while_statement": control.while_,
    "function_definition": control.function,
    "program": control.each,
    "ERROR": control.each,
}
