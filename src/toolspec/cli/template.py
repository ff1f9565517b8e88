"""`toolspec template`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from toolspec.cli.document import print_json
from toolspec.cli.options import FORMAT, TARGET
from toolspec.cli.output import obeying_nothing, paint

if TYPE_CHECKING:
    from toolspec.backends.verl.chat.gate import Check
    from toolspec.backends.verl.chat.subject import Subject
    from toolspec.cli.template_text import Answer


@click.command("template")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--show", is_flag=True, help="Print a prompt with the tools as the model sees it.")
@click.option(
    "--rewrite", is_flag=True, help="Show the tools file with schemas that verl keeps whole, as a diff."
)
@click.option("--write", is_flag=True, help="With --rewrite: write that file.")
@TARGET
@FORMAT
def template(*, file: Path, show: bool, rewrite: bool, write: bool, target: str | None, form: str) -> int:
    """Show what the model really sees of the tools, and whether verl reads the calls that its template writes.

    \b
    Example:
      toolspec template exp.yaml
      toolspec template run_qwen.sh --target verl==0.9.1
      toolspec template exp.yaml --show
      toolspec template run_qwen.sh --rewrite --write

    FILE is a spec, a verl config or a run script; with --rewrite also a tools file. The chat template is that of the
    model's folder; it is rendered in a process of its own, with limits, and no other code of the model's is run.

    Of a tool's schema verl drops all but type, description and enum of each property. --rewrite says in the
    descriptions what is dropped.

    Exit codes: 0 no errors, 1 errors, 2 wrong usage or a fault of toolspec's own.
    """
    if rewrite:
        from toolspec.cli.template_rewrite import rewrite_tools

        return rewrite_tools(file, target, form, write=write)
    if write:
        raise click.UsageError("--write goes with --rewrite")
    from toolspec.backends.verl.chat.subject import read_subject
    from toolspec.cli.template_text import document, lines

    subject = read_subject(file, target)
    answer = _asked(subject)
    if form == "json":
        print_json(document(subject, answer))
    else:
        for line in lines(subject, answer):
            print(obeying_nothing(line))
        if show and answer.prompt is not None:
            print(paint("prompt", "1"))
            print(obeying_nothing(answer.prompt))
    return 1 if any(check.state == "error" for check in answer.checks) else 0


def _asked(subject: Subject) -> Answer:
    """What the template, and the tokenizer where there is one, say to every question."""
    from toolspec.backends.verl.chat.gate import Check, Gate
    from toolspec.backends.verl.chat.quirk_words import told
    from toolspec.backends.verl.chat.quirks import quirks
    from toolspec.backends.verl.chat.template_family import family_of
    from toolspec.cli.template_text import Answer
    from toolspec.compiler.chat.process import ChatError, ChatProcess, Failure

    checks = [Check("schema", "error", *refusal) for refusal in subject.refusals]
    answer = Answer(())
    with ChatProcess() as process:
        try:
            process.template(subject.template)
            release, variables = subject.release, subject.variables
            gate = Gate(process, release, subject.format, subject.schemas, variables, subject.pad_token)
            checks += gate.checks()
            shown = gate.prompt
            if isinstance(shown, Failure) and (shown.limit or shown.kind == "TemplateSyntaxError"):
                return answer._replace(checks=tuple(checks))
            found = quirks(process)
            checks += _settings(subject, process.names())
            prompt = shown if isinstance(shown, str) else None
            said = tuple(told(found, subject.settings))
            answer = Answer((), family_of(subject.template, found), found, said, gate.formats, prompt)
        except ChatError as error:
            checks.append(Check("prompt", "error", f"the chat template cannot be rendered: {error}"))
    checks += _tokens(subject, answer)
    return answer._replace(checks=tuple(checks))


def _settings(subject: Subject, names: list[str]) -> Iterator[Check]:
    """Variables that the run sets for nobody."""
    from toolspec.backends.verl.chat.gate import Check

    idle = [name for name in subject.settings if name not in names]
    if idle:
        named = ", ".join(f"`{name}`" for name in idle)
        text = f"data.apply_chat_template_kwargs sets {named}, which the template does not read"
        yield Check("variables", "warning", text)


def _tokens(subject: Subject, answer: Answer) -> Iterator[Check]:
    """The checks that need a tokenizer; why not, where there is none."""
    from toolspec.backends.verl.chat.gate import Check
    from toolspec.backends.verl.chat.token_checks import token_checks
    from toolspec.compiler.chat.process import ChatError, ChatProcess

    if answer.quirks is None:
        return
    if subject.folder is None or subject.folder.tokenizer is None:
        yield Check(
            "tokens", "unknown", "there is no tokenizer.json beside the template: no token was looked up"
        )
        return
    with ChatProcess() as process:
        try:
            process.tokenizer(subject.folder)
            process.template(subject.template)
            yield from token_checks(process, subject, answer.quirks)
        except ChatError as error:
            yield Check("tokens", "unknown", f"the tokenizer cannot be used: {error}")
