"""`toolspec schema`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from toolspec.cli.document import print_json


@click.command("schema")
@click.option("--out", type=click.Path(path_type=str), metavar="FILE", help="Write FILE, not stdout.")
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
    text = json.dumps(json_schema(), indent=1, ensure_ascii=False)
    Path(out).write_text(text + "\n", encoding="utf-8")
    print(f"wrote {out}")
    print(f"first line of a spec:  # yaml-language-server: $schema={out}")
