"""`toolspec lsp`."""

from __future__ import annotations

import sys

import click


@click.command("lsp")
def lsp() -> int:
    """Run the language server on stdin and stdout, for an editor.

    \b
    Example (Neovim):
      vim.lsp.start({name = "toolspec", cmd = {"toolspec", "lsp"}})

    It needs the packages of the extra `lsp`: pip install 'toolspec[lsp]'.
    """
    try:
        from toolspec.lsp.server import make_server
    except ImportError as error:
        missing = error.name or "pygls"
        raise click.UsageError(f"{missing} is not installed: pip install 'toolspec[lsp]'") from None
    make_server().start_io(sys.stdin.buffer, sys.stdout.buffer)
    return 0
