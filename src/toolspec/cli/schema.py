"""`toolspec schema`."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from toolspec.cli.document import print_json
from toolspec.cli.options import given
from toolspec.cli.replace import replace_file


@click.command("schema")
@click.option(
    "--out", type=click.Path(path_type=str), metavar="FILE", callback=given, help="Write FILE, not stdout."
)
def schema(out: str | None) -> None:
    """Print the JSON Schema of the language, for editors.

    \b
    Example:
      toolspec schema --out toolspec.schema.json
    and as the first line of a spec, for the YAML language server:
      # yaml-language-server: $schema=toolspec.schema.json
    """
    from toolspec.specs.json_schema import json_schema

    if out is None:
        print_json(json_schema())
        return
    file = Path(out)
    _check(file, out)
    text = json.dumps(json_schema(), indent=1, ensure_ascii=False)
    replace_file(file, f"{text}\n".encode())
    print(f"wrote {out}")
    print(f"first line of a spec:  # yaml-language-server: $schema={out}")


def _check(file: Path, out: str) -> None:
    """Raises UsageError where `file` cannot be the schema, or is there and is none: a spec, say."""
    if not file.parent.is_dir():
        raise click.UsageError(f"cannot write {out}: there is no folder {file.parent}")
    if not os.path.lexists(file):
        return
    if not file.is_file():
        raise click.UsageError(
            f"cannot write {out}: it is there and is no file; without --out it goes to stdout"
        )
    with file.open("rb") as stream:
        start = stream.read(200)
    if start.strip() and b'"$schema"' not in start:
        raise click.UsageError(f"{out} is there and is no JSON Schema; choose another name, or remove it")
