"""What to install on a GPU machine: one file a release, every line exact, its sources in comments."""

from __future__ import annotations

from pathlib import Path

from toolspec.backends.verl.package_version import requirement

FOLDER = Path(__file__).parent


def text(release: str) -> str:
    """The file of a release that specs are compiled for."""
    return (FOLDER / f"{release}.txt").read_text("utf-8")


def pins(release: str) -> dict[str, str]:
    """Normalised name → version."""
    found = (requirement(line.partition("#")[0]) for line in text(release).splitlines())
    return {each.name: each.clauses.removeprefix("==") for each in found if each is not None}
