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
    "import": (
        "toolspec.cli.import_command:import_",
        "Make a spec of a verl config, a run script or arguments.",
    ),
    "compile": ("toolspec.cli.compile:compile_", "Check a spec and write its bundle."),
    "plan": ("toolspec.cli.plan:plan", "Show every decision with its reason."),
    "why": ("toolspec.cli.why:why", "Say where a verl key's value comes from, or what a spec path becomes."),
    "diff": ("toolspec.cli.diff:diff", "Show what changes between two specs, bundles or targets."),
    "migrate": ("toolspec.cli.migrate:migrate", "Move a spec to another verl release."),
    "fetch": ("toolspec.cli.fetch:fetch", "Get a model's configuration and tokenizer files, no weights."),
    "schema": ("toolspec.cli.schema:schema", "Print the JSON Schema of the language, for editors."),
    "completion": ("toolspec.cli.completion:completion", "Print the completion script of a shell."),
}


class LateGroup(click.Group):
    """A group whose commands are imported when they run, so that `--help` costs next to nothing."""

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
    from toolspec.specs.problem import ProblemError

    try:
        result = app.main(standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except ProblemError as error:
        from toolspec.cli.output import report

        report(error)
        return 1
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return 2
    except (click.Abort, KeyboardInterrupt):
        print("\nstopped; nothing was left half written", file=sys.stderr)
        return 130
    except BrokenPipeError:
        _let_go_of_stdout()
        return 0
    except OSError as error:
        _let_go_of_stdout()
        print(f"toolspec: {error.strerror or error}: {error.filename or ''}".rstrip(": "), file=sys.stderr)
        return 2
    except Exception as error:
        if os.environ.get("TOOLSPEC_DEBUG"):
            raise
        print(
            f"toolspec: a fault of toolspec's own: {type(error).__name__}: {error}\n"
            "Please report it; TOOLSPEC_DEBUG=1 shows the traceback.",
            file=sys.stderr,
        )
        return 2


def _let_go_of_stdout() -> None:
    """What could not be written is not tried again when Python ends, which would change the exit code."""
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
