"""Tool schemas through a release's own model. Run by the real environment's Python, with the wheel's folder.

usage: schema_judge.py WHEEL < schemas.json > answers.json

answers: what the agent loop hands to the template, as JSON text (the order counts), or null where it is refused.
"""

# mypy: disable-error-code="import-not-found,import-untyped"
from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    file = Path(sys.argv[1]) / "verl" / "tools" / "schemas.py"
    spec = importlib.util.spec_from_file_location("schemas", file)
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    sys.modules["schemas"] = module
    spec.loader.exec_module(module)
    found: list[str | None] = []
    for schema in json.load(sys.stdin):
        try:
            read = module.OpenAIFunctionToolSchema.model_validate(schema)
        except ValueError:
            found.append(None)
        else:
            found.append(json.dumps(read.model_dump(exclude_unset=True, exclude_none=True)))
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
