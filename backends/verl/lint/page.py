"""A rule's docstring as its page: title, what happens, why it matters, source, and examples that a test runs."""

from __future__ import annotations

import re
from typing import NamedTuple

_SECTION = re.compile(r"^(Why|Source|Bad|Good)(?: \(verl ([\d.]+)\))?:[ \t]*", re.MULTILINE)
_FILE = re.compile(r"^--- (\S+)$", re.MULTILINE)


class Example(NamedTuple):
    """overrides: arguments of main_ppo, laid over a sound configuration. files: name → content beside it.

    version: the release, "" for the newest. A file `run.sh` or `config.yaml` is linted in place of the arguments.
    """

    overrides: str
    files: dict[str, str]
    version: str = ""

    def text(self) -> str:
        """The example as it is written in the docstring."""
        parts = [self.overrides] if self.overrides else []
        parts += [f"--- {name}\n{content.rstrip()}" for name, content in self.files.items()]
        return "\n".join(parts) + "\n"


class Page(NamedTuple):
    title: str
    text: str
    why: str
    source: str
    bad: tuple[Example, ...]
    good: tuple[Example, ...]


def parse_page(docstring: str) -> Page:
    """The page of a docstring. Raises ValueError where a part is missing."""
    parts = _SECTION.split(docstring.strip())
    title, _, text = parts[0].partition("\n")
    found: dict[str, list[tuple[str, str]]] = {}
    for name, version, body in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        found.setdefault(name, []).append((version or "", body))
    missing = [name for name in ("Why", "Source", "Bad", "Good") if name not in found]
    if missing:
        raise ValueError(f"the docstring `{title}` has no {', '.join(missing)}")
    return Page(
        title.strip(),
        text.strip(),
        _joined(found["Why"]),
        _joined(found["Source"]),
        tuple(_example(body, version) for version, body in found["Bad"]),
        tuple(_example(body, version) for version, body in found["Good"]),
    )


def _joined(parts: list[tuple[str, str]]) -> str:
    return " ".join(" ".join(body.split()) for _, body in parts)


def _example(body: str, version: str) -> Example:
    lines = body.strip("\n").split("\n")
    indent = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    text = "\n".join(line[indent:].rstrip() for line in lines).rstrip() + "\n"
    head, *rest = _FILE.split(text)
    files = {name: content.lstrip("\n") for name, content in zip(rest[::2], rest[1::2], strict=True)}
    return Example(head.strip(), files, version)
