"""JSON on stdout: one document, whatever happens, for who asks for `--format json`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from toolspec.specs.problem import Problem


def json_wanted() -> bool:
    """Whether the command line asks for JSON: the last `--format` counts, also where another word is wrong."""
    args = sys.argv[1:]
    forms = [
        b if a == "--format" else b.removeprefix("--format=")
        for a, b in pairwise(["", *args])
        if a == "--format" or b.startswith("--format=")
    ]
    return forms[-1:] == ["json"]


def json_text(value: Any) -> str:
    """JSON for stdout: escaped where the stream's encoding lacks one of its characters."""
    text = json.dumps(value, indent=1, ensure_ascii=False)
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return json.dumps(value, indent=1)
    return text


def print_json(value: Any) -> None:
    print(json_text(value))


def print_findings(problems: Iterable[Problem]) -> None:
    """The document of a command that ended with errors."""
    from toolspec.specs.excerpt import to_json

    print_json({"version": 1, "findings": to_json(problems)})
