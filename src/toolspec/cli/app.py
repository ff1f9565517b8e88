"""The command group: a table of commands, each loaded when it is asked for."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

import click

from toolspec import __version__

# name → (module:function, one line of help). The order is that of `toolspec --help`.
COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("toolspec.cli.init:init", "Write a commented spec to start from."),
    "lint": ("toolspec.cli.lint_command:lint_command", "Find what would crash late or train something else."),
    "explain": (
        "toolspec.cli.explain:explain",
        "Say what a rule finds, why it matters, and where verl does it.",
    ),
    "rules": ("toolspec.cli.explain:rules_", "List the rules of lint."),
    "template": (
        "toolspec.cli.template:template",
        "Show what the model sees of the tools, and whether its calls are read.",
    ),
    "budget": ("toolspec.cli.budget:budget", "Count the tokens of every prompt against the limits."),
    "reward": (
        "toolspec.cli.reward:reward",
        "Prove what the reward pays for, or show what breaks it; run it against policies that cheat.",
    ),
    "import": (
        "toolspec.cli.import_command:import_",
        "Make a spec of a verl config, a run script or arguments.",
    ),
    "compile": ("toolspec.cli.compile:compile_", "Check a spec and write its bundle."),
    "sweep": ("toolspec.cli.sweep:sweep", "List the points of a spec's sweep, with what lint finds of each."),
    "rehearse": (
        "toolspec.cli.rehearse:rehearse",
        "Run the whole experiment on CPU: your tools and reward, scripted policies.",
    ),
    "plan": ("toolspec.cli.plan:plan", "Show every decision with its reason."),
    "why": ("toolspec.cli.why:why", "Say where a verl key's value comes from, or what a spec path becomes."),
    "diff": ("toolspec.cli.diff:diff", "Show what changes between two specs, bundles or targets."),
    "migrate": ("toolspec.cli.migrate:migrate", "Move a spec to another verl release."),
    "doctor": ("toolspec.cli.doctor:doctor", "Check whether this machine can run the target."),
    "submit": (
        "toolspec.cli.submit:submit",
        "Check a spec or a bundle and the cluster, and start the run: on Slurm or here.",
    ),
    "resubmit": (
        "toolspec.cli.resubmit:resubmit",
        "Start a run that is over once more, from its newest whole checkpoint.",
    ),
    "runs": ("toolspec.cli.runs:runs", "List the runs, the newest first."),
    "status": ("toolspec.cli.status:status", "Say what runs are doing, why one failed, and what to change."),
    "logs": ("toolspec.cli.logs:logs", "Show what a run wrote, and follow it over restarts."),
    "cancel": ("toolspec.cli.cancel:cancel", "End runs, wherever they are."),
    "metrics": ("toolspec.cli.metrics:metrics", "Show the metrics of a run by step."),
    "audit": ("toolspec.cli.audit:audit", "Compare what was asked of a run with what ran."),
    "fetch": ("toolspec.cli.fetch:fetch", "Get a model's configuration and tokenizer files, no weights."),
    "schema": ("toolspec.cli.schema:schema", "Print the JSON Schema of the language, for editors."),
    "lsp": ("toolspec.cli.lsp:lsp", "Run the language server, for an editor."),
    "completion": ("toolspec.cli.completion:completion", "Print the completion script of a shell."),
}


NAME = "toolspec"
COMPLETION = f"_{NAME.upper()}_COMPLETE"
"""The variable by which a completion script asks for words."""


class LateGroup(click.Group):
    """A group whose commands are imported when they run, so that `--help` costs next to nothing."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """`help` and `help COMMAND` are what many type first."""
        return super().parse_args(ctx, [*args[1:], "--help"] if args[:1] == ["help"] else args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from toolspec.specs.nearest import nearest

            close = nearest(args[0], COMMANDS)
            hint = f" Did you mean {close[0]}?" if close else ""
            raise click.UsageError(f"There is no command {args[0]!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(
    cls=LateGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, "-V", "--version", message="toolspec %(version)s")
def app() -> None:
    """Compile and check experiment specs for tool-calling, multi-turn RL on verl.

    \b
    Example:
      toolspec init --from calculator exp.yaml
      toolspec compile exp.yaml
    """


def run() -> int:
    """The exit code: 0 fine, 1 the input has errors, 2 wrong usage or a fault of toolspec's own."""
    from toolspec.cli.outcome import outcome

    return outcome(_called)


def _called() -> int:
    """Call the command that the arguments name, and show the errors that it is expected to have.

    click's own `main` is for completion alone: it ends the process with 1 where a reader leaves early.
    """
    from toolspec.specs.problem import ProblemError

    if COMPLETION in os.environ:
        app.main(prog_name=NAME)
    try:
        with app.make_context(NAME, sys.argv[1:]) as context:
            result = app.invoke(context)
        return result if isinstance(result, int) else 0
    except ProblemError as error:
        from toolspec.cli.options import CallError
        from toolspec.cli.output import report

        report(error)
        return 2 if isinstance(error, CallError) else 1
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        _show(error)
        return 2
    except click.Abort:
        raise KeyboardInterrupt from None


def _show(error: click.ClickException) -> None:
    """A wrong call in click's words: on stderr, or with --format json as a finding on stdout."""
    from toolspec.cli.document import json_wanted, print_findings

    if not json_wanted():
        error.show()
        return
    from toolspec.specs.problem import Problem

    context = getattr(error, "ctx", None)
    help_ = f"{context.command_path} --help" if context is not None else f"{NAME} --help"
    print_findings((Problem("TS029", "wrong-usage", error.format_message(), fix=help_),))
