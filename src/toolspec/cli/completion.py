"""`toolspec completion`."""

from __future__ import annotations

import click

SHELLS = ("bash", "zsh", "fish")


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print the completion script of a shell.

    \b
    Example:
      toolspec completion bash > ~/.local/share/bash-completion/completions/toolspec
      toolspec completion zsh  > ~/.zfunc/_toolspec
      toolspec completion fish > ~/.config/fish/completions/toolspec.fish

    zsh reads ~/.zfunc with `fpath+=~/.zfunc` before `compinit` in ~/.zshrc.
    """
    from click.shell_completion import get_completion_class

    from toolspec.cli.app import COMPLETION, NAME, app

    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"click has no completion for {shell}")
    print(found(app, {}, NAME, COMPLETION).source())
