"""The user's Python of a run, as a spec names it."""

from __future__ import annotations

import os
from pathlib import Path

from toolspec.backends.verl.importing.wanted import Wanted
from toolspec.backends.verl.lint.not_known import NotKnownError


def reference(wanted: Wanted, file: str, name: str) -> str:
    """`file.py:name` from the spec's folder. Raises NotKnownError where the file is not at hand."""
    real = wanted.places.real(file)
    if "$" in file or not real.is_file():
        raise NotKnownError(f"the file {file}")
    return f"{Path(os.path.relpath(real, wanted.places.home)).as_posix()}:{name}"


def class_reference(wanted: Wanted, dotted: str) -> str:
    """A class by its module: of a file where that is at hand, else as it is, to be installed on the cluster."""
    module, _, name = dotted.rpartition(".")
    file = f"{module.replace('.', '/')}.py"
    return reference(wanted, file, name) if wanted.places.real(file).is_file() else dotted
