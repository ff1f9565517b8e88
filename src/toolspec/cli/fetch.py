"""`toolspec fetch`."""

from __future__ import annotations

import sys

import click

from toolspec.cli.document import print_json
from toolspec.cli.options import FORMAT


@click.command("fetch")
@click.argument("model")
@click.option("--revision", metavar="R", help="Commit, tag or branch. Default: the repository's main branch.")
@FORMAT
def fetch(model: str, revision: str | None, form: str) -> None:
    """Get a model's configuration and tokenizer files into the Hugging Face cache, no weights.

    \b
    Example:
      toolspec fetch Qwen/Qwen2.5-3B-Instruct

    The environment decides as for the hub's own tools: HF_HOME, HF_ENDPOINT, HF_TOKEN, proxies.
    """
    from toolspec.compiler.facts.fetch import fetch as download

    if sys.stderr.isatty():
        print(f"  {model} …", file=sys.stderr)
    fetched = download(model, revision)
    if form == "json":
        print_json(
            {
                "version": 1,
                "model": model,
                "commit": fetched.commit,
                "folder": str(fetched.directory),
                "files": dict(fetched.files),
            }
        )
        return
    total = sum(size for _, size in fetched.files)
    amount = f"{len(fetched.files)} files, {total / 2**20:.1f} MiB, no weights"
    print(f"{model} at {fetched.commit[:12]}: {amount}")
    print(f"  folder  {fetched.directory}")
    said = model if revision is None else f"{{path: {model}, revision: {revision}}}"
    print(f"  next    in a spec, `model: {said}` is read from there")
